//! Reads a layer from the store, every byte checked: its list, and its entries for whoever wants them.

use std::io::{self, BufReader, Read};

use sha2::{Digest as _, Sha256};

use crate::engine::fault::{ArchiveError, Fault};
use crate::engine::tar::{Member, TarReader};
use crate::engine::tree::{IndexBuilder, LayerIndex, Placed};
use crate::engine::watch::Watch;
use crate::model::Digest;
use crate::oci::{Descriptor, Store};

/// Takes the entries of a layer as they come. Nothing of it may be believed before [`read`] has returned.
pub trait Sink {
    /// An entry. `content` is a file's; what the sink leaves of it is read away.
    ///
    /// # Errors
    /// If it can't take it.
    fn take(&mut self, member: &Member, placed: &Placed, content: &mut dyn Read) -> io::Result<()>;
}

/// Wants nothing but the list.
impl Sink for () {
    fn take(&mut self, _: &Member, _: &Placed, _: &mut dyn Read) -> io::Result<()> {
        Ok(())
    }
}

/// Reads the layer `descriptor`, whose tar has the digest `diff_id`, to its end.
///
/// # Errors
/// If the blob or the tar is not what its digest says, the layer holds what no honest layer holds, unpacks to more
/// than `limit` bytes, or the build must end.
pub fn read(
    store: &Store,
    descriptor: &Descriptor,
    diff_id: Digest,
    limit: u64,
    watch: &Watch,
    sink: &mut dyn Sink,
) -> Result<LayerIndex, Fault> {
    let what = format!("layer {}", descriptor.digest);
    let layer = store.open_layer(descriptor, limit)?;
    let hashed = Hashed {
        inner: watch.reader(layer),
        hasher: Sha256::new(),
    };
    let mut reader = TarReader::new(BufReader::with_capacity(256 << 10, hashed));
    let index = entries(&mut reader, sink).map_err(|e| e.of(&what))?;
    let mut hashed = reader.into_inner();
    io::copy(&mut hashed, &mut io::sink()).map_err(|e| ArchiveError::from(e).of(&what))?;
    let found = Digest::from_bytes(hashed.into_inner().hasher.finalize().into());
    if found != diff_id {
        let message = format!("{what} unpacks to {found}, its image says {diff_id}");
        return Err(
            Fault::input(message).help("the base image is damaged or lies; import it again")
        );
    }
    Ok(index)
}

fn entries<R: Read>(
    reader: &mut TarReader<R>,
    sink: &mut dyn Sink,
) -> Result<LayerIndex, ArchiveError> {
    let mut builder = IndexBuilder::default();
    while let Some(member) = reader.next()? {
        let placed = builder.place(&member)?;
        let mut content = Hashed {
            inner: &mut *reader,
            hasher: Sha256::new(),
        };
        sink.take(&member, &placed, &mut content)?;
        if let Placed::File(path) = &placed {
            io::copy(&mut content, &mut io::sink())?;
            let digest = content.hasher.finalize();
            builder.content(path, Digest::from_bytes(digest.into()));
        }
    }
    Ok(builder.finish())
}

struct Hashed<R> {
    inner: R,
    hasher: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..n]);
        Ok(n)
    }
}
