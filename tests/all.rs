//! Every integration test in one binary: one link, shared fixtures.

mod architecture;
mod attest;
mod console;
mod demo;
mod engine;
mod everybody;
mod face;
mod gate;
mod hostile;
mod images;
mod killed;
mod licences;
mod lint;
mod matrix;
mod mending;
mod policy;
mod publishing;
mod reviewing;
mod sandbox;
mod scan;
mod steering;
mod support;
mod terminal;
mod twice;
mod vulnerabilities;
mod way;
