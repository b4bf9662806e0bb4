//! Spools of builds, and foreign text made harmless.
//!
//! Everything that a build says is one [`Event`](crate::model::Event) a line in an append-only file, the *spool*, one
//! file a submission and attempt. [`Spool`] writes it, [`SpoolReader`] follows it or reads any stretch of it back
//! without ever holding the whole. Logs, Dockerfiles and names come from strangers: [`sanitise`] stands between
//! their bytes and a reviewer's terminal.
//!
//! This room knows files and text. It must not know the queue, the engine or the console.

mod reader;
mod sanitise;
mod spool;

#[cfg(test)]
mod tests;

pub use reader::{Page, SpoolReader};
pub use sanitise::{sanitise, sanitise_log};
pub use spool::{Spool, SpoolError, latest_attempt, spool_path};
