//! `kill -9` of a worker in each state: the next worker finishes the row, once.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use flareo::config::Paths;
use flareo::model::event::{Cancel, Happening};
use flareo::model::{Actor, Event, Policy, State};
use flareo::pipeline::{Settings, Site};

use crate::support::{FLAREO, REVIEWER, SUBMITTER, Scene};

/// Set in the process that is to die: the state folder and the state in which it does.
const DOOM: &str = "FLAREO_TEST_DOOM";

fn site(state: &std::path::Path) -> Site {
    let mut policy = Policy::default();
    policy.scan.scanner = flareo::model::policy::ScannerChoice::Embedded;
    let mut settings = Settings::new(Paths::at(state), policy, Actor::worker());
    settings.program = FLAREO.into();
    Site::open(settings).unwrap()
}

/// Not a test by itself: the worker that kills itself, started by the test below.
#[test]
fn doomed_worker() {
    let Ok(doom) = std::env::var(DOOM) else {
        return;
    };
    let (word, state) = doom.split_once(' ').unwrap();
    let again = word == AGAIN;
    let word: State = if again {
        State::Building
    } else {
        word.parse().unwrap()
    };
    let site = site(std::path::Path::new(state));
    let watcher = |event: &Event| {
        let now = match &event.what {
            // In the middle of the step, not before it.
            Happening::Log { text, .. } => {
                word == State::Building && !again && text == "in the middle"
            }
            Happening::Again { text, .. } => again && text.contains("echo in the middle"),
            Happening::State { state } => *state == word && word != State::Building,
            _ => false,
        };
        if now {
            let me = rustix::process::getpid();
            let _ = rustix::process::kill_process(me, rustix::process::Signal::KILL);
        }
    };
    let _ = site.work_pass(&watcher, &Cancel::default());
}

#[test]
fn a_worker_killed_in_any_state_is_followed_by_one_that_finishes_the_row_once() {
    let Some(scene) = Scene::that_builds() else {
        return;
    };
    for state in [
        State::Approved,
        State::Building,
        State::Scanning,
        State::Signing,
    ] {
        let slug = format!("killed-{state}");
        let dockerfile = format!(
            "FROM debian:12-slim\nRUN echo in the middle && sleep 1 && echo {state} > /made\nCMD [\"sh\"]\n"
        );
        scene.write(&format!("{slug}/Dockerfile"), dockerfile);
        let published = scene.json(
            SUBMITTER,
            [
                "publish",
                scene.path(&slug).to_str().unwrap(),
                "--slug",
                &slug,
            ],
        );
        let id = published["id"].to_string();
        scene.ok(REVIEWER, ["review", &id, "approve"]);

        let died = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed::doomed_worker", "--nocapture"])
            .env(DOOM, format!("{state} {}", scene.state().display()))
            .output()
            .unwrap();
        assert_eq!(
            died.status.signal(),
            Some(9),
            "{state}: {}",
            String::from_utf8_lossy(&died.stdout)
        );
        let left = scene.json("root", ["show", &id]);
        assert_eq!(
            left["submission"]["state"],
            state.word(),
            "the row stands where its worker died"
        );

        let begun = std::time::Instant::now();
        let batch = scene.run("root", ["--batch"]);
        assert_eq!(batch.code(), 0, "{state}: {batch:?}");
        println!(
            "{state}: finished {:.1} s after the kill",
            begun.elapsed().as_secs_f64()
        );
        let done = scene.json("root", ["show", &id]);
        assert_eq!(done["submission"]["state"], "published", "{done}");
    }
    let modules = scene.json("root", ["module", "list"]);
    assert_eq!(
        modules.as_array().unwrap().len(),
        4,
        "each row once: {modules}"
    );
    let log = scene.json("root", ["audit", "log", "--limit", "1000"]);
    let published = log
        .as_array()
        .unwrap()
        .iter()
        .filter(|e| e["action"] == "submission.publish")
        .count();
    assert_eq!(published, 4);
    scene.ok("root", ["audit", "verify"]);
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(
        !mounts.contains(scene.state().to_str().unwrap()),
        "a mount was left behind: {mounts}"
    );
}

/// In place of a state: in the second build of a submission.
const AGAIN: &str = "again";

#[test]
fn a_worker_killed_in_a_second_build_leaves_nothing_of_it() {
    let Some(scene) = Scene::that_builds() else {
        return;
    };
    scene.write(
        "again/Dockerfile",
        "FROM debian:12-slim\nRUN echo first > /first\nRUN echo in the middle && sleep 1 && echo again > /made\nCMD [\"sh\"]\n",
    );
    let folder = scene.path("again");
    let sent = scene.json(
        SUBMITTER,
        ["publish", folder.to_str().unwrap(), "--slug", "again"],
    );
    let id = sent["id"].to_string();
    scene.ok(REVIEWER, ["review", &id, "approve"]);
    let died = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::doomed_worker", "--nocapture"])
        .env(DOOM, format!("{AGAIN} {}", scene.state().display()))
        .output()
        .unwrap();
    assert_eq!(died.status.signal(), Some(9), "{died:?}");
    let rooms = || {
        let folder = std::fs::read_dir(scene.state().join("snapshots/tmp")).unwrap();
        folder.count()
    };
    assert_ne!(rooms(), 0, "its room stands where it died");
    let batch = scene.run("root", ["--batch"]);
    assert_eq!(batch.code(), 0, "{batch:?}");
    assert_eq!(rooms(), 0);
    let shown = scene.json("root", ["module", "show", "again"]);
    assert_eq!(shown["reproduction"]["label"], "reproduced", "{shown}");
}

