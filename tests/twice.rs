//! R20 from end to end: what a second build earns a module, what is told of one that differs, and what the policy does.

use crate::support::{REVIEWER, SUBMITTER, Scene};

const STEADY: &str = "FROM debian:12-slim\nRUN echo steady > /made\nCMD [\"sh\"]\n";
const DATED: &str =
    "FROM debian:12-slim\nRUN echo steady > /made\nRUN date > /when\nCMD [\"sh\"]\n";

impl Scene {
    /// Publishes a Dockerfile and lets it be approved; answers with its number.
    fn approved(&self, slug: &str, dockerfile: &str) -> String {
        self.write(&format!("{slug}/Dockerfile"), dockerfile);
        let folder = self.path(slug);
        let sent = self.json(
            SUBMITTER,
            ["publish", folder.to_str().unwrap(), "--slug", slug],
        );
        let id = sent["id"].to_string();
        self.ok(REVIEWER, ["review", &id, "approve"]);
        id
    }

    fn policy(&self, build: &str) {
        let text = format!("[scan]\nscanner = \"embedded\"\n[build]\n{build}\n");
        self.write("state/policy.toml", text);
    }

    fn provenance(&self, slug: &str) -> serde_json::Value {
        let verified = self.json("root", ["verify", slug]);
        let provenance = &verified[0]["provenance"];
        assert!(provenance.is_object(), "{verified}");
        provenance.clone()
    }
}

