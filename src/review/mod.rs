//! What a reviewer reads, and what a decision binds.
