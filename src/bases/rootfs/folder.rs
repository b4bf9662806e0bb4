//! A root file system in a folder.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::super::error::BaseError;
use super::super::import::ImportLimits;
use super::{CAPABILITY, Node, NodeKind, Tree};

pub fn walk(root: &Path, mtime: i64, limits: &ImportLimits) -> Result<Tree, BaseError> {
    let top = std::fs::metadata(root).map_err(BaseError::io(root))?;
    let caller = (
        rustix::process::geteuid().as_raw(),
        rustix::process::getegid().as_raw(),
    );
    let mut tree = Tree::default();
    let mut named_twice = Vec::new();
    let mut folders = vec![Vec::new()];
    while let Some(folder) = folders.pop() {
        let at = root.join(OsStr::from_bytes(&folder));
        for entry in std::fs::read_dir(&at).map_err(BaseError::io(&at))? {
            let entry = entry.map_err(BaseError::io(&at))?;
            let mut path = folder.clone();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(entry.file_name().as_bytes());
            let metadata = entry.metadata().map_err(BaseError::io(entry.path()))?;
            let kind = metadata.file_type();
            let kind = if kind.is_dir() {
                // What is mounted there is not part of it.
                if metadata.dev() == top.dev() {
                    folders.push(path.clone());
                }
                NodeKind::Directory
            } else if kind.is_symlink() {
                let target =
                    std::fs::read_link(entry.path()).map_err(BaseError::io(entry.path()))?;
                NodeKind::Symlink(target.as_os_str().as_bytes().to_vec())
            } else if kind.is_file() {
                if metadata.nlink() > 1 {
                    named_twice.push(((metadata.dev(), metadata.ino()), path.clone()));
                }
                NodeKind::File {
                    size: metadata.len(),
                    offset: 0,
                }
            } else {
                tree.leave_out(&path);
                continue;
            };
            let capability = match kind {
                NodeKind::File { .. } => capability(&entry.path())?,
                _ => None,
            };
            let own = |id: u32, caller: u32| u64::from(if id == caller { 0 } else { id });
            let node = Node {
                // A link's mode is the system's whim.
                mode: match kind {
                    NodeKind::Symlink(_) => 0o777,
                    _ => metadata.mode() & 0o7777,
                },
                kind,
                uid: own(metadata.uid(), caller.0),
                gid: own(metadata.gid(), caller.1),
                mtime,
                capability,
            };
            tree.add(&path, node, limits.entries)?;
        }
    }
    if tree.nodes.is_empty() {
        return Err(BaseError::invalid(
            root.display().to_string(),
            "it is empty",
        ));
    }
    link(&mut tree, named_twice);
    Ok(tree)
}

/// Of several names of one file, the first is the file and the others are links.
fn link(tree: &mut Tree, mut names: Vec<((u64, u64), Vec<u8>)>) {
    names.sort_unstable();
    let mut first = HashMap::<(u64, u64), Vec<u8>>::new();
    for (inode, path) in names {
        match first.get(&inode) {
            None => drop(first.insert(inode, path)),
            Some(first) => {
                if let Some(node) = tree.nodes.get_mut(&path) {
                    node.kind = NodeKind::Link(first.clone());
                }
            }
        }
    }
}

/// The capabilities of a file, where it has some and the file system knows them.
fn capability(path: &Path) -> Result<Option<Vec<u8>>, BaseError> {
    use rustix::io::Errno;
    let name = OsStr::from_bytes(CAPABILITY);
    let mut value = [0_u8; 64];
    match rustix::fs::lgetxattr(path, name, &mut value[..]) {
        Ok(n) => Ok(Some(value[..n].to_vec())),
        Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(None),
        Err(e) => Err(BaseError::io(path)(e.into())),
    }
}

pub fn open(root: &Path, path: &[u8]) -> io::Result<Box<dyn Read>> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(root.join(OsStr::from_bytes(path)))?;
    Ok(Box::new(file))
}
