//! Five submissions that lint blocks: `flareo lint --diff` is applied by git, `lint --fix` writes the same, and what comes of
//! it is published, approved, built and signed.

use std::path::Path;
use std::process::Command;

use crate::support::{Answer, REVIEWER, SUBMITTER, Scene};

struct Broken {
    slug: &'static str,
    dockerfile: &'static str,
    files: &'static [(&'static str, &'static str)],
    /// The rules that block it.
    blocks: &'static [&'static str],
    /// What its submitter does at home, as the finding says: these files are there then.
    home: &'static [(&'static str, &'static str)],
}

const BROKEN: [Broken; 5] = [
    Broken {
        slug: "frontend",
        dockerfile: "# syntax=docker/dockerfile:1\nFROM debian:12-slim\n# hadolint ignore=DL3025\nENV GREETING hello world\nWORKDIR app\nCMD first\nCMD cat /etc/os-release\n",
        files: &[],
        blocks: &["SRC03"],
        home: &[],
    },
    Broken {
        slug: "sandbox",
        dockerfile: "FROM debian:12-slim\nRUN --network=host --mount=type=tmpfs,target=/t \\\n    echo built > /built\nENTRYPOINT cat /built\n",
        files: &[],
        blocks: &["RUN01"],
        home: &[],
    },
    Broken {
        slug: "address",
        dockerfile: "FROM debian:12-slim\nADD --chmod=0644 https://example.com/files/data.txt?v=1 /data.txt\nRUN grep -q brought /data.txt\nCMD [\"cat\", \"/data.txt\"]\n",
        files: &[],
        blocks: &["SRC01"],
        home: &[("data.txt", "brought along\n")],
    },
    Broken {
        slug: "secret",
        dockerfile: "FROM debian:12-slim\nCOPY . /app/\nRUN test ! -e /app/.env && test ! -e /app/keys/id_rsa && test -e /app/main.sh\nCMD [\"sh\", \"/app/main.sh\"]",
        files: &[
            (".env", "TOKEN=x\n"),
            ("keys/id_rsa", "x"),
            ("main.sh", "echo hello\n"),
            (".dockerignore", "*.log"),
        ],
        blocks: &["SEC01", "SEC01"],
        home: &[],
    },
    Broken {
        slug: "packages",
        dockerfile: "FROM debian:12-slim\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install -r requirements.txt && test -e /installed\nCMD [\"cat\", \"/installed\"]\n",
        files: &[("requirements.txt", "hello==1.0\n")],
        blocks: &["NET03"],
        home: &[("vendor/hello-1.0.whl", "a wheel\n")],
    },
];

/// Below the test of the patch: takes packages from the folder that the patch names, and from nowhere else.
const PIP: &str = "#!/bin/sh\ncase \"$*\" in\n  'install --no-index --find-links vendor -r requirements.txt') cat vendor/*.whl > /installed ;;\n  *) echo \"no network: pip $*\" >&2; exit 1 ;;\nesac\n";

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

fn rules(report: &serde_json::Value, severity: &str) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .filter(|f| f["severity"] == severity)
        .map(|f| f["rule"].as_str().unwrap().to_owned())
        .collect()
}

fn files_below(folder: &Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(&at).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                files.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

#[test]
fn five_broken_submissions_are_mended_by_git_apply_and_published() {
    let Some(scene) = Scene::that_builds() else {
        return;
    };
    if Command::new("git").arg("--version").output().is_err() {
        println!("skipped: there is no git here: `tests/run` installs it");
        return;
    }
    let pip = scene.write("rootfs/usr/bin/pip", PIP);
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&pip, executable).unwrap();
    scene.base("debian:12-slim", &scene.path("rootfs"));
    for broken in &BROKEN {
        let slug = broken.slug;
        let folder = scene.path(&format!("sites/{slug}"));
        write(&folder, &[("Dockerfile", broken.dockerfile)]);
        write(&folder, broken.files);
        let before = scene.json(SUBMITTER, ["lint", folder.to_str().unwrap()]);
        assert_eq!(rules(&before, "block"), broken.blocks, "{slug}");

        // What `--fix` writes in a copy is what git makes of `--diff`.
        let copy = scene.path(&format!("copies/{slug}"));
        write(&copy, &[("Dockerfile", broken.dockerfile)]);
        write(&copy, broken.files);
        let fixed = scene.run(SUBMITTER, ["lint", "--fix", copy.to_str().unwrap()]);
        assert_eq!(fixed.code(), 0, "{slug}: {fixed:?}");

        // From the folder above, as in a repository with several.
        let above = scene.path("sites");
        let diff = Answer(
            scene
                .command(SUBMITTER)
                .current_dir(&above)
                .args(["lint", "--diff", slug])
                .output()
                .unwrap(),
        );
        assert_eq!(diff.code(), 0, "{slug}: {diff:?}");
        let patch = scene.write(&format!("{slug}.patch"), diff.out());
        let applied = Command::new("git")
            .current_dir(&above)
            // No repository above the folder has a say.
            .env("GIT_CEILING_DIRECTORIES", scene.path(""))
            .args(["apply", "--verbose", "--whitespace=nowarn"])
            .arg(&patch)
            .output()
            .unwrap();
        assert!(
            applied.status.success(),
            "{slug}: {}\n{}",
            String::from_utf8_lossy(&applied.stderr),
            diff.out()
        );
        assert_eq!(files_below(&folder), files_below(&copy), "{slug}");

        write(&folder, broken.home);
        let after = scene.json(SUBMITTER, ["lint", folder.to_str().unwrap()]);
        assert_eq!(after["blocked"], false, "{slug}: {after}");
        assert_eq!(rules(&after, "warn"), [""; 0], "{slug}: {after}");

        let published = scene.json(
            SUBMITTER,
            ["publish", folder.to_str().unwrap(), "--slug", slug],
        );
        let id = published["id"].to_string();
        scene.ok(REVIEWER, ["review", &id, "approve"]);
        scene.ok("root", ["--batch"]);
        let module = scene.json("root", ["module", "show", slug]);
        assert_eq!(module["slug"], slug, "{module}");
        scene.ok("root", ["verify", slug]);
    }
}
