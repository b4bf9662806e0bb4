//! Writes tar headers: ustar, numeric owners, no names, and a PAX header only where ustar has no room.

use std::io::{self, Write};

use super::block::{BLOCK, Block, padding_after};
use super::pax::{record, written_seconds};

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A regular file.
    File,
    /// Another name of an earlier entry.
    HardLink,
    /// A symbolic link.
    Symlink,
    /// A folder.
    Directory,
    /// A named pipe.
    Fifo,
}

impl Type {
    const fn flag(self) -> u8 {
        match self {
            Self::File => b'0',
            Self::HardLink => b'1',
            Self::Symlink => b'2',
            Self::Directory => b'5',
            Self::Fifo => b'6',
        }
    }
}

/// What stands in an entry's header.
#[derive(Debug, Clone, Copy)]
pub struct Header<'a> {
    /// Relative, `/` between parts; a folder's trailing `/` is added here.
    pub path: &'a [u8],
    /// What it is.
    pub kind: Type,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length of the content that follows.
    pub size: u64,
    /// Modification time: seconds since 1970.
    pub mtime: i64,
    /// And nanoseconds; written only if not 0.
    pub nanos: u32,
    /// What a link points to.
    pub link: &'a [u8],
    /// The `security.capability` attribute.
    pub capability: Option<&'a [u8]>,
}

const NAME: std::ops::Range<usize> = 0..100;
const LINK: std::ops::Range<usize> = 157..257;
const PREFIX: std::ops::Range<usize> = 345..500;
const OCTAL_7: u64 = 0o777_7777;
const OCTAL_11: u64 = 0o777_7777_7777;

/// Writes the header of an entry, with a PAX header before it where ustar has no room for it.
///
/// # Errors
/// If `out` fails.
pub fn header(out: &mut impl Write, header: &Header<'_>) -> io::Result<()> {
    header_with_pax_mode(out, header, 0)
}

/// The same, where the form that is written gives PAX headers a mode of their own. No reader looks at it, but digests
/// count it.
///
/// # Errors
/// If `out` fails.
pub fn header_with_pax_mode(
    out: &mut impl Write,
    header: &Header<'_>,
    pax_mode: u32,
) -> io::Result<()> {
    let mut path = header.path.to_vec();
    if header.kind == Type::Directory {
        path.push(b'/');
    }
    let mut block = [0_u8; BLOCK as usize];
    let mut pax = Vec::new();

    if let Some((prefix, name)) = split(&path) {
        block[NAME][..name.len()].copy_from_slice(name);
        block[PREFIX][..prefix.len()].copy_from_slice(prefix);
    } else {
        record(&mut pax, b"path", &path);
        block[NAME].copy_from_slice(&path[..NAME.len()]);
    }
    if header.link.len() <= LINK.len() {
        block[LINK][..header.link.len()].copy_from_slice(header.link);
    } else {
        record(&mut pax, b"linkpath", header.link);
        block[LINK].copy_from_slice(&header.link[..LINK.len()]);
    }
    number(
        &mut block[100..108],
        u64::from(header.mode & 0o7777),
        7,
        OCTAL_7,
    );
    for (range, key, value) in [
        (108..116, b"uid", header.uid),
        (116..124, b"gid", header.gid),
    ] {
        let value = u64::from(value);
        if !number(&mut block[range], value, 7, OCTAL_7) {
            record(&mut pax, key, value.to_string().as_bytes());
        }
    }
    if !number(&mut block[124..136], header.size, 11, OCTAL_11) {
        record(&mut pax, b"size", header.size.to_string().as_bytes());
    }
    let whole = u64::try_from(header.mtime).ok();
    let fits = whole.is_some_and(|t| number(&mut block[136..148], t, 11, OCTAL_11));
    if !fits || header.nanos != 0 {
        if !fits {
            number(&mut block[136..148], 0, 11, OCTAL_11);
        }
        let text = written_seconds(header.mtime, header.nanos);
        record(&mut pax, b"mtime", text.as_bytes());
    }
    if let Some(capability) = header.capability {
        record(&mut pax, b"SCHILY.xattr.security.capability", capability);
    }
    block[156] = header.kind.flag();
    if !pax.is_empty() {
        let mut before = [0_u8; BLOCK as usize];
        before[..b"PaxHeaders".len()].copy_from_slice(b"PaxHeaders");
        number(&mut before[100..108], u64::from(pax_mode), 7, OCTAL_7);
        for (range, digits) in [(108..116, 7), (116..124, 7), (136..148, 11)] {
            number(&mut before[range], 0, digits, OCTAL_7);
        }
        number(&mut before[124..136], pax.len() as u64, 11, OCTAL_11);
        before[156] = b'x';
        seal(&mut before);
        out.write_all(&before)?;
        out.write_all(&pax)?;
        padding(out, pax.len() as u64)?;
    }
    seal(&mut block);
    out.write_all(&block)
}

/// Fills the last block of a content of `size` bytes.
///
/// # Errors
/// If `out` fails.
pub fn padding(out: &mut impl Write, size: u64) -> io::Result<()> {
    const ZEROS: Block = [0; BLOCK as usize];
    let rest = padding_after(size);
    // The rest is less than a block.
    out.write_all(&ZEROS[..usize::try_from(rest).unwrap_or(0)])
}

/// Writes the end of an archive: two empty blocks.
///
/// # Errors
/// If `out` fails.
pub fn end(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&[0; 2 * BLOCK as usize])
}

/// Splits a path into ustar's prefix and name, if it has room for it.
fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.len() <= NAME.len() {
        return Some((&[], path));
    }
    // The shortest prefix that leaves a name short enough. A folder's own slash is part of its name.
    let inner = path.len() - usize::from(path.ends_with(b"/"));
    let first = path.len().checked_sub(NAME.len() + 1)?;
    let at = (first..inner).find(|&i| path[i] == b'/')?;
    (at > 0 && at <= PREFIX.len()).then(|| (&path[..at], &path[at + 1..]))
}

/// Writes `value` in octal with `digits` digits and a NUL, or zeros if it does not fit.
fn number(field: &mut [u8], value: u64, digits: usize, most: u64) -> bool {
    let fits = value <= most;
    let mut rest = if fits { value } else { 0 };
    for digit in field[..digits].iter_mut().rev() {
        *digit = b'0' + (rest & 7) as u8;
        rest >>= 3;
    }
    fits
}

fn seal(block: &mut Block) {
    block[257..263].copy_from_slice(b"ustar\0");
    block[263..265].copy_from_slice(b"00");
    block[148..156].fill(b' ');
    let sum: u64 = block.iter().map(|&b| u64::from(b)).sum();
    number(&mut block[148..155], sum, 6, 0o777_777);
    block[154] = 0;
}
