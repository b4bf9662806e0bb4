//! Writes a tree as a layer: one tar for one tree.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use tar::{Builder, EntryType, Header};

use super::super::error::BaseError;
use super::{Node, NodeKind, Tree};
use crate::oci::{LayerWriter, Store, WrittenLayer};

type Open<'a, 'f> = &'a mut dyn FnMut(&[u8]) -> io::Result<Box<dyn Read + 'f>>;

pub fn write(
    store: &Store,
    tree: &Tree,
    open: Open<'_, '_>,
    name: &Path,
) -> Result<WrittenLayer, BaseError> {
    let mut builder = Builder::new(store.layer_writer()?);
    for (path, node) in &tree.nodes {
        entry(&mut builder, path, node, open).map_err(|e| match e.kind() {
            // Reading needs no room: it is the layer that can't be written.
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => full(store)(e),
            _ => BaseError::io(name.join(OsStr::from_bytes(path)))(e),
        })?;
    }
    let writer = builder.into_inner().map_err(full(store))?;
    Ok(writer.finish()?)
}

fn full(store: &Store) -> impl FnOnce(io::Error) -> BaseError {
    let path = store.root().to_owned();
    move |source| BaseError::Full { path, source }
}

fn entry(
    builder: &mut Builder<LayerWriter>,
    path: &[u8],
    node: &Node,
    open: Open<'_, '_>,
) -> io::Result<()> {
    if let Some(capability) = &node.capability {
        let record = [("SCHILY.xattr.security.capability", &**capability)];
        builder.append_pax_extensions(record)?;
    }
    let mut header = Header::new_gnu();
    header.set_mode(node.mode);
    header.set_uid(node.uid);
    header.set_gid(node.gid);
    header.set_mtime(u64::try_from(node.mtime).unwrap_or(0));
    header.set_size(0);
    let path = Path::new(OsStr::from_bytes(path));
    match &node.kind {
        NodeKind::Directory => {
            header.set_entry_type(EntryType::Directory);
            // With the slash at the end that other tools write.
            builder.append_data(&mut header, path.join(""), io::empty())
        }
        NodeKind::Symlink(target) => {
            header.set_entry_type(EntryType::Symlink);
            link(builder, &mut header, path, target)
        }
        NodeKind::Link(target) => {
            header.set_entry_type(EntryType::Link);
            link(builder, &mut header, path, target)
        }
        NodeKind::File { size, .. } => {
            header.set_entry_type(EntryType::Regular);
            header.set_size(*size);
            let content = open(path.as_os_str().as_bytes())?;
            let mut content = Exactly {
                content,
                left: *size,
            };
            builder.append_data(&mut header, path, &mut content)?;
            content.end()
        }
    }
}

/// Not [`Builder::append_link`]: it cleans targets, and a link's text is data.
fn link(
    builder: &mut Builder<LayerWriter>,
    header: &mut Header,
    path: &Path,
    target: &[u8],
) -> io::Result<()> {
    if header.set_link_name_literal(target).is_err() {
        let mut long = Header::new_gnu();
        long.set_path("././@LongLink")?;
        long.set_mode(0o644);
        long.set_uid(0);
        long.set_gid(0);
        long.set_mtime(0);
        long.set_size(target.len() as u64 + 1);
        long.set_entry_type(EntryType::GNULongLink);
        long.set_cksum();
        builder.append(&long, target.chain(&[0][..]))?;
        header.set_link_name_literal(&target[..100.min(target.len())])?;
    }
    builder.append_data(header, path, io::empty())
}

/// Content that has just the length that its header says.
struct Exactly<R> {
    content: R,
    left: u64,
}

impl<R: Read> Exactly<R> {
    fn end(&mut self) -> io::Result<()> {
        if self.left > 0 || self.content.read(&mut [0])? > 0 {
            return Err(io::Error::other("it changed while it was read"));
        }
        Ok(())
    }
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let n = self.content.read(&mut buffer[..most])?;
        if n == 0 {
            return Err(io::Error::other("it changed while it was read"));
        }
        self.left -= n as u64;
        Ok(n)
    }
}
