//! Layers: a tar, mostly compressed, with two digests: of the blob as it lies, and of what is in it.

use std::io::{self, BufReader, Read, Write};

use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

use super::blob::BlobWriter;
use super::error::OciError;
use super::manifest::Descriptor;
use super::media;
use super::store::Store;
use crate::model::Digest;

/// Fixed, so that a layer written twice is the same blob.
const GZIP_LEVEL: u32 = 6;
const BUFFER: usize = 128 << 10;

/// How a layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// A plain tar.
    None,
    /// Gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

impl Compression {
    /// What a layer's media type says; none for a type that is no layer that a build could use.
    pub fn of(media_type: &str) -> Option<Self> {
        match media_type {
            media::LAYER_TAR | media::DOCKER_LAYER_TAR => Some(Self::None),
            media::LAYER_GZIP | media::DOCKER_LAYER_GZIP => Some(Self::Gzip),
            media::LAYER_ZSTD | media::DOCKER_LAYER_ZSTD => Some(Self::Zstd),
            _ => None,
        }
    }

    /// What the first bytes of a file say.
    pub fn sniff(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }

    /// The OCI media type of such a layer.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::None => media::LAYER_TAR,
            Self::Gzip => media::LAYER_GZIP,
            Self::Zstd => media::LAYER_ZSTD,
        }
    }

    /// Reads what is in `compressed`.
    ///
    /// # Errors
    /// If the decompressor can't start.
    pub fn reader<'a>(
        self,
        compressed: impl Read + Send + 'a,
    ) -> io::Result<Box<dyn Read + Send + 'a>> {
        Ok(match self {
            Self::None => Box::new(compressed),
            Self::Gzip => Box::new(MultiGzDecoder::new(BufReader::with_capacity(
                BUFFER, compressed,
            ))),
            Self::Zstd => Box::new(zstd::stream::read::Decoder::new(compressed)?),
        })
    }
}

/// The tar in a layer, checked while it is read: the blob against its digest, the tar against a bound.
///
/// A tar ends before its blob does. [`finish`](Self::finish) reads the rest, and only then was everything checked.
pub struct LayerReader {
    inner: Box<dyn Read + Send>,
    left: u64,
    limit: u64,
}

impl LayerReader {
    /// Reads the rest away, so that the whole blob is checked.
    ///
    /// # Errors
    /// If the blob is damaged or holds more than the bound.
    pub fn finish(mut self) -> io::Result<()> {
        io::copy(&mut self, &mut io::sink()).map(drop)
    }
}

impl Read for LayerReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(n as u64).ok_or_else(|| {
            let why = format!("the layer unpacks to more than {} bytes", self.limit);
            io::Error::new(io::ErrorKind::FileTooLarge, why)
        })?;
        Ok(n)
    }
}

impl std::fmt::Debug for LayerReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LayerReader")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

/// A layer being written: tar in, compressed blob out. Dropped before [`finish`](Self::finish), it leaves nothing.
pub struct LayerWriter {
    encoder: GzEncoder<BlobWriter>,
    hasher: Sha256,
    size: u64,
}

/// A layer in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenLayer {
    /// The compressed blob.
    pub descriptor: Descriptor,
    /// The digest of the tar in it.
    pub diff_id: Digest,
    /// The length of the tar in it.
    pub unpacked: u64,
}

impl LayerWriter {
    /// Compresses to the end and puts the blob in the store.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn finish(self) -> Result<WrittenLayer, OciError> {
        let blob = self
            .encoder
            .finish()
            .map_err(OciError::io("write", "a layer"))?;
        let (digest, size) = blob.commit()?;
        Ok(WrittenLayer {
            descriptor: Descriptor::new(media::LAYER_GZIP, digest, size),
            diff_id: Digest::from_bytes(self.hasher.finalize().into()),
            unpacked: self.size,
        })
    }
}

impl Write for LayerWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.encoder.write(bytes)?;
        self.hasher.update(&bytes[..n]);
        self.size += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        // A flush would leave its mark in the compressed bytes.
        Ok(())
    }
}

impl std::fmt::Debug for LayerWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LayerWriter")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the tar in `layer`, refusing to unpack more than `limit` bytes of it.
    ///
    /// # Errors
    /// If the blob is missing, is not as long as the descriptor says, or is of a type that is no layer.
    pub fn open_layer(&self, layer: &Descriptor, limit: u64) -> Result<LayerReader, OciError> {
        let what = || format!("layer {}", layer.digest);
        let compression = Compression::of(&layer.media_type).ok_or_else(|| {
            let media_type = layer.media_type.chars().take(80).collect::<String>();
            let why = format!("its media type is `{}`", media_type.escape_debug());
            OciError::invalid(what(), why)
        })?;
        let blob = self.open_blob(layer.digest)?;
        if blob.size() != layer.size {
            let why = format!("it is {} bytes long, expected {}", blob.size(), layer.size);
            return Err(OciError::invalid(what(), why));
        }
        let inner = compression
            .reader(blob)
            .map_err(OciError::io("read", self.path(layer.digest)))?;
        Ok(LayerReader {
            inner,
            left: limit,
            limit,
        })
    }

    /// Starts a layer: give it a tar, it makes a gzip blob that depends on nothing but that tar.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn layer_writer(&self) -> Result<LayerWriter, OciError> {
        // No file name and no time in the header, and "unknown" for the system that made it.
        let encoder = flate2::GzBuilder::new()
            .mtime(0)
            .operating_system(255)
            .write(self.writer()?, flate2::Compression::new(GZIP_LEVEL));
        Ok(LayerWriter {
            encoder,
            hasher: Sha256::new(),
            size: 0,
        })
    }
}
