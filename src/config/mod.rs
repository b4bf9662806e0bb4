//! `policy.toml`, paths, and the layers of settings.
