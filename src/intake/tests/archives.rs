//! Archives that no honest sender makes, and those that one does.

use std::io::{Cursor, Read, Write as _};

use super::*;
use crate::model::limits::GIB;

#[test]
fn hostile_entries_are_refused_by_name() {
    let long = "x".repeat(5000);
    let a = Archive::default;
    for (archive, named) in [
        (
            a().file("/etc/passwd", b"x"),
            "`/etc/passwd` is an absolute path",
        ),
        (a().file("../escape", b"x"), "`../escape` climbs"),
        (a().file("a/../../escape", b"x"), "`a/../../escape` climbs"),
        (
            a().entry(b"link", b'2', "../../etc", 0, b""),
            "`link` points to `../../etc`: link leaves the context",
        ),
        (
            a().entry(b"link", b'2', "/etc", 0, b""),
            "link leaves the context",
        ),
        (
            a().entry(b"d/link", b'2', "../..", 0, b""),
            "link leaves the context",
        ),
        (a().entry(b"link", b'2', "", 0, b""), "link to nothing"),
        (
            a().entry(b"hard", b'1', "../etc/passwd", 0, b""),
            "link leaves the context",
        ),
        (
            a().entry(b"hard", b'1', "/etc/passwd", 0, b""),
            "link leaves the context",
        ),
        (
            a().entry(b"hard", b'1', "later", 0, b"")
                .file("later", b"x"),
            "no earlier file",
        ),
        (
            a().entry(b"d", b'5', "", 0, b"")
                .entry(b"hard", b'1', "d", 0, b""),
            "no earlier file",
        ),
        (a().entry(b"dev", b'3', "", 0, b""), "`dev` is a device"),
        (a().entry(b"disk", b'4', "", 0, b""), "`disk` is a device"),
        (
            a().entry(b"pipe", b'6', "", 0, b""),
            "`pipe` is a named pipe",
        ),
        (a().entry(b"odd", b'Z', "", 0, b""), "unknown kind `Z`"),
        (a().entry(b"old", b'S', "", 0, b""), "sparse"),
        (
            a().pax(&[("GNU.sparse.major", "1")]).file("s", b""),
            "`s` is a sparse entry",
        ),
        (
            a().pax(&[("GNU.sparse.realsize", "99")]).file("s", b""),
            "sparse",
        ),
        (
            a().file("twice", b"x").file("twice", b"y"),
            "`twice` is in the archive twice",
        ),
        (
            a().file("twice", b"x").entry(b"twice/", b'5', "", 0, b""),
            "twice",
        ),
        (a().file("f", b"x").file("./f", b"y"), "twice"),
        (
            a().file("f", b"x").file("f/below", b"y"),
            "lies below `f`, which is a file",
        ),
        (
            a().file("f/below", b"y").file("f", b"x"),
            "lies below `f`, which is a file",
        ),
        (
            a().entry(b"l", b'2', "d", 0, b"").file("l/deep/x", b"y"),
            "lies below `l`, which is a link",
        ),
        (
            a().entry(b"./", b'0', "", 0, b"")
                .entry(b".", b'2', "x", 0, b""),
            "names the context's root",
        ),
        (a().entry(b"\xff", b'0', "", 0, b""), "not UTF-8"),
        (a().pax(&[("path", "a\0b")]).file("x", b""), "NUL"),
        (a().pax(&[("path", "../x")]).file("x", b""), "climbs"),
        (a().pax(&[("path", &long)]).file("x", b""), "too long"),
        (
            a().pax(&[("linkpath", &long)])
                .entry(b"x", b'2', "y", 0, b""),
            "too long",
        ),
        (a().entry(b"x", b'L', "", 1 << 35, b""), "too long"),
        (a().entry(b"x", b'x', "", 1 << 35, b""), "too long"),
        (
            a().file(&"y".repeat(99), b"")
                .pax(&[("path", &"z".repeat(256))])
                .file("x", b""),
            "too long",
        ),
        (a().entry(b"d", b'5', "", 5, b"hello"), "`d` has content"),
        (
            a().entry(b"huge", b'0', "", 10 << 30, b""),
            "`huge` (10737418240 bytes)",
        ),
        (
            a().pax(&[("size", "99999999999")]).file("huge", b""),
            "`huge` (99999999999 bytes)",
        ),
        (a().file(".dockerignore", b"!\n"), ".dockerignore line 1"),
        (
            a().entry(b".dockerignore", b'2', "x", 0, b""),
            "must be a file of its own",
        ),
    ] {
        let error = refused(&archive.end()).to_string();
        assert!(error.contains(named), "{named}: {error}");
    }
}

#[test]
fn broken_archives_are_refused() {
    let good = Archive::default().file("a", &[b'x'; 700]).end();
    for end in [0, 1, 511, 512, 600, 1500, 1536] {
        assert!(
            matches!(
                refused(&good[..end]),
                IntakeError::Archive(ArchiveFault::Truncated(_))
            ),
            "{end}"
        );
    }
    assert!(matches!(
        refused(&[b'x'; 2000]),
        IntakeError::Archive(ArchiveFault::Damaged(0))
    ));
    assert!(matches!(
        refused(b"PK\x03\x04 and so on"),
        IntakeError::Archive(ArchiveFault::Packed("zip"))
    ));
    let two = [good.clone(), good.clone()].concat();
    assert!(matches!(
        refused(&two),
        IntakeError::Archive(ArchiveFault::Trailing(_))
    ));
    let torn = Archive::default()
        .entry(b"torn", b'0', "", 5000, b"short")
        .end();
    assert!(matches!(
        refused(&torn),
        IntakeError::Archive(ArchiveFault::Truncated(_))
    ));
    let zstd = zstd::encode_all(&good[..], 1).unwrap();
    refused(&zstd[..zstd.len() - 5]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&good).unwrap();
    let mut gzip = gzip.finish().unwrap();
    refused(&gzip[..gzip.len() - 5]);
    let sum = gzip.len() - 6;
    gzip[sum] ^= 1;
    refused(&gzip);
}

