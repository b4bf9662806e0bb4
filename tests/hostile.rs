//! Bad input: each gets a clear error, and nothing is lost or half there.

mod contexts;
mod images;
mod layers;
pub mod tape;

use std::io::Write as _;

use crate::support::{SUBMITTER, Scene};

/// One entry of a tar archive, made by hand: a library would refuse to write what we need.
fn entry(archive: &mut Vec<u8>, name: &str, kind: u8, link: &str, size: u64, body: &[u8]) {
    let mut header = [0_u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..107].copy_from_slice(b"0000644");
    header[108..115].copy_from_slice(b"0000000");
    header[116..123].copy_from_slice(b"0000000");
    header[124..136].copy_from_slice(format!("{size:012o}").as_bytes());
    header[136..147].copy_from_slice(b"00000000000");
    header[156] = kind;
    header[157..157 + link.len()].copy_from_slice(link.as_bytes());
    header[257..265].copy_from_slice(b"ustar\x0000");
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    archive.extend_from_slice(&header);
    archive.extend_from_slice(body);
    archive.resize(archive.len().div_ceil(512) * 512, 0);
}

/// Every file that a base could have left: blobs, half blobs, lists of layers, unpacked layers.
fn left(scene: &Scene) -> Vec<String> {
    let mut found = Vec::new();
    for folder in [
        "oci/blobs/sha256",
        "oci/ingest",
        "snapshots/index",
        "snapshots/steps",
        "snapshots/layers",
        "snapshots/tmp",
    ] {
        walk(&scene.state().join(folder), &mut found);
    }
    found
}

const DOCKERFILE: &[u8] = b"FROM scratch\nCMD [\"/x\"]\n";

