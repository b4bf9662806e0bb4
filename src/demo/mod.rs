//! Seeded data, a fixed clock, scripted runs: a tour of all of it, the same every time.

pub mod host;
pub mod samples;
