//! The command line: its help, its errors, its exit codes.

use crate::support::{FLAREO, REVIEWER, SUBMITTER, Scene};

fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

#[test]
fn the_help_of_every_command() {
    let commands: &[&[&str]] = &[
        &["--help"],
        &["publish", "--help"],
        &["build", "--help"],
        &["review", "--help"],
        &["base", "--help"],
        &["module", "--help"],
        &["exception", "--help"],
    ];
    for command in commands {
        let output = std::process::Command::new(FLAREO)
            .args(*command)
            .env("NO_COLOR", "1")
            .env("COLUMNS", "100")
            .output()
            .unwrap();
        assert!(output.status.success());
        let name = format!(
            "help-{}",
            command
                .join("-")
                .replace("---help", "")
                .replace("--help", "flareo")
        );
        settings().bind(|| {
            insta::assert_snapshot!(name.as_str(), String::from_utf8_lossy(&output.stdout));
        });
    }
}

#[test]
fn every_topic_of_the_help_is_there_and_an_unknown_one_is_refused() {
    let scene = Scene::new();
    for (topic, text) in flareo::pipeline::help::TOPICS {
        assert_eq!(
            scene.ok("root", ["help", topic]).out().trim_end(),
            flareo::pipeline::help::plain(text).trim_end()
        );
    }
    let unknown = scene.run("root", ["help", "nothing"]);
    assert_eq!(unknown.code(), 2);
    assert!(unknown.err().contains("submitting"), "{unknown:?}");
}

#[test]
fn exit_codes_say_whose_fault_it_is() {
    let scene = Scene::new();
    assert_eq!(scene.run("root", ["nonsense"]).code(), 2);
    assert_eq!(scene.run("root", ["show", "1"]).code(), 2);
    assert_eq!(scene.run("root", ["--batch", "queue"]).code(), 2);
    assert_eq!(
        scene.run("root", Vec::<&str>::new()).code(),
        2,
        "the console needs a terminal"
    );
    assert_eq!(
        scene.run("root", ["--batch"]).code(),
        0,
        "nothing to do is done"
    );
    scene.write("state/policy.toml", "[limits]\nnonsense = 1\n");
    let wrong = scene.run("root", ["queue"]);
    assert_eq!(wrong.code(), 2);
    assert!(
        wrong.err().contains("policy.toml") && wrong.err().contains("line 2"),
        "{wrong:?}"
    );
}

#[test]
fn a_reviewer_reads_decides_and_is_told_no_where_a_rule_says_so() {
    let scene = Scene::new();
    scene.write(
        "c/Dockerfile",
        "FROM debian:12-slim\nRUN apt-get install -y curl\nCMD [\"sh\"]\n",
    );
    scene.ok(
        SUBMITTER,
        [
            "publish",
            scene.path("c").to_str().unwrap(),
            "--slug",
            "foo",
        ],
    );
    let blocked = scene.run(REVIEWER, ["review", "1", "approve"]);
    assert_eq!(blocked.code(), 1);
    assert!(
        blocked.err().contains("NET01") && blocked.err().contains("line 2"),
        "{blocked:?}"
    );
    scene.ok(REVIEWER, ["review", "1", "claim"]);
    let other = scene.run("root", ["review", "1", "reject", "--reason", "mine"]);
    assert_eq!(other.code(), 4, "somebody else reads it: {other:?}");
    scene.ok(
        REVIEWER,
        ["review", "1", "reject", "--reason", "vendor curl"],
    );
    let late = scene.run(REVIEWER, ["review", "1", "approve"]);
    assert_eq!(late.code(), 1, "{late:?}");
    let shown = scene.ok("root", ["show", "1"]).out();
    assert!(
        shown.contains("rejected") && shown.contains("vendor curl"),
        "{shown}"
    );
}

