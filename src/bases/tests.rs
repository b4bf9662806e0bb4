//! What import promises, with sources made here; `tests/images.rs` has those that other programs make.

use std::io::Write;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::base::Base;
use crate::model::image::Platform;
use crate::model::{Digest, Timestamp};
use crate::oci::{
    Descriptor, DescriptorPlatform, ImageConfig, Index, Manifest, RootFs, Store, media,
};

pub fn amd64() -> Platform {
    Platform {
        os: "linux".into(),
        architecture: "amd64".into(),
    }
}

pub struct Bench {
    pub folder: tempfile::TempDir,
    pub store: Store,
}

impl Bench {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        Self { folder, store }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn import(&self, source: &str) -> Result<Imported, BaseError> {
        import(&self.store, source, &amd64(), &ImportOptions::default())
    }

    pub fn refused(&self, source: &str) -> String {
        self.import(source).unwrap_err().to_string()
    }

    /// An OCI layout with one image, made by another store.
    fn layout(&self, architecture: &str) -> (Store, Descriptor, Manifest) {
        let other = Store::open(&self.path("layout")).unwrap();
        let mut layer = other.layer_writer().unwrap();
        layer.write_all(&[0; 1024]).unwrap();
        let layer = layer.finish().unwrap();
        let config = ImageConfig {
            architecture: architecture.into(),
            os: "linux".into(),
            rootfs: RootFs {
                diff_ids: vec![layer.diff_id],
                ..RootFs::default()
            },
            ..ImageConfig::default()
        };
        let config = other.put_config(&config).unwrap();
        let manifest = Manifest::image(config, vec![layer.descriptor]);
        let descriptor = other.put_manifest(&manifest).unwrap();
        list(&other, vec![named(&descriptor, "v1")]);
        (other, descriptor, manifest)
    }
}

fn named(descriptor: &Descriptor, name: &str) -> Descriptor {
    let mut descriptor = descriptor.clone();
    let key = "org.opencontainers.image.ref.name".to_owned();
    descriptor.annotations.insert(key, name.into());
    descriptor
}

fn list(layout: &Store, manifests: Vec<Descriptor>) {
    let bytes = Index::new(manifests).to_bytes().unwrap();
    std::fs::write(layout.root().join("index.json"), bytes).unwrap();
}

fn replace(layout: &Store, digest: Digest, content: &[u8]) {
    std::fs::remove_file(layout.path(digest)).unwrap();
    std::fs::write(layout.path(digest), content).unwrap();
}

fn oci(layout: &Store) -> String {
    format!("oci:{}", layout.root().display())
}

#[test]
fn an_image_in_a_layout_is_taken_by_name_by_digest_and_alone() {
    let bench = Bench::new();
    let (layout, image, manifest) = bench.layout("amd64");
    for which in ["", ":v1", &format!("@{}", image.digest)] {
        let imported = bench.import(&format!("{}{which}", oci(&layout))).unwrap();
        assert_eq!(imported.digest, image.digest);
        assert_eq!(imported.layers, 1);
        assert_eq!(imported.bytes, manifest.bytes());
        assert_eq!(imported.index, None);
    }
    assert!(
        bench
            .refused(&format!("{}:v2", oci(&layout)))
            .contains("offers v1")
    );
}

#[test]
fn of_an_index_the_platforms_manifest_is_pinned() {
    let bench = Bench::new();
    let (layout, image, _) = bench.layout("amd64");
    let on = |architecture: &str| {
        let mut descriptor = image.clone();
        descriptor.platform = Some(DescriptorPlatform {
            os: "linux".into(),
            architecture: architecture.into(),
            variant: None,
        });
        descriptor
    };
    let bytes = Index::new(vec![on("unknown"), on("amd64")])
        .to_bytes()
        .unwrap();
    let index = layout.put(&bytes).unwrap();
    list(
        &layout,
        vec![named(&Descriptor::of(media::INDEX, &bytes), "v1")],
    );
    let imported = bench.import(&oci(&layout)).unwrap();
    assert_eq!(
        (imported.digest, imported.index),
        (image.digest, Some(index))
    );

    let bytes = Index::new(vec![on("arm64")]).to_bytes().unwrap();
    layout.put(&bytes).unwrap();
    list(&layout, vec![Descriptor::of(media::INDEX, &bytes)]);
    assert_eq!(
        bench.refused(&oci(&layout)),
        "there is no image for linux/amd64; it offers linux/arm64"
    );
}

#[test]
fn an_image_of_another_platform_is_refused() {
    let bench = Bench::new();
    let (layout, ..) = bench.layout("arm64");
    assert!(
        bench
            .refused(&oci(&layout))
            .contains("no image for linux/amd64")
    );
}

