//! The outside: starts the inside, writes its ids, watches it, and tells how it went.

pub mod hearing;
pub mod launch;
pub mod lines;
pub mod maps;
pub mod nursery;
pub mod order;
pub mod run;
pub mod work;
