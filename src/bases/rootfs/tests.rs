//! What a root file system becomes.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::super::tests::{Bench, Entries, FILE, amd64, tarball};
use super::super::{ImportOptions, import};
use crate::model::{Digest, Timestamp};
use crate::oci::{TarKind, TarReader};

fn entries(bench: &Bench, image: Digest) -> Vec<(String, TarKind, u32, u64, i64)> {
    let manifest = bench.store.manifest(image).unwrap();
    let layer = bench
        .store
        .open_layer(&manifest.layers[0], 1 << 30)
        .unwrap();
    let mut tar = TarReader::new(layer);
    let mut entries = Vec::new();
    while let Some(entry) = tar.next().unwrap() {
        let path = String::from_utf8(entry.path).unwrap();
        entries.push((path, entry.kind, entry.mode, entry.uid, entry.mtime));
    }
    entries
}

fn names(bench: &Bench, image: Digest) -> String {
    let entries = entries(bench, image);
    entries.iter().map(|e| &*e.0).collect::<Vec<_>>().join(" ")
}

fn root(path: &Path) {
    std::fs::create_dir_all(path.join("bin")).unwrap();
    std::fs::write(path.join("bin/sh"), "#!").unwrap();
    std::fs::set_permissions(path.join("bin/sh"), std::fs::Permissions::from_mode(0o4755)).unwrap();
    std::fs::hard_link(path.join("bin/sh"), path.join("bin/ash")).unwrap();
    symlink("../bin/../bin//sh", path.join("init")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        path.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
}

#[test]
fn a_folder_becomes_the_same_image_wherever_and_whenever_it_was_made() {
    let bench = Bench::new();
    root(&bench.path("one"));
    root(&bench.path("two"));
    let times = std::fs::FileTimes::new().set_modified(std::time::SystemTime::UNIX_EPOCH);
    let file = std::fs::File::open(bench.path("two/bin/sh")).unwrap();
    file.set_times(times).unwrap();
    let import = |name: &str| {
        bench
            .import(&format!("rootfs:{}", bench.path(name).display()))
            .unwrap()
    };
    let (one, two) = (import("one"), import("two"));
    assert_eq!(one.digest, two.digest);
    assert_eq!(
        one.remarks,
        ["left out 1 devices, pipes or sockets, as `pipe`"]
    );
    let found = entries(&bench, one.digest);
    let owner_and_time = |e: &(String, TarKind, u32, u64, i64)| (e.3, e.4) == (0, 315_532_800);
    assert!(found.iter().all(owner_and_time), "{found:?}");
    let kinds: Vec<_> = found.into_iter().map(|e| (e.0, e.1)).collect();
    assert_eq!(
        kinds,
        [
            ("bin/".into(), TarKind::Directory),
            ("bin/ash".into(), TarKind::File),
            ("bin/sh".into(), TarKind::Link(b"bin/ash".into())),
            ("init".into(), TarKind::Symlink(b"../bin/../bin//sh".into())),
        ]
    );
    let config = bench.store.config(one.config).unwrap();
    assert_eq!(config.created.unwrap().to_string(), "1980-01-01T00:00:00Z");
}

#[test]
fn the_time_of_a_root_file_system_can_be_given() {
    let bench = Bench::new();
    root(&bench.path("one"));
    let created: Timestamp = "2024-05-06T07:08:09Z".parse().unwrap();
    let options = ImportOptions {
        created: Some(created),
        ..ImportOptions::default()
    };
    let source = format!("rootfs:{}", bench.path("one").display());
    let imported = import(&bench.store, &source, &amd64(), &options).unwrap();
    assert_eq!(
        bench.store.config(imported.config).unwrap().created,
        Some(created)
    );
    assert_eq!(entries(&bench, imported.digest)[0].4, created.as_second());
}

#[test]
fn a_tar_keeps_owners_and_times_and_gets_an_order() {
    let bench = Bench::new();
    tarball(
        &bench.path("root.tar"),
        &[
            ("./z", FILE, b"last"),
            ("./a", tar::EntryType::Link, b"./z"),
            ("b/c/d", FILE, b"old"),
            ("/b/c/d", FILE, b"new"),
            ("dev/null", tar::EntryType::Char, b""),
        ],
    );
    let source = format!("rootfs:{}", bench.path("root.tar").display());
    let imported = bench.import(&source).unwrap();
    assert_eq!(names(&bench, imported.digest), "a b/ b/c/ b/c/d z");
    let found = entries(&bench, imported.digest);
    assert_eq!(found[0], ("a".into(), TarKind::File, 0o644, 7, 1000));
    assert_eq!(found[4].1, TarKind::Link(b"a".into()));
    assert_eq!(imported.remarks.len(), 1);
    assert_eq!(bench.import(&source).unwrap().digest, imported.digest);
}

#[test]
fn a_root_file_system_that_would_not_unpack_as_it_looks_is_refused() {
    let cases: [(Entries<'_>, &str); 5] = [
        (&[("../x", FILE, b"")], "leaves the root"),
        (&[("a/.wh.b", FILE, b"")], "whiteout"),
        (&[("a", tar::EntryType::Link, b"none")], "isn't there"),
        (&[("a", tar::EntryType::GNUSparse, b"")], "not accepted"),
        (
            &[
                ("a", tar::EntryType::Directory, b""),
                ("a/b", FILE, b""),
                ("a", FILE, b""),
            ],
            "folder with files",
        ),
    ];
    for (entries, why) in cases {
        let bench = Bench::new();
        tarball(&bench.path("root.tar"), entries);
        let error = bench.refused(&format!("rootfs:{}", bench.path("root.tar").display()));
        assert!(error.contains(why), "{error}");
        assert_eq!(bench.store.digests().unwrap(), []);
    }
}

#[test]
fn long_paths_links_and_capabilities_survive() {
    let bench = Bench::new();
    let deep = format!("{}/{}", "d".repeat(120), "f".repeat(120));
    let target = "t/".repeat(120);
    let mut builder = tar::Builder::new(std::fs::File::create(bench.path("root.tar")).unwrap());
    let capability: &[u8] = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\n\0=\0";
    builder
        .append_pax_extensions([("SCHILY.xattr.security.capability", capability)])
        .unwrap();
    let mut header = tar::Header::new_gnu();
    header.set_size(1);
    builder.append_data(&mut header, &deep, &b"x"[..]).unwrap();
    header.set_size(0);
    header.set_entry_type(tar::EntryType::Symlink);
    builder.append_link(&mut header, "link", &target).unwrap();
    builder.finish().unwrap();
    let source = format!("rootfs:{}", bench.path("root.tar").display());
    let image = bench.import(&source).unwrap();
    let manifest = bench.store.manifest(image.digest).unwrap();
    let mut tar = TarReader::new(
        bench
            .store
            .open_layer(&manifest.layers[0], 1 << 20)
            .unwrap(),
    );
    let mut found = Vec::new();
    while let Some(entry) = tar.next().unwrap() {
        found.push(entry);
    }
    assert_eq!(found[1].path, deep.as_bytes());
    assert_eq!(
        found[1].xattrs,
        [(b"security.capability".to_vec(), capability.to_vec())]
    );
    assert_eq!(found[2].kind, TarKind::Symlink(target.into_bytes()));
}