/// An archive with a good Dockerfile and one entry of the test's own.
fn archive(more: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    entry(
        &mut bytes,
        "Dockerfile",
        b'0',
        "",
        DOCKERFILE.len() as u64,
        DOCKERFILE,
    );
    more(&mut bytes);
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

fn walk(folder: &std::path::Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().unwrap().is_dir() {
            walk(&entry.path(), found);
        } else {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
}

/// Everything under the folder of contexts.
fn kept(scene: &Scene) -> Vec<String> {
    let mut found = Vec::new();
    walk(&scene.state().join("contexts"), &mut found);
    found
}

#[test]
fn hostile_archives_are_refused_whole_and_leave_nothing() {
    let scene = Scene::new();
    type Make = fn(&mut Vec<u8>);
    let cases: &[(&str, Make, &str)] = &[
        (
            "an absolute path",
            |a| entry(a, "/etc/passwd", b'0', "", 1, b"x"),
            "/etc/passwd",
        ),
        (
            "a path that climbs",
            |a| entry(a, "../escape", b'0', "", 1, b"x"),
            "../escape",
        ),
        (
            "a path that climbs inside",
            |a| entry(a, "a/../../escape", b'0', "", 1, b"x"),
            "a/../../escape",
        ),
        (
            "a link that leaves",
            |a| entry(a, "link", b'2', "../../etc", 0, b""),
            "link",
        ),
        (
            "a hard link that leaves",
            |a| entry(a, "hard", b'1', "../etc/passwd", 0, b""),
            "hard",
        ),
        (
            "a character device",
            |a| entry(a, "dev", b'3', "", 0, b""),
            "dev",
        ),
        (
            "a block device",
            |a| entry(a, "disk", b'4', "", 0, b""),
            "disk",
        ),
        ("a fifo", |a| entry(a, "pipe", b'6', "", 0, b""), "pipe"),
        (
            "a path twice",
            |a| {
                entry(a, "twice", b'0', "", 1, b"x");
                entry(a, "twice", b'0', "", 1, b"y");
            },
            "twice",
        ),
        (
            "ten gigabytes",
            |a| entry(a, "huge", b'0', "", 10 << 30, b""),
            "huge",
        ),
        (
            "a torn end",
            |a| {
                entry(a, "torn", b'0', "", 5000, b"short");
            },
            "",
        ),
    ];
    for (what, make, named) in cases {
        let path = scene.write("hostile.tar", archive(make));
        let answer = scene.run(
            SUBMITTER,
            ["publish", path.to_str().unwrap(), "--slug", "hostile"],
        );
        assert_eq!(answer.code(), 1, "{what}: {answer:?}");
        assert!(
            answer.err().contains(named),
            "{what} is not named: {answer:?}"
        );
        assert_eq!(
            kept(&scene),
            Vec::<String>::new(),
            "{what} left something behind"
        );
    }
    let queue = scene.json("root", ["queue"]);
    assert_eq!(queue.as_array().unwrap().len(), 0);
}

#[test]
fn a_good_archive_comes_in_as_a_folder_a_file_and_a_stream_with_one_digest() {
    let scene = Scene::new();
    scene.write("good/Dockerfile", DOCKERFILE);
    let tar = scene.write("good.tar", archive(|_| {}));
    let publish =
        |source: &str, slug: &str| scene.json(SUBMITTER, ["publish", source, "--slug", slug]);
    let folder = publish(scene.path("good").to_str().unwrap(), "one");
    let file = publish(tar.to_str().unwrap(), "two");
    let mut command = scene.command(SUBMITTER);
    command.args(["--format", "json", "publish", "-", "--slug", "three"]);
    let mut child = command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(&archive(|_| {}))
        .unwrap();
    let stream: serde_json::Value =
        serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(folder["context"], file["context"]);
    assert_eq!(folder["context"], stream["context"]);
    assert_eq!(kept(&scene).len(), 1);
}

#[test]
fn one_slug_has_one_live_submission() {
    let scene = Scene::new();
    scene.write("c/Dockerfile", DOCKERFILE);
    let folder = scene.path("c");
    scene.ok(
        SUBMITTER,
        ["publish", folder.to_str().unwrap(), "--slug", "foo"],
    );
    let second = scene.run(
        SUBMITTER,
        ["publish", folder.to_str().unwrap(), "--slug", "foo"],
    );
    assert_eq!(second.code(), 1);
    assert!(
        second
            .err()
            .contains("submission already pending for slug foo"),
        "{second:?}"
    );
    scene.ok(SUBMITTER, ["review", "1", "withdraw"]);
    let third = scene.json(
        SUBMITTER,
        ["publish", folder.to_str().unwrap(), "--slug", "foo"],
    );
    assert_eq!(third["id"], 2, "a resubmission is a new row");
}

#[test]
fn dockerfiles_that_do_not_parse_are_not_queued() {
    let scene = Scene::new();
    let mut large = b"FROM scratch\n".to_vec();
    large.resize(10 << 20, b'#');
    for (what, text, wanted) in [
        (
            "an unknown instruction",
            b"FROM scratch\nFORM scratch\n".to_vec(),
            "Dockerfile parse error on line 2",
        ),
        (
            "an empty file",
            Vec::new(),
            "Dockerfile parse error on line",
        ),
        ("ten megabytes", large, "1048576"),
        (
            "bytes that are no text",
            b"FROM scratch\nRUN \xff\xfe\n".to_vec(),
            "Dockerfile parse error on line 2",
        ),
    ] {
        scene.write("c/Dockerfile", text);
        let answer = scene.run(
            SUBMITTER,
            [
                "publish",
                scene.path("c").to_str().unwrap(),
                "--slug",
                "foo",
            ],
        );
        assert_eq!(answer.code(), 1, "{what}: {answer:?}");
        assert!(answer.err().contains(wanted), "{what}: {answer:?}");
    }
    assert_eq!(scene.json("root", ["queue"]).as_array().unwrap().len(), 0);
}

#[test]
fn a_context_without_a_dockerfile_says_what_it_is_and_what_to_do() {
    let scene = Scene::new();
    scene.write("c/package.json", "{}");
    let answer = scene.run(
        SUBMITTER,
        [
            "publish",
            scene.path("c").to_str().unwrap(),
            "--slug",
            "foo",
        ],
    );
    assert_eq!(answer.code(), 1);
    assert!(
        answer.err().contains("package.json") && answer.err().contains("nodejs"),
        "{answer:?}"
    );
}

#[test]
fn a_hundred_thousand_files_come_in() {
    let scene = Scene::new();
    let archive = archive(|bytes| {
        for i in 0..100_000 {
            entry(
                bytes,
                &format!("files/{:03}/{i}", i % 500),
                b'0',
                "",
                2,
                b"x\n",
            );
        }
    });
    let path = scene.write("many.tar", archive);
    let published = scene.json(
        SUBMITTER,
        ["publish", path.to_str().unwrap(), "--slug", "many"],
    );
    assert_eq!(published["state"], "pending");
    let shown = scene.json("root", ["show", "1"]);
    assert!(shown["submission"]["context_entries"].as_u64().unwrap() >= 100_000);
}

#[test]
fn a_sparse_giant_in_a_folder_is_refused_before_it_is_read() {
    let scene = Scene::new();
    scene.write("c/Dockerfile", DOCKERFILE);
    let giant = std::fs::File::create(scene.path("c/giant")).unwrap();
    giant.set_len(10 << 30).unwrap();
    let answer = scene.run(
        SUBMITTER,
        [
            "publish",
            scene.path("c").to_str().unwrap(),
            "--slug",
            "foo",
        ],
    );
    assert_eq!(answer.code(), 1, "{answer:?}");
    assert!(
        answer.err().contains("giant") || answer.err().contains("bytes"),
        "{answer:?}"
    );
    assert_eq!(kept(&scene), Vec::<String>::new());
}

#[test]
fn a_base_that_lies_about_its_digest_is_refused() {
    let scene = Scene::new();
    let layout = scene.path("layout");
    std::fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
    let config = br#"{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}"#;
    let put = |bytes: &[u8]| {
        let digest = flareo::model::Digest::of(bytes);
        std::fs::write(layout.join("blobs/sha256").join(digest.hex()), bytes).unwrap();
        digest
    };
    let config_digest = put(config);
    let manifest = serde_json::json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config_digest, "size": config.len() },
        "layers": [] });
    let bytes = manifest.to_string().into_bytes();
    let digest = put(&bytes);
    let index = serde_json::json!({ "schemaVersion": 2, "manifests": [
        { "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": bytes.len() }] });
    std::fs::write(layout.join("index.json"), index.to_string()).unwrap();
    std::fs::write(
        layout.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .unwrap();
    // The configuration that the manifest names is replaced by one of the same length.
    let lie = String::from_utf8_lossy(config).replace("amd64", "amd65");
    std::fs::write(layout.join("blobs/sha256").join(config_digest.hex()), lie).unwrap();
    let answer = scene.run(
        "root",
        [
            "base",
            "import",
            "liar:1",
            &format!("oci:{}", layout.display()),
        ],
    );
    assert_eq!(answer.code(), 1, "{answer:?}");
    assert!(
        answer.err().contains(&config_digest.to_string()),
        "{answer:?}"
    );
    let list = scene.json("root", ["base", "list"]);
    assert!(!list.to_string().contains("liar"));
}

