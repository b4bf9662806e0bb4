//! Images in and out, with the programs that they come from and go to: a real registry, Docker, skopeo.
//!
//! What a hostile registry does is played by a small server of the test's own.

macro_rules! part {
    ($name:literal) => {
        match crate::images::part($name) {
            Some(value) => value,
            None => return,
        }
    };
}

mod hostile;
mod signed;
mod small_disk;

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use flareo::bases::{ImportOptions, Imported, import};
use flareo::catalog::{Item, export, push};
use flareo::model::Digest;
use flareo::model::image::Platform;
use flareo::model::module::{Attachment, AttachmentKind};
use flareo::oci::registry::{RegistrySettings, Repository};
use flareo::oci::{Descriptor, DescriptorPlatform, Index, MANIFEST_LIMIT, Manifest, Store, media};

/// The value of a variable that `tests/run` sets, or a word about what is skipped.
fn part(name: &str) -> Option<String> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty());
    if value.is_none() {
        eprintln!("skipped: {name} is not set; `tests/run` sets it");
    }
    value
}

struct Bench {
    folder: tempfile::TempDir,
    store: Store,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        Self { folder, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn import(&self, source: &str) -> Imported {
        import_into(&self.store, source).unwrap_or_else(|e| panic!("{source}: {e}"))
    }

    fn export(&self, image: Digest, destination: &str) {
        let item = Item {
            image,
            attachments: &[],
        };
        export(
            &self.store,
            &item,
            destination,
            &RegistrySettings::default(),
        )
        .unwrap_or_else(|e| panic!("{destination}: {e}"));
    }
}

fn import_into(store: &Store, source: &str) -> Result<Imported, flareo::bases::BaseError> {
    import(store, source, &Platform::host(), &ImportOptions::default())
}

/// A repository that no other test and no earlier run uses.
fn repository(registry: &str, name: &str) -> String {
    let unique = format!("{}-{:?}", std::process::id(), std::time::Instant::now());
    let unique = Digest::of(unique).short();
    format!("{registry}/images/{name}-{unique}")
}

fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{text}\n{errors}");
    text
}

fn docker(client: &str, host: &str, arguments: &[&str]) -> String {
    run(Command::new(client).args(["-H", host]).args(arguments))
}

#[test]
fn what_is_pushed_comes_back_byte_for_byte_with_everything_that_speaks_of_it() {
    let registry = part!("FLAREO_TEST_REGISTRY");
    let bases = part!("FLAREO_TEST_BASES");
    let bench = Bench::new();
    let image = bench.import(&format!("rootfs:{bases}/busybox.tar"));
    let reference = repository(&registry, "whole");
    let store = &bench.store;

    let size = store.size(image.digest).unwrap();
    let empty = Descriptor::of(media::EMPTY, b"{}");
    store.put(b"{}").unwrap();
    let mut sbom = Manifest::image(empty.clone(), vec![empty.clone()]);
    sbom.artifact_type = Some("application/vnd.cyclonedx+json".into());
    sbom.subject = Some(Descriptor::new(media::MANIFEST, image.digest, size));
    let sbom = store.put_manifest(&sbom).unwrap();
    let signature = store
        .put_manifest(&Manifest::image(empty.clone(), vec![empty]))
        .unwrap();
    let signature_tag = format!("sha256-{}.sig", image.digest.hex());
    let attachments = [
        Attachment {
            kind: AttachmentKind::Signature,
            manifest: signature.digest,
            tag: Some(signature_tag.clone()),
        },
        Attachment {
            kind: AttachmentKind::Sbom,
            manifest: sbom.digest,
            tag: None,
        },
    ];
    let item = Item {
        image: image.digest,
        attachments: &attachments,
    };
    let to = format!("{reference}:v1").parse().unwrap();
    let settings = RegistrySettings::default();
    for _ in 0..2 {
        let pushed = push(store, &item, &to, &settings).unwrap();
        let list = format!("sha256-{}", image.digest.hex());
        assert_eq!(pushed.tags, [list, signature_tag.clone(), "v1".to_owned()]);
        // docker-registry 2.8 has no list of referrers.
        assert_eq!((pushed.referrers, pushed.fallback), (1, true));
        assert_eq!(
            pushed.reference.to_string(),
            format!("{reference}:v1@{}", image.digest)
        );
    }

    let remote = Repository::open(&to, &settings).unwrap();
    let list = remote
        .manifest(&format!("sha256-{}", image.digest.hex()))
        .unwrap()
        .unwrap();
    let list = Index::parse(&list.bytes).unwrap();
    assert_eq!(list.manifests.len(), 1);
    assert_eq!(list.manifests[0].digest, sbom.digest);
    assert_eq!(
        list.manifests[0].artifact_type.as_deref(),
        Some("application/vnd.cyclonedx+json")
    );
    let sent = remote.manifest(&signature_tag).unwrap().unwrap();
    assert_eq!(Digest::of(&sent.bytes), signature.digest);

    let other = Store::open(&bench.path("other")).unwrap();
    for source in [
        format!("{reference}:v1"),
        format!("{reference}@{}", image.digest),
    ] {
        let back = import_into(&other, &format!("docker://{source}")).unwrap();
        assert_eq!((back.digest, back.bytes), (image.digest, image.bytes));
    }
    for digest in other.digests().unwrap() {
        let read = |store: &Store| store.read(digest, 1 << 30).unwrap();
        assert_eq!(read(&other), read(store));
    }
    assert_eq!(remote.manifest("no-such-tag").unwrap(), None);
    let error = import_into(&other, &format!("docker://{reference}:v2")).unwrap_err();
    assert!(error.to_string().contains("there is no image"), "{error}");
}

