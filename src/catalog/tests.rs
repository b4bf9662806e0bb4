//! What export promises; `tests/images.rs` hands the results to the programs that they are for.

use std::io::{Read, Write};
use std::path::PathBuf;

use super::*;
use crate::model::module::AttachmentKind;
use crate::oci::{Compression, Descriptor, ImageConfig, Index, Manifest, RootFs, TarReader, media};

struct Bench {
    folder: tempfile::TempDir,
    store: Store,
    image: Digest,
    attachments: Vec<Attachment>,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let mut layer = store.layer_writer().unwrap();
        layer.write_all(&[0; 1024]).unwrap();
        let layer = layer.finish().unwrap();
        let image = image(&store, vec![layer.descriptor.clone()], vec![layer.diff_id]);
        store.put(b"{}").unwrap();
        let mut about = Manifest::image(Descriptor::of(media::EMPTY, b"{}"), Vec::new());
        about.artifact_type = Some("application/x".into());
        about.subject = Some(image.clone());
        let about = store.put_manifest(&about).unwrap();
        let mut signature = Manifest::image(Descriptor::of(media::EMPTY, b"{}"), Vec::new());
        signature.annotations.insert("a".into(), "b".into());
        let signature = store.put_manifest(&signature).unwrap();
        let attachments = vec![
            Attachment {
                kind: AttachmentKind::Signature,
                manifest: signature.digest,
                tag: Some(format!("sha256-{}.sig", image.digest.hex())),
            },
            Attachment {
                kind: AttachmentKind::Sbom,
                manifest: about.digest,
                tag: None,
            },
        ];
        Self {
            folder,
            store,
            image: image.digest,
            attachments,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn export(&self, transport: &str, name: &str) -> Result<Exported, CatalogError> {
        let destination = format!("{transport}:{}", self.path(name).display());
        let item = Item {
            image: self.image,
            attachments: &self.attachments,
        };
        export(
            &self.store,
            &item,
            &destination,
            &RegistrySettings::default(),
        )
    }

    fn refused(&self, transport: &str, name: &str) -> String {
        self.export(transport, name).unwrap_err().to_string()
    }

    fn index(&self, name: &str) -> Index {
        Index::parse(&std::fs::read(self.path(name).join("index.json")).unwrap()).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn image(store: &Store, layers: Vec<Descriptor>, diff_ids: Vec<Digest>) -> Descriptor {
    let config = ImageConfig {
        architecture: "amd64".into(),
        os: "linux".into(),
        rootfs: RootFs {
            diff_ids,
            ..RootFs::default()
        },
        ..ImageConfig::default()
    };
    let config = store.put_config(&config).unwrap();
    store
        .put_manifest(&Manifest::image(config, layers))
        .unwrap()
}

fn files(path: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let mut tar = TarReader::new(std::fs::File::open(path).unwrap());
    let mut files = Vec::new();
    while let Some(entry) = tar.next().unwrap() {
        assert_eq!((entry.uid, entry.mtime), (0, 0));
        let mut content = Vec::new();
        tar.read_to_end(&mut content).unwrap();
        files.push((String::from_utf8(entry.path).unwrap(), content));
    }
    files
}

#[test]
fn a_layout_holds_the_image_first_and_what_speaks_of_it() {
    let bench = Bench::new();
    bench.export("oci", "out:v1").unwrap();
    let index = bench.index("out");
    let names: Vec<_> = index
        .manifests
        .iter()
        .map(|d| {
            d.annotations
                .get("org.opencontainers.image.ref.name")
                .cloned()
        })
        .collect();
    let signature = format!("sha256-{}.sig", bench.image.hex());
    assert_eq!(names, [Some("v1".into()), Some(signature), None]);
    assert_eq!(index.manifests[0].digest, bench.image);
    assert_eq!(
        index.manifests[2].artifact_type.as_deref(),
        Some("application/x")
    );
    let layout = Store::open(&bench.path("out")).unwrap();
    assert_eq!(layout.manifest(bench.image).unwrap().layers.len(), 1);
    assert_eq!(layout.digests().unwrap(), bench.store.digests().unwrap());
}

#[test]
fn an_image_is_added_to_a_layout_and_replaces_its_own_name() {
    let mut bench = Bench::new();
    bench.export("oci", "out:v1").unwrap();
    bench.export("oci", "out:v1").unwrap();
    assert_eq!(bench.index("out").manifests.len(), 3);
    bench.attachments.clear();
    bench.image = image(&bench.store, Vec::new(), Vec::new()).digest;
    bench.export("oci", "out:v2").unwrap();
    assert_eq!(bench.index("out").manifests.len(), 4);
    bench.export("oci", "out:v1").unwrap();
    let index = bench.index("out");
    let digests: Vec<_> = index.manifests.iter().map(|d| d.digest).collect();
    assert_eq!(digests.len(), 4);
    assert_eq!(digests[2..], [bench.image, bench.image]);
}

#[test]
fn a_blob_of_a_layout_that_somebody_wrote_to_goes_nowhere_else() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    bench.export("oci", "out:v1").unwrap();
    let layer = bench.store.manifest(bench.image).unwrap().layers[0].clone();
    let path = bench.path("out/blobs/sha256").join(layer.digest.hex());
    let whole = std::fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    damaged[12] ^= 1;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::write(&path, damaged).unwrap();
    if bench.store.is_whole(layer.digest, layer.size) {
        // The two share nothing that can be written to.
        bench.export("oci", "new:v1").unwrap();
    } else {
        for name in ["out:v1", "new:v1"] {
            let refused = bench.refused("oci", name);
            assert!(refused.contains(&layer.digest.hex()), "{refused}");
        }
        assert!(!bench.path("new").exists());
        let mut again = bench.store.writer().unwrap();
        again.write_all(&whole).unwrap();
        again.commit_as(layer.digest).unwrap();
    }
    bench.export("oci", "out:v1").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), whole);
}

