//! What is signed holds; whatever is changed, swapped or left out does not.

use std::collections::BTreeMap;

use super::key::Repeatable;
use super::provenance::Build;
use super::*;
use crate::model::decision::Pins;
use crate::model::image::Platform;
use crate::model::reproduction::Reproduction;
use crate::model::scan::{Package, Scanner};
use crate::oci::{ImageConfig, Manifest, media};

struct Site {
    _folder: tempfile::TempDir,
    store: Store,
    key: SigningKey,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        Self {
            _folder: folder,
            store,
            key: SigningKey::generate(&mut Repeatable::new("site")),
        }
    }

    fn image(&self, content: &[u8]) -> Digest {
        self.store.put(content).unwrap();
        let mut config = ImageConfig {
            architecture: "amd64".into(),
            os: "linux".into(),
            created: Some("2025-01-02T03:04:05Z".parse().unwrap()),
            ..ImageConfig::default()
        };
        config.rootfs.diff_ids.push(Digest::of(content));
        let manifest = Manifest::image(
            self.store.put_config(&config).unwrap(),
            vec![Descriptor::of(media::LAYER_TAR, content)],
        );
        self.store.put_manifest(&manifest).unwrap().digest
    }

    fn sign(&self, image: Digest) -> Result<Vec<Attachment>, AttestError> {
        self.sign_as(image, "registry.example/flareo/web:7")
    }

    fn sign_as(&self, image: Digest, name: &str) -> Result<Vec<Attachment>, AttestError> {
        let identity = name.parse().unwrap();
        let subject = Subject {
            image,
            identity: &identity,
        };
        let now = "2025-06-01T12:00:00Z".parse().unwrap();
        let (args, pins) = (
            BTreeMap::from([("A".into(), "b".into())]),
            Pins::from([("debian:12-slim".parse().unwrap(), Digest::of(b"base"))]),
        );
        let build = Build {
            builder: "https://registry.example/flareo",
            invocation: "7",
            started_at: now,
            finished_at: now,
            context: Digest::of(b"context"),
            dockerfile: "Dockerfile",
            dockerfile_digest: Digest::of(b"FROM scratch"),
            build_args: &args,
            target: None,
            platform: &Platform {
                os: "linux".into(),
                architecture: "amd64".into(),
            },
            pins: &pins,
            policy: Digest::of(b"policy"),
            approval: Some(Digest::of(b"approval")),
            self_test: Some(Digest::of(b"self-test")),
            network: None,
            reproduction: &Reproduction::NotReproduced {
                first_difference: "/when".into(),
            },
            reproduction_report: Some(Digest::of(b"report")),
        };
        sign(
            &self.store,
            &self.key,
            &subject,
            &build,
            &report(image),
            now,
            &|_| {},
        )
    }

    fn verify(&self, image: Digest, attachments: &[Attachment]) -> Result<Verified, VerifyError> {
        verify(&self.store, image, attachments, self.key.public())
    }
}

