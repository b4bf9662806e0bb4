//! A signed image in a registry and in a layout, as cosign finds it there.

use std::collections::BTreeMap;
use std::process::Command;

use flareo::attest::provenance::Build;
use flareo::attest::{SigningKey, Subject, sign, verify_layout};
use flareo::catalog::{Item, export, push};
use flareo::model::decision::Pins;
use flareo::model::event::Happening;
use flareo::model::image::Platform;
use flareo::model::module::Attachment;
use flareo::model::reproduction::Reproduction;
use flareo::model::scan::{ScanReport, Scanner};
use flareo::model::{Digest, Reference, Timestamp};
use flareo::oci::registry::RegistrySettings;

use super::{Bench, repository, run};

/// A busybox image, signed under `identity`; the public key lies in the bench's folder as `cosign.pub`.
fn signed(
    bench: &Bench,
    bases: &str,
    identity: &Reference,
) -> (Digest, Vec<Attachment>, SigningKey) {
    let image = bench.import(&format!("rootfs:{bases}/busybox.tar")).digest;
    let key = SigningKey::generate(&mut rand_core::OsRng);
    std::fs::write(bench.path("cosign.pub"), key.public().to_pem()).unwrap();
    let report = ScanReport {
        image,
        scanner: Scanner {
            name: "flareo".into(),
            version: "0".into(),
            database: Digest::of(b"database"),
            database_updated_at: Timestamp::UNIX_EPOCH,
        },
        os: None,
        packages: Vec::new(),
        vulnerabilities: Vec::new(),
    };
    let build = Build {
        builder: "https://flareo.example/worker",
        invocation: "1",
        started_at: Timestamp::UNIX_EPOCH,
        finished_at: Timestamp::UNIX_EPOCH,
        context: Digest::of(b"context"),
        dockerfile: "Dockerfile",
        dockerfile_digest: Digest::of(b"dockerfile"),
        build_args: &BTreeMap::new(),
        target: None,
        platform: &Platform::host(),
        pins: &Pins::default(),
        policy: Digest::of(b"policy"),
        approval: None,
        network: None,
        self_test: None,
        reproduction: &Reproduction::Reproduced,
        reproduction_report: None,
    };
    let subject = Subject { image, identity };
    let silent = |_: Happening| {};
    let now = Timestamp::UNIX_EPOCH;
    let attachments = sign(&bench.store, &key, &subject, &build, &report, now, &silent).unwrap();
    (image, attachments, key)
}

#[test]
fn cosign_of_either_age_verifies_what_was_pushed() {
    let registry = part!("FLAREO_TEST_REGISTRY");
    let bases = part!("FLAREO_TEST_BASES");
    let cosigns = [part!("FLAREO_TEST_COSIGN2"), part!("FLAREO_TEST_COSIGN3")];
    let bench = Bench::new();
    let name = repository(&registry, "signed");
    let identity = format!("{name}:1").parse().unwrap();
    let (image, attachments, _) = signed(&bench, &bases, &identity);
    let item = Item {
        image,
        attachments: &attachments,
    };
    let pushed = push(&bench.store, &item, &identity, &RegistrySettings::default()).unwrap();
    assert!(pushed.fallback && pushed.referrers >= 3, "{pushed:?}");
    let key = bench.path("cosign.pub").display().to_string();
    for cosign in cosigns {
        let cosign = |arguments: &[&str]| {
            let reference = format!("{name}@{image}");
            let common = [
                "--key",
                &key,
                "--insecure-ignore-tlog=true",
                "--allow-http-registry=true",
            ];
            let home = bench.path("home");
            run(Command::new(&cosign)
                .args(arguments)
                .args(common)
                .arg(reference)
                .env("HOME", &home))
        };
        cosign(&["verify"]);
        cosign(&["verify-attestation", "--type", "slsaprovenance1"]);
        cosign(&["verify-attestation", "--type", "cyclonedx"]);
    }
}

#[test]
fn a_layout_that_was_written_verifies_without_a_registry() {
    let bases = part!("FLAREO_TEST_BASES");
    let cosign = part!("FLAREO_TEST_COSIGN2");
    let bench = Bench::new();
    let identity = "registry.example/flareo/app:1".parse().unwrap();
    let (image, attachments, key) = signed(&bench, &bases, &identity);
    let item = Item {
        image,
        attachments: &attachments,
    };
    let folder = bench.path("layout");
    let to = format!("oci:{}:v1", folder.display());
    export(&bench.store, &item, &to, &RegistrySettings::default()).unwrap();
    let verified = verify_layout(&folder, key.public()).unwrap();
    assert_eq!(verified.len(), 1);
    assert_eq!(
        (verified[0].image, &*verified[0].identity),
        (image, &*identity.to_string())
    );
    let public = bench.path("cosign.pub").display().to_string();
    run(Command::new(cosign)
        .args([
            "verify",
            "--key",
            &public,
            "--insecure-ignore-tlog=true",
            "--local-image",
        ])
        .arg(&folder)
        .env("HOME", bench.path("home")));
}
