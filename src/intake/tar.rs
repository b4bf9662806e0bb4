//! Reads the tar that a context comes in: ustar, old GNU and PAX, with a bound on everything that a header can claim.
//!
//! What could be one tree for us and another for the next program is refused, by the name of the entry. Must not know
//! what a context may hold; what stands where in a header is `ustar`'s.

use std::io::{self, BufReader, Read, Seek};

use crate::intake::error::{ArchiveFault, Fault, IntakeError, shown};
use crate::ustar::{self, BLOCK, Block, number, text};

/// A PAX header may have this many bytes: attributes of a file stand there too.
const PAX_LIMIT: u64 = 1 << 20;
/// What may follow the end: tapes are filled up to a whole record.
const TAIL_LIMIT: u64 = 16 << 20;

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemberKind {
    /// A regular file.
    File,
    /// Another name of an earlier member.
    HardLink,
    /// A symbolic link.
    Symlink,
    /// A folder.
    Directory,
}

/// A member of an archive. Its content is read from the reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// As written.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: MemberKind,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// Length of its content; 0 for all but files.
    pub size: u64,
    /// What a link points to, as written.
    pub link: Vec<u8>,
}

/// What an archive may claim.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Bytes of a path or of a link's text.
    pub text: u64,
    /// Bytes of all headers together.
    pub headers: u64,
}

/// Reads members one after the other; between two calls of [`next`](Self::next), [`Read`] gives the content.
#[derive(Debug)]
pub(super) struct TarReader<R> {
    inner: R,
    bounds: Bounds,
    position: u64,
    headers: u64,
    content: u64,
    padding: u64,
    header: Vec<u8>,
}

#[derive(Default)]
struct Extension {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
}

impl<R: Read> TarReader<R> {
    /// Reads an archive from `inner`, which should be buffered.
    pub(super) const fn new(inner: R, bounds: Bounds) -> Self {
        Self {
            inner,
            bounds,
            position: 0,
            headers: 0,
            content: 0,
            padding: 0,
            header: Vec::new(),
        }
    }

    /// How many bytes have been read.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// The bytes of the last member's header, with what extended it.
    pub(super) fn header(&self) -> &[u8] {
        &self.header
    }

    /// The next member, or none at the archive's end. The content of the one before has been read.
    pub(super) fn next(&mut self) -> Result<Option<Member>, IntakeError> {
        self.pass()?;
        self.header.clear();
        let mut extension = Extension::default();
        let mut extended = false;
        loop {
            let at = self.position;
            let block = self.block()?;
            if block.iter().all(|&b| b == 0) {
                return if extended {
                    Err(ArchiveFault::Damaged(at).into())
                } else {
                    Ok(None)
                };
            }
            if !ustar::checksum_holds(&block) {
                return Err(ArchiveFault::Damaged(at).into());
            }
            let size = number(&block[124..136]).ok_or(ArchiveFault::Damaged(at))?;
            match block[156] {
                b'x' => {
                    let bytes = self.extension(size, "a PAX header", PAX_LIMIT)?;
                    self.pax(&bytes, &mut extension, at)?;
                }
                b'g' => {
                    let bytes = self.extension(size, "a PAX header", PAX_LIMIT)?;
                    let mut global = Extension::default();
                    self.pax(&bytes, &mut global, at)?;
                    // A path or length for every entry is nothing that an honest archive has.
                    if global.path.is_some() || global.link.is_some() || global.size.is_some() {
                        return Err(ArchiveFault::Damaged(at).into());
                    }
                    extension.sparse |= global.sparse;
                    continue;
                }
                kind @ (b'L' | b'K') => {
                    // The text ends with a NUL.
                    let what = if kind == b'L' { "a path" } else { "a link" };
                    let bytes = self.extension(size, what, self.bounds.text.saturating_add(1))?;
                    let text = bytes.strip_suffix(b"\0").unwrap_or(&bytes).to_vec();
                    let slot = if kind == b'L' {
                        &mut extension.path
                    } else {
                        &mut extension.link
                    };
                    if slot.replace(text).is_some() {
                        return Err(ArchiveFault::Damaged(at).into());
                    }
                }
                _ => return self.member(&block, size, extension, at).map(Some),
            }
            extended = true;
        }
    }

    fn member(
        &mut self,
        block: &Block,
        size: u64,
        extension: Extension,
        at: u64,
    ) -> Result<Member, IntakeError> {
        let path = extension.path.unwrap_or_else(|| ustar::name(block));
        let size = extension.size.unwrap_or(size);
        let entry = |fault| IntakeError::entry(&path, fault);
        if extension.sparse {
            return Err(entry(Fault::Sparse));
        }
        let kind = match block[156] {
            // Before POSIX a folder was a file whose name ends with a slash.
            0 | b'0' | b'7' if path.ends_with(b"/") => MemberKind::Directory,
            0 | b'0' | b'7' => MemberKind::File,
            b'1' => MemberKind::HardLink,
            b'2' => MemberKind::Symlink,
            b'3' | b'4' => return Err(entry(Fault::Device)),
            b'5' => MemberKind::Directory,
            b'6' => return Err(entry(Fault::Fifo)),
            b'S' => return Err(entry(Fault::Sparse)),
            other => return Err(entry(Fault::Unknown(shown(&[other])))),
        };
        // Readers differ in whether they skip a content here, so nobody gets to send one.
        if kind != MemberKind::File && size != 0 {
            return Err(entry(Fault::Content));
        }
        let mode = number(&block[100..108]).ok_or(ArchiveFault::Damaged(at))?;
        self.content = size;
        self.padding = ustar::padding_after(size);
        Ok(Member {
            kind,
            mode: u32::try_from(mode & 0o7777).unwrap_or(0),
            size,
            link: extension
                .link
                .unwrap_or_else(|| text(&block[157..257]).to_vec()),
            path,
        })
    }

