//! The policy as data: its own tests, more than one pair of eyes, and what another policy would have decided.

use crate::support::{REVIEWER, SUBMITTER, Scene};

const GOOD: &str = "FROM debian:12-slim\nCMD [\"cat\", \"/etc/os-release\"]\n";

fn publish(scene: &Scene, slug: &str, dockerfile: &str) -> String {
    let name = format!("{slug}/Dockerfile");
    scene.write(&name, dockerfile);
    let folder = scene.path(slug);
    scene.json(
        SUBMITTER,
        ["publish", folder.to_str().unwrap(), "--slug", slug],
    )["id"]
        .to_string()
}

#[test]
fn the_policys_own_examples_are_run() {
    let scene = Scene::new();
    scene.ok("root", ["init"]);
    let good = "[lint.rules.NET02]\nseverity = \"warn\"\nreason = \"our mirror\"\nuntil = \"2099-01-01\"\n\n\
        [lint.rules.HLT01]\nseverity = \"off\"\nreason = \"tools\"\nuntil = \"2001-01-01\"\n\n\
        [[example]]\nname = \"fetching is shown\"\ndockerfile = \"\"\"\nFROM debian:12-slim\nRUN curl https://example.com/x\nCMD [\"x\"]\n\"\"\"\nexpect = \"approvable\"\n\n\
        [[example]]\nname = \"packages block\"\ndockerfile = \"\"\"\nFROM debian:12-slim\nRUN sh /run.sh\nCOPY run.sh /\nCMD [\"x\"]\n\"\"\"\nfiles = { \"run.sh\" = \"apt-get update\" }\nexpect = \"blocked\"\nrules = [\"NET01\"]\n";
    let file = scene.write("good.toml", good);
    let file = file.to_str().unwrap();
    let told = scene.run("root", ["policy", "check", file]);
    assert_eq!(told.code(), 0, "{told:?}");
    for line in [
        "ok     fetching is shown",
        "ok     packages block",
        "switch HLT01: lapsed on 2001-01-01",
        "switch NET02: warn until 2099-01-01 (our mirror)",
        "2 of 2 examples come out as expected",
    ] {
        assert!(told.out().contains(line), "{line}\n{told:?}");
    }
    scene.write(
        "bad.toml",
        good.replace("severity = \"warn\"", "severity = \"block\""),
    );
    let bad = scene.path("bad.toml");
    let told = scene.run("root", ["policy", "check", bad.to_str().unwrap()]);
    assert_eq!(told.code(), 1, "{told:?}");
    assert!(
        told.out()
            .contains("FAILED fetching is shown: it is blocked by NET02"),
        "{told:?}"
    );
    for (wrong, says) in [
        (
            "[lint.rules.NET99]\nseverity = \"off\"\nreason = \"r\"\n",
            "NET99",
        ),
        ("[review]\napproval = 2\n", "line 2"),
    ] {
        let file = scene.write("wrong.toml", wrong);
        let told = scene.run("root", ["policy", "check", file.to_str().unwrap()]);
        assert_eq!(told.code(), 2, "{told:?}");
        assert!(told.err().contains(says), "{told:?}");
    }
}

#[test]
fn two_reviewers_are_two_people_who_approve_the_same() {
    let scene = Scene::new();
    scene.ok("root", ["init"]);
    let rootfs = scene.write("rootfs/etc/os-release", "ID=debian\n");
    scene.base("debian:12-slim", rootfs.parent().unwrap().parent().unwrap());
    scene.write("state/policy.toml", "[review]\napprovals = 2\n");
    publish(&scene, "hello", GOOD);
    let first = scene.json(REVIEWER, ["review", "1", "approve", "--reason", "fine"]);
    assert_eq!(first["state"], "pending", "{first}");
    let again = scene.run(REVIEWER, ["review", "1", "approve"]);
    assert_eq!(again.code(), 1, "{again:?}");
    assert!(
        again
            .err()
            .contains("1 of 2 are, and another reviewer has to be"),
        "{again:?}"
    );
    let own = scene.run(SUBMITTER, ["review", "1", "approve"]);
    assert_eq!(own.code(), 1, "{own:?}");
    assert!(
        scene
            .ok("root", ["show", "1"])
            .out()
            .contains("1 of 2: nobody")
    );

    // What the first was for is no longer what would be built.
    scene.write("rootfs/etc/os-release", "ID=debian\nVERSION_ID=12\n");
    scene.base("debian:12-slim", &scene.path("rootfs"));
    let page = scene.ok("root", ["show", "1"]).out();
    assert!(
        page.contains("what nobody approved has changed since: the base debian:12-slim: "),
        "{page}"
    );
    assert!(page.contains("0 of 2: nobody yet"), "{page}");
    let second = scene.json("root", ["review", "1", "approve"]);
    assert_eq!(second["state"], "pending", "{second}");
    let third = scene.json(REVIEWER, ["review", "1", "approve"]);
    assert_eq!(third["state"], "approved", "{third}");
    scene.ok("root", ["audit", "verify"]);
}

