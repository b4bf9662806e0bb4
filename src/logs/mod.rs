//! Spools of builds, and control characters made harmless.