#[test]
fn limits_hold_before_anything_is_read() {
    let room = Room::new();
    let limits = ContextLimits {
        bytes: 10,
        entries: 3,
        ..ContextLimits::default()
    };
    let a = Archive::default;
    let whole = a().file("a", b"12345").file("b/c", b"12345").end();
    assert!(room.receive_within(&whole, &limits).is_ok());
    for (archive, what) in [
        (
            a().file("a", b"12345").file("b", b"123456"),
            "more than 10 bytes",
        ),
        (
            a().file("a", b"123456").entry(b"b", b'1', "a", 0, b""),
            "more than 10 bytes",
        ),
        (a().file("a/b/c/d", b""), "more than 3 files"),
        (
            a().file("a", b"")
                .file("b", b"")
                .file("c", b"")
                .file("d", b""),
            "more than 3 files",
        ),
    ] {
        let error = room
            .receive_within(&archive.end(), &limits)
            .unwrap_err()
            .to_string();
        assert!(error.contains(what), "{error}");
    }
    // The body of what is too much is not waited for.
    let head = a().entry(b"big", b'0', "", GIB, b"").0;
    let mut stream = Cursor::new(head).chain(Panics);
    let error = receive(&mut stream, &room.contexts(), &limits).unwrap_err();
    assert!(matches!(error, IntakeError::Bytes { .. }), "{error}");
}

struct Panics;
impl Read for Panics {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        panic!("read past the header")
    }
}

#[test]
fn bombs_stop_at_the_limit() {
    // Zeros without end, behind a header that says so.
    let head = Archive::default().entry(b"zeros", b'0', "", GIB, b"").0;
    let limits = ContextLimits {
        bytes: GIB / 2,
        ..ContextLimits::default()
    };
    let mut packer = zstd::Encoder::new(Vec::new(), 1).unwrap();
    packer.write_all(&head).unwrap();
    let bomb = packer.finish().unwrap();
    let room = Room::new();
    assert!(matches!(
        room.receive_within(&bomb, &limits),
        Err(IntakeError::Bytes { .. })
    ));
    // Headers only, over and over: nothing that counts as an entry.
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let global = Archive::default().entry(b"g", b'g', "", 0, b"").0;
    for _ in 0..60_000 {
        packer.write_all(&global).unwrap();
    }
    let limits = ContextLimits {
        entries: 100,
        ..ContextLimits::default()
    };
    let bomb = packer.finish().unwrap();
    assert!(room.receive_within(&bomb, &limits).is_err());
    // Zeros after the end.
    let mut packer = zstd::Encoder::new(Vec::new(), 1).unwrap();
    packer
        .write_all(&Archive::default().file("a", b"").end())
        .unwrap();
    for _ in 0..40 {
        packer.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let bomb = packer.finish().unwrap();
    assert!(matches!(
        room.receive(&bomb),
        Err(IntakeError::Archive(ArchiveFault::Trailing(_)))
    ));
    assert_eq!(room.kept(), Vec::<String>::new());
}

#[test]
fn a_hard_link_inside_becomes_a_file_of_its_own() {
    let room = Room::new();
    let archive = Archive::default()
        .file("a", b"same")
        .entry(b"d/b", b'1', "./a", 0, b"")
        .end();
    let context = room.open(room.receive(&archive).unwrap());
    assert_eq!(context.read("d/b", 10).unwrap(), b"same");
    // Also where the first name is left out.
    let archive = Archive::default()
        .file("a", b"same")
        .entry(b"b", b'1', "a", 0, b"")
        .file(".dockerignore", b"a")
        .end();
    let context = room.open(room.receive(&archive).unwrap());
    assert_eq!(paths(&context), [".dockerignore", "b"]);
    assert_eq!(context.read("b", 10).unwrap(), b"same");
}

/// The most memory that this process has had resident, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_hundred_thousand_files_take_little_memory() {
    /// Makes the archive as it is read, so that it does not count itself.
    struct Many(u32, Cursor<Vec<u8>>);
    impl Read for Many {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            loop {
                let n = self.1.read(buffer)?;
                if n > 0 || self.0 > 100_000 {
                    return Ok(n);
                }
                let archive = Archive::default().file(
                    &format!("files/{:03}/{}", self.0 % 500, self.0),
                    &[b'x'; 3000],
                );
                let bytes = if self.0 == 100_000 {
                    Archive::default().end()
                } else {
                    archive.0
                };
                self.0 += 1;
                self.1 = Cursor::new(bytes);
            }
        }
    }
    let room = Room::new();
    let before = peak();
    let limits = ContextLimits::default();
    let stored = receive(&mut Many(0, Cursor::default()), &room.contexts(), &limits).unwrap();
    let context = StoredContext::open(&room.contexts(), stored.digest).unwrap();
    assert_eq!(context.entries().len(), 100_501);
    let used = peak() - before;
    assert!(used < 128 << 10, "{used} KiB for 300 MB in 100,000 files");
}