#[test]
fn of_an_index_in_a_registry_the_platforms_manifest_is_pinned() {
    let registry = part!("FLAREO_TEST_REGISTRY");
    let bases = part!("FLAREO_TEST_BASES");
    let bench = Bench::new();
    let image = bench.import(&format!("rootfs:{bases}/busybox.tar"));
    let reference = repository(&registry, "index");
    bench.export(image.digest, &format!("docker://{reference}:single"));
    let size = bench.store.size(image.digest).unwrap();
    let mut listed = Descriptor::new(media::MANIFEST, image.digest, size);
    listed.platform = Some(DescriptorPlatform {
        architecture: Platform::host().architecture,
        os: "linux".into(),
        variant: None,
    });
    let bytes = Index::new(vec![listed]).to_bytes().unwrap();
    let address = format!("{reference}:multi");
    let remote = Repository::open(&address.parse().unwrap(), &RegistrySettings::default()).unwrap();
    remote
        .push_manifest("multi", media::INDEX, bytes.clone())
        .unwrap();
    let other = Store::open(&bench.path("other")).unwrap();
    let index = Digest::of(&bytes);
    for source in [address, format!("{reference}@{index}")] {
        let imported = import_into(&other, &format!("docker://{source}")).unwrap();
        assert_eq!(
            (imported.digest, imported.index),
            (image.digest, Some(index))
        );
    }
}

#[test]
fn what_docker_pushed_and_saved_is_one_image() {
    let registry = part!("FLAREO_TEST_REGISTRY");
    let client = part!("FLAREO_TEST_DOCKER");
    let host = part!("FLAREO_TEST_DOCKER_HOST");
    let bench = Bench::new();
    let name = format!("{}:v1", repository(&registry, "docker"));
    docker(&client, &host, &["tag", "busybox:latest", &name]);
    docker(&client, &host, &["push", &name]);
    let saved = bench.path("saved.tar");
    docker(
        &client,
        &host,
        &["save", "-o", saved.to_str().unwrap(), &name],
    );
    docker(&client, &host, &["rmi", &name]);

    let pulled = bench.import(&format!("docker://{name}"));
    let manifest = bench.store.manifest(pulled.digest).unwrap();
    assert_eq!(manifest.media_type, media::DOCKER_MANIFEST);
    let loaded = bench.import(&format!("docker-archive:{}", saved.display()));
    assert_eq!(loaded.config, pulled.config);
    let named = bench.import(&format!("docker-archive:{}:{name}", saved.display()));
    assert_eq!(named.digest, loaded.digest);
}

#[test]
fn the_archives_of_other_programs_are_read() {
    let bases = part!("FLAREO_TEST_BASES");
    let bench = Bench::new();
    let docker = bench.import(&format!("docker-archive:{bases}/debian.docker-archive.tar"));
    let oci = bench.import(&format!("oci-archive:{bases}/debian.oci-archive.tar"));
    assert!(docker.layers > 0 && oci.layers > 0);
    let diff_ids = |image: &Imported| bench.store.config(image.config).unwrap().rootfs.diff_ids;
    assert_eq!(diff_ids(&docker), diff_ids(&oci));
}

#[test]
fn skopeo_reads_what_we_write_and_we_read_what_it_writes() {
    let skopeo = part!("FLAREO_TEST_SKOPEO");
    let bases = part!("FLAREO_TEST_BASES");
    let bench = Bench::new();
    let image = bench.import(&format!("rootfs:{bases}/busybox.tar"));
    let at = |name: &str| bench.path(name).display().to_string();
    for (transport, name) in [("oci", "layout:v1"), ("oci-archive", "layout.tar:v1")] {
        let place = format!("{transport}:{}", at(name));
        bench.export(image.digest, &place);
        let template = "--format={{.Digest}}";
        let digest = run(Command::new(&skopeo).args(["inspect", template, &place]));
        assert_eq!(digest.trim(), image.digest.to_string());
        let copy = format!("{transport}:{}", at(&format!("copy-{name}")));
        run(Command::new(&skopeo).args(["--insecure-policy", "copy", "-q", &place, &copy]));
        assert_eq!(bench.import(&copy).digest, image.digest);
    }
    let archive = format!("docker-archive:{}", at("docker.tar"));
    bench.export(image.digest, &archive);
    for (format, name) in [("oci", "one"), ("v2s2", "two")] {
        let copy = format!("oci:{}", at(name));
        run(Command::new(&skopeo).args([
            "--insecure-policy",
            "copy",
            "-q",
            "-f",
            format,
            &archive,
            &copy,
        ]));
        assert_eq!(bench.import(&copy).config, image.config);
    }
}

