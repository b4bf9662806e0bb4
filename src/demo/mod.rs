//! Seeded data, a fixed clock, scripted runs: a tour of all of it, the same every time.
//!
//! [`Stage::seed`] makes a throw-away site with everything that a real one has: base images of this host's own tools, a
//! vulnerability database of a few real advisories, and a submission for each way that one can end. [`script::play`]
//! drives the console and the worker through all of it; `flareo demo` on a terminal lets a person do that.

pub mod cast;
pub mod host;
pub mod samples;
pub mod script;
mod seed;

pub use script::{Ending, Scene, play};
pub use seed::{DemoError, Stage};