#[test]
fn foreign_text_reaches_no_terminal_raw() {
    let scene = Scene::new();
    scene.write("c/Dockerfile", "FROM debian:12-slim\n# \u{1b}]0;owned\u{7}\u{202e}txet\nRUN echo '\u{1b}[31m'\nCMD [\"sh\"]\n");
    let published = scene.run(
        SUBMITTER,
        [
            "publish",
            scene.path("c").to_str().unwrap(),
            "--slug",
            "foo",
            "--notes",
            "\u{1b}[2Jhi",
        ],
    );
    assert_eq!(published.code(), 0, "{published:?}");
    let shown = scene.ok("root", ["show", "1"]).out();
    for hidden in ['\u{1b}', '\u{7}', '\u{202e}'] {
        assert!(!shown.contains(hidden), "{shown:?}");
        assert!(!published.out().contains(hidden));
    }
}

#[test]
fn a_grant_lets_one_base_pass_for_one_row() {
    let scene = Scene::new();
    let Some(rootfs) = crate::vulnerabilities::small_debian(&scene.path("rootfs")) else {
        return;
    };
    scene.base("registry.example/own/base:1", &rootfs);
    scene.write(
        "c/Dockerfile",
        "FROM registry.example/own/base:1\nCMD [\"sh\"]\n",
    );
    scene.ok(
        SUBMITTER,
        [
            "publish",
            scene.path("c").to_str().unwrap(),
            "--slug",
            "foo",
        ],
    );
    let refused = scene.run(REVIEWER, ["review", "1", "approve"]);
    assert!(
        refused
            .err()
            .contains("base image not in approved list: registry.example/own/base"),
        "{refused:?}"
    );
    let grant = [
        "review",
        "1",
        "approve",
        "--grant-base",
        "registry.example/own/base:1",
    ];
    assert_eq!(
        scene.run(REVIEWER, grant).code(),
        1,
        "a grant needs a reason"
    );
    let grant: Vec<_> = grant.into_iter().chain(["--reason", "our own"]).collect();
    scene.ok(REVIEWER, grant);
    assert_eq!(
        scene.json("root", ["show", "1"])["submission"]["state"],
        "approved"
    );
}

#[test]
fn an_approval_is_void_when_the_policy_changes_under_it() {
    let scene = Scene::new();
    let Some(rootfs) = crate::vulnerabilities::small_debian(&scene.path("rootfs")) else {
        return;
    };
    scene.base("debian:12-slim", &rootfs);
    scene.write("c/Dockerfile", "FROM debian:12-slim\nCMD [\"sh\"]\n");
    scene.ok(
        SUBMITTER,
        [
            "publish",
            scene.path("c").to_str().unwrap(),
            "--slug",
            "foo",
        ],
    );
    scene.ok(REVIEWER, ["review", "1", "approve"]);
    scene.write("state/policy.toml", "[limits]\ntime_seconds = 60\n");
    let batch = scene.ok("root", ["--batch"]);
    assert!(batch.out().contains("1 back to the reviewers"), "{batch:?}");
    assert_eq!(
        scene.json("root", ["show", "1"])["submission"]["state"],
        "pending"
    );
}

#[test]
fn an_approval_is_void_when_its_base_leaves_the_approved_list() {
    let scene = Scene::new();
    let Some(rootfs) = crate::vulnerabilities::small_debian(&scene.path("rootfs")) else {
        return;
    };
    scene.base("debian:12-slim", &rootfs);
    scene.write("c/Dockerfile", "FROM debian:12-slim\nCMD [\"sh\"]\n");
    scene.ok(
        SUBMITTER,
        [
            "publish",
            scene.path("c").to_str().unwrap(),
            "--slug",
            "foo",
        ],
    );
    scene.ok(REVIEWER, ["review", "1", "approve"]);
    scene.ok("root", ["base", "remove", "debian:12-slim"]);
    let batch = scene.ok("root", ["--batch"]);
    assert!(batch.out().contains("1 back to the reviewers"), "{batch:?}");
    let shown = scene.json("root", ["show", "1"]);
    assert_eq!(shown["submission"]["state"], "pending");
}
