//! Archives from strangers, and our own form of them.

use std::io::Read;

use proptest::prelude::*;

use super::*;

fn archive(entries: &[(Header<'_>, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (entry, content) in entries {
        header(&mut out, entry).unwrap();
        out.extend_from_slice(content);
        padding(&mut out, content.len() as u64).unwrap();
    }
    end(&mut out).unwrap();
    out
}

fn plain(path: &[u8]) -> Header<'_> {
    Header {
        path,
        kind: Type::File,
        mode: 0o644,
        uid: 0,
        gid: 0,
        size: 0,
        mtime: 315_532_800,
        nanos: 0,
        link: b"",
        capability: None,
    }
}

#[test]
fn a_short_entry_needs_one_block_and_no_pax() {
    let bytes = archive(&[(plain(b"etc/passwd"), b"")]);
    assert_eq!(bytes.len(), 3 * 512);
    assert_eq!(bytes[156], b'0');
}

#[test]
fn what_gnu_tar_writes_is_read() {
    // The independent witness: the tar crate, with GNU long names.
    let mut builder = tar::Builder::new(Vec::new());
    let long = "d/".repeat(80) + "file";
    let mut head = tar::Header::new_gnu();
    head.set_size(3);
    head.set_mode(0o4755);
    head.set_uid(7);
    head.set_gid(8);
    head.set_mtime(5);
    head.set_cksum();
    builder.append_data(&mut head, &long, &b"abc"[..]).unwrap();
    let bytes = builder.into_inner().unwrap();
    let mut reader = TarReader::new(&bytes[..]);
    let member = reader.next().unwrap().unwrap();
    assert_eq!(member.path, long.as_bytes());
    assert_eq!(
        (member.mode, member.uid, member.gid, member.mtime),
        (0o4755, 7, 8, 5)
    );
    let mut content = String::new();
    reader.read_to_string(&mut content).unwrap();
    assert_eq!(content, "abc");
    assert!(reader.next().unwrap().is_none());
}

#[test]
fn what_we_write_others_read() {
    let long = b"a/".repeat(150);
    let long = [&long[..], b"x"].concat();
    let mut entry = plain(&long);
    entry.size = 2;
    entry.uid = 3_000_000;
    let bytes = archive(&[(entry, b"hi")]);
    let mut archive = tar::Archive::new(&bytes[..]);
    let mut entries = archive.entries().unwrap();
    let read = entries.next().unwrap().unwrap();
    assert_eq!(&*read.path_bytes(), &long[..]);
    assert_eq!(read.header().uid().unwrap(), 3_000_000);
}

#[test]
fn a_header_that_claims_a_huge_path_is_refused_before_it_is_read() {
    let mut entry = plain(b"x");
    entry.size = (8 << 30) - 1;
    let mut bytes = Vec::new();
    header(&mut bytes, &entry).unwrap();
    for flag in [b'L', b'K', b'x', b'g'] {
        bytes[156] = flag;
        bytes[148..156].fill(b' ');
        let sum: u32 = bytes.iter().map(|&b| u32::from(b)).sum();
        bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let error = TarReader::new(&bytes[..]).next().unwrap_err();
        assert!(matches!(error, TarError::TooLong { .. }), "{error}");
    }
}

#[test]
fn truncation_and_damage_are_told() {
    let mut entry = plain(b"x");
    entry.size = 600;
    let bytes = archive(&[(entry, &[1; 600])]);
    let mut reader = TarReader::new(&bytes[..700]);
    reader.next().unwrap();
    assert!(matches!(reader.next(), Err(TarError::Truncated(_))));
    let mut bad = bytes;
    bad[0] ^= 1;
    assert!(matches!(
        TarReader::new(&bad[..]).next(),
        Err(TarError::Damaged(0))
    ));
}

fn any_path() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(
        proptest::collection::vec(
            any::<u8>().prop_filter("part", |b| *b != 0 && *b != b'/'),
            1..60,
        ),
        1..8,
    )
    .prop_map(|parts| parts.join(&b'/'))
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        path in any_path(), link in any_path(), mode in 0_u32..0o10000, uid: u32, gid: u32,
        mtime in -4_000_000_000_i64..9_000_000_000, nanos in 0_u32..1_000_000_000,
        capability in proptest::option::of(proptest::collection::vec(any::<u8>(), 1..40)),
        content in proptest::collection::vec(any::<u8>(), 0..1500), which in 0_usize..4,
    ) {
        let kind = [Type::File, Type::Symlink, Type::HardLink, Type::Directory][which];
        let content = if kind == Type::File { content } else { Vec::new() };
        let link = if matches!(kind, Type::Symlink | Type::HardLink) { link } else { Vec::new() };
        let entry = Header {
            path: &path, kind, mode, uid, gid, size: content.len() as u64, mtime, nanos,
            link: &link, capability: capability.as_deref(),
        };
        let bytes = archive(&[(entry, &content)]);
        prop_assert_eq!(bytes.len() % 512, 0);
        let mut reader = TarReader::new(&bytes[..]);
        let member = reader.next().unwrap().unwrap();
        let mut expected = path.clone();
        if kind == Type::Directory { expected.push(b'/'); }
        prop_assert_eq!(&member.path, &expected);
        prop_assert_eq!(&member.link, &link);
        prop_assert_eq!((member.mode, member.uid, member.gid), (mode, uid, gid));
        prop_assert_eq!((member.mtime, member.nanos), (mtime, nanos));
        prop_assert_eq!(&member.capability, &capability);
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        prop_assert_eq!(read, content);
        prop_assert!(reader.next().unwrap().is_none());
    }

    #[test]
    fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..4096), sealed: bool) {
        let mut bytes = bytes;
        if sealed && bytes.len() >= 512 {
            bytes[148..156].fill(b' ');
            let sum: u32 = bytes[..512].iter().map(|&b| u32::from(b)).sum();
            bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
        let mut reader = TarReader::new(&bytes[..]);
        while let Ok(Some(_)) = reader.next() {}
    }
}
