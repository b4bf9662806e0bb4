//! What a reviewer looks into from the command line: differences, files, the build that it comes to, the forecast.

use crate::support::{REVIEWER, SUBMITTER, Scene};

const FIRST: &str =
    "FROM debian:12-slim\nRUN apt-get update\nCOPY app /app\nCMD [\"/app/run.sh\"]\n";
const SECOND: &str = "ARG TAG=12-slim\nFROM debian:$TAG AS build\nARG NAME=app\nCOPY $NAME /app\nRUN sh /app/make.sh\n\
    FROM debian:12-slim\nCOPY --from=build /app /app\nRUN curl https://example.com/x\nCMD [\"/app/run.sh\"]\n";

fn publish(scene: &Scene) -> String {
    let folder = scene.path("site");
    let arguments = ["publish", folder.to_str().unwrap(), "--slug", "hello"];
    scene.json(SUBMITTER, arguments)["id"].to_string()
}

#[test]
fn a_resubmission_is_held_against_the_one_before_it() {
    let scene = Scene::new();
    scene.ok("root", ["init"]);
    scene.write("site/Dockerfile", FIRST);
    scene.write("site/app/run.sh", "#!/bin/sh\necho one\n");
    scene.write("site/app/same", "same");
    scene.write("site/app/gone", "x");
    publish(&scene);
    scene.ok(
        REVIEWER,
        ["review", "1", "reject", "--reason", "no network"],
    );
    scene.write("site/Dockerfile", SECOND);
    scene.write("site/app/run.sh", "#!/bin/sh\necho two\n");
    scene.write("site/app/make.sh", "echo \u{1b}[31mmade\n");
    scene.write("site/app/odd\u{202e}name", [0, 159, 146]);
    std::fs::remove_file(scene.path("site/app/gone")).unwrap();
    publish(&scene);

    let diff = scene.ok(REVIEWER, ["show", "2", "--diff"]).out();
    for line in [
        "#2 beside #1 (rejected)",
        "+ COPY --from=build /app /app",
        "- resolved: block NET01 (line 2): apt-get update fetches packages from the network",
        "+ new: block NET02 (line 8): curl fetches from the network",
        "files: 2 added, 1 removed, 2 changed",
        "- app/gone (1 B)",
        "~ app/run.sh (19 B -> 19 B, text)",
    ] {
        assert!(diff.contains(line), "{line}\n{diff}");
    }
    assert!(
        !diff.contains("app/same") && !diff.contains('\u{202e}') && !diff.contains('\u{1b}'),
        "{diff}"
    );
    let json = scene.json(REVIEWER, ["show", "2", "--diff", "1"]);
    assert_eq!(json["changes"]["files"]["added"], 2, "{json}");
    assert_eq!(json["changes"]["resolved"][0]["rule"], "NET01");

    let of_file = scene
        .ok(REVIEWER, ["show", "2", "--diff", "--file", "app/run.sh"])
        .out();
    assert!(of_file.contains("-echo one\n+echo two"), "{of_file}");
    let nothing = scene.run(REVIEWER, ["show", "1", "--diff"]);
    assert_eq!(nothing.code(), 2, "{nothing:?}");
    assert!(
        nothing.err().contains("hello has no submission before #1"),
        "{nothing:?}"
    );

    let files = scene.ok(REVIEWER, ["show", "2", "--files"]).out();
    assert!(files.contains("hidden characters in its name"), "{files}");
    assert!(!files.contains('\u{202e}'), "{files:?}");
    assert!(
        files.ends_with("entries, 8.0 KiB\n") || files.contains(" of "),
        "{files}"
    );
    let found = scene.ok(REVIEWER, ["show", "2", "--files", "MAKE"]).out();
    assert!(
        found.starts_with("-rw") && found.contains("1 of "),
        "{found}"
    );
    let file = scene
        .ok(REVIEWER, ["show", "2", "--file", "app/make.sh"])
        .out();
    assert_eq!(file, "echo \\u{1b}[31mmade\n");
    let none = scene.run(REVIEWER, ["show", "2", "--file", "../etc/passwd"]);
    assert_eq!(none.code(), 2, "{none:?}");

    let effective = scene.ok(REVIEWER, ["show", "2", "--effective"]).out();
    for line in [
        "    build <- debian:12-slim",
        "  > 1 <- debian:12-slim, copies from build",
        "  context  line 4    app",
        "  line 5    app/make.sh",
        "     4  COPY app /app",
    ] {
        assert!(effective.contains(line), "{line}\n{effective}");
    }
}