fn report(image: Digest) -> ScanReport {
    ScanReport {
        image,
        scanner: Scanner {
            name: "flareo".into(),
            version: "0".into(),
            database: Digest::of(b"db"),
            database_updated_at: Timestamp::UNIX_EPOCH,
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
    }
}

#[test]
fn what_was_signed_holds() {
    let site = Site::new();
    let image = site.image(b"layer");
    let attachments = site.sign(image).unwrap();
    let verified = site.verify(image, &attachments).unwrap();
    assert_eq!(verified.identity, "registry.example/flareo/web:7");
    assert_eq!(verified.key, site.key.public().fingerprint());
    assert_eq!(verified.sbom["components"][1]["name"], "zlib1g");
    let run = &verified.provenance["runDetails"];
    assert_eq!(
        run["metadata"]["flareo_reproduction"]["label"],
        "not reproduced"
    );
    assert_eq!(
        run["metadata"]["flareo_reproduction"]["firstDifference"],
        "/when"
    );
    assert_eq!(run["byproducts"][1]["name"], "reproduction-report.json");
    let evidence = run["byproducts"][0]["digest"]["sha256"].as_str().unwrap();
    let evidence = format!("sha256:{evidence}").parse().unwrap();
    let stored = site.store.read(evidence, 1 << 20).unwrap();
    assert_eq!(
        serde_json::from_slice::<ScanReport>(&stored).unwrap(),
        report(image)
    );
}

#[test]
fn the_same_facts_give_the_same_bytes() {
    let (a, b) = (Site::new(), Site::new());
    let (x, y) = (a.image(b"layer"), b.image(b"layer"));
    assert_eq!(a.sign(x).unwrap(), b.sign(y).unwrap());
}

#[test]
fn another_key_is_refused() {
    let site = Site::new();
    let image = site.image(b"layer");
    let attachments = site.sign(image).unwrap();
    let other = SigningKey::generate(&mut Repeatable::new("other"));
    for attachment in &attachments {
        let error = verify(
            &site.store,
            image,
            std::slice::from_ref(attachment),
            other.public(),
        );
        assert!(
            matches!(error, Err(VerifyError::Refused { .. })),
            "{attachment:?}"
        );
    }
}

#[test]
fn attachments_of_another_image_are_refused_each_by_itself() {
    let site = Site::new();
    let (image, other) = (site.image(b"layer"), site.image(b"other layer"));
    for mut attachment in site.sign(image).unwrap() {
        // Under the right tag, so that the payload itself has to tell.
        attachment.tag = match attachment.kind {
            AttachmentKind::Signature => Some(signature_tag(other)),
            AttachmentKind::Attestations => Some(attestation_tag(other)),
            _ => None,
        };
        let error = site.verify(other, &[attachment]).unwrap_err().to_string();
        assert!(error.contains("another image"), "{error}");
    }
}

#[test]
fn a_referrer_moved_to_another_image_is_refused() {
    let site = Site::new();
    let (image, other) = (site.image(b"layer"), site.image(b"other layer"));
    for mut attachment in site.sign(image).unwrap().into_iter().skip(1).take(3) {
        let mut manifest = site.store.manifest(attachment.manifest).unwrap();
        manifest.subject.as_mut().unwrap().digest = other;
        attachment.manifest = site.store.put_manifest(&manifest).unwrap().digest;
        let error = site.verify(other, &[attachment]).unwrap_err().to_string();
        assert!(error.contains("it is about another image"), "{error}");
    }
}

#[test]
fn a_changed_payload_is_refused() {
    let site = Site::new();
    let image = site.image(b"layer");
    for mut attachment in site.sign(image).unwrap() {
        let mut manifest = site.store.manifest(attachment.manifest).unwrap();
        let layer = &mut manifest.layers[0];
        let payload = site.store.read(layer.digest, 1 << 20).unwrap();
        let text = String::from_utf8(payload).unwrap();
        let changed = if text.contains("docker-reference") {
            text.replace("web:7", "web:8")
        } else {
            let mut envelope: Value = serde_json::from_str(&text).unwrap();
            let inner = match envelope.get_mut("dsseEnvelope") {
                Some(inner) => inner,
                None => &mut envelope,
            };
            let payload = STANDARD.decode(inner["payload"].as_str().unwrap()).unwrap();
            let payload = String::from_utf8(payload)
                .unwrap()
                .replace("web:7", "web:8");
            inner["payload"] = STANDARD.encode(payload).into();
            envelope.to_string()
        };
        layer.digest = site.store.put(changed.as_bytes()).unwrap();
        layer.size = changed.len() as u64;
        attachment.manifest = site.store.put_manifest(&manifest).unwrap().digest;
        let error = site.verify(image, &[attachment]).unwrap_err().to_string();
        assert!(error.contains("not this key's"), "{error}");
    }
}

#[test]
fn an_attachment_of_the_wrong_kind_is_refused() {
    let site = Site::new();
    let image = site.image(b"layer");
    let attachments = site.sign(image).unwrap();
    let swapped = Attachment {
        kind: AttachmentKind::Bundle,
        ..attachments[2].clone()
    };
    let error = site.verify(image, &[swapped]).unwrap_err().to_string();
    assert!(error.contains(CYCLONEDX), "{error}");
}

#[test]
fn whatever_is_missing_is_named() {
    let site = Site::new();
    let image = site.image(b"layer");
    let all = site.sign(image).unwrap();
    for (keep, missing) in [
        (vec![], "signature"),
        (vec![2, 3, 4], "signature"),
        (vec![0, 3], "bill of materials"),
        (vec![1, 2], "provenance"),
    ] {
        let some: Vec<_> = keep.iter().map(|i: &usize| all[*i].clone()).collect();
        let error = site.verify(image, &some).unwrap_err().to_string();
        assert!(error.contains(&format!("has no {missing}")), "{error}");
    }
    assert!(
        site.verify(image, &[all[1].clone(), all[4].clone()])
            .is_ok()
    );
}

#[test]
fn two_names_for_one_image_are_refused() {
    let site = Site::new();
    let image = site.image(b"layer");
    let mut attachments = site.sign(image).unwrap();
    attachments[0] = site
        .sign_as(image, "registry.example/flareo/other:1")
        .unwrap()[0]
        .clone();
    let error = site.verify(image, &attachments).unwrap_err().to_string();
    assert!(error.contains("calls"), "{error}");
}

#[test]
fn a_damaged_image_is_not_verified() {
    let site = Site::new();
    let image = site.image(b"layer");
    let attachments = site.sign(image).unwrap();
    let path = site.store.path(Digest::of(b"layer"));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(
        site.verify(image, &attachments),
        Err(VerifyError::Image { .. })
    ));
    std::fs::write(&path, b"paper").unwrap();
    let error = site.verify(image, &attachments).unwrap_err().to_string();
    assert!(error.contains("not whole"), "{error}");
}

