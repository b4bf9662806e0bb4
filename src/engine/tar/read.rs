//! Reads tar from strangers: ustar, old GNU and PAX, with a bound on everything that a header can claim.

use std::io::{self, Read};

use crate::ustar::{self, BLOCK, Block, number, signed, text};

/// A path or a link's text may have this many bytes.
const TEXT_LIMIT: u64 = 64 << 10;
/// A PAX header may have this many bytes.
const PAX_LIMIT: u64 = 1 << 20;
/// So many headers may speak of one entry before its own comes.
const EXTENSIONS_LIMIT: usize = 64;
/// A `security.capability` attribute may have this many bytes; real ones have 20 or 24.
const CAPABILITY_LIMIT: usize = 64;

/// Why an archive can't be read.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// It ends in the middle of something.
    #[error("the archive ends in the middle of an entry, at byte {0}")]
    Truncated(u64),
    /// A header is no header.
    #[error("the archive has a damaged header at byte {0}")]
    Damaged(u64),
    /// A header claims a length that no honest archive has.
    #[error("the archive has {what} of {size} bytes at byte {at}; at most {limit} are accepted")]
    TooLong {
        /// What it is.
        what: &'static str,
        /// The claimed length.
        size: u64,
        /// What is accepted.
        limit: u64,
        /// Where.
        at: u64,
    },
    /// Headers without end.
    #[error("the archive has more than {EXTENSIONS_LIMIT} headers for one entry at byte {0}")]
    TooManyExtensions(u64),
    /// A kind of entry that is not read.
    #[error("the archive has an entry of type `{}` at byte {at}, which is not supported", char::from(*.flag).escape_default())]
    Unsupported {
        /// Tar's type flag.
        flag: u8,
        /// Where.
        at: u64,
    },
    /// The bytes behind it can't be read.
    #[error("the archive can't be read: {0}")]
    Io(#[from] io::Error),
}

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberKind {
    /// A regular file.
    File,
    /// Another name of an earlier member.
    HardLink,
    /// A symbolic link.
    Symlink,
    /// A folder.
    Directory,
    /// A named pipe.
    Fifo,
    /// A character or block device.
    Device,
}

/// A member of an archive. Its content is read from the reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// As written.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: MemberKind,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length of its content; 0 for all but files.
    pub size: u64,
    /// Modification time: seconds since 1970.
    pub mtime: i64,
    /// And nanoseconds.
    pub nanos: u32,
    /// What a link points to, as written.
    pub link: Vec<u8>,
    /// The `security.capability` attribute.
    pub capability: Option<Vec<u8>>,
    /// Where its content begins in the archive.
    pub offset: u64,
}

/// Reads members one after the other; between two calls of [`next`](Self::next), [`Read`] gives the content.
#[derive(Debug)]
pub struct TarReader<R> {
    inner: R,
    position: u64,
    content: u64,
    padding: u64,
}

#[derive(Default)]
struct Extension {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u32>,
    gid: Option<u32>,
    mtime: Option<(i64, u32)>,
    capability: Option<Vec<u8>>,
}

impl<R: Read> TarReader<R> {
    /// Reads an archive from `inner`, which should be buffered.
    pub const fn new(inner: R) -> Self {
        Self {
            inner,
            position: 0,
            content: 0,
            padding: 0,
        }
    }

    /// What is read from.
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// The next member, after reading away what is left of the one before.
    ///
    /// # Errors
    /// If the archive is damaged, claims too much, or can't be read.
    #[expect(clippy::should_implement_trait, reason = "it lends and it fails")]
    pub fn next(&mut self) -> Result<Option<Member>, TarError> {
        let mut extension = Extension::default();
        for _ in 0..=EXTENSIONS_LIMIT {
            self.skip_content()?;
            let at = self.position;
            let Some(block) = self.block()? else {
                return Ok(None);
            };
            if block.iter().all(|&b| b == 0) {
                // The end has two of these, but one is enough for every reader there is.
                return Ok(None);
            }
            if !ustar::checksum_holds(&block) {
                return Err(TarError::Damaged(at));
            }
            let size = number(&block[124..136]).ok_or(TarError::Damaged(at))?;
            match block[156] {
                b'x' => {
                    let bytes = self.extension(size, "a PAX header", PAX_LIMIT, at)?;
                    pax(&bytes, &mut extension).ok_or(TarError::Damaged(at))?;
                }
                b'g' => drop(self.extension(size, "a PAX header", PAX_LIMIT, at)?),
                b'L' => {
                    let bytes = self.extension(size, "a path", TEXT_LIMIT, at)?;
                    extension.path = Some(text(&bytes).to_vec());
                }
                b'K' => {
                    let bytes = self.extension(size, "a link", TEXT_LIMIT, at)?;
                    extension.link = Some(text(&bytes).to_vec());
                }
                _ => return self.member(&block, size, extension, at).map(Some),
            }
        }
        Err(TarError::TooManyExtensions(self.position))
    }

