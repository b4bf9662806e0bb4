//! Trivy, the embedded scanner, the gate, exceptions.
