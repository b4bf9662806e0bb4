//! Real Dockerfiles on a real root file system: as root, as an ordinary user with a range of ids, and as one without.

mod again;
mod builds;
mod docker;
mod ground;
mod incremental;
mod limits;
mod mounts;
mod odd_layers;
mod trust;
