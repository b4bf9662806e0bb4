//! Any bytes as a tar: what a fuzzer would never hit by chance, headers whose checksums hold, is made for it.
//!
//! The first byte says how the rest is read: as it is; as a tar whose checksums are mended; as a list of entries, a few
//! bytes each, over a handful of names that meet again and again.

/// What the first byte says.
pub fn tape(data: &[u8]) -> Vec<u8> {
    let Some((how, rest)) = data.split_first() else {
        return Vec::new();
    };
    match how % 4 {
        0 => rest.to_vec(),
        1 => mended(rest.to_vec()),
        _ => listed(rest),
    }
}

/// The same bytes, with a checksum that holds wherever a reader will look for a header.
pub fn mended(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut at = 0;
    while let Some(block) = bytes.get_mut(at..at + 512) {
        if block.iter().all(|b| *b == 0) {
            break;
        }
        seal(block);
        let size = block[124..136].iter().fold(0_usize, |size, b| match b {
            b'0'..=b'7' => size.saturating_mul(8).saturating_add(usize::from(b - b'0')),
            _ => size,
        });
        at = at.saturating_add(512).saturating_add(size.div_ceil(512).saturating_mul(512));
    }
    bytes
}

fn seal(block: &mut [u8]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

const PARTS: [&[u8]; 16] = [
    b"a", b"b", b"c", b"d", b".", b"..", b"", b".wh.a", b".wh.b", b".wh..wh..opq", b".wh..wh.plnk", b".wh.", b".wh...",
    b"\xff\n", b"\0", b"Dockerfile",
];
const KINDS: [u8; 16] = *b"00000555111223xK";

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn path(&mut self) -> Option<Vec<u8>> {
        let form = self.next()?;
        let mut path = Vec::new();
        for i in 0..=form % 4 {
            if i > 0 {
                path.push(b'/');
            }
            let which = self.next()?;
            // Mostly the plain ones.
            let which = if which < 192 { which % 4 } else { which % 16 };
            path.extend_from_slice(PARTS[usize::from(which)]);
        }
        match form >> 4 {
            0 => path.insert(0, b'/'),
            1 => path.push(b'/'),
            2 => path = path.repeat(usize::from(form) * 8),
            _ => {}
        }
        Some(path)
    }
}

/// A list of entries.
pub fn listed(data: &[u8]) -> Vec<u8> {
    let mut bytes = Bytes(data);
    let mut out = Vec::new();
    while entry(&mut bytes, &mut out).is_some() {}
    out.resize(out.len() + 1024, 0);
    out
}

fn entry(bytes: &mut Bytes<'_>, out: &mut Vec<u8>) -> Option<()> {
    let kind = bytes.next()?;
    let flag = KINDS[usize::from(kind % 16)];
    let path = bytes.path()?;
    let link = if matches!(flag, b'1' | b'2') { bytes.path()? } else { Vec::new() };
    let shape = bytes.next()?;
    let mut pax = Vec::new();
    let mut record = |key: &str, value: &[u8]| {
        let mut length = key.len() + value.len() + 3;
        length += length.to_string().len();
        // The length counts its own digits.
        length += usize::from(length.to_string().len() > (key.len() + value.len() + 3).to_string().len());
        pax.extend_from_slice(format!("{length} {key}=").as_bytes());
        pax.extend_from_slice(value);
        pax.push(b'\n');
    };
    let size = usize::from(shape % 8) * 99;
    let mut said = format!("{size:011o}\0");
    match shape >> 3 {
        1 => said = "77777777777\0".into(),
        2 => record("size", b"9223372036854775807"),
        3 => record("size", size.to_string().as_bytes()),
        4 => record("GNU.sparse.major", b"1"),
        5 => record("uid", b"4294967295"),
        6 => record("uid", b"1000"),
        7 => record("mtime", b"-1.5"),
        8 => record("SCHILY.xattr.security.capability", b"\x01\0\0\x02\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        _ => {}
    }
    if path.len() > 100 {
        record("path", &path);
    }
    if link.len() > 100 {
        record("linkpath", &link);
    }
    if !pax.is_empty() {
        header(out, b"pax", b'x', b"", &format!("{:011o}\0", pax.len()), 0);
        content(out, &pax);
    }
    header(out, &path, flag, &link, &said, shape);
    if matches!(flag, b'0' | b'x' | b'K') {
        content(out, &vec![shape; size]);
    }
    Some(())
}

fn header(out: &mut Vec<u8>, path: &[u8], flag: u8, link: &[u8], size: &str, shape: u8) {
    let mut block = [0_u8; 512];
    let name = &path[..path.len().min(100)];
    block[..name.len()].copy_from_slice(name);
    block[100..108].copy_from_slice(format!("{:07o}\0", 0o600 + u32::from(shape)).as_bytes());
    block[108..116].copy_from_slice(b"0000000\0");
    block[116..124].copy_from_slice(b"0000007\0");
    block[124..136].copy_from_slice(size.as_bytes());
    block[136..148].copy_from_slice(b"00000000001\0");
    block[156] = flag;
    let link = &link[..link.len().min(100)];
    block[157..157 + link.len()].copy_from_slice(link);
    block[257..265].copy_from_slice(b"ustar\x0000");
    seal(&mut block);
    out.extend_from_slice(&block);
}

fn content(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes);
    out.resize(out.len().div_ceil(512) * 512, 0);
}
