//! Rules that read a Dockerfile.
