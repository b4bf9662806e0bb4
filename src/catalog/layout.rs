//! An OCI layout in a folder: a new one, or one that gets an image more.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::contents::{Contents, merge};
use super::error::CatalogError;
use crate::durable::{self, folder_of};
use crate::oci::{self, Index, MANIFEST_LIMIT, Store};

/// What stands in `oci-layout`.
pub const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

pub fn write(
    store: &Store,
    contents: &Contents<'_>,
    folder: &Path,
    tag: Option<&str>,
) -> Result<(), CatalogError> {
    let new = contents.list(tag);
    let refuse = |why: &str| CatalogError::Destination {
        what: folder.display().to_string(),
        why: why.into(),
    };
    match fs::symlink_metadata(folder) {
        Ok(found) if found.is_symlink() && folder.is_dir() => {}
        Ok(found) if !found.is_dir() => return Err(refuse("it is no folder")),
        Ok(_) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return create(store, contents, folder, &Index::new(new));
        }
        Err(e) => return Err(CatalogError::io(folder)(e)),
    }
    if !folder.join("oci-layout").is_file() {
        let mut entries = fs::read_dir(folder).map_err(CatalogError::io(folder))?;
        if entries.next().is_some() {
            return Err(refuse("it is not empty, and no OCI layout"));
        }
        return create(store, contents, folder, &Index::new(new));
    }
    add(store, contents, folder, new)
}

/// Makes the whole beside `folder` and renames it there.
fn create(
    store: &Store,
    contents: &Contents<'_>,
    folder: &Path,
    index: &Index,
) -> Result<(), CatalogError> {
    let aside = tempfile::Builder::new()
        .prefix(".flareo-")
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir_in(folder_of(folder))
        .map_err(CatalogError::io(folder))?;
    blobs(store, contents, aside.path())?;
    let layout = aside.path().join("oci-layout");
    put(aside.path(), &layout, &mut &LAYOUT[..], |_| Ok(()))?;
    place(aside.path(), "index.json", &index.to_bytes()?)?;
    fs::rename(aside.path(), folder).map_err(CatalogError::io(folder))?;
    // It has gone: there is nothing left to remove.
    let _ = aside.keep();
    sync(folder_of(folder))
}

/// Adds blobs first and the list last, so that a reader never sees an image that isn't whole.
fn add(
    store: &Store,
    contents: &Contents<'_>,
    folder: &Path,
    new: Vec<crate::oci::Descriptor>,
) -> Result<(), CatalogError> {
    let lock = File::open(folder.join("oci-layout")).map_err(CatalogError::io(folder))?;
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)
        .map_err(|e| CatalogError::io(folder)(e.into()))?;
    let path = folder.join("index.json");
    let size = fs::metadata(&path).map_err(CatalogError::io(&path))?.len();
    if size > MANIFEST_LIMIT {
        return Err(CatalogError::Destination {
            what: folder.display().to_string(),
            why: format!("its index.json is {size} bytes long"),
        });
    }
    let mut index = Index::parse(&fs::read(&path).map_err(CatalogError::io(&path))?)?;
    let before = index.clone();
    merge(&mut index, new);
    blobs(store, contents, folder)?;
    if index == before {
        return Ok(());
    }
    place(folder, "index.json", &index.to_bytes()?)
}

/// Brings the blobs that are not there yet. What the store can share takes no time and no room; the rest is copied, and
/// checked on the way.
fn blobs(store: &Store, contents: &Contents<'_>, folder: &Path) -> Result<(), CatalogError> {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).map_err(CatalogError::io(&blobs))?;
    let mut came = false;
    for (digest, size) in contents.blobs() {
        let path = blobs.join(digest.hex());
        if oci::holds(&path, digest, size) {
            continue;
        }
        came = true;
        // A second name never replaces a file; a copy that is put aside and renamed does.
        if !store.share(digest, size, &path)? {
            let mut blob = store.open_blob(digest)?;
            put(&blobs, &path, &mut blob, oci::seal)?;
        }
    }
    if came { sync(&blobs) } else { Ok(()) }
}

fn place(folder: &Path, name: &str, mut content: &[u8]) -> Result<(), CatalogError> {
    put(folder, &folder.join(name), &mut content, |_| Ok(()))?;
    sync(folder)
}

fn put(
    folder: &Path,
    path: &Path,
    content: &mut dyn io::Read,
    mark: impl Fn(&File) -> io::Result<()>,
) -> Result<(), CatalogError> {
    let mut put = || -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        io::copy(content, &mut file)?;
        mark(file.as_file())?;
        durable::settle(file, path, 0o644)
    };
    put().map_err(CatalogError::io(path))
}

fn sync(folder: &Path) -> Result<(), CatalogError> {
    durable::sync_folder(folder).map_err(CatalogError::io(folder))
}
