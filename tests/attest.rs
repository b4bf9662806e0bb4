//! What we sign is taken by cosign 2 and 3, and refused by them where it should be.
//!
//! Needs FLAREO_TEST_REGISTRY (a registry on loopback) and FLAREO_TEST_COSIGN2, FLAREO_TEST_COSIGN3.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flareo::attest::key::Repeatable;
use flareo::attest::provenance::Build;
use flareo::attest::{SigningKey, Subject, sign, verify_layout};
use flareo::catalog::{self, Item};
use flareo::model::image::Platform;
use flareo::model::module::Attachment;
use flareo::model::reproduction::Reproduction;
use flareo::model::scan::{Package, ScanReport, Scanner};
use flareo::model::{Digest, Reference, Timestamp};
use flareo::oci::registry::RegistrySettings;
use flareo::oci::{Descriptor, ImageConfig, Manifest, Store, media};

struct Signed {
    folder: tempfile::TempDir,
    store: Store,
    registry: String,
    repository: String,
    image: Digest,
    attachments: Vec<Attachment>,
}

/// Signs a small image and pushes it with what speaks of it in one form: under tags, or as referrers.
fn signed(repository: &str, form: fn(&Attachment) -> bool) -> Option<Signed> {
    let Ok(registry) = std::env::var("FLAREO_TEST_REGISTRY") else {
        println!("skipped: FLAREO_TEST_REGISTRY names no registry");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("oci")).unwrap();
    let key =
        SigningKey::open(&folder.path().join("keys"), &mut Repeatable::new("cosign")).unwrap();
    let image = image(&store, b"the only layer");
    let identity: Reference = format!("{registry}/{repository}:1").parse().unwrap();
    let mut attachments = attach(&store, &key, image, &identity);
    attachments.retain(form);
    let signed = Signed {
        folder,
        store,
        registry,
        repository: repository.into(),
        image,
        attachments,
    };
    signed.push(image, &signed.attachments);
    Some(signed)
}

fn image(store: &Store, layer: &[u8]) -> Digest {
    store.put(layer).unwrap();
    let mut config = ImageConfig {
        architecture: "amd64".into(),
        os: "linux".into(),
        ..ImageConfig::default()
    };
    config.rootfs.diff_ids.push(Digest::of(layer));
    let config = store.put_config(&config).unwrap();
    let manifest = Manifest::image(config, vec![Descriptor::of(media::LAYER_TAR, layer)]);
    store.put_manifest(&manifest).unwrap().digest
}

fn attach(store: &Store, key: &SigningKey, image: Digest, identity: &Reference) -> Vec<Attachment> {
    let now: Timestamp = "2025-06-01T12:00:00Z".parse().unwrap();
    let build = Build {
        builder: "https://registry.example/flareo",
        invocation: "1",
        started_at: now,
        finished_at: now,
        context: Digest::of(b"context"),
        dockerfile: "Dockerfile",
        dockerfile_digest: Digest::of(b"FROM scratch"),
        build_args: &BTreeMap::new(),
        target: None,
        platform: &Platform {
            os: "linux".into(),
            architecture: "amd64".into(),
        },
        pins: &BTreeMap::new(),
        policy: Digest::of(b"policy"),
        approval: None,
        network: None,
        self_test: None,
        reproduction: &Reproduction::Reproduced,
        reproduction_report: None,
    };
    let report = ScanReport {
        image,
        scanner: Scanner {
            name: "flareo".into(),
            version: "0".into(),
            database: Digest::of(b"db"),
            database_updated_at: now,
        },
        os: Some("debian 12.9".into()),
        packages: vec![Package {
            ecosystem: "debian".into(),
            name: "zlib1g".into(),
            version: "1:1.2.13.dfsg-1".into(),
            source: Some("zlib".into()),
            source_version: None,
            path: "var/lib/dpkg/status".into(),
            licenses: Vec::new(),
        }],
        vulnerabilities: Vec::new(),
    };
    let subject = Subject { image, identity };
    sign(store, key, &subject, &build, &report, now, &|_| {}).unwrap()
}

impl Signed {
    /// Pushes `image` with `attachments` beside it.
    fn push(&self, image: Digest, attachments: &[Attachment]) {
        let to = format!("{}/{}:latest", self.registry, self.repository);
        let item = Item { image, attachments };
        let settings = RegistrySettings::default();
        catalog::push(&self.store, &item, &to.parse().unwrap(), &settings).unwrap();
    }

