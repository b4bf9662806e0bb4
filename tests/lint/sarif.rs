//! SARIF as others read it: every field is one that the format has, and none that it asks for is missing.

use serde_sarif::sarif::Sarif;

use crate::support::{SUBMITTER, Scene};

#[test]
fn what_is_written_is_sarif() {
    let scene = Scene::new();
    scene.write("site/Dockerfile", "# syntax=docker/dockerfile:1\nFROM debian:12-slim\nENV A b\nRUN curl \\\n  https://example.com/é\nRUN eval $X\nCMD node x\n");
    scene.write("site/.env", "x");
    let folder = scene.path("site");
    let answer = scene.run(
        SUBMITTER,
        ["lint", "--format", "sarif", folder.to_str().unwrap()],
    );
    assert_eq!(answer.code(), 1, "{answer:?}");
    let document: serde_json::Value = serde_json::from_str(&answer.out()).unwrap();
    let read: Sarif = serde_json::from_value(document.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), document);
    let results = read.runs[0].results.as_ref().unwrap();
    let rules: Vec<_> = results
        .iter()
        .filter_map(|r| r.rule_id.as_deref())
        .collect();
    for rule in [
        "SRC03", "ENV01", "NET02", "OPAQUE", "SEC01", "IGN01", "SIG01",
    ] {
        assert!(rules.contains(&rule), "{rule}: {rules:?}");
    }
    let wrong = scene.run(SUBMITTER, ["queue", "--format", "sarif"]);
    assert_eq!(wrong.code(), 2, "{wrong:?}");
}
