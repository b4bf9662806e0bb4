//! Lint where there is no catalog: at the desk of who submits.

use crate::support::{SUBMITTER, Scene};

const DOCKERFILE: &str = "FROM node:20-slim\nRUN curl -o /x https://example.org/x\nUSER node\n";

fn files(scene: &Scene) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(scene.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn lint_says_without_a_catalog_what_it_says_with_an_empty_one_and_makes_nothing() {
    let scene = Scene::new();
    let file = scene.write("Dockerfile", DOCKERFILE);
    let file = file.to_str().unwrap();
    let before = scene.run(SUBMITTER, ["--format", "json", "lint", file]);
    assert_eq!(before.code(), 1, "{before:?}");
    assert!(before.out().contains("NET02"), "{before:?}");
    assert_eq!(files(&scene), ["Dockerfile"]);
    let diff = scene.run(SUBMITTER, ["lint", "--diff", file]);
    assert_eq!(files(&scene), ["Dockerfile"], "{diff:?}");

    scene.ok("root", ["init"]);
    let after = scene.run(SUBMITTER, ["--format", "json", "lint", file]);
    assert_eq!((before.code(), before.out()), (after.code(), after.out()));
}

#[test]
fn a_policy_counts_also_where_there_is_no_catalog() {
    let scene = Scene::new();
    let file = scene.write("Dockerfile", DOCKERFILE);
    let file = file.to_str().unwrap();
    let switch =
        |rule: &str| format!("[lint.rules.{rule}]\nseverity = \"off\"\nreason = \"a test\"\n");
    scene.write("state/policy.toml", switch("NET02"));
    let judged = scene.run(SUBMITTER, ["--format", "json", "lint", file]);
    assert!(!judged.out().contains("NET02"), "{judged:?}");
    scene.write("state/policy.toml", switch("NET99"));
    let unknown = scene.run(SUBMITTER, ["lint", file]);
    assert_eq!(unknown.code(), 2, "{unknown:?}");
    assert!(unknown.err().contains("NET99"), "{unknown:?}");
}