#[test]
fn a_blob_that_lies_is_refused_with_what_came() {
    for part in 0..3 {
        let bench = Bench::new();
        let (layout, image, manifest) = bench.layout("amd64");
        let victim = [
            image.digest,
            manifest.config.digest,
            manifest.layers[0].digest,
        ][part];
        let mut content = std::fs::read(layout.path(victim)).unwrap();
        let last = content.len() - 1;
        content[last] ^= 1;
        replace(&layout, victim, &content);
        let error = bench.refused(&oci(&layout));
        let found = Digest::of(&content);
        assert!(
            error.contains(&format!("expected {victim}, found {found}")),
            "{error}"
        );
        assert!(!bench.store.has(victim));
    }
}

#[test]
fn a_blob_that_is_shorter_or_longer_is_refused() {
    for change in [
        "",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ] {
        let bench = Bench::new();
        let (layout, _, manifest) = bench.layout("amd64");
        replace(&layout, manifest.layers[0].digest, change.as_bytes());
        let error = bench.refused(&oci(&layout));
        assert!(error.contains("bytes, found"), "{error}");
    }
}

#[test]
fn a_layer_that_is_not_what_the_configuration_says_is_refused() {
    let bench = Bench::new();
    let (layout, _, mut manifest) = bench.layout("amd64");
    let mut other = layout.layer_writer().unwrap();
    other.write_all(b"something else").unwrap();
    manifest.layers = vec![other.finish().unwrap().descriptor];
    list(&layout, vec![layout.put_manifest(&manifest).unwrap()]);
    let error = bench.refused(&oci(&layout));
    assert!(error.contains("the content of layer"), "{error}");

    manifest.layers.clear();
    list(&layout, vec![layout.put_manifest(&manifest).unwrap()]);
    let error = bench.refused(&oci(&layout));
    assert!(
        error.contains("expected 1 layers, found 0 layers"),
        "{error}"
    );
}

#[test]
fn a_layer_that_unpacks_to_more_than_the_limit_is_refused() {
    let bench = Bench::new();
    let (layout, ..) = bench.layout("amd64");
    let mut options = ImportOptions::default();
    options.limits.unpacked = 1023;
    let error = import(&bench.store, &oci(&layout), &amd64(), &options).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("unpacks to more than 1023 bytes"),
        "{error}"
    );
}

#[test]
fn an_artifact_is_no_base() {
    let bench = Bench::new();
    let (layout, _, mut manifest) = bench.layout("amd64");
    manifest.config = Descriptor::of(media::EMPTY, b"{}");
    layout.put(b"{}").unwrap();
    list(&layout, vec![layout.put_manifest(&manifest).unwrap()]);
    assert!(bench.refused(&oci(&layout)).contains("it is no image but"));
}

#[test]
fn a_folder_that_is_no_layout_and_a_file_that_is_no_archive_are_named() {
    let bench = Bench::new();
    let here = bench.folder.path().display().to_string();
    assert!(
        bench
            .refused(&format!("oci:{here}/none"))
            .contains("cannot read")
    );
    assert!(
        bench
            .refused(&format!("oci:{here}"))
            .contains("it has no oci-layout")
    );
    std::fs::write(bench.path("text"), "x".repeat(600)).unwrap();
    assert!(
        bench
            .refused(&format!("oci-archive:{here}/text"))
            .contains("no tar, or damaged")
    );
    assert!(
        bench
            .refused(&format!("rootfs:{here}/text"))
            .contains("no tar, or damaged")
    );
    assert!(bench.refused("nonsense").contains("write oci:DIR"));
}

pub type Entries<'a> = &'a [(&'a str, tar::EntryType, &'a [u8])];

pub fn tarball(path: &Path, entries: Entries<'_>) {
    let mut builder = tar::Builder::new(std::fs::File::create(path).unwrap());
    for (name, kind, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_uid(7);
        header.set_mtime(1000);
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        if kind.is_hard_link() || kind.is_symlink() {
            header.set_link_name_literal(content).unwrap();
            header.set_size(0);
            header.set_cksum();
            builder.append(&header, std::io::empty()).unwrap();
        } else {
            header.set_size(content.len() as u64);
            header.set_cksum();
            builder.append(&header, *content).unwrap();
        }
    }
    builder.finish().unwrap();
}

pub const FILE: tar::EntryType = tar::EntryType::Regular;

fn docker_archive(
    bench: &Bench,
    tags: &[&str],
    config_name: Option<&str>,
    layers: usize,
) -> String {
    let layer = [0; 1024];
    let config = json!({
        "architecture": "amd64", "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(layer)]},
    })
    .to_string();
    let name = format!("{}.json", Digest::of(&config).hex());
    let name = config_name.unwrap_or(&name);
    let list = json!([{"Config": name, "RepoTags": tags, "Layers": vec!["b/layer.tar"; layers]}]);
    let path = bench.path("saved.tar");
    tarball(
        &path,
        &[
            ("a/layer.tar", FILE, &layer),
            ("b/layer.tar", tar::EntryType::Symlink, b"../a/layer.tar"),
            (name, FILE, config.as_bytes()),
            ("manifest.json", FILE, list.to_string().as_bytes()),
        ],
    );
    format!("docker-archive:{}", path.display())
}