    fn member(
        &mut self,
        block: &Block,
        size: u64,
        extension: Extension,
        at: u64,
    ) -> Result<Member, TarError> {
        let field = |range: std::ops::Range<usize>| {
            number(&block[range]).map(|n| u32::try_from(n).unwrap_or(u32::MAX))
        };
        let path = extension.path.unwrap_or_else(|| ustar::name(block));
        let flag = block[156];
        let kind = match flag {
            // Before POSIX a folder was a file whose name ends with a slash.
            0 | b'0' | b'7' if path.ends_with(b"/") => MemberKind::Directory,
            0 | b'0' | b'7' => MemberKind::File,
            b'1' => MemberKind::HardLink,
            b'2' => MemberKind::Symlink,
            b'3' | b'4' => MemberKind::Device,
            b'5' => MemberKind::Directory,
            b'6' => MemberKind::Fifo,
            _ => return Err(TarError::Unsupported { flag, at }),
        };
        let size = extension.size.unwrap_or(size);
        let (mtime, nanos) = match extension.mtime {
            Some(time) => time,
            None => (signed(&block[136..148]).ok_or(TarError::Damaged(at))?, 0),
        };
        self.content = if kind == MemberKind::File { size } else { 0 };
        // What is no file has no content, whatever the header claims: POSIX says so for links, and everyone for
        // the others but folders, whose size is a quota.
        self.padding = self
            .content
            .checked_next_multiple_of(BLOCK)
            .ok_or(TarError::Damaged(at))?
            - self.content;
        Ok(Member {
            kind,
            mode: field(100..108).ok_or(TarError::Damaged(at))? & 0o7777,
            uid: match extension.uid {
                Some(uid) => uid,
                None => field(108..116).ok_or(TarError::Damaged(at))?,
            },
            gid: match extension.gid {
                Some(gid) => gid,
                None => field(116..124).ok_or(TarError::Damaged(at))?,
            },
            size: self.content,
            mtime,
            nanos,
            link: extension
                .link
                .unwrap_or_else(|| text(&block[157..257]).to_vec()),
            capability: extension.capability,
            offset: self.position,
            path,
        })
    }

    fn skip_content(&mut self) -> Result<(), TarError> {
        let mut left = self.content + self.padding;
        let mut buffer = [0; 16 << 10];
        while left > 0 {
            let want = usize::try_from(left).map_or(buffer.len(), |l| l.min(buffer.len()));
            self.fill(&mut buffer[..want])?;
            left -= want as u64;
        }
        self.content = 0;
        self.padding = 0;
        Ok(())
    }

    /// A whole block, or none at a clean end.
    fn block(&mut self) -> Result<Option<Block>, TarError> {
        let mut block = [0; BLOCK as usize];
        let mut filled = 0;
        while filled < block.len() {
            match self.inner.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(TarError::Truncated(self.position + filled as u64)),
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
        }
        self.position += BLOCK;
        Ok(Some(block))
    }

    fn extension(
        &mut self,
        size: u64,
        what: &'static str,
        limit: u64,
        at: u64,
    ) -> Result<Vec<u8>, TarError> {
        if size > limit {
            return Err(TarError::TooLong {
                what,
                size,
                limit,
                at,
            });
        }
        let padded = size.next_multiple_of(BLOCK);
        let mut bytes = vec![0; usize::try_from(padded).unwrap_or(0)];
        self.fill(&mut bytes)?;
        bytes.truncate(usize::try_from(size).unwrap_or(0));
        Ok(bytes)
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), TarError> {
        self.inner.read_exact(buffer).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => TarError::Truncated(self.position),
            _ => TarError::Io(e),
        })?;
        self.position += buffer.len() as u64;
        Ok(())
    }
}

impl<R: Read> Read for TarReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let want = usize::try_from(self.content).map_or(buffer.len(), |c| c.min(buffer.len()));
        if want == 0 {
            return Ok(0);
        }
        let n = self.inner.read(&mut buffer[..want])?;
        if n == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                TarError::Truncated(self.position),
            ));
        }
        self.content -= n as u64;
        self.position += n as u64;
        Ok(n)
    }
}

fn pax(bytes: &[u8], extension: &mut Extension) -> Option<()> {
    for record in ustar::records(bytes) {
        let (key, value) = record?;
        match key {
            b"path" | b"linkpath" => {
                if value.contains(&0) || value.len() as u64 > TEXT_LIMIT {
                    return None;
                }
                let slot = if key == b"path" {
                    &mut extension.path
                } else {
                    &mut extension.link
                };
                *slot = Some(value.to_vec()).filter(|v| !v.is_empty());
            }
            b"size" => extension.size = Some(ustar::decimal(value)?),
            b"uid" => extension.uid = Some(u32::try_from(ustar::decimal(value)?).ok()?),
            b"gid" => extension.gid = Some(u32::try_from(ustar::decimal(value)?).ok()?),
            b"mtime" => extension.mtime = Some(ustar::seconds(value)?),
            b"SCHILY.xattr.security.capability" => {
                extension.capability =
                    Some(value.to_vec()).filter(|v| (1..=CAPABILITY_LIMIT).contains(&v.len()));
            }
            // GNU's sparse files have their map in front of the content.
            _ if key.starts_with(b"GNU.sparse.") => return None,
            _ => {}
        }
    }
    Some(())
}
