//! The sandbox, on this machine's real kernel: as root, as an ordinary user with a range of ids, and as one without.

mod ground;
mod steps;
