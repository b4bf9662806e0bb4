//! Reads the entries of a tar, of any size, in bounded memory.
//!
//! The tar crate takes a long name or a PAX record of any length into memory. Archives that come in are hostile, so
//! this reader bounds them, and refuses what two programs would unpack differently.

use std::io::{self, Read};

const BLOCK: usize = 512;
/// Longest PAX record block, and longest GNU name.
const EXTENSION_LIMIT: u64 = 1 << 20;

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
        loop {
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
    }

    fn entry(
        &mut self,
        header: &[u8; BLOCK],
        size: u64,
        extensions: Extensions,
    ) -> io::Result<TarEntry> {
        let path = extensions.path.unwrap_or_else(|| path_of(header));
        let link = extensions.link.unwrap_or_else(|| text(&header[157..257]));
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
        self.padding = size.wrapping_neg() % BLOCK as u64;
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
    fn header(&mut self) -> io::Result<Option<[u8; BLOCK]>> {
        let mut header = [0; BLOCK];
        if self.fill(&mut header)? == 0 {
            return Ok(None);
        }
        if header.iter().all(|b| *b == 0) {
            let mut second = [0; BLOCK];
            self.fill(&mut second)?;
            if second.iter().any(|b| *b != 0) {
                return Err(invalid("something follows the end mark"));
            }
            return Ok(None);
        }
        // The checksum counts its own field as spaces.
        let sum = |range: std::ops::Range<usize>| -> u64 {
            header[range].iter().map(|b| u64::from(*b)).sum()
        };
        let expected = sum(0..148) + 8 * u64::from(b' ') + sum(156..BLOCK);
        if number(&header[148..156]).ok() != Some(expected) {
            return Err(invalid(
                "a header's checksum is wrong: it is no tar, or damaged",
            ));
        }
        Ok(Some(header))
    }

    /// Fills `block`; 0 at the end, an error in the middle.
    fn fill(&mut self, block: &mut [u8; BLOCK]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < BLOCK {
            match self.inner.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(0),
                Ok(0) => return Err(cut_off()),
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.position += BLOCK as u64;
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
        self.padding = size.wrapping_neg() % BLOCK as u64;
        Ok(content)
    }

    fn long_name(&mut self, size: u64) -> io::Result<Vec<u8>> {
        Ok(text(&self.extension(size)?))
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

/// A field up to its first zero.
fn text(field: &[u8]) -> Vec<u8> {
    field.split(|b| *b == 0).next().unwrap_or(&[]).to_vec()
}

fn path_of(header: &[u8; BLOCK]) -> Vec<u8> {
    let name = text(&header[..100]);
    // Only POSIX archives have a prefix; GNU's have other things there.
    if &header[257..263] != b"ustar\0" || header[345] == 0 {
        return name;
    }
    let mut path = text(&header[345..500]);
    path.push(b'/');
    path.extend(name);
    path
}

/// A number in octal, or in base 256 where the first bit is set.
fn number(field: &[u8]) -> io::Result<u64> {
    let bad = || invalid("a header holds something that is no number");
    if field[0] & 0x80 != 0 {
        // Negative ones (first byte 0xff) stand for times before 1970, which no image needs.
        let high = &field[..field.len() - 8];
        if high.iter().skip(1).any(|b| *b != 0) || high.first().is_some_and(|b| *b != 0x80) {
            return Err(bad());
        }
        let mut low = [0; 8];
        low.copy_from_slice(&field[field.len() - 8..]);
        if high.is_empty() {
            low[0] &= 0x7f;
        }
        return Ok(u64::from_be_bytes(low));
    }
    let digits = text(field);
    let digits = digits.trim_ascii();
    if digits.is_empty() {
        return Ok(0);
    }
    let digits = std::str::from_utf8(digits).map_err(|_| bad())?;
    if digits.starts_with('+') {
        return Err(bad());
    }
    u64::from_str_radix(digits, 8).map_err(|_| bad())
}

/// `LENGTH KEY=VALUE\n`, again and again.
fn pax_records(mut block: &[u8]) -> io::Result<Vec<(&[u8], &[u8])>> {
    let bad = || invalid("a PAX record is damaged");
    let mut records = Vec::new();
    while !block.is_empty() {
        let space = block.iter().position(|b| *b == b' ').ok_or_else(bad)?;
        let length = std::str::from_utf8(&block[..space]).ok();
        let length: usize = length.and_then(|l| l.parse().ok()).ok_or_else(bad)?;
        let record = block.get(space + 1..length).ok_or_else(bad)?;
        let record = record.strip_suffix(b"\n").ok_or_else(bad)?;
        let equals = record.iter().position(|b| *b == b'=').ok_or_else(bad)?;
        records.push((&record[..equals], &record[equals + 1..]));
        block = &block[length..];
    }
    Ok(records)
}

fn pax(block: &[u8], extensions: &mut Extensions) -> io::Result<()> {
    fn integer<T: std::str::FromStr>(value: &[u8]) -> io::Result<T> {
        let value = std::str::from_utf8(value).ok();
        value
            .and_then(|v| v.parse().ok())
            .ok_or_else(|| invalid("a PAX record holds something that is no number"))
    }
    for (key, value) in pax_records(block)? {
        match key {
            b"path" => extensions.path = Some(value.to_vec()),
            b"linkpath" => extensions.link = Some(value.to_vec()),
            b"size" => extensions.size = Some(integer(value)?),
            b"uid" => extensions.uid = Some(integer(value)?),
            b"gid" => extensions.gid = Some(integer(value)?),
            b"mtime" => {
                let whole = value.split(|b| *b == b'.').next().unwrap_or(value);
                extensions.mtime = Some(integer(whole)?);
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
    for (key, _) in pax_records(block)? {
        if matches!(key, b"path" | b"linkpath" | b"size") || key.starts_with(b"GNU.sparse.") {
            return Err(invalid("a PAX record gives all entries one path or size"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
