//! The state machine and the worker: hands one stage's output to the next.

pub mod holder;
pub mod recorder;
