//! Seeded data, a fixed clock, scripted runs.
