//! A root file system becomes an image of one layer, the same for everybody who makes it of the same files.
//!
//! Entries are sorted, folders that are missing are added, a path that stands twice counts once (the last one).
//! Devices, pipes and sockets are left out, and said so: a container gets its own. Of extended attributes the
//! capabilities of files stay.
//!
//! A tar is taken at its word for owners and times. A folder has those of whoever made or copied it, so the caller's
//! own number becomes root's, and every time becomes the image's.

mod folder;
mod layer;
mod tar;

use std::collections::BTreeMap;
use std::path::Path;

use super::error::BaseError;
use super::import::ImportLimits;
use crate::model::image::Platform;
use crate::model::{Digest, Timestamp};
use crate::oci::{ContainerConfig, History, ImageConfig, Manifest, RootFs, Store};

/// 1980-01-01, before which zip files and some file systems know no time.
const EPOCH: i64 = 315_532_800;
/// The paths of folders that only their content speaks of may have this many bytes.
const FOLDERS_LIMIT: usize = 256 << 20;
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const CAPABILITY: &[u8] = b"security.capability";

/// One file of a root file system.
#[derive(Debug, Clone)]
struct Node {
    kind: NodeKind,
    mode: u32,
    uid: u64,
    gid: u64,
    mtime: i64,
    capability: Option<Vec<u8>>,
}

#[derive(Debug, Clone)]
enum NodeKind {
    Directory,
    /// Its length, and where its content stands in the tar (0 for a folder's file).
    File {
        size: u64,
        offset: u64,
    },
    Symlink(Vec<u8>),
    /// Another name of the file at this path.
    Link(Vec<u8>),
}

/// A root file system by path (no leading or trailing `/`).
#[derive(Debug, Default)]
struct Tree {
    nodes: BTreeMap<Vec<u8>, Node>,
    /// How many were left out, and the first of them by name.
    left_out: usize,
    first_out: Option<Vec<u8>>,
}

/// The image that was made.
pub struct Made {
    pub manifest: Digest,
    pub remarks: Vec<String>,
}

/// Makes an image of the root file system in a folder or in a tar.
pub fn take(
    store: &Store,
    path: &Path,
    platform: &Platform,
    created: Option<Timestamp>,
    limits: &ImportLimits,
) -> Result<Made, BaseError> {
    let created = created.unwrap_or_else(|| Timestamp::from_second(EPOCH).unwrap_or_default());
    let is_folder = std::fs::metadata(path)
        .map_err(BaseError::io(path))?
        .is_dir();
    let (tree, layer) = if is_folder {
        let mut tree = folder::walk(path, created.as_second(), limits)?;
        tree.complete(created.as_second(), limits.entries)?;
        let layer = layer::write(store, &tree, &mut |name| folder::open(path, name), path)?;
        (tree, layer)
    } else {
        let file = super::archive::plain_tar(path, store.root(), limits.unpacked)?;
        let mut tree = tar::walk(&file, path, limits)?;
        tree.complete(created.as_second(), limits.entries)?;
        let layer = layer::write(
            store,
            &tree,
            &mut |name| tar::open(&file, &tree, name),
            path,
        )?;
        (tree, layer)
    };
    let config = ImageConfig {
        created: Some(created),
        architecture: platform.architecture.clone(),
        os: platform.os.clone(),
        config: ContainerConfig {
            env: vec![PATH.into()],
            ..ContainerConfig::default()
        },
        rootfs: RootFs {
            diff_ids: vec![layer.diff_id],
            ..RootFs::default()
        },
        history: vec![History {
            created: Some(created),
            created_by: Some("root file system".into()),
            ..History::default()
        }],
        ..ImageConfig::default()
    };
    let config = store.put_config(&config)?;
    let manifest = store.put_manifest(&Manifest::image(config, vec![layer.descriptor]))?;
    Ok(Made {
        manifest: manifest.digest,
        remarks: tree.remarks(),
    })
}

impl Tree {
    /// Adds one entry; the path as it was found.
    fn add(&mut self, path: &[u8], node: Node, most: usize) -> Result<(), BaseError> {
        let Some(path) = clean(path)? else {
            return Ok(());
        };
        if self.nodes.len() >= most {
            let why = format!("it has more than {most} entries");
            return Err(BaseError::invalid("the root file system", why));
        }
        let known = self.nodes.get(&path).map(|known| &known.kind);
        if matches!(known, Some(NodeKind::Directory)) && !matches!(node.kind, NodeKind::Directory) {
            let below = format!("{}/", String::from_utf8_lossy(&path));
            let mut after = self.nodes.range(path.clone()..);
            if after.any(|(p, _)| p.starts_with(below.as_bytes())) {
                return Err(bad_path(
                    &path,
                    "it is a folder with files and something else",
                ));
            }
        }
        self.nodes.insert(path, node);
        Ok(())
    }

    fn leave_out(&mut self, path: &[u8]) {
        self.left_out += 1;
        if self.first_out.as_deref().is_none_or(|first| path < first) {
            self.first_out = Some(path.to_vec());
        }
    }

    /// Adds the folders that nothing named.
    fn complete(&mut self, mtime: i64, most: usize) -> Result<(), BaseError> {
        let mut missing = std::collections::BTreeSet::new();
        let mut text = 0;
        for path in self.nodes.keys() {
            let mut parent = &path[..];
            while let Some(slash) = parent.iter().rposition(|b| *b == b'/') {
                parent = &parent[..slash];
                if self.nodes.contains_key(parent) || !missing.insert(parent.to_vec()) {
                    break;
                }
                text += parent.len();
                if self.nodes.len() + missing.len() > most || text > FOLDERS_LIMIT {
                    let why = format!("with its folders it has more than {most} entries");
                    return Err(BaseError::invalid("the root file system", why));
                }
            }
        }
        for path in missing {
            self.nodes.entry(path).or_insert(Node {
                kind: NodeKind::Directory,
                mode: 0o755,
                uid: 0,
                gid: 0,
                mtime,
                capability: None,
            });
        }
        Ok(())
    }

    fn remarks(&self) -> Vec<String> {
        let Some(first) = &self.first_out else {
            return Vec::new();
        };
        let first = String::from_utf8_lossy(first);
        let n = self.left_out;
        vec![format!(
            "left out {n} devices, pipes or sockets, as `{}`",
            first.escape_debug()
        )]
    }
}

/// `./usr//bin/` is `usr/bin`; none for the root itself.
fn clean(path: &[u8]) -> Result<Option<Vec<u8>>, BaseError> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err(bad_path(path, "it leaves the root")),
            // In a layer this would take a file away instead of adding one.
            part if part.starts_with(b".wh.") => {
                return Err(bad_path(path, "its name is that of a layer's whiteout"));
            }
            part => parts.push(part),
        }
    }
    Ok((!parts.is_empty()).then(|| parts.join(&b'/')))
}

fn bad_path(path: &[u8], why: &str) -> BaseError {
    let path = String::from_utf8_lossy(path);
    BaseError::invalid(format!("`{}`", path.escape_debug()), why)
}

#[cfg(test)]
mod tests;
