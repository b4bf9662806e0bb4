//! In which folders a layer lies unpacked: in one, or, where it was made of an earlier one with few changes, in that one's
//! and one of its own over them.

use std::fs;
use std::path::{Path, PathBuf};

use super::Snapshots;
use crate::model::Digest;

/// The file that names what a folder of changes lies upon.
const UPON: &str = "upon";
/// A layer lies in no more folders than this: each is one more for an overlay to look through.
pub const DEEPEST: usize = 8;

impl Snapshots {
    /// The folders of an unpacked layer, lowest first; none if one is missing.
    pub(super) fn folders(&self, key: Digest) -> Option<Vec<PathBuf>> {
        let mut folders = Vec::new();
        let mut next = Some(key);
        while let Some(key) = next {
            if folders.len() == DEEPEST {
                return None;
            }
            let path = self.layer_path(key);
            folders.push(path.join("fs"));
            next = match fs::read_to_string(path.join(UPON)) {
                Ok(text) => Some(text.parse().ok()?),
                Err(_) => None,
            };
        }
        folders.reverse();
        folders
            .iter()
            .all(|folder| folder.is_dir())
            .then_some(folders)
    }

    /// In how many folders the layer `diff_id` lies unpacked, as our own layers do; none if it does not.
    pub fn depth(&self, diff_id: Digest) -> Option<usize> {
        self.folders(diff_id).map(|folders| folders.len())
    }
}

/// Says that what is `made` lies upon the unpacked layer `below`.
pub(super) fn lay_upon(made: &Path, below: Digest) -> std::io::Result<()> {
    fs::write(made.join(UPON), below.to_string())
}
