//! Reads the entries of a tar, of any size, in bounded memory.
//!
//! The tar crate takes a long name or a PAX record of any length into memory. Archives that come in are hostile, so
//! this reader bounds them, and refuses what two programs would unpack differently.

use std::io::{self, Read};

use crate::ustar::{self, BLOCK, Block};

/// Longest PAX record block, and longest GNU name.
const EXTENSION_LIMIT: u64 = 1 << 20;
/// A path or a link's text may have this many bytes: no program could open a longer one.
const TEXT_LIMIT: usize = 4096;
/// All of them together may have this many bytes: whoever reads an archive holds them in memory.
const TEXTS_LIMIT: usize = 256 << 20;
/// So many headers may speak of one entry before its own comes.
const EXTENSIONS_LIMIT: usize = 64;

/// What an entry of a tar is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TarKind {
    /// A regular file.
    File,
    /// A folder.
    Directory,
    /// A symbolic link and what it holds.
    Symlink(Vec<u8>),
    /// Another name of an earlier entry.
    Link(Vec<u8>),
    /// A device or a pipe.
    Special,
}

/// One entry of a tar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TarEntry {
    /// Its path, as written.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: TarKind,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
    /// Time of change, in whole seconds since 1970.
    pub mtime: i64,
    /// Length of its content.
    pub size: u64,
    /// Where its content starts in the tar.
    pub offset: u64,
    /// Extended attributes, by name.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Walks a tar. Reading from it reads the content of the entry that [`next`](Self::next) gave last.
#[derive(Debug)]
pub struct TarReader<R> {
    inner: R,
    position: u64,
    left: u64,
    padding: u64,
    ended: bool,
    /// Bytes of paths and links so far.
    texts: usize,
}

#[derive(Default)]
struct Extensions {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u64>,
    gid: Option<u64>,
    mtime: Option<i64>,
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl<R: Read> TarReader<R> {
    /// A reader of the tar in `inner`, which stands at its start.
    pub const fn new(inner: R) -> Self {
        Self {
            inner,
            position: 0,
            left: 0,
            padding: 0,
            ended: false,
            texts: 0,
        }
    }

    /// The next entry; none at the archive's end.
    ///
    /// # Errors
    /// If the archive is cut off, damaged, or uses a form that is not accepted (sparse files, several volumes).
    #[expect(
        clippy::should_implement_trait,
        reason = "it lends the content, as no iterator can"
    )]
    pub fn next(&mut self) -> io::Result<Option<TarEntry>> {
        let mut extensions = Extensions::default();
        let mut extended = false;
        for _ in 0..=EXTENSIONS_LIMIT {
            let rest = self.left.saturating_add(self.padding);
            self.skip(rest)?;
            (self.left, self.padding) = (0, 0);
            if self.ended {
                return Ok(None);
            }
            let Some(header) = self.header()? else {
                self.ended = true;
                if extended {
                    return Err(invalid("a long name or PAX record belongs to no entry"));
                }
                return Ok(None);
            };
            let size = number(&header[124..136])?;
            match header[156] {
                b'L' => extensions.path = Some(self.long_name(size)?),
                b'K' => extensions.link = Some(self.long_name(size)?),
                b'x' => pax(&self.extension(size)?, &mut extensions)?,
                b'g' => {
                    pax_global(&self.extension(size)?)?;
                    continue;
                }
                _ => return self.entry(&header, size, extensions).map(Some),
            }
            extended = true;
        }
        let why = format!("one entry has more than {EXTENSIONS_LIMIT} headers");
        Err(invalid(why))
    }

    fn entry(&mut self, header: &Block, size: u64, extensions: Extensions) -> io::Result<TarEntry> {
        let path = extensions.path.unwrap_or_else(|| ustar::name(header));
        let link = extensions
            .link
            .unwrap_or_else(|| ustar::text(&header[157..257]).to_vec());
        for text in [&path, &link] {
            if text.len() > TEXT_LIMIT {
                let why = format!(
                    "a path or link has {} bytes; at most {TEXT_LIMIT} are accepted",
                    text.len()
                );
                return Err(invalid(why));
            }
            self.texts += text.len();
        }
        if self.texts > TEXTS_LIMIT {
            let why = format!("its paths and links have more than {TEXTS_LIMIT} bytes");
            return Err(invalid(why));
        }
        let kind = match header[156] {
            0 | b'0' | b'7' if path.ends_with(b"/") => TarKind::Directory,
            0 | b'0' | b'7' => TarKind::File,
            b'1' => TarKind::Link(link),
            b'2' => TarKind::Symlink(link),
            b'3' | b'4' | b'6' => TarKind::Special,
            b'5' => TarKind::Directory,
            other => {
                let why = format!(
                    "an entry of type `{}` is not accepted",
                    char::from(other).escape_default()
                );
                return Err(invalid(why));
            }
        };
        let size = extensions.size.unwrap_or(size);
        if kind != TarKind::File && size != 0 {
            return Err(invalid("an entry that is no file has content"));
        }
        if path.is_empty() || path.contains(&0) {
            return Err(invalid("an entry has no path"));
        }
        self.left = size;
        self.padding = ustar::padding_after(size);
        let mode = number(&header[100..108])?;
        Ok(TarEntry {
            path,
            kind,
            mode: u32::try_from(mode & 0o7777).unwrap_or(0),
            uid: extensions
                .uid
                .map_or_else(|| number(&header[108..116]), Ok)?,
            gid: extensions
                .gid
                .map_or_else(|| number(&header[116..124]), Ok)?,
            mtime: match extensions.mtime {
                Some(mtime) => mtime,
                None => i64::try_from(number(&header[136..148])?).unwrap_or(i64::MAX),
            },
            size,
            offset: self.position,
            xattrs: extensions.xattrs,
        })
    }

    /// The next header; none at two blocks of zeros, or at the very end (some writers leave the zeros out).
    fn header(&mut self) -> io::Result<Option<Block>> {
        let mut header = [0; BLOCK as usize];
        if self.fill(&mut header)? == 0 {
            return Ok(None);
        }
        if header.iter().all(|b| *b == 0) {
            let mut second = [0; BLOCK as usize];
            self.fill(&mut second)?;
            if second.iter().any(|b| *b != 0) {
                return Err(invalid("something follows the end mark"));
            }
            return Ok(None);
        }
        if !ustar::checksum_holds(&header) {
            return Err(invalid(
                "a header's checksum is wrong: it is no tar, or damaged",
            ));
        }
        Ok(Some(header))
    }

    /// Fills `block`; 0 at the end, an error in the middle.
    fn fill(&mut self, block: &mut Block) -> io::Result<usize> {
        let mut filled = 0;
        while filled < block.len() {
            match self.inner.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(0),
                Ok(0) => return Err(cut_off()),
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.position += BLOCK;
        Ok(filled)
    }

    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let skipped = io::copy(&mut self.inner.by_ref().take(bytes), &mut io::sink())?;
        self.position += skipped;
        if skipped < bytes {
            return Err(cut_off());
        }
        Ok(())
    }

    fn extension(&mut self, size: u64) -> io::Result<Vec<u8>> {
        if size > EXTENSION_LIMIT {
            let why = format!(
                "a name or PAX record is {size} bytes long; at most {EXTENSION_LIMIT} are accepted"
            );
            return Err(invalid(why));
        }
        let mut content = Vec::new();
        self.inner.by_ref().take(size).read_to_end(&mut content)?;
        self.position += content.len() as u64;
        if (content.len() as u64) < size {
            return Err(cut_off());
        }
        self.padding = ustar::padding_after(size);
        Ok(content)
    }

    fn long_name(&mut self, size: u64) -> io::Result<Vec<u8>> {
        Ok(ustar::text(&self.extension(size)?).to_vec())
    }
}

