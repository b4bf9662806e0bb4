//! Trivy, the embedded scanner, the gate, exceptions.

pub mod database;
pub mod gate;

pub use gate::gate;
