//! The state machine and the worker: hands one stage's output to the next.