#[test]
fn two_batches_at_once_share_the_work() {
    let Some(scene) = Scene::that_builds() else {
        return;
    };
    for n in 0..6 {
        let slug = format!("shared-{n}");
        scene.write(
            &format!("{slug}/Dockerfile"),
            format!("FROM debian:12-slim\nRUN echo {n} > /made\nCMD [\"sh\"]\n"),
        );
        let published = scene.json(
            SUBMITTER,
            [
                "publish",
                scene.path(&slug).to_str().unwrap(),
                "--slug",
                &slug,
            ],
        );
        scene.ok(
            REVIEWER,
            ["review", &published["id"].to_string(), "approve"],
        );
    }
    let workers: Vec<_> = (0..3)
        .map(|_| scene.command("root").arg("--batch").spawn().unwrap())
        .collect();
    for mut worker in workers {
        assert!(worker.wait().unwrap().success());
    }
    let modules = scene.json("root", ["module", "list"]);
    assert_eq!(modules.as_array().unwrap().len(), 6, "{modules}");
    let log = scene.json("root", ["audit", "log", "--limit", "1000"]);
    let begun = log
        .as_array()
        .unwrap()
        .iter()
        .filter(|e| e["action"] == "submission.build")
        .count();
    assert_eq!(begun, 6, "no row was built twice");
}

/// Whether something is being unpacked: a folder of work in progress holds a part of a root file system.
fn unpacks(scene: &Scene) -> bool {
    let rooms = std::fs::read_dir(scene.state().join("snapshots/tmp"));
    let mut rooms = rooms.into_iter().flatten().flatten();
    rooms.any(|room| {
        let system = std::fs::read_dir(room.path().join("made/fs"));
        system.is_ok_and(|entries| entries.count() > 3)
    })
}

/// Everybody who still has something of the scene mounted, waited for a second.
fn holders(scene: &Scene) -> Vec<String> {
    let state = scene.state().display().to_string();
    let mut held = Vec::new();
    for _ in 0..20 {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let mounts = processes.filter_map(|process| {
            let mounts = std::fs::read_to_string(process.path().join("mountinfo")).ok()?;
            let name = process.file_name().into_string().unwrap();
            (name.parse::<u32>().is_ok() && mounts.contains(&state)).then_some(name)
        });
        held = mounts.collect();
        if held.is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    held
}

#[test]
fn a_build_killed_while_it_unpacks_runs_or_packs_is_as_if_it_had_not_been() {
    let Some(bases) = crate::support::part("FLAREO_TEST_BASES") else {
        return;
    };
    if !crate::support::can_build() {
        return;
    }
    let scene_with_base = || {
        let scene = Scene::new();
        let rootfs = std::path::Path::new(&bases).join("debian-python.tar");
        scene.base("python:3.11-slim", &rootfs);
        scene.write(
            "module/Dockerfile",
            "FROM python:3.11-slim\nRUN cp -a /usr/lib /kept && sleep 0.2\nRUN true\nCMD [\"sh\"]\n",
        );
        scene
    };
    let build = |scene: &Scene| {
        let mut command = scene.command("root");
        command
            .args(["--format", "json", "build", "--no-policy"])
            .arg(scene.path("module"));
        command
    };
    let digest = |scene: &Scene| {
        let built = build(scene).output().unwrap();
        let out = String::from_utf8(built.stdout).unwrap();
        assert!(built.status.success(), "{out}");
        let result: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
        result["digest"].as_str().unwrap().to_owned()
    };
    let clean = digest(&scene_with_base());
    let scene = scene_with_base();
    let mut unpacked = 0;
    for wait in [0, 30, 100, 250, 500, 900] {
        let mut child = build(&scene)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let layers = scene.state().join("snapshots/layers");
        let done = || std::fs::read_dir(&layers).is_ok_and(|layers| layers.count() > 0);
        while !done() && !unpacks(&scene) {
            assert!(child.try_wait().unwrap().is_none(), "nothing was unpacked");
        }
        std::thread::sleep(std::time::Duration::from_millis(wait));
        unpacked += u32::from(!done());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(holders(&scene), [""; 0], "after {wait} ms");
    }
    assert_ne!(unpacked, 0, "no kill came while the base was unpacked");
    assert_eq!(digest(&scene), clean);
    let left = std::fs::read_dir(scene.state().join("snapshots/tmp")).unwrap();
    assert_eq!(left.count(), 0);
}
