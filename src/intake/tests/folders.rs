//! Folders, their ignore files, and what changes in them.

use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use super::*;
use crate::model::limits::GIB;

#[test]
fn dockerignore_leaves_out_the_same_from_folder_and_archive() {
    let room = Room::new();
    room.file(".dockerignore", "*\n!src\n!keep/deep/file\nsrc/*.tmp\n");
    for path in [
        "Dockerfile",
        "src/a.rs",
        "src/b.tmp",
        "keep/deep/file",
        "keep/deep/other",
        "keep/x",
        "node/y",
        "z",
    ] {
        room.file(path, path);
    }
    room.mode("keep", 0o700);
    symlink("/usr/bin/python", room.source().join("node/python")).unwrap();
    let _socket = UnixListener::bind(room.source().join("node/s")).unwrap();
    assert!(
        fs::metadata(room.source().join("node/s"))
            .unwrap()
            .file_type()
            .is_socket()
    );
    let folder = room.pack().unwrap();
    let expected = [
        ".dockerignore",
        "Dockerfile",
        "keep",
        "keep/deep",
        "keep/deep/file",
        "src",
        "src/a.rs",
    ];
    let context = room.open(folder);
    assert_eq!(paths(&context), expected);
    assert_eq!(
        context.entries()[2].mode,
        0o700,
        "a folder that is left out itself comes as it is"
    );
    fs::remove_file(room.source().join("node/s")).unwrap();
    let mut builder = ::tar::Builder::new(Vec::new());
    builder.follow_symlinks(false);
    builder.append_dir_all("", room.source()).unwrap();
    assert_eq!(
        room.receive(&builder.into_inner().unwrap()).unwrap(),
        folder
    );
}

#[test]
fn the_dockerfiles_own_ignore_file_wins() {
    let room = Room::new();
    room.file(".dockerignore", "a")
        .file("Dockerfile.dockerignore", "b")
        .file("a", "")
        .file("b", "");
    let context = room.open(room.pack().unwrap());
    assert_eq!(
        paths(&context),
        [".dockerignore", "Dockerfile.dockerignore", "a"]
    );
}

#[test]
fn what_is_taken_in_only_to_be_read_is_not_copied() {
    let room = Room::new();
    room.file(".dockerignore", "Dockerfile\n.dockerignore\n")
        .file("Dockerfile", "FROM scratch")
        .file("x", "x");
    let stored = room.pack().unwrap();
    let view = BuildView::new(room.open(stored)).unwrap();
    assert_eq!(paths(&view), ["x"]);
    assert_eq!(view.read("x", 9).unwrap(), b"x");
    assert_eq!(view.digest(), Some(stored.digest));
    room.file(".dockerignore", "y");
    let view = BuildView::new(DirContext::open(&room.source(), &ContextLimits::default()).unwrap())
        .unwrap();
    assert_eq!(paths(&view), [".dockerignore", "Dockerfile", "x"]);
}

#[test]
fn a_folder_with_what_no_context_holds_is_refused() {
    type Make = fn(&Path);
    let cases: [(Make, &str); 6] = [
        (
            |c| symlink("/etc/passwd", c.join("l")).unwrap(),
            "`l` points to `/etc/passwd`: link leaves the context",
        ),
        (
            |c| symlink("../x", c.join("l")).unwrap(),
            "link leaves the context",
        ),
        (
            |c| drop(UnixListener::bind(c.join("s")).unwrap()),
            "`s` is a socket",
        ),
        (
            |c| {
                rustix::fs::mknodat(
                    rustix::fs::CWD,
                    c.join("p"),
                    rustix::fs::FileType::Fifo,
                    0o600.into(),
                    0,
                )
                .unwrap();
            },
            "`p` is a named pipe",
        ),
        (
            |c| {
                fs::File::create(c.join("giant"))
                    .unwrap()
                    .set_len(10 * GIB)
                    .unwrap();
            },
            "`giant` (10737418240 bytes)",
        ),
        (
            |c| symlink("x", c.join(".dockerignore")).unwrap(),
            "`.dockerignore` must be a file",
        ),
    ];
    for (make, named) in cases {
        let room = Room::new();
        make(&room.source());
        let error = room.pack().unwrap_err();
        assert!(error.to_string().contains(named), "{named}: {error}");
        assert!(!error.is_host());
        assert_eq!(room.kept(), Vec::<String>::new());
    }
    let room = Room::new();
    let error = pack_dir(
        &room.source().join("missing"),
        &room.contexts(),
        &ContextLimits::default(),
        &|_, _| {},
    )
    .unwrap_err();
    assert!(
        !error.is_host() && error.to_string().contains("missing"),
        "{error}"
    );
}

#[test]
fn a_file_that_changes_after_it_was_listed_is_not_read() {
    for change in [
        (|c: &Path| fs::write(c.join("a"), "longer than before").unwrap()) as fn(&Path),
        |c| fs::remove_file(c.join("a")).unwrap(),
        |c| {
            fs::remove_file(c.join("a")).unwrap();
            symlink("/etc/passwd", c.join("a")).unwrap();
        },
        |c| {
            fs::rename(c.join("a"), c.join("b")).unwrap();
            fs::write(c.join("a"), "1").unwrap();
        },
    ] {
        let room = Room::new();
        room.file("a", "1");
        let context = DirContext::open(&room.source(), &ContextLimits::default()).unwrap();
        change(&room.source());
        let error = canonical::store(&context, &room.contexts()).unwrap_err();
        assert!(
            error.to_string().contains("`a` changed or vanished"),
            "{error}"
        );
        assert_eq!(room.kept(), Vec::<String>::new());
    }
    // And while it is read.
    let room = Room::new();
    room.file("a", vec![b'x'; 100_000]);
    let context = DirContext::open(&room.source(), &ContextLimits::default()).unwrap();
    let mut reader = context.open(0).unwrap();
    let mut first = [0; 10];
    reader.read_exact(&mut first).unwrap();
    fs::OpenOptions::new()
        .write(true)
        .open(room.source().join("a"))
        .unwrap()
        .set_len(50)
        .unwrap();
    assert!(reader.read_to_end(&mut Vec::new()).is_err());
}

#[test]
fn the_first_signal_wins_and_all_are_told() {
    let room = Room::new();
    for file in [
        "build.gradle",
        "go.mod",
        "package.json",
        "pyproject.toml",
        "package.swift",
        "sub/Gemfile",
        "dockerfile",
    ] {
        room.file(file, "");
    }
    let found = detect(&room.open(room.pack().unwrap()));
    assert_eq!(found.dockerfile, None, "letter by letter");
    let told: Vec<_> = found
        .signals
        .iter()
        .map(|s| (s.file.as_str(), s.language.as_str()))
        .collect();
    let expected = [
        ("package.json", "nodejs"),
        ("pyproject.toml", "python"),
        ("go.mod", "go"),
        ("build.gradle", "java"),
        ("package.swift", "swift"),
    ];
    assert_eq!(told, expected);
    room.file("Dockerfile", "");
    let found = detect(&DirContext::open(&room.source(), &ContextLimits::default()).unwrap());
    assert_eq!(found.dockerfile.as_deref(), Some("Dockerfile"));
    assert_eq!(found.signals.len(), 5);
}
