//! The self-test: every answer is right, as everybody; and without the filters some are not, else it would prove nothing.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Output};

use flareo::sandbox::self_test::Probed;

use super::ground::Ground;
use super::orphans::groups_of;

crate::everybody::for_everybody! {
    every_answer_is_right: |ground| {
        let probed = super::probed(ground, true);
        let fell: Vec<&Probed> = probed.iter().filter(|probe| !probe.held).collect();
        assert!(fell.is_empty(), "{fell:#?}");
        assert!(probed.len() >= 80, "{}", probed.len());
        assert!(groups_of(std::process::id()).is_empty());
    };

    without_filters_some_get_through_and_the_host_is_as_it_was: |ground| {
        let probed = super::probed(ground, false);
        let fell: Vec<&Probed> = probed.iter().filter(|probe| !probe.held).collect();
        assert!(fell.len() >= 8, "{fell:#?}");
        // What does not hang on filters holds all the same.
        for name in ["change /dev/null's mode", "the host's loopback", "the host's abstract socket", "by its path", "through pid 1's root"] {
            assert!(probed.iter().any(|probe| probe.name == name && probe.held), "{name}: {fell:#?}");
        }
        let null = fs::metadata("/dev/null").unwrap();
        assert!(null.file_type().is_char_device());
        assert_eq!(null.permissions().mode() & 0o777, 0o666);
    };

    a_signed_report_is_kept_written_and_verified: |ground| {
        let state = ground.path().join("state");
        let report = ground.path().join("report.json");
        let path = report.to_str().unwrap();
        let run = super::flareo(&state, &["--format", "json", "doctor", "--self-test", "--output", path]);
        assert!(run.status.success(), "{run:?}");
        let found: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
        assert_eq!((&found["ok"], &found["seccomp"]), (&true.into(), &true.into()));
        assert_eq!(found["flareo"], env!("CARGO_PKG_VERSION"));
        let target = format!("self-test:{path}");
        let verified = super::flareo(&state, &["verify", &target]);
        assert!(verified.status.success(), "{verified:?}");
        // Another key's, or changed: refused.
        let other = super::flareo(&ground.path().join("other"), &["verify", &target]);
        assert!(!other.status.success(), "{other:?}");
        let text = fs::read_to_string(&report).unwrap();
        fs::write(&report, text.replacen("\"payload\":\"e", "\"payload\":\"f", 1)).unwrap();
        let changed = super::flareo(&state, &["verify", &target]);
        assert!(!changed.status.success(), "{changed:?}");
        // What is run without filters vouches for nothing and can't be written.
        let unsigned = super::flareo(&state, &["doctor", "--self-test", "--without-seccomp", "--output", path]);
        assert_eq!(unsigned.status.code(), Some(2), "{unsigned:?}");
    };
}

/// Runs the self-test in a folder of its own, which is empty after it.
fn probed(ground: &Ground, seccomp: bool) -> Vec<Probed> {
    let folder = ground.path().join("self-test");
    fs::create_dir(&folder).unwrap();
    let nonce = format!("test-{}-{seccomp}", std::process::id());
    let probed = ground.sandbox.self_test(seccomp, &folder, &nonce).unwrap();
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    probed
}

fn flareo(state: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_flareo"))
        .arg("--state-dir")
        .arg(state)
        .args(arguments)
        // Of whoever started the tests, and not everybody may read it.
        .env_remove("XDG_CONFIG_HOME")
        .env("HOME", state)
        .output()
        .unwrap()
}
