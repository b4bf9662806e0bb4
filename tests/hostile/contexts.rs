//! Contexts that a build is given from a folder: each trouble by name, in bounded time, and nothing is left of it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode};

use super::left;
use crate::support::{Answer, SUBMITTER, Scene, can_build};

const COPY: &str = "FROM scratch\nCOPY . /\nCMD [\"/x\"]\n";

fn build(scene: &Scene) -> Answer {
    let folder = scene.path("c");
    scene.run(
        SUBMITTER,
        ["build", "--no-policy", folder.to_str().unwrap()],
    )
}

fn publish(scene: &Scene) -> Answer {
    let folder = scene.path("c");
    scene.run(
        SUBMITTER,
        ["publish", folder.to_str().unwrap(), "--slug", "odd"],
    )
}

#[test]
fn what_no_context_may_hold_is_refused_by_name_when_it_is_built_and_when_it_is_published() {
    if !can_build() {
        return;
    }
    type Make = fn(&Path);
    let cases: &[(&str, Make, &str)] = &[
        (
            "a pipe",
            |c| rustix::fs::mknodat(CWD, c.join("d/pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap(),
            "d/pipe",
        ),
        (
            "a device",
            |c| {
                let null = rustix::fs::makedev(1, 3);
                rustix::fs::mknodat(
                    CWD,
                    c.join("d/null"),
                    FileType::CharacterDevice,
                    Mode::RWXU,
                    null,
                )
                .unwrap();
            },
            "d/null",
        ),
        (
            "a socket",
            |c| drop(std::os::unix::net::UnixListener::bind(c.join("d/socket")).unwrap()),
            "d/socket",
        ),
        (
            "a name that is no text",
            |c| std::fs::write(c.join(OsStr::from_bytes(b"d/\xff\xfe")), "").unwrap(),
            "d/",
        ),
        (
            "a link that leaves",
            |c| std::os::unix::fs::symlink("../../etc/passwd", c.join("d/link")).unwrap(),
            "link leaves the context",
        ),
        (
            "a link to the host's root",
            |c| std::os::unix::fs::symlink("/etc", c.join("d/link")).unwrap(),
            "link leaves the context",
        ),
        (
            "a giant with holes",
            |c| {
                std::fs::File::create(c.join("d/giant"))
                    .unwrap()
                    .set_len(8 << 40)
                    .unwrap();
            },
            "d/giant",
        ),
        (
            "folders ten thousand deep",
            |c| {
                // Each folder is made in the one before: the whole path is longer than any call takes.
                let mut at: std::os::fd::OwnedFd = std::fs::File::open(c.join("d")).unwrap().into();
                for _ in 0..10_000 {
                    rustix::fs::mkdirat(&at, "d", Mode::RWXU).unwrap();
                    let flags = rustix::fs::OFlags::DIRECTORY;
                    at = rustix::fs::openat(&at, "d", flags, Mode::empty()).unwrap();
                }
            },
            "a path",
        ),
    ];
    for (what, make, named) in cases {
        let scene = Scene::new();
        scene.write("c/Dockerfile", COPY);
        scene.write("c/d/x", "x");
        make(&scene.path("c"));
        for answer in [build(&scene), publish(&scene)] {
            assert_eq!(answer.code(), 1, "{what}: {answer:?}");
            assert!(
                answer.err().contains(named),
                "{what} is not named: {answer:?}"
            );
            assert!(
                !answer.err().chars().any(|c| c.is_control() && c != '\n'),
                "{what}: {answer:?}"
            );
        }
        assert_eq!(left(&scene), Vec::<String>::new(), "{what}");
        // Deeper than the folder's own owner can remove it at once.
        let _ = std::process::Command::new("rm")
            .arg("-rf")
            .arg(scene.path("c"))
            .output();
    }
}

#[test]
fn a_link_that_goes_round_in_circles_is_copied_as_it_is_and_followed_by_nobody() {
    if !can_build() {
        return;
    }
    let scene = Scene::new();
    scene.write("c/Dockerfile", "FROM scratch\nCOPY d /d\n");
    scene.write("c/d/x", "x");
    std::os::unix::fs::symlink("circle", scene.path("c/d/circle")).unwrap();
    std::os::unix::fs::symlink(".", scene.path("c/d/self")).unwrap();
    let answer = build(&scene);
    assert_eq!(answer.code(), 0, "{answer:?}");
    for (text, said) in [
        ("FROM scratch\nCOPY d/circle/x /x\n", "d/circle"),
        (
            "FROM scratch\nCOPY d /d\nCOPY d/x /d/circle/\n",
            "too many symbolic links",
        ),
        (
            "FROM scratch\nCOPY d /d\nWORKDIR /d/circle\n",
            "too many symbolic links",
        ),
    ] {
        scene.write("c/Dockerfile", text);
        let answer = build(&scene);
        assert_eq!(answer.code(), 1, "{text}: {answer:?}");
        assert!(
            answer.err().contains(said) || answer.out().contains(said),
            "{text}: {answer:?}"
        );
    }
}

#[test]
fn names_that_steer_terminals_come_in_and_never_reach_one() {
    if !can_build() {
        return;
    }
    let scene = Scene::new();
    scene.write("c/Dockerfile", COPY);
    for name in [
        "\x1b[2J\x1b]0;owned\x07",
        "two\nlines",
        "tab\there",
        "back\u{8}\u{8}\u{8}",
        "\u{202e}gnp.exe",
        "-rf",
        "'; rm -rf /;'",
    ] {
        scene.write(&format!("c/d/{name}"), "x");
    }
    for answer in [build(&scene), publish(&scene)] {
        assert_eq!(answer.code(), 0, "{answer:?}");
        let text = answer.out() + &answer.err();
        assert!(
            !text.chars().any(|c| c.is_control() && c != '\n'),
            "{text:?}"
        );
        assert!(!text.contains('\u{202e}'), "{text:?}");
    }
    // Also where one of them is what is wrong.
    std::os::unix::fs::symlink("/etc", scene.path("c/\x1b[2Jlink")).unwrap();
    for answer in [build(&scene), publish(&scene)] {
        assert_eq!(answer.code(), 1, "{answer:?}");
        assert!(
            !answer.err().contains('\x1b') && answer.err().contains("link"),
            "{answer:?}"
        );
    }
}

#[test]
fn a_hundred_thousand_files_are_built() {
    if !can_build() {
        return;
    }
    let scene = Scene::new();
    scene.write("c/Dockerfile", COPY);
    for n in 0..200 {
        std::fs::create_dir_all(scene.path(&format!("c/{n}"))).unwrap();
        for m in 0..500 {
            std::fs::write(scene.path(&format!("c/{n}/{m}")), "").unwrap();
        }
    }
    let built = build(&scene);
    assert_eq!(built.code(), 0, "{built:?}");
}

#[test]
fn a_file_that_may_not_be_read_is_named() {
    if !can_build() {
        return;
    }
    let scene = Scene::new();
    scene.write("c/Dockerfile", COPY);
    let secret = scene.write("c/d/secret", "x");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o000)).unwrap();
    // Root reads everything; so somebody else asks.
    let folder = scene.path("c");
    for path in [scene.path(""), folder.clone(), scene.path("c/d")] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let state = scene.path("theirs");
    std::fs::create_dir(&state).unwrap();
    std::os::unix::fs::chown(&state, Some(65534), Some(65534)).unwrap();
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).unwrap();
    use std::os::unix::process::CommandExt as _;
    let mut command = std::process::Command::new(crate::support::FLAREO);
    command
        .arg("--state-dir")
        .arg(&state)
        .env("HOME", &state)
        .env("NO_COLOR", "1")
        .uid(65534)
        .gid(65534);
    command
        .args(["publish", folder.to_str().unwrap(), "--slug", "odd"])
        .current_dir("/");
    let Ok(output) = command.output() else {
        println!("skipped: others can't start this program");
        return;
    };
    let answer = Answer(output);
    assert_eq!(answer.code(), 1, "{answer:?}");
    assert!(
        answer.err().contains("d/secret") && answer.err().contains("ermission"),
        "{answer:?}"
    );
}

