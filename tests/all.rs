//! Every integration test in one binary: one link, shared fixtures.

mod architecture;
mod attest;
mod images;
mod scan;
