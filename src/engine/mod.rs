//! From a Dockerfile to an image in the content store.

pub mod tar;
pub mod tree;
