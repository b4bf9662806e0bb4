//! Spools of builds, and foreign text made harmless.
//!
//! Everything that a build says is one [`Event`](crate::model::Event) a line in an append-only file, the *spool*, one
//! file a submission and attempt. [`Spool`] writes it, [`SpoolReader`] follows it or reads any stretch of it back
//! without ever holding the whole, goes through it for a [`Pattern`]. Logs, Dockerfiles and names come from strangers: [`sanitise`] stands between
//! their bytes and a reviewer's terminal.
//!
//! This room knows files and text. It must not know the queue, the engine or the console.

mod pattern;
mod reader;
mod sanitise;
mod seek;
mod sgr;
mod spool;

#[cfg(test)]
mod tests;

pub use pattern::Pattern;
pub use reader::{Page, SpoolReader};
use sanitise::colour_length;
pub use sanitise::{sanitise, sanitise_log};
pub use seek::{PIECE, Piece};
pub use sgr::{Painted, Sgr, SgrColour, painted};
pub use spool::{Spool, SpoolError, latest_attempt, spool_path};