#[test]
fn an_empty_folder_is_used_and_any_other_left_alone() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("empty")).unwrap();
    bench.export("oci", "empty").unwrap();
    std::fs::create_dir(bench.path("full")).unwrap();
    std::fs::write(bench.path("full/letter"), "dear").unwrap();
    assert!(
        bench
            .refused("oci", "full")
            .contains("not empty, and no OCI layout")
    );
    assert!(bench.refused("oci", "full/letter").contains("no folder"));
    assert!(
        bench
            .refused("oci-archive", "full")
            .contains("it is a folder")
    );
    assert_eq!(std::fs::read(bench.path("full/letter")).unwrap(), b"dear");
}

#[test]
fn an_archive_is_the_same_each_time() {
    let bench = Bench::new();
    for transport in ["oci-archive", "docker-archive"] {
        bench.export(transport, "one").unwrap();
        bench.export(transport, "two").unwrap();
        let read = |name: &str| std::fs::read(bench.path(name)).unwrap();
        assert_eq!(read("one"), read("two"));
    }
}

#[test]
fn an_oci_archive_is_a_layout_in_a_tar() {
    let bench = Bench::new();
    bench.export("oci-archive", "a.tar:v1").unwrap();
    let files = files(&bench.path("a.tar"));
    assert_eq!(files[0].0, "oci-layout");
    assert_eq!(Index::parse(&files[1].1).unwrap().manifests.len(), 3);
    let blobs = files
        .iter()
        .filter(|(name, _)| name.len() > "blobs/sha256/".len());
    for (name, content) in blobs {
        assert_eq!(*name, format!("blobs/sha256/{}", Digest::of(content).hex()));
    }
}

#[test]
fn a_docker_archive_names_its_image_and_has_each_layer_once() {
    let mut bench = Bench::new();
    let blob = zstd::encode_all(&[7_u8; 2000][..], 3).unwrap();
    let digest = bench.store.put(&blob).unwrap();
    let layer = Descriptor::new(media::LAYER_ZSTD, digest, blob.len() as u64);
    let diff_id = Digest::of([7_u8; 2000]);
    let twice = image(&bench.store, vec![layer.clone(), layer], vec![diff_id; 2]);
    bench.image = twice.digest;
    bench.export("docker-archive", "d.tar:app:1").unwrap();
    let files = files(&bench.path("d.tar"));
    assert_eq!(files.len(), 3);
    assert_eq!(Digest::of(&files[0].1).hex() + ".json", files[0].0);
    assert_eq!(files[1].1, [7; 2000]);
    assert_eq!(Compression::sniff(&files[1].1), Compression::None);
    let list: serde_json::Value = serde_json::from_slice(&files[2].1).unwrap();
    assert_eq!(list[0]["RepoTags"][0], "app:1");
    assert_eq!(list[0]["Layers"].as_array().unwrap().len(), 2);
}

#[test]
fn a_damaged_or_missing_blob_leaves_nothing_behind() {
    let bench = Bench::new();
    let layer = bench.store.manifest(bench.image).unwrap().layers[0].digest;
    let content = bench.store.read(layer, 1 << 20).unwrap();
    let before = bench.names();
    let path = bench.store.path(layer);
    std::fs::remove_file(&path).unwrap();
    for transport in ["oci", "oci-archive", "docker-archive"] {
        assert!(
            bench
                .refused(transport, "out")
                .contains("not in the content store")
        );
    }
    let mut damaged = content.clone();
    damaged[15] ^= 1;
    std::fs::write(&path, damaged).unwrap();
    for transport in ["oci", "oci-archive", "docker-archive"] {
        assert!(bench.refused(transport, "out").contains("is damaged"));
    }
    assert_eq!(bench.names(), before);
}

#[test]
fn a_destination_that_is_none_is_refused() {
    let bench = Bench::new();
    assert!(
        bench
            .refused("rootfs", "x")
            .contains("not written as a root file system")
    );
    let digest = Digest::of(b"x");
    assert!(
        bench
            .refused("oci", &format!("x@{digest}"))
            .contains("under a tag")
    );
    assert!(
        bench
            .refused("docker-archive", &format!("x:a@{digest}"))
            .contains("by tag")
    );
    assert!(bench.refused("nonsense", "x").contains("write oci:DIR"));
}
