//! Namespaces, limits, seccomp: where a RUN runs.
//!
//! ```text
//! host process ──asks──► nursery ──forks──► holder ──forks──► pid 1 ──forks──► payload
//!   │ reads output,       │ waits             │ user namespace,   │ overlay, /proc,     │ ids, capabilities,
//!   │ answers names,                          │ measures,         │ network that        │ seccomp, exec
//!   │ judges                                  │ kills on hang-up  │ refuses, reaps      │
//! ```
//!
//! The host process starts its own program again ([`child`]), once, as the nursery that bears a child for each step
//! and job, so that what enters the namespaces has one thread and an empty environment. Ids are shifted on disk: root inside is nobody on the host. Nothing in this room
//! knows what a Dockerfile is.

mod cgroup;
mod child;
pub mod error;
pub mod gate;
mod host;
pub mod ids;
pub mod job;
mod kernel;
pub mod memory;
mod open;
mod probe;
mod refuse;
mod seccomp;
pub mod self_test;
pub mod settings;
pub mod spec;
pub mod support;
mod together;
mod wire;

pub use child::child;
pub use error::SandboxError;
pub use ids::Ids;
pub use job::{Input, Job, Output, Task, View, Work};
pub use open::{ECHO, Sandbox};
pub use settings::Settings;
pub use support::{Held, Support};
pub use together::Together;
