//! Namespaces, limits, seccomp: where a RUN runs.

pub mod spec;
