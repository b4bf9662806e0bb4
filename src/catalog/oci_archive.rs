//! An OCI layout in a tar.

use std::path::Path;

use super::contents::Contents;
use super::error::CatalogError;
use super::layout::LAYOUT;
use super::tarball::Tarball;
use crate::oci::{Index, Store};

pub fn write(
    store: &Store,
    contents: &Contents<'_>,
    path: &Path,
    tag: Option<&str>,
) -> Result<(), CatalogError> {
    let mut tar = Tarball::start(path)?;
    tar.bytes("oci-layout", LAYOUT)?;
    let index = Index::new(contents.list(tag)).to_bytes()?;
    tar.bytes("index.json", &index)?;
    tar.folder("blobs/")?;
    tar.folder("blobs/sha256/")?;
    for (digest, size) in contents.blobs() {
        let name = format!("blobs/sha256/{}", digest.hex());
        tar.file(&name, size, &mut store.open_blob(digest)?)?;
    }
    tar.finish()
}