#[test]
fn a_module_says_whether_it_was_reproduced() {
    let Some(scene) = Scene::that_builds() else {
        return;
    };
    scene.approved("steady", STEADY);
    let dated = scene.approved("dated", DATED);
    let batch = scene.run("root", ["--batch"]);
    assert_eq!(batch.code(), 0, "{batch:?}");
    assert!(
        batch.out().contains("reproduced: two builds gave sha256:"),
        "{batch:?}"
    );
    assert!(
        batch.out().contains("not reproduced: /when (content)"),
        "{batch:?}"
    );

    let modules = scene.json("root", ["module", "list"]);
    let label = |slug: &str| {
        let all = modules.as_array().unwrap();
        all.iter().find(|m| m["slug"] == slug).unwrap()["reproduction"].clone()
    };
    assert_eq!(
        label("steady"),
        serde_json::json!({ "label": "reproduced" })
    );
    assert_eq!(
        label("dated"),
        serde_json::json!({ "label": "not reproduced", "first_difference": "/when" })
    );
    let shown = scene.ok("root", ["module", "show", "dated"]).out();
    assert!(shown.contains("not reproduced: /when"), "{shown}");

    let page = scene.ok("root", ["show", &dated]).out();
    for part in [
        "step 3, line 3: RUN date > /when",
        "from byte ",
        "a timestamp: ",
        "SOURCE_DATE_EPOCH",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let report = scene.json("root", ["show", &dated])["reproduction"].clone();
    assert_eq!(report["difference"]["cause"], "timestamp", "{report}");
    assert_eq!(report["difference"]["step"]["line"], 3, "{report}");
    assert_ne!(report["first"], report["second"]);

    let metadata = |slug: &str| scene.provenance(slug)["runDetails"].clone();
    let dated = metadata("dated");
    assert_eq!(
        dated["metadata"]["flareo_reproduction"]["label"],
        "not reproduced"
    );
    assert_eq!(
        dated["metadata"]["flareo_reproduction"]["firstDifference"],
        "/when"
    );
    assert_eq!(dated["byproducts"][1]["name"], "reproduction-report.json");
    let steady = metadata("steady");
    assert_eq!(
        steady["metadata"]["flareo_reproduction"]["label"],
        "reproduced"
    );
    // Nothing of the second build is left.
    let left = std::fs::read_dir(scene.state().join("snapshots/tmp")).unwrap();
    assert_eq!(left.count(), 0);
}

#[test]
fn the_policy_decides_whether_it_is_tried_and_whether_it_must_hold() {
    let Some(scene) = Scene::that_builds() else {
        return;
    };
    scene.policy("reproduce = \"never\"");
    scene.approved("never", DATED);
    assert_eq!(scene.run("root", ["--batch"]).code(), 0);
    let shown = scene.json("root", ["module", "show", "never"]);
    assert_eq!(shown["reproduction"]["label"], "not tried", "{shown}");
    let run = scene.provenance("never")["runDetails"].clone();
    assert_eq!(run["metadata"]["flareo_reproduction"]["label"], "not tried");
    assert_eq!(run["byproducts"].as_array().unwrap().len(), 1);

    for (share, label) in [("1.0", "reproduced"), ("0.0", "not tried")] {
        scene.policy(&format!("reproduce = \"sample\"\nsample_share = {share}"));
        let slug = format!("sample-{}", &share[..1]);
        scene.approved(&slug, STEADY);
        assert_eq!(scene.run("root", ["--batch"]).code(), 0);
        let shown = scene.json("root", ["module", "show", &slug]);
        assert_eq!(shown["reproduction"]["label"], label, "{shown}");
    }

    scene.policy("require_reproduced = true");
    let id = scene.approved("required", DATED);
    let kept = scene.approved("kept", STEADY);
    assert_eq!(scene.run("root", ["--batch"]).code(), 1);
    let failed = scene.json("root", ["show", &id])["submission"].clone();
    assert_eq!(failed["state"], "failed");
    assert_eq!(
        failed["failure"]["message"],
        "policy requires a reproduced build: not reproduced: /when (content)"
    );
    assert_eq!(failed["failure"]["line"], 3);
    let published = scene.json("root", ["show", &kept]);
    assert_eq!(published["submission"]["state"], "published");
}

#[test]
fn a_local_build_twice_fails_with_the_first_difference() {
    let Some(scene) = Scene::that_builds() else {
        return;
    };
    scene.write("steady/Dockerfile", STEADY);
    scene.write("dated/Dockerfile", DATED);
    std::fs::create_dir(scene.path("out")).unwrap();
    let build = |slug: &str, format: &str| {
        let folder = scene.path(slug);
        let output = format!("oci:{}", scene.path("out").join(slug).display());
        let folder = folder.to_str().unwrap();
        scene.run(
            "root",
            [
                "--format", format, "build", folder, "--twice", "--output", &output,
            ],
        )
    };
    let steady = build("steady", "json");
    assert_eq!(steady.code(), 0, "{steady:?}");
    let lines = steady.out();
    let event = |name: &str| -> serde_json::Value {
        let all = lines
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        all.into_iter()
            .find(|event| event["event"] == name)
            .unwrap()
    };
    assert_eq!(event("reproduction")["label"], "reproduced");
    let result = event("result");
    assert_eq!(result["digest"], event("reproduction")["report"]["second"]);

    let dated = build("dated", "json");
    assert_eq!(dated.code(), 1, "{dated:?}");
    let last: serde_json::Value =
        serde_json::from_str(dated.out().lines().last().unwrap()).unwrap();
    assert_eq!(last["ok"], false);
    assert_eq!(last["error"], "not reproduced: /when (content)");
    assert_eq!((&last["step"], &last["line"]), (&3.into(), &3.into()));
    assert!(!scene.path("out/dated").exists(), "nothing is written out");

    let told = build("dated", "human");
    assert!(told.out().contains("likely cause: a timestamp"), "{told:?}");
    assert!(
        told.err().contains("not reproduced: /when (content)"),
        "{told:?}"
    );
}

#[test]
fn a_cache_that_a_build_kept_is_no_part_of_the_second() {
    let Some(scene) = Scene::that_builds() else {
        return;
    };
    scene.write(
        "state/policy.toml",
        "[scan]\nscanner = \"embedded\"\n[cache]\nmounts = true\n",
    );
    let counting = |what: &str| {
        let step =
            format!("RUN --mount=type=cache,target=/c echo {what} >> /c/n && wc -l < /c/n > /made");
        format!("FROM debian:12-slim\n{step}\nCMD [\"sh\"]\n")
    };
    let report = |id: &str| scene.json("root", ["show", id])["reproduction"].clone();
    let first = scene.approved("counting", &counting("first"));
    assert_eq!(scene.run("root", ["--batch"]).code(), 0);
    assert_eq!(report(&first)["difference"], serde_json::Value::Null);
    // The second build of the first submission left nothing in the cache, and that of this one finds nothing there.
    let second = scene.approved("counting", &counting("second"));
    assert_eq!(scene.run("root", ["--batch"]).code(), 0);
    let difference = report(&second)["difference"].clone();
    assert_eq!(difference["file"], "/made", "{difference}");
    let read = |build: &str| difference["bytes"][build]["text"].clone();
    assert_eq!((read("first"), read("second")), ("2.".into(), "1.".into()));
}

#[test]
fn a_self_test_that_stands_is_named_in_the_provenance() {
    let Some(scene) = Scene::that_builds() else {
        return;
    };
    scene.policy("reproduce = \"never\"");
    let named = |slug: &str| {
        scene.approved(slug, STEADY);
        assert_eq!(scene.run("root", ["--batch"]).code(), 0);
        let definition = scene.provenance(slug)["buildDefinition"].clone();
        assert!(definition.is_object(), "{definition}");
        definition["internalParameters"]["selfTest"].clone()
    };
    assert_eq!(named("before"), serde_json::Value::Null);
    // Of what was run without filters nothing is kept.
    let unfiltered = ["doctor", "--self-test", "--without-seccomp"];
    scene.run("root", unfiltered);
    assert_eq!(named("unfiltered"), serde_json::Value::Null);

    scene.ok("root", ["doctor", "--self-test"]);
    let report = std::fs::read(scene.state().join("self-test/root.json")).unwrap();
    let digest = flareo::model::Digest::of(&report);
    assert_eq!(
        named("after")["digest"]["sha256"],
        digest.hex().as_str(),
        "{digest}"
    );
    // Who changes the report has none.
    scene.write("state/self-test/root.json", &report[..report.len() - 2]);
    assert_eq!(named("changed"), serde_json::Value::Null);
}
