//! What the tests scan with, and what they build on where a real base would be more than is needed.

use std::path::{Path, PathBuf};

use flareo::demo::host;
use flareo::scan::database::Draft;

/// Writes a vulnerability database of a few real advisories, as of now.
pub fn install(cache: &Path) {
    let draft = Draft::from_toml(include_str!("../data/advisories.toml")).unwrap();
    draft.write(cache, jiff::Timestamp::now()).unwrap();
}

/// A root file system of this host's own shell and coreutils; none, aloud, where the host is no Debian.
pub fn small_debian(folder: &Path) -> Option<PathBuf> {
    std::fs::create_dir_all(folder).unwrap();
    match host::make(folder) {
        Ok(()) => Some(folder.to_owned()),
        Err(error) => {
            println!("skipped: {error}");
            None
        }
    }
}
