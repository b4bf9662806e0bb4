//! Contexts packed and unpacked, `.dockerignore`, detection.
