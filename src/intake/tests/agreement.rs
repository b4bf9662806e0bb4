//! One content, one digest.

use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, symlink};

use proptest::prelude::*;

use super::*;

#[test]
fn a_folder_an_archive_and_packed_archives_of_the_same_content_have_one_digest() {
    let room = Room::new();
    room.file("Dockerfile", "FROM scratch\n")
        .file("a/b.txt", "b")
        .file("a-b", "")
        .file(&format!("{}d", "d/".repeat(80)), "");
    room.file(&format!("{}end", "long/".repeat(40)), "x");
    symlink("../a/b.txt", room.source().join("a/link")).unwrap();
    room.mode("a/b.txt", 0o4751);
    room.mode("a-b", 0o644);
    let packed = room.pack().unwrap();

    let mut builder = ::tar::Builder::new(Vec::new());
    builder.follow_symlinks(false);
    builder.append_dir_all(".", room.source()).unwrap();
    let plain = builder.into_inner().unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let zstd = zstd::encode_all(&plain[..], 1).unwrap();
    for archive in [&plain, &gzip.finish().unwrap(), &zstd] {
        assert_eq!(room.receive(archive).unwrap(), packed);
    }
    assert_eq!(room.kept(), [packed.digest.hex()]);
    let path = room.contexts().join("sha256").join(packed.digest.hex());
    let meta = fs::metadata(&path).unwrap();
    assert_eq!((meta.mode() & 0o7777, meta.len()), (0o400, packed.bytes));
    let direct = DirContext::open(&room.source(), &ContextLimits::default()).unwrap();
    assert_eq!(told(&room.open(packed)), told(&direct));
    // What we keep is an archive that we take in, and an ordinary reader reads it too.
    let kept = fs::read(&path).unwrap();
    assert_eq!(room.receive(&kept).unwrap(), packed);
    let mut names = Vec::new();
    for entry in ::tar::Archive::new(&kept[..]).entries().unwrap() {
        let entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.uid().unwrap(), header.mtime().unwrap()), (0, 0));
        names.push(
            entry
                .path()
                .unwrap()
                .to_string_lossy()
                .trim_end_matches('/')
                .to_owned(),
        );
    }
    assert_eq!(names, paths(&direct));
}

#[test]
fn times_owners_and_order_do_not_count_but_modes_and_contents_do() {
    let room = Room::new();
    let one = Archive::default()
        .file("b", b"1")
        .entry(b"a/", b'5', "", 0, b"")
        .file("a/x", b"2")
        .end();
    let two = Archive::default()
        .file("./a/x", b"2")
        .file("b", b"1")
        .entry(b"./a", b'5', "", 0, b"")
        .end();
    assert_eq!(room.receive(&one).unwrap(), room.receive(&two).unwrap());
    let other = Archive::default().file("a/x", b"2").file("b", b"1").end();
    let implied = room.receive(&other).unwrap();
    assert_ne!(
        room.receive(&one).unwrap().digest,
        implied.digest,
        "0644 is not 0755"
    );
    assert_eq!(room.open(implied).entries()[0].mode, 0o755);
}

fn tree() -> impl Strategy<Value = Vec<(String, Option<Vec<u8>>)>> {
    let path = "[ab.\u{e9}-]{1,3}(/[ab-]{1,2}){0,3}"
        .prop_filter("dots", |p| !p.split('/').any(|c| matches!(c, "." | "..")));
    proptest::collection::vec(
        (
            path,
            proptest::option::of(proptest::collection::vec(any::<u8>(), 0..1200)),
        ),
        0..12,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Folder, archive and stored form tell the same, whatever stands in the ignore file.
    #[test]
    fn folder_and_archive_agree(tree in tree(), ignored in proptest::option::of("(!?[ab*?-]{1,2}(/[ab*]{1,2}){0,2}\n){0,4}")) {
        let room = Room::new();
        if let Some(text) = &ignored {
            room.file(".dockerignore", text);
        }
        for (path, content) in &tree {
            let at = room.source().join(path);
            // What collides with an earlier path is left away.
            match content {
                Some(content) => {
                    let _ = fs::create_dir_all(at.parent().unwrap());
                    let _ = fs::write(&at, content);
                }
                None => drop(fs::create_dir_all(&at)),
            }
        }
        let mut builder = ::tar::Builder::new(Vec::new());
        builder.append_dir_all(".", room.source()).unwrap();
        let archive = builder.into_inner().unwrap();
        match (room.pack(), room.receive(&archive)) {
            (Ok(packed), Ok(received)) => {
                prop_assert_eq!(packed, received);
                let direct = DirContext::open(&room.source(), &ContextLimits::default()).unwrap();
                prop_assert_eq!(told(&room.open(packed)), told(&direct));
            }
            (Err(packed), Err(received)) => prop_assert_eq!(packed.to_string(), received.to_string()),
            (packed, received) => prop_assert!(false, "{:?} {:?}", packed, received),
        }
    }

    /// Garbage is refused or taken in, never more.
    #[test]
    fn mutated_archives_leave_nothing_or_a_sound_context(changes in proptest::collection::vec((0_usize..6000, any::<u8>()), 0..6), cut in 0_usize..7000) {
        let room = Room::new();
        let mut bytes = Archive::default()
            .file("a", b"x")
            .pax(&[("path", &"long/".repeat(40)), ("size", "3")])
            .file("d/b", b"abc")
            .entry(b"l", b'2', "a", 0, b"")
            .entry(b"h", b'1', "a", 0, b"")
            .end();
        for (at, value) in changes {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        bytes.truncate(cut);
        match room.receive(&bytes) {
            Ok(stored) => drop(told(&room.open(stored))),
            Err(error) => {
                prop_assert!(!error.is_host(), "{}", error);
                prop_assert!(room.kept().is_empty());
            }
        }
    }

    #[test]
    fn garbage_is_refused(magic in prop_oneof![Just(&b""[..]), Just(&b"\x1f\x8b\x08"[..]), Just(&b"\x28\xb5\x2f\xfd"[..])], bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let room = Room::new();
        let archive = [magic, &bytes].concat();
        let error = room.receive(&archive).unwrap_err();
        prop_assert!(!error.is_host(), "{}", error);
        prop_assert!(room.kept().is_empty());
    }
}