#[test]
fn docker_loads_and_runs_what_we_export() {
    let client = part!("FLAREO_TEST_DOCKER");
    let host = part!("FLAREO_TEST_DOCKER_HOST");
    let bases = part!("FLAREO_TEST_BASES");
    let bench = Bench::new();
    let image = bench.import(&format!("rootfs:{bases}/busybox.tar"));
    let name = format!("flareo-test/images:{}", image.digest.short());
    let archive = bench.path("docker.tar").display().to_string();
    bench.export(image.digest, &format!("docker-archive:{archive}:{name}"));
    docker(&client, &host, &["load", "-i", &archive]);
    let id = docker(
        &client,
        &host,
        &["image", "inspect", "--format={{.Id}}", &name],
    );
    assert_eq!(id.trim(), image.config.to_string());
    let said = docker(
        &client,
        &host,
        &[
            "run",
            "--rm",
            "--network=none",
            &name,
            "/bin/busybox",
            "echo",
            "it runs",
        ],
    );
    assert_eq!(said, "it runs\n");
    docker(&client, &host, &["rmi", &name]);
}

#[test]
fn a_debian_root_file_system_keeps_its_files_and_owners() {
    let bases = part!("FLAREO_TEST_BASES");
    let client = part!("FLAREO_TEST_DOCKER");
    let host = part!("FLAREO_TEST_DOCKER_HOST");
    let bench = Bench::new();
    let image = bench.import(&format!("rootfs:{bases}/debian.tar"));
    let name = format!("flareo-test/debian:{}", image.digest.short());
    let archive = bench.path("docker.tar").display().to_string();
    bench.export(image.digest, &format!("docker-archive:{archive}:{name}"));
    docker(&client, &host, &["load", "-q", "-i", &archive]);
    let list = "find / -xdev ! -path '/dev*' ! -path '/proc*' ! -path '/sys*' ! -path /etc/hostname \
                ! -path /etc/hosts ! -path /etc/mtab ! -path /etc/resolv.conf ! -path / ! -name .dockerenv ! -path /etc \
                -printf '%p %y %m %U %G %s %T@ %l\\n' | sed 's/\\.[0-9]* / /' | sort";
    let files = |image: &str| {
        let arguments = ["run", "--rm", "--network=none", image, "sh", "-c", list];
        let text = docker(&client, &host, &arguments);
        // A folder's length is the file system's matter.
        let plain = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            let is_folder = words.get(1) == Some(&"d");
            let kept = words
                .iter()
                .enumerate()
                .filter(|(i, _)| !(is_folder && *i == 5));
            kept.map(|(_, word)| *word).collect::<Vec<_>>().join(" ")
        };
        text.lines().map(plain).collect::<Vec<_>>()
    };
    let (ours, dockers) = (files(&name), files("debian:12-slim"));
    assert!(ours.len() > 1000, "{}", ours.len());
    let differing: Vec<_> = ours
        .iter()
        .filter(|line| !dockers.contains(line))
        .take(5)
        .collect();
    assert_eq!(differing, Vec::<&String>::new());
    assert_eq!(ours.len(), dockers.len());
    docker(&client, &host, &["rmi", &name]);
}

#[test]
fn a_half_pushed_image_has_no_tag() {
    let registry = part!("FLAREO_TEST_REGISTRY");
    let bases = part!("FLAREO_TEST_BASES");
    let bench = Bench::new();
    let image = bench.import(&format!("rootfs:{bases}/busybox.tar"));
    let layer = bench.store.manifest(image.digest).unwrap().layers[0].digest;
    let path = bench.store.path(layer);
    let mut content = bench.store.read(layer, 1 << 30).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    std::fs::remove_file(&path).unwrap();
    std::fs::File::create(&path)
        .unwrap()
        .write_all(&content)
        .unwrap();
    let reference = format!("{}:v1", repository(&registry, "half"))
        .parse()
        .unwrap();
    let item = Item {
        image: image.digest,
        attachments: &[],
    };
    let settings = RegistrySettings::default();
    let error = push(&bench.store, &item, &reference, &settings).unwrap_err();
    assert!(error.to_string().contains(&layer.to_string()), "{error}");
    let remote = Repository::open(&reference, &settings).unwrap();
    assert_eq!(remote.manifest("v1").unwrap(), None);
    assert!(bench.store.read(image.digest, MANIFEST_LIMIT).is_ok());
}