    /// Reads what follows the end, which must be empty, so that whoever writes into a pipe gets rid of it.
    pub(super) fn finish(&mut self) -> Result<(), IntakeError> {
        let mut buffer = [0; 16 << 10];
        let start = self.position;
        loop {
            match self.inner.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(n)
                    if buffer[..n].iter().any(|&b| b != 0)
                        || self.position - start > TAIL_LIMIT =>
                {
                    return Err(ArchiveFault::Trailing(self.position).into());
                }
                Ok(n) => self.position += n as u64,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(failed(e, self.position)),
            }
        }
    }

    /// Reads away the filling, and what nobody read of the content.
    fn pass(&mut self) -> Result<(), IntakeError> {
        let mut left = self.content.saturating_add(self.padding);
        let mut buffer = [0; BLOCK as usize];
        while left > 0 {
            let want = usize::try_from(left).map_or(buffer.len(), |l| l.min(buffer.len()));
            self.fill(&mut buffer[..want])?;
            left -= want as u64;
        }
        self.content = 0;
        self.padding = 0;
        Ok(())
    }

    fn block(&mut self) -> Result<Block, IntakeError> {
        let mut block = [0; BLOCK as usize];
        self.count(BLOCK)?;
        self.fill(&mut block)?;
        self.header.extend_from_slice(&block);
        Ok(block)
    }

    fn count(&mut self, bytes: u64) -> Result<(), IntakeError> {
        self.headers = self.headers.saturating_add(bytes);
        if self.headers > self.bounds.headers {
            return Err(ArchiveFault::Headers(self.bounds.headers).into());
        }
        Ok(())
    }

    fn extension(
        &mut self,
        size: u64,
        what: &'static str,
        limit: u64,
    ) -> Result<Vec<u8>, IntakeError> {
        if size > limit {
            return Err(IntakeError::Length {
                name: format!("byte {} of the archive", self.position),
                what,
                length: size,
                limit,
            });
        }
        let padded = size.next_multiple_of(BLOCK);
        self.count(padded)?;
        // At most a mebibyte by the limits above.
        let mut bytes = vec![0; usize::try_from(padded).unwrap_or(0)];
        self.fill(&mut bytes)?;
        self.header.extend_from_slice(&bytes);
        if self.header.len() as u64 > 4 * PAX_LIMIT {
            return Err(ArchiveFault::Headers(4 * PAX_LIMIT).into());
        }
        bytes.truncate(usize::try_from(size).unwrap_or(0));
        Ok(bytes)
    }

    fn pax(&self, bytes: &[u8], extension: &mut Extension, at: u64) -> Result<(), IntakeError> {
        for record in ustar::records(bytes) {
            let (key, value) = record.ok_or(ArchiveFault::Damaged(at))?;
            match key {
                b"path" | b"linkpath" => {
                    if value.len() as u64 > self.bounds.text {
                        return Err(IntakeError::Length {
                            name: shown(value),
                            what: if key == b"path" { "a path" } else { "a link" },
                            length: value.len() as u64,
                            limit: self.bounds.text,
                        });
                    }
                    let slot = if key == b"path" {
                        &mut extension.path
                    } else {
                        &mut extension.link
                    };
                    if slot.replace(value.to_vec()).is_some() {
                        return Err(ArchiveFault::Damaged(at).into());
                    }
                }
                b"size" => {
                    let size = ustar::decimal(value).ok_or(ArchiveFault::Damaged(at))?;
                    if extension.size.replace(size).is_some() {
                        return Err(ArchiveFault::Damaged(at).into());
                    }
                }
                b"SCHILY.realsize" => extension.sparse = true,
                _ if key.starts_with(b"GNU.sparse.") => extension.sparse = true,
                _ => {}
            }
        }
        Ok(())
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), IntakeError> {
        self.inner
            .read_exact(buffer)
            .map_err(|e| failed(e, self.position))?;
        self.position += buffer.len() as u64;
        Ok(())
    }
}

impl<R: Read + Seek> TarReader<BufReader<R>> {
    /// Jumps over the content and its filling.
    pub(super) fn skip(&mut self) -> io::Result<()> {
        let over = self.content.saturating_add(self.padding);
        self.inner
            .seek_relative(i64::try_from(over).map_err(io::Error::other)?)?;
        self.position = self.position.saturating_add(over);
        self.content = 0;
        self.padding = 0;
        Ok(())
    }
}

impl<R: Read> Read for TarReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let want = usize::try_from(self.content).map_or(buffer.len(), |c| c.min(buffer.len()));
        if want == 0 {
            return Ok(0);
        }
        let n = match self.inner.read(&mut buffer[..want]) {
            Ok(0) => return Err(IntakeError::from(ArchiveFault::Truncated(self.position)).into()),
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Err(e),
            Err(e) => return Err(failed(e, self.position).into()),
        };
        self.content -= n as u64;
        self.position += n as u64;
        Ok(n)
    }
}

/// What a failed read means: the end, a broken packing, or trouble of the host.
fn failed(error: io::Error, at: u64) -> IntakeError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return ArchiveFault::Truncated(at).into();
    }
    if error.raw_os_error().is_some() {
        return IntakeError::Input(error);
    }
    match error.downcast::<IntakeError>() {
        Ok(error) => error,
        Err(error) => ArchiveFault::Unpack(shown(error.to_string().as_bytes())).into(),
    }
}
