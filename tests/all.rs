//! Every integration test in one binary: one link, shared fixtures.

mod architecture;
mod demo;
mod face;
mod hostile;
mod killed;
mod sandbox;
mod support;
mod vulnerabilities;
mod way;
