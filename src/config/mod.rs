//! `policy.toml`, `console.toml`, paths, and the layers of settings.
//!
//! This room reads files and the environment. It decides nothing.

pub mod console;
pub mod cron;
mod paths;
mod policy;

pub use console::{ConsoleSettings, ConsoleSettingsError};
pub use paths::{Paths, PathsError};
pub use policy::{PolicyError, load, read};