    /// The same signatures as if they had been made for `image`: under its tags, referring to it.
    fn replayed(&self, image: Digest) -> Vec<Attachment> {
        let mut attachments = self.attachments.clone();
        for attachment in &mut attachments {
            if let Some(tag) = &mut attachment.tag {
                *tag = tag.replace(&self.image.hex(), &image.hex());
                continue;
            }
            let mut manifest = self.store.manifest(attachment.manifest).unwrap();
            let subject = manifest.subject.as_mut().unwrap();
            subject.digest = image;
            subject.size = self.store.size(image).unwrap();
            attachment.manifest = self.store.put_manifest(&manifest).unwrap().digest;
        }
        attachments
    }

    fn public_key(&self) -> PathBuf {
        self.folder.path().join("keys/flareo.pub")
    }

    fn cosign(&self, cosign: &str, arguments: &[&str], image: Digest, key: &Path) -> Output {
        Command::new(cosign)
            .args(arguments)
            .arg("--key")
            .arg(key)
            .args(["--insecure-ignore-tlog=true", "--allow-http-registry=true"])
            .arg(format!("{}/{}@{image}", self.registry, self.repository))
            .env("HOME", self.folder.path())
            .output()
            .unwrap()
    }
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn agrees(variable: &str, repository: &str, form: fn(&Attachment) -> bool) {
    let Ok(cosign) = std::env::var(variable) else {
        println!("skipped: {variable} names no cosign");
        return;
    };
    let Some(signed) = signed(repository, form) else {
        return;
    };
    let other = SigningKey::open(
        &signed.folder.path().join("other"),
        &mut Repeatable::new("other"),
    )
    .unwrap();
    assert_ne!(other.public().to_pem(), "");
    let other = signed.folder.path().join("other/flareo.pub");
    // The same signatures put beside another image.
    let replayed = image(&signed.store, b"another layer");
    signed.push(replayed, &signed.replayed(replayed));
    for arguments in [
        &["verify"][..],
        &["verify-attestation", "--type", "cyclonedx"],
        &["verify-attestation", "--type", "slsaprovenance1"],
    ] {
        let good = signed.cosign(&cosign, arguments, signed.image, &signed.public_key());
        assert!(good.status.success(), "{arguments:?}: {}", text(&good));
        let wrong_key = signed.cosign(&cosign, arguments, signed.image, &other);
        assert!(
            !wrong_key.status.success(),
            "{arguments:?}: {}",
            text(&wrong_key)
        );
        let replay = signed.cosign(&cosign, arguments, replayed, &signed.public_key());
        assert!(!replay.status.success(), "{arguments:?}: {}", text(&replay));
    }
}

#[test]
fn cosign_2_takes_our_tags_and_refuses_another_key_and_a_replay() {
    agrees("FLAREO_TEST_COSIGN2", "attest/only-cosign2", |a| {
        a.tag.is_some()
    });
}

#[test]
fn cosign_3_takes_our_referrers_and_refuses_another_key_and_a_replay() {
    agrees("FLAREO_TEST_COSIGN3", "attest/only-cosign3", |a| {
        a.tag.is_none()
    });
}

#[test]
fn what_the_catalog_exports_is_verified_and_a_changed_export_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("oci")).unwrap();
    let key = SigningKey::generate(&mut Repeatable::new("export"));
    let image = image(&store, b"the only layer");
    let identity = "registry.example/flareo/web:1".parse().unwrap();
    let attachments = attach(&store, &key, image, &identity);
    let item = Item {
        image,
        attachments: &attachments,
    };
    let layout = folder.path().join("export");
    let destination = format!("oci:{}:1", layout.display());
    catalog::export(&store, &item, &destination, &RegistrySettings::default()).unwrap();
    let verified = verify_layout(&layout, key.public()).unwrap();
    assert_eq!((verified.len(), verified[0].image), (1, image));
    assert_eq!(verified[0].attachments.len(), attachments.len());
    let layer = layout
        .join("blobs/sha256")
        .join(Digest::of(b"the only layer").hex());
    std::fs::remove_file(&layer).unwrap();
    std::fs::write(&layer, b"another  layer").unwrap();
    let error = verify_layout(&layout, key.public())
        .unwrap_err()
        .to_string();
    assert!(error.contains("is not whole"), "{error}");
}
