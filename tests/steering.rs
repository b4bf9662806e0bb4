//! Builds that somebody ends, submissions that are tried once more, and the plain words for every screen.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::{REVIEWER, SUBMITTER, Scene};

/// A process that ends with the test.
struct Ends(Child);

impl Ends {
    /// Ends as it should when it is asked to.
    fn terminated(&mut self) -> bool {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.0.wait().unwrap().success()
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn publish(scene: &Scene, slug: &str, dockerfile: &str) -> String {
    scene.write(&format!("{slug}/Dockerfile"), dockerfile);
    let folder = scene.path(slug);
    let made = scene.json(
        SUBMITTER,
        [
            "publish",
            folder.to_str().unwrap(),
            "--slug",
            slug,
            "--email",
            "mia@example.org",
        ],
    );
    made["id"].to_string()
}

fn state(scene: &Scene, id: &str) -> String {
    let row = scene.json("root", ["show", id]);
    row["submission"]["state"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn a_running_build_is_ended_and_tried_once_more() {
    let Some(scene) = Scene::that_builds() else {
        return;
    };
    let slow = "FROM debian:12-slim\nRUN echo begun && sleep 600\nCMD [\"sh\"]\n";
    let id = publish(&scene, "slow", slow);
    scene.ok(REVIEWER, ["review", &id, "approve"]);
    let mut worker = Ends(
        scene
            .command("root")
            .args(["worker", "--format", "json"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    // Only in the middle of the step.
    let lines = BufReader::new(worker.0.stdout.take().unwrap()).lines();
    let mut lines = lines.map_while(Result::ok);
    assert!(lines.any(|line| line.contains("\"text\":\"begun\"")));
    let asked = Instant::now();
    let told = scene.ok(REVIEWER, ["cancel", &id, "--reason", "it sleeps"]);
    assert!(told.out().contains("is told to end"), "{told:?}");
    while state(&scene, &id) != "failed" {
        assert!(asked.elapsed() < Duration::from_secs(30), "it goes on");
        std::thread::sleep(Duration::from_millis(100));
    }
    let shown = scene.ok("root", ["show", &id]).out();
    assert!(
        shown.contains(&format!("cancelled by {REVIEWER}: it sleeps")),
        "{shown}"
    );
    let outbox = scene
        .ok("root", ["outbox", "list", "--holding", "slow"])
        .out();
    assert!(outbox.contains("slow"), "{outbox}");
    // What has ended can't be ended, and what has not failed can't be tried again.
    assert_eq!(scene.run(REVIEWER, ["cancel", &id]).code(), 1);
    let again = scene.json(REVIEWER, ["retry", &id]);
    assert_eq!(again["state"], "pending", "{again}");
    assert_eq!(again["submitter"], SUBMITTER, "in its submitter's name");
    let again = again["id"].to_string();
    assert_eq!(scene.run(REVIEWER, ["retry", &again]).code(), 1);
    // The worker goes on with what comes.
    let quick = publish(
        &scene,
        "quick",
        "FROM debian:12-slim\nRUN echo quick > /quick\nCMD [\"sh\"]\n",
    );
    scene.ok(REVIEWER, ["review", &quick, "approve"]);
    let until = Instant::now() + Duration::from_secs(60);
    while !matches!(&*state(&scene, &quick), "published" | "failed") && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(state(&scene, &quick), "published");
    for (what, words) in [
        ("--packages", "signature verified"),
        ("--provenance", "buildType"),
        ("--layers", "echo quick"),
        ("--findings", "nothing new since it was published"),
    ] {
        let told = scene.ok("root", ["module", "show", "quick", what]).out();
        assert!(told.contains(words), "{what}\n{told}");
        scene.json("root", ["module", "show", "quick", what]);
    }
    assert!(worker.terminated());
    scene.ok("root", ["audit", "verify"]);
    let log = scene.ok("root", ["audit", "log"]).out();
    assert!(
        log.contains("submission.cancel") && log.contains("submission.retry"),
        "{log}"
    );
}

#[test]
fn what_waits_in_line_is_taken_out_at_once() {
    let scene = Scene::new();
    scene.ok("root", ["init"]);
    let rootfs = scene.write("rootfs/etc/os-release", "ID=debian\n");
    scene.base("debian:12-slim", rootfs.parent().unwrap().parent().unwrap());
    let id = publish(&scene, "hello", "FROM debian:12-slim\nCMD [\"x\"]\n");
    let early = scene.run(REVIEWER, ["cancel", &id]);
    assert_eq!(early.code(), 1, "{early:?}");
    assert!(
        early.err().contains("there is no build to cancel"),
        "{early:?}"
    );
    scene.ok(REVIEWER, ["review", &id, "approve"]);
    let told = scene.ok(REVIEWER, ["cancel", &id]);
    assert!(told.out().contains("taken out of the line"), "{told:?}");
    assert_eq!(state(&scene, &id), "failed");
}

#[test]
fn every_screen_has_its_words() {
    let scene = Scene::new();
    scene.ok("root", ["init"]);
    let rootfs = scene.write("rootfs/etc/os-release", "ID=debian\n");
    scene.base("debian:12-slim", rootfs.parent().unwrap().parent().unwrap());
    let id = publish(&scene, "hello", "FROM debian:12-slim\nCMD [\"x\"]\n");
    scene.ok(REVIEWER, ["review", &id, "approve"]);
    let base = scene.ok("root", ["base", "show", "debian:12-slim"]).out();
    for words in [
        "pinned to sha256:",
        "used by 1 submission",
        "#1 hello, approved",
    ] {
        assert!(base.contains(words), "{words}\n{base}");
    }
    assert_eq!(scene.run("root", ["base", "show", "nobody:1"]).code(), 2);
    let figures = scene.ok("root", ["doctor", "--figures"]).out();
    for words in [
        "queue: how many",
        "1 submission",
        "nothing was built yet",
        "debian:12-slim",
    ] {
        assert!(figures.contains(words), "{words}\n{figures}");
    }
    assert!(
        scene.json("root", ["doctor", "--figures"])["days"]
            .as_array()
            .unwrap()
            .len()
            == 30
    );
    let manual = scene.ok("root", ["man"]).out();
    assert!(manual.contains("KEYS OF THE CONSOLE"), "{manual}");
}

#[test]
fn a_queue_that_is_watched_tells_what_happens() {
    let scene = Scene::new();
    scene.ok("root", ["init"]);
    let rootfs = scene.write("rootfs/etc/os-release", "ID=debian\n");
    scene.base("debian:12-slim", rootfs.parent().unwrap().parent().unwrap());
    let mut watch = Ends(
        scene
            .command("root")
            .args(["queue", "--watch"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut lines = BufReader::new(watch.0.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    assert!(lines.next().unwrap().contains("no submissions"));
    let id = publish(&scene, "hello", "FROM debian:12-slim\nCMD [\"x\"]\n");
    let came = lines.next().unwrap();
    assert!(came.contains("#1 hello: submission.submit by"), "{came}");
    scene.ok(
        REVIEWER,
        ["review", &id, "reject", "--reason", "not\u{1b}[2J today"],
    );
    let gone = lines.next().unwrap();
    assert!(gone.contains("now rejected (not"), "{gone}");
    assert!(!gone.contains('\u{1b}'), "{gone}");
    assert!(watch.terminated());
}
