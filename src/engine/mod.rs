//! From a Dockerfile to an image in the content store.

pub mod accounts;
pub mod copy;
pub mod fault;
pub mod key;
pub mod layer;
pub mod plan;
pub mod tar;
pub mod tree;
pub mod watch;