#[test]
fn a_context_that_somebody_else_changes_meanwhile_is_refused_or_whole() {
    if !can_build() {
        return;
    }
    let scene = Scene::new();
    scene.write("c/Dockerfile", "FROM scratch\nCOPY d /d\n");
    let names: Vec<_> = (0..300)
        .map(|n| scene.write(&format!("c/d/{n}"), vec![b'x'; 20_000]))
        .collect();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                n += 1;
                let path = &names[n * 7 % names.len()];
                match n % 4 {
                    0 => drop(std::fs::remove_file(path)),
                    1 => drop(std::fs::write(path, vec![b'y'; n % 30_000])),
                    2 => {
                        let _ = std::fs::remove_file(path);
                        let _ = std::os::unix::fs::symlink("/etc/passwd", path);
                    }
                    _ => {
                        let _ = std::fs::remove_file(path);
                        let _ = std::fs::create_dir(path);
                        let _ = std::fs::remove_dir(path);
                    }
                }
            }
        });
        for _ in 0..6 {
            let answer = build(&scene);
            let said = answer.err();
            match answer.code() {
                0 => {}
                1 => assert!(
                    said.contains("changed") || said.contains("link leaves the context"),
                    "{answer:?}"
                ),
                _ => panic!("{answer:?}"),
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
