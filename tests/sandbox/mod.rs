//! The sandbox, on this machine's real kernel: as root, as an ordinary user with a range of ids, and as one without.

mod escapes;
mod gate;
mod ground;
mod jobs;
mod limits;
mod network;
mod nursery;
mod orphans;
mod self_test;
mod steps;