/// A file system of its own size, unmounted again whatever happens.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn on(path: &std::path::Path, megabytes: u32) -> Option<Self> {
        std::fs::create_dir_all(path).unwrap();
        let mounted = std::process::Command::new("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={megabytes}m,mode=0700"),
                "tmpfs",
            ])
            .arg(path)
            .output()
            .is_ok_and(|output| output.status.success());
        if mounted {
            return Some(Self(path.to_owned()));
        }
        println!("skipped: a small disk needs root and `mount`");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount")
            .arg("--lazy")
            .arg(&self.0)
            .output();
    }
}

#[test]
fn a_full_disk_is_said_and_leaves_nothing_half() {
    let scene = Scene::new();
    let Some(_disk) = SmallDisk::on(&scene.state(), 6) else {
        return;
    };
    scene.write("small/Dockerfile", DOCKERFILE);
    scene.ok(
        SUBMITTER,
        [
            "publish",
            scene.path("small").to_str().unwrap(),
            "--slug",
            "small",
        ],
    );
    let before = kept(&scene);
    scene.write("large/Dockerfile", DOCKERFILE);
    scene.write("large/data", vec![7; 8 << 20]);
    let answer = scene.run(
        SUBMITTER,
        [
            "publish",
            scene.path("large").to_str().unwrap(),
            "--slug",
            "large",
        ],
    );
    assert_eq!(answer.code(), 3, "{answer:?}");
    assert!(
        answer.err().to_lowercase().contains("space") || answer.err().contains("full"),
        "{answer:?}"
    );
    assert_eq!(kept(&scene), before, "nothing half is left");
    let queue = scene.json("root", ["queue"]);
    assert_eq!(queue.as_array().unwrap().len(), 1, "{queue}");
    scene.ok("root", ["audit", "verify"]);
}