impl<R: Read> Read for TarReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let n = self.inner.read(&mut buffer[..most])?;
        if n == 0 {
            return Err(cut_off());
        }
        self.left -= n as u64;
        self.position += n as u64;
        Ok(n)
    }
}

fn invalid(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.into())
}

fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the archive is cut off")
}

fn number(field: &[u8]) -> io::Result<u64> {
    ustar::number(field).ok_or_else(|| invalid("a header holds something that is no number"))
}

fn damaged() -> io::Error {
    invalid("a PAX record is damaged")
}

fn pax(block: &[u8], extensions: &mut Extensions) -> io::Result<()> {
    let number = |value| {
        ustar::decimal(value)
            .ok_or_else(|| invalid("a PAX record holds something that is no number"))
    };
    for record in ustar::records(block) {
        let (key, value) = record.ok_or_else(damaged)?;
        match key {
            b"path" => extensions.path = Some(value.to_vec()),
            b"linkpath" => extensions.link = Some(value.to_vec()),
            b"size" => extensions.size = Some(number(value)?),
            b"uid" => extensions.uid = Some(number(value)?),
            b"gid" => extensions.gid = Some(number(value)?),
            b"mtime" => {
                let (seconds, _) = ustar::seconds(value).ok_or_else(damaged)?;
                extensions.mtime = Some(seconds);
            }
            _ if key.starts_with(b"GNU.sparse.") => {
                return Err(invalid("sparse files are not accepted"));
            }
            _ => {
                if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                    extensions.xattrs.push((name.to_vec(), value.to_vec()));
                }
            }
        }
    }
    Ok(())
}

/// Records for every entry that follows: a remark is fine, a path for all of them is not.
fn pax_global(block: &[u8]) -> io::Result<()> {
    for record in ustar::records(block) {
        let (key, _) = record.ok_or_else(damaged)?;
        if matches!(key, b"path" | b"linkpath" | b"size") || key.starts_with(b"GNU.sparse.") {
            return Err(invalid("a PAX record gives all entries one path or size"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
