//! Writes tar in one way only: ustar, owner 0:0 without names, time 0, and a PAX header only where ustar has no room.

use std::io::{self, Write};

/// What tar counts in.
pub(crate) const BLOCK: u64 = 512;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    /// A regular file.
    File,
    /// A folder.
    Directory,
    /// A symbolic link.
    Symlink,
}

/// What stands in an entry's header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header<'a> {
    /// Relative, `/` between parts; a folder's trailing `/` is added here.
    pub path: &'a str,
    /// What it is.
    pub kind: Type,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// Length of the content that follows.
    pub size: u64,
    /// What a link points to.
    pub link: &'a str,
}

const NAME: usize = 100;
const PREFIX: usize = 155;
const LINK: std::ops::Range<usize> = 157..257;
const MOST_SIZE: u64 = 0o777_7777_7777;

/// Writes the header of an entry, with a PAX header before it where ustar has no room for it.
pub(crate) fn header(out: &mut impl Write, header: &Header<'_>) -> io::Result<()> {
    let mut path = header.path.as_bytes().to_vec();
    let mut block = [0_u8; BLOCK as usize];
    block[156] = match header.kind {
        Type::File => b'0',
        Type::Symlink => b'2',
        Type::Directory => {
            path.push(b'/');
            b'5'
        }
    };
    let mut pax = Vec::new();
    if let Some((prefix, name)) = split(&path) {
        block[..name.len()].copy_from_slice(name);
        block[345..345 + prefix.len()].copy_from_slice(prefix);
    } else {
        record(&mut pax, b"path", &path);
        block[..NAME].copy_from_slice(&path[..NAME]);
    }
    let link = header.link.as_bytes();
    if link.len() > LINK.len() {
        record(&mut pax, b"linkpath", link);
    }
    let head = &link[..link.len().min(LINK.len())];
    block[LINK][..head.len()].copy_from_slice(head);
    if header.size > MOST_SIZE {
        record(&mut pax, b"size", header.size.to_string().as_bytes());
    }
    let size = if header.size > MOST_SIZE {
        0
    } else {
        header.size
    };
    if !pax.is_empty() {
        let mut before = [0_u8; BLOCK as usize];
        before[..b"PaxHeaders".len()].copy_from_slice(b"PaxHeaders");
        before[156] = b'x';
        fill(&mut before, 0o644, pax.len() as u64);
        out.write_all(&before)?;
        out.write_all(&pax)?;
        padding(out, pax.len() as u64)?;
    }
    fill(&mut block, header.mode & 0o7777, size);
    out.write_all(&block)
}

/// Fills the last block of a content of `size` bytes.
pub(crate) fn padding(out: &mut impl Write, size: u64) -> io::Result<()> {
    let rest = (BLOCK - size % BLOCK) % BLOCK;
    // The rest is less than a block.
    out.write_all(&[0; BLOCK as usize][..usize::try_from(rest).unwrap_or(0)])
}

/// Writes the end of an archive: two empty blocks.
pub(crate) fn end(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&[0; 2 * BLOCK as usize])
}

/// The fields that are the same for every kind, and the checksum.
fn fill(block: &mut [u8; BLOCK as usize], mode: u32, size: u64) {
    octal(&mut block[100..107], u64::from(mode));
    octal(&mut block[108..115], 0);
    octal(&mut block[116..123], 0);
    octal(&mut block[124..135], size);
    octal(&mut block[136..147], 0);
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[148..156].fill(b' ');
    let sum: u64 = block.iter().map(|&b| u64::from(b)).sum();
    octal(&mut block[148..154], sum);
    block[154] = 0;
}

/// Splits a path into ustar's prefix and name, if it has room for it.
fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.len() <= NAME {
        return Some((&[], path));
    }
    // The shortest prefix that leaves a name short enough. A folder's own slash is part of its name.
    let inner = path.len() - usize::from(path.ends_with(b"/"));
    let first = path.len() - NAME - 1;
    let at = (first..inner).find(|&i| path[i] == b'/')?;
    (at > 0 && at <= PREFIX).then(|| (&path[..at], &path[at + 1..]))
}

/// Writes `value` in as many octal digits as `field` has bytes.
fn octal(field: &mut [u8], value: u64) {
    let mut rest = value;
    for digit in field.iter_mut().rev() {
        *digit = b'0' + (rest & 7) as u8;
        rest >>= 3;
    }
}

/// Adds `LENGTH key=value\n`, where LENGTH counts itself.
fn record(pax: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    pax.extend_from_slice(length.to_string().as_bytes());
    pax.push(b' ');
    pax.extend_from_slice(key);
    pax.push(b'=');
    pax.extend_from_slice(value);
    pax.push(b'\n');
}
