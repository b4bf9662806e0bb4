//! What a caller may choose about the sandbox.

use std::path::PathBuf;

/// How to open a [`Sandbox`](super::Sandbox).
#[derive(Debug, Clone)]
pub struct Settings {
    /// The program that calls [`child`](super::child) first thing; it is started again, once, for the inside of the sandbox.
    pub program: PathBuf,
    /// Whether cgroups may be used. Without, limits are watched.
    pub cgroups: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            program: PathBuf::from("/proc/self/exe"),
            cgroups: true,
        }
    }
}
