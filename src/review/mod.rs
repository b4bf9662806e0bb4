//! What a reviewer reads, and what a decision binds.
//!
//! Pure functions over facts that the pipeline gathered: this room opens no file and no database.

pub mod binding;
pub mod diff;
pub mod rules;

#[cfg(test)]
mod tests;

pub use binding::{Changed, bind, still_binds};
pub use diff::{Change, DiffLine, diff};
pub use rules::{Refusal, may_approve, may_grant_network, may_reject};