#[test]
fn a_scan_of_another_image_and_a_name_without_a_tag_are_not_signed() {
    let site = Site::new();
    let image = site.image(b"layer");
    let name = format!("registry.example/flareo/web@{image}");
    assert!(matches!(
        site.sign_as(image, &name),
        Err(AttestError::Identity(_))
    ));
}

#[test]
fn an_exported_layout_is_verified_without_touching_it() {
    let site = Site::new();
    let image = site.image(b"layer");
    let attachments = site.sign(image).unwrap();
    let mut manifests = vec![Descriptor::new(
        media::MANIFEST,
        image,
        site.store.size(image).unwrap(),
    )];
    for attachment in &attachments {
        let size = site.store.size(attachment.manifest).unwrap();
        let mut entry = Descriptor::new(media::MANIFEST, attachment.manifest, size);
        if let Some(tag) = &attachment.tag {
            entry
                .annotations
                .insert("org.opencontainers.image.ref.name".into(), tag.clone());
        }
        manifests.push(entry);
    }
    let index = crate::oci::Index::new(manifests).to_bytes().unwrap();
    let layout = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(layout.path().join("blobs/sha256")).unwrap();
    for digest in site.store.digests().unwrap() {
        std::fs::copy(
            site.store.path(digest),
            layout.path().join("blobs/sha256").join(digest.hex()),
        )
        .unwrap();
    }
    std::fs::write(layout.path().join("index.json"), &index).unwrap();
    let verified = verify_layout(layout.path(), site.key.public()).unwrap();
    assert_eq!(verified.len(), 1);
    assert_eq!(verified[0].attachments.len(), 5);
    assert_eq!(std::fs::read_dir(layout.path()).unwrap().count(), 2);
    assert!(verify_layout(&layout.path().join("nowhere"), site.key.public()).is_err());
}