#[test]
fn a_docker_archive_becomes_an_oci_image_with_the_same_configuration() {
    let bench = Bench::new();
    let source = docker_archive(&bench, &["alpine:3.19"], None, 1);
    let imported = bench.import(&source).unwrap();
    assert_eq!(imported.layers, 1);
    let manifest = bench.store.manifest(imported.digest).unwrap();
    assert_eq!(manifest.layers[0].media_type, media::LAYER_GZIP);
    let named = bench.import(&format!("{source}:docker.io/library/alpine:3.19"));
    assert_eq!(named.unwrap().digest, imported.digest);
    assert!(
        bench
            .refused(&format!("{source}:alpine:3.20"))
            .contains("offers alpine:3.19")
    );
}

#[test]
fn a_docker_archive_may_be_compressed() {
    let bench = Bench::new();
    let source = docker_archive(&bench, &[], None, 1);
    let digest = bench.import(&source).unwrap().digest;
    let plain = std::fs::read(bench.path("saved.tar")).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    std::fs::write(bench.path("saved.tar"), gzip.finish().unwrap()).unwrap();
    assert_eq!(bench.import(&source).unwrap().digest, digest);
}

#[test]
fn a_docker_archive_that_lies_is_refused() {
    let bench = Bench::new();
    let wrong = format!("{}.json", Digest::of(b"other").hex());
    let source = docker_archive(&bench, &[], Some(&wrong), 1);
    assert!(
        bench
            .refused(&source)
            .contains(&format!("expected {}", Digest::of(b"other")))
    );
    let source = docker_archive(&bench, &[], None, 2);
    assert!(
        bench
            .refused(&source)
            .contains("expected 1 layers, found 2 layers")
    );
}

fn base(reference: &str, digest: Digest) -> Base {
    Base {
        reference: reference.parse().unwrap(),
        digest,
        bytes: 1,
        layers: 1,
        source: "oci:x".into(),
        imported_at: Timestamp::UNIX_EPOCH,
    }
}

#[test]
fn a_tag_is_pinned_to_what_was_imported_last_and_a_digest_only_if_it_was_imported_there() {
    let bench = Bench::new();
    let (old, new) = (Digest::of(b"old"), Digest::of(b"new"));
    let bases = [
        base("alpine:3.19", old),
        base("alpine:3.19", new),
        base("debian:12-slim", Digest::of(b"debian")),
    ];
    let platform = amd64();
    let cache = Cache {
        store: &bench.store,
        bases: &bases,
        platform: &platform,
    };
    let resolve = |text: &str| cache.resolve(&text.parse().unwrap());
    assert_eq!(resolve("docker.io/library/alpine:3.19"), Some(new));
    assert_eq!(resolve("alpine:3.20"), None);
    assert_eq!(resolve(&format!("alpine:3.19@{old}")), Some(old));
    assert_eq!(resolve(&format!("debian:12-slim@{old}")), None);
    // In the store, but not as this base.
    let stranger = bench.store.put(b"stranger").unwrap();
    assert_eq!(resolve(&format!("alpine:3.19@{stranger}")), None);
    // The index that the base came from stands for its manifest.
    let mut listed = Descriptor::new(media::MANIFEST, new, 3);
    listed.platform = Some(DescriptorPlatform {
        os: "linux".into(),
        architecture: "amd64".into(),
        variant: None,
    });
    let index = bench
        .store
        .put(&Index::new(vec![listed]).to_bytes().unwrap())
        .unwrap();
    assert_eq!(resolve(&format!("alpine:3.19@{index}")), Some(new));

    let approved = ApprovedList::new(approved::defaults());
    let from = |written: &str, line| From {
        written: written.into(),
        reference: written.parse().unwrap(),
        line,
    };
    let froms = [from("alpine:3.19", 1), from("my-registry/my-image", 4)];
    let pinned = pins(&froms, &|r| cache.resolve(r), &approved);
    let facts: Vec<_> = pinned
        .iter()
        .map(|p| (p.digest, p.approved, p.line))
        .collect();
    assert_eq!(facts, [(Some(new), true, 1), (None, false, 4)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_archive_makes_import_panic_or_leave_a_base(
        mut bytes in prop::collection::vec(any::<u8>(), 0..2048),
        kind in prop::sample::select(b"0125LKxg7S3\0".to_vec()),
        size in any::<u16>(),
    ) {
        // A header whose checksum is right, so that what is behind the checksum is reached too.
        if bytes.len() >= 512 {
            bytes[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
            bytes[156] = kind;
            bytes[148..156].fill(b' ');
            let sum: u64 = bytes[..512].iter().map(|b| u64::from(*b)).sum();
            bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
        let bench = Bench::new();
        std::fs::write(bench.path("any"), &bytes).unwrap();
        for transport in ["oci-archive", "docker-archive", "rootfs"] {
            let source = format!("{transport}:{}", bench.path("any").display());
            let _ = bench.import(&source);
        }
    }
}
