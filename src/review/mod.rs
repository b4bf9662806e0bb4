//! What a reviewer reads, and what a decision binds.
//!
//! Pure functions over facts that the pipeline gathered: this room opens no file and no database.

pub mod binding;
pub mod diff;
pub mod effective;
pub mod files;
pub mod flags;
pub mod rules;
pub mod settled;
pub mod standing;
pub mod suggestions;

#[cfg(test)]
mod tests;

pub use binding::{Changed, bind, still_binds};
pub use diff::{Change, DiffLine, diff};
pub use effective::{effective, final_base};
pub use files::files;
pub use flags::flags;
pub use rules::{Refusal, covered, may_approve, may_grant_network, may_reject};
pub use settled::settled;
pub use standing::{assenting, standing};
pub use suggestions::{Suggestion, suggestions};