#[test]
fn a_void_approval_takes_the_first_with_it() {
    let scene = Scene::new();
    scene.ok("root", ["init"]);
    let rootfs = scene.write("rootfs/etc/os-release", "ID=debian\n");
    scene.base("debian:12-slim", rootfs.parent().unwrap().parent().unwrap());
    let twice = "[review]\napprovals = 2\n";
    scene.write("state/policy.toml", twice);
    publish(&scene, "hello", GOOD);
    scene.ok(REVIEWER, ["review", "1", "approve"]);
    let both = scene.json("root", ["review", "1", "approve"]);
    assert_eq!(both["state"], "approved", "{both}");

    // The policy is another while the worker looks, and the old one afterwards: what both approved is the same again.
    scene.write("state/policy.toml", format!("{twice}[lint.rules.HLT01]\nseverity = \"off\"\nreason = \"tools\"\nuntil = \"2099-01-01\"\n"));
    scene.run("root", ["--batch"]);
    scene.write("state/policy.toml", twice);
    let page = scene.ok("root", ["show", "1"]).out();
    assert!(page.contains("0 of 2: nobody yet"), "{page}");
    assert!(page.contains("it was voided: the policy"), "{page}");
    let first = scene.json("root", ["review", "1", "approve"]);
    assert_eq!(first["state"], "pending", "{first}");
    let second = scene.json(REVIEWER, ["review", "1", "approve"]);
    assert_eq!(second["state"], "approved", "{second}");
    scene.ok("root", ["audit", "verify"]);
}

#[test]
fn a_replay_says_which_decisions_would_flip() {
    let scene = Scene::new();
    scene.ok("root", ["init"]);
    let rootfs = scene.write("rootfs/etc/os-release", "ID=debian\n");
    scene.base("debian:12-slim", rootfs.parent().unwrap().parent().unwrap());
    let fetches = "FROM debian:12-slim\nRUN curl https://example.com/x\nUSER app\nCMD [\"x\"]\n";
    let root = "FROM debian:12-slim\nUSER root\nCMD [\"x\"]\n";
    for (slug, text) in [
        ("good", GOOD),
        ("root", root),
        ("fetches", fetches),
        ("ugly", GOOD),
        ("granted", "FROM debian:12-slim\nUSER app\nCMD [\"x\"]\n"),
        ("waiting", GOOD),
        ("gone", GOOD),
    ] {
        publish(&scene, slug, text);
    }
    scene.ok(REVIEWER, ["review", "1", "approve"]);
    scene.ok(REVIEWER, ["review", "2", "approve"]);
    scene.ok(
        REVIEWER,
        ["review", "3", "reject", "--reason", "no network"],
    );
    scene.ok(REVIEWER, ["review", "4", "reject", "--reason", "not nice"]);
    scene.ok(
        REVIEWER,
        [
            "review",
            "5",
            "approve",
            "--grant-time",
            "20m",
            "--reason",
            "slow",
        ],
    );
    scene.ok(REVIEWER, ["review", "7", "approve"]);
    let context = scene.json("root", ["show", "7"])["submission"]["context"]
        .as_str()
        .unwrap()
        .to_owned();
    let same = scene.json("root", ["show", "1"])["submission"]["context"] == context.as_str();
    assert!(same, "one content, one context");

    let new = "[review]\napprovals_with_grants = 2\n\n[lint.rules.USR01]\nseverity = \"block\"\nreason = \"no root\"\n\n\
        [lint.rules.NET02]\nseverity = \"warn\"\nreason = \"the sandbox holds it\"\n";
    let file = scene.write("new.toml", new);
    let file = file.to_str().unwrap();
    let replay = scene.json("root", ["policy", "replay", "--against", file]);
    assert_eq!(replay["decisions"], 6, "{replay}");
    let flips: Vec<String> = replay["flips"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| format!("{} {}", f["slug"].as_str().unwrap(), f["turn"]))
        .collect();
    let no_root = "\"USR01 at line 1: the final stage runs as root\"";
    assert_eq!(
        flips,
        [
            format!("good {{\"no-longer\":{no_root}}}"),
            "root {\"no-longer\":\"USR01 at line 2: the final stage runs as root\"}".to_owned(),
            "fetches \"now-approvable\"".to_owned(),
            "granted {\"no-longer\":\"approved by 1 of 2\"}".to_owned(),
            format!("gone {{\"no-longer\":{no_root}}}"),
        ]
    );
    let text = scene
        .ok("root", ["policy", "replay", "--against", file])
        .out();
    assert!(text.ends_with("5 of 6 decisions would flip\n"), "{text}");
    // The approved list is a part of the policy, where that has one.
    let bases = scene.write(
        "bases.toml",
        "[bases.approved]\n\"node:20-slim\" = \"the web\"\n",
    );
    let bases = bases.to_str().unwrap();
    let replay = scene.json("root", ["policy", "replay", "--against", bases]);
    let flip = &replay["flips"][0]["turn"]["no-longer"];
    assert_eq!(
        flip,
        "BASE01 at line 1: base image not in approved list: debian:12-slim"
    );
    let add = scene.run("root", ["--config", bases, "base", "add", "alpine:3"]);
    assert_eq!(add.code(), 2, "{add:?}");
    let list = scene.json("root", ["--config", bases, "base", "list"]);
    assert_eq!(list[0]["state"], "cached", "{list}");
    assert_eq!(list[1]["reference"], "node:20-slim", "{list}");
    // Nothing was changed, and what is gone is not guessed.
    assert_eq!(
        scene.json("root", ["show", "1"])["submission"]["state"],
        "approved"
    );
    let hex = context.trim_start_matches("sha256:");
    let stored = scene.state().join("contexts/sha256").join(hex);
    std::fs::remove_file(stored).unwrap();
    let text = scene
        .ok("root", ["policy", "replay", "--against", file])
        .out();
    assert!(text.contains("#1 can't be told: "), "{text}");
    let since = [
        "policy",
        "replay",
        "--against",
        file,
        "--since",
        "2099-01-01",
    ];
    assert!(scene.ok("root", since).out().contains("0 of 0 decisions"));
}
