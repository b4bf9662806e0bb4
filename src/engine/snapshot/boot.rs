//! Unpacked layers are not synced: that would cost more than unpacking them. A process that is killed leaves none half
//! done, for they are renamed to their place; but a host that loses its power may keep the name of one and not what is in
//! it. So they are believed for as long as the host runs, and made again after it was started anew.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

/// How folders are called that another run of the host left.
pub const LEFT: &str = "boot-";
/// A name that the kernel gives itself at its start.
const KERNEL: &str = "/proc/sys/kernel/random/boot_id";

/// Moves the unpacked layers of an earlier run of the host aside, for the next sweep.
pub fn settle(root: &Path) -> io::Result<()> {
    // Where the kernel does not say, nothing can be told apart.
    let now = fs::read_to_string(KERNEL).unwrap_or_default();
    settle_in(root, now.trim())
}

fn settle_in(root: &Path, now: &str) -> io::Result<()> {
    let note = root.join("boot");
    let noted = || fs::read_to_string(&note).is_ok_and(|noted| noted == now);
    if noted() {
        return Ok(());
    }
    let lock = File::create(root.join("boot.lock"))?;
    flock(&lock, FlockOperation::LockExclusive)?;
    if noted() {
        return Ok(());
    }
    let layers = root.join("layers");
    if fs::read_dir(&layers)?.next().is_some() {
        let left = tempfile::Builder::new()
            .prefix(LEFT)
            .tempdir_in(root.join("tmp"))?
            .keep();
        fs::rename(&layers, left.join("layers"))?;
        fs::create_dir_all(&layers)?;
        File::create(left.join("lock"))?;
    }
    let mut file = tempfile::NamedTempFile::new_in(root.join("tmp"))?;
    io::Write::write_all(&mut file, now.as_bytes())?;
    file.persist(&note).map(drop).map_err(|e| e.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_believed_until_the_host_is_started_anew() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("layers")).unwrap();
        fs::create_dir_all(root.join("tmp")).unwrap();
        settle_in(root, "monday").unwrap();
        fs::create_dir_all(root.join("layers/a/fs")).unwrap();
        settle_in(root, "monday").unwrap();
        assert!(root.join("layers/a/fs").is_dir());
        settle_in(root, "tuesday").unwrap();
        assert_eq!(fs::read_dir(root.join("layers")).unwrap().count(), 0);
        let left: Vec<_> = fs::read_dir(root.join("tmp"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert_eq!(left.len(), 1, "{left:?}");
        assert!(left[0].join("layers/a/fs").is_dir());
        settle_in(root, "tuesday").unwrap();
    }
}