#[test]
fn a_forecast_says_what_the_scan_will_find_and_what_it_can_not_tell() {
    let Some(scene) = Scene::that_builds() else {
        return;
    };
    scene.write(
        "site/Dockerfile",
        "FROM debian:12-slim\nCOPY node_modules /app/node_modules\nCMD [\"x\"]\n",
    );
    let package = r#"{"name": "lodash", "version": "4.17.11"}"#;
    scene.write("site/node_modules/lodash/package.json", package);
    publish(&scene);
    let forecast = scene.json(REVIEWER, ["show", "1", "--forecast"]);
    let expected = forecast["expected"].as_array().unwrap();
    let brought: Vec<_> = expected
        .iter()
        .filter(|e| e["origin"] == "brought")
        .collect();
    assert!(!brought.is_empty(), "{forecast}");
    assert!(
        brought.iter().all(|e| e["finding"]["package"] == "lodash"),
        "{forecast}"
    );
    assert_eq!(forecast["gaps"].as_array().unwrap().len(), 0, "{forecast}");
    // The gate says of the built image what was forecast.
    scene.ok(REVIEWER, ["review", "1", "approve"]);
    let rejects = expected.iter().filter(|e| e["rejects"] == true).count();
    let batch = scene.run("root", ["--batch"]);
    assert_eq!(
        batch.code(),
        i32::from(rejects > 0),
        "{forecast}\n{batch:?}"
    );
    let text = scene.ok(REVIEWER, ["show", "1", "--forecast"]).out();
    assert!(text.contains("brought by the context: "), "{text}");

    std::fs::remove_dir_all(scene.state().join("trivy")).unwrap();
    let without = scene.run(REVIEWER, ["show", "1", "--forecast"]);
    assert_eq!(without.code(), 3, "{without:?}");
}

#[test]
fn a_rejection_brings_lines_reasons_and_the_patch() {
    let scene = Scene::new();
    scene.ok("root", ["init"]);
    scene.write(
        "site/Dockerfile",
        "# syntax=docker/dockerfile:1\nFROM debian:12-slim\nRUN --network=host true\nCMD [\"x\"]\n",
    );
    let folder = scene.path("site");
    let mail = ["--email", "ann@example.org"];
    for slug in ["one", "two"] {
        let arguments = ["publish", folder.to_str().unwrap(), "--slug", slug];
        scene.ok(SUBMITTER, arguments.into_iter().chain(mail));
    }
    let comment = [
        "review",
        "1",
        "comment",
        "--line",
        "3",
        "why \u{1b}[31mthis?",
    ];
    scene.ok(REVIEWER, comment);
    for wrong in [
        ["review", "1", "comment", "--line", "9", "x"],
        ["review", "1", "comment", "--line", "0", "x"],
        ["review", "1", "comment", "--line", "1", " "],
    ] {
        assert_eq!(scene.run(REVIEWER, wrong).code(), 2, "{wrong:?}");
    }
    let page = scene.ok(REVIEWER, ["show", "1"]).out();
    assert!(
        page.contains("nobody Dockerfile:3: why ") && !page.contains('\u{1b}'),
        "{page:?}"
    );
    scene.ok(
        REVIEWER,
        [
            "review",
            "1",
            "reject",
            "--reason",
            "Leave the sandbox alone.",
        ],
    );
    assert_eq!(
        scene.run(REVIEWER, comment).code(),
        2,
        "nobody reads it any more"
    );

    let sent = mails(&scene);
    for part in [
        "Leave the sandbox alone.",
        "Dockerfile:3: why \\u{1b}[31mthis? (nobody)",
        "RUN01 Dockerfile:3: --network=host leaves the sandbox",
        "-# syntax=docker/dockerfile:1\n",
        "+RUN true\n",
    ] {
        assert!(sent.contains(part), "{part}\n{sent}");
    }
    // The words are there for the next one like it.
    let page = scene.json(REVIEWER, ["show", "2"]);
    assert_eq!(
        page["precedents"][0]["reason"], "Leave the sandbox alone.",
        "{page}"
    );
    assert_eq!(
        page["precedents"][0]["rules"],
        serde_json::json!(["RUN01", "SRC03"])
    );

    // A claim is taken over knowingly.
    scene.ok(REVIEWER, ["review", "2", "claim"]);
    assert_eq!(scene.run("root", ["review", "2", "claim"]).code(), 4);
    scene.ok("root", ["review", "2", "claim", "--steal"]);
    let log = scene
        .ok("root", ["audit", "log", "--submission", "2"])
        .out();
    assert!(
        log.contains("submission.steal") && log.contains("nobody"),
        "{log}"
    );
}

/// The bodies of the mails that wait to be sent.
fn mails(scene: &Scene) -> String {
    let queue = rusqlite::Connection::open(scene.state().join("flareo.db")).unwrap();
    let mut statement = queue
        .prepare("SELECT body FROM outbox ORDER BY id")
        .unwrap();
    let bodies = statement
        .query_map([], |row| row.get::<_, String>(0))
        .unwrap();
    bodies.collect::<Result<Vec<_>, _>>().unwrap().join("\n")
}
