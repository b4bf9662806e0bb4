//! Bill of materials, provenance, signatures, verification.
