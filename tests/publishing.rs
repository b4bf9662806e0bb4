//! `flareo publish` at a terminal: what blocks is shown with its patch, and nothing is sent or written that nobody agreed to.

use std::io::{Read as _, Write as _};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use crate::support::{FLAREO, REVIEWER, SUBMITTER, Scene};

const BROKEN: &str =
    "# syntax=docker/dockerfile:1\nFROM debian:12-slim\nCMD [\"cat\", \"/etc/os-release\"]\n";

/// Publishes `site` at a terminal, where somebody types `answers`. What was shown, and the exit code.
fn at_a_terminal(scene: &Scene, arguments: &[&str], answers: &[&str]) -> (String, u32) {
    let pair = native_pty_system()
        .openpty(PtySize {
            rows: 40,
            cols: 120,
            ..PtySize::default()
        })
        .unwrap();
    let mut command = CommandBuilder::new(FLAREO);
    command.env("SUDO_USER", SUBMITTER);
    command.env("NO_COLOR", "1");
    command.env("HOME", scene.path("site"));
    command.arg("--state-dir");
    command.arg(scene.state());
    command.arg("publish");
    command.arg(scene.path("site"));
    command.args(arguments);
    let mut child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().unwrap();
    let mut writer = pair.master.take_writer().unwrap();
    let mut shown = String::new();
    let mut answers = answers.iter();
    let mut asked = 0;
    let mut bytes = [0; 4096];
    // The end of a terminal is an error on Linux.
    while let Ok(n) = reader.read(&mut bytes)
        && n > 0
    {
        shown.push_str(&String::from_utf8_lossy(&bytes[..n]));
        let questions = shown.matches("[y/N] ").count();
        while asked < questions {
            asked += 1;
            let answer = answers.next().unwrap_or(&"");
            writer.write_all(format!("{answer}\n").as_bytes()).unwrap();
        }
    }
    let status = child.wait().unwrap();
    assert_eq!(answers.next(), None, "not asked: {shown}");
    (shown.replace('\r', ""), status.exit_code())
}

#[test]
fn what_blocks_is_shown_with_its_patch_and_nothing_happens_unasked() {
    let scene = Scene::new();
    scene.ok("root", ["init"]);
    scene.ok("root", ["base", "add", "debian:12-slim"]);
    let dockerfile = scene.write("site/Dockerfile", BROKEN);
    let text = || std::fs::read_to_string(&dockerfile).unwrap();

    let (shown, code) = at_a_terminal(&scene, &["--slug", "hello"], &["n", "n"]);
    assert_eq!(code, 1, "{shown}");
    assert!(shown.contains("block[SRC03]"), "{shown}");
    assert!(shown.contains("-# syntax=docker/dockerfile:1"), "{shown}");
    assert!(shown.contains("Write these patches? [y/N] n"), "{shown}");
    assert!(
        shown.contains(
            "1 finding blocks: it can't be approved like this. Send it all the same? [y/N] n"
        ),
        "{shown}"
    );
    assert!(shown.ends_with("nothing was sent\n"), "{shown}");
    assert_eq!(text(), BROKEN);
    assert_eq!(scene.json("root", ["queue"]).as_array().unwrap().len(), 0);

    let (shown, code) = at_a_terminal(&scene, &["--slug", "hello"], &["y"]);
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("hello is submission #1"), "{shown}");
    assert!(!text().contains("syntax"), "{}", text());
    assert!(scene.path("site/.dockerignore").exists());

    // The one before it is named, with what became of it.
    scene.ok(
        REVIEWER,
        ["review", "1", "reject", "--reason", "the \u{1b}[31mlabels"],
    );
    scene.write("site/Dockerfile", BROKEN);
    let (shown, code) = at_a_terminal(&scene, &["--slug", "hello", "--yes"], &[]);
    assert_eq!(code, 0, "{shown}");
    assert!(
        shown.contains("the one before it is #1, rejected: the "),
        "{shown}"
    );
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    assert!(
        shown.contains("as it stands it can't be approved (1 blocking)"),
        "{shown}"
    );
    assert_eq!(text(), BROKEN, "--yes writes nothing");
}

#[test]
fn a_checked_submission_is_built_first_and_its_digest_is_the_workers() {
    let Some(scene) = Scene::that_builds() else {
        return;
    };
    scene.write(
        "site/Dockerfile",
        "FROM debian:12-slim\nRUN echo built > /x\nCMD [\"cat\", \"/x\"]\n",
    );
    let folder = scene.path("site");
    let arguments = [
        "publish",
        folder.to_str().unwrap(),
        "--slug",
        "hello",
        "--check",
    ];
    let published = scene.json(SUBMITTER, arguments);
    let digest = published["digest"].as_str().unwrap().to_owned();
    scene.ok(REVIEWER, ["review", "1", "approve"]);
    scene.ok("root", ["--batch"]);
    assert_eq!(
        scene.json("root", ["module", "show", "hello"])["digest"],
        digest
    );

    scene.write(
        "site/Dockerfile",
        "FROM debian:12-slim\nRUN echo no >&2 && exit 3\nCMD [\"cat\", \"/x\"]\n",
    );
    let failed = scene.run(SUBMITTER, arguments);
    assert_eq!(failed.code(), 1, "{failed:?}");
    assert!(failed.err().contains("nothing was sent"), "{failed:?}");
    assert_eq!(scene.json("root", ["queue"]).as_array().unwrap().len(), 1);
}
