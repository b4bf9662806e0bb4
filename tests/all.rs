//! Every integration test in one binary: one link, shared fixtures.

mod architecture;
