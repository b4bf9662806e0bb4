//! What the content store and its formats promise.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::Digest;

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("oci")).unwrap();
    (folder, store)
}

fn damage(store: &Store, digest: Digest, content: &[u8]) {
    let path = store.path(digest);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(path, content).unwrap();
}

#[test]
fn an_opened_store_is_an_empty_oci_layout() {
    let (_folder, store) = store();
    let layout = std::fs::read_to_string(store.root().join("oci-layout")).unwrap();
    assert_eq!(layout, r#"{"imageLayoutVersion":"1.0.0"}"#);
    let index = std::fs::read(store.root().join("index.json")).unwrap();
    assert_eq!(Index::parse(&index).unwrap().manifests, []);
    Store::open(store.root()).unwrap();
}

#[test]
fn what_is_put_is_read_back_and_read_only() {
    let (_folder, store) = store();
    let digest = store.put(b"hello").unwrap();
    assert_eq!(digest, Digest::of(b"hello"));
    assert_eq!(store.put(b"hello").unwrap(), digest);
    assert!(store.has(digest));
    assert_eq!(store.size(digest).unwrap(), 5);
    assert_eq!(store.read(digest, 5).unwrap(), b"hello");
    let mode = std::fs::metadata(store.path(digest)).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o444);
    assert_eq!(store.digests().unwrap(), [digest]);
}

#[test]
fn a_longer_blob_than_asked_for_is_refused() {
    let (_folder, store) = store();
    let digest = store.put(b"hello").unwrap();
    let error = store.read(digest, 4).unwrap_err();
    assert!(matches!(
        error,
        OciError::TooLarge {
            size: 5,
            limit: 4,
            ..
        }
    ));
}

#[test]
fn a_missing_blob_is_named() {
    let (_folder, store) = store();
    let digest = Digest::of(b"nobody");
    assert!(!store.has(digest));
    let error = store.read(digest, 10).unwrap_err().to_string();
    assert_eq!(error, format!("{digest} is not in the content store"));
}

#[test]
fn a_damaged_blob_is_never_believed_and_put_mends_it() {
    let (_folder, store) = store();
    let digest = store.put(b"hello").unwrap();
    damage(&store, digest, b"hullo");
    assert!(matches!(
        store.read(digest, 10),
        Err(OciError::Corrupt { expected, .. }) if expected == digest
    ));
    let mut reader = store.open_blob(digest).unwrap();
    assert!(reader.read_to_end(&mut Vec::new()).is_err());
    assert!(!reader.verified());
    store.put(b"hello").unwrap();
    assert_eq!(store.read(digest, 10).unwrap(), b"hello");
}

#[test]
fn a_link_is_not_a_blob() {
    let (folder, store) = store();
    let digest = Digest::of(b"hello");
    std::fs::write(folder.path().join("elsewhere"), b"hello").unwrap();
    std::os::unix::fs::symlink(folder.path().join("elsewhere"), store.path(digest)).unwrap();
    assert!(!store.has(digest));
    assert!(store.read(digest, 10).is_err());
}

#[test]
fn a_dropped_or_wrong_writer_leaves_nothing() {
    let (_folder, store) = store();
    let mut writer = store.writer().unwrap();
    writer.write_all(b"half").unwrap();
    drop(writer);
    let mut writer = store.writer().unwrap();
    writer.write_all(b"other").unwrap();
    assert!(writer.commit_as(Digest::of(b"hello")).is_err());
    assert_eq!(store.digests().unwrap(), []);
    assert_eq!(
        std::fs::read_dir(store.root().join("ingest"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn two_writers_of_one_blob_both_succeed() {
    let (_folder, store) = store();
    let other = Store::open(store.root()).unwrap();
    let threads: Vec<_> = [store.clone(), other]
        .into_iter()
        .map(|store| {
            std::thread::spawn(move || {
                let mut writer = store.writer().unwrap();
                writer.write_all(&vec![7; 100_000]).unwrap();
                writer.commit().unwrap()
            })
        })
        .collect();
    for thread in threads {
        let (digest, size) = thread.join().unwrap();
        assert_eq!(size, 100_000);
        assert_eq!(store.read(digest, 100_000).unwrap(), vec![7; 100_000]);
    }
}

#[test]
fn a_layer_is_read_back_and_depends_only_on_its_tar() {
    let (_folder, store) = store();
    let write = || {
        let mut layer = store.layer_writer().unwrap();
        layer.write_all(b"some ").unwrap();
        layer.flush().unwrap();
        layer.write_all(&[b'x'; 3000]).unwrap();
        layer.finish().unwrap()
    };
    let layer = write();
    assert_eq!(write(), layer);
    assert_eq!(layer.unpacked, 3005);
    assert_eq!(layer.descriptor.media_type, media::LAYER_GZIP);
    let mut tar = Vec::new();
    let mut reader = store.open_layer(&layer.descriptor, 3005).unwrap();
    reader.read_to_end(&mut tar).unwrap();
    reader.finish().unwrap();
    assert_eq!(Digest::of(&tar), layer.diff_id);
    let error = store.open_layer(&layer.descriptor, 3004).unwrap().finish();
    assert_eq!(
        error.unwrap_err().to_string(),
        "the layer unpacks to more than 3004 bytes"
    );
}

#[test]
fn a_layer_of_another_length_or_type_than_described_is_refused() {
    let (_folder, store) = store();
    let digest = store.put(b"tar").unwrap();
    let layer = Descriptor::new(media::LAYER_TAR, digest, 4);
    assert!(store.open_layer(&layer, 100).is_err());
    let layer = Descriptor::new("text/plain", digest, 3);
    assert!(store.open_layer(&layer, 100).is_err());
}

#[test]
fn a_damaged_layer_fails_even_if_it_is_read_only_to_the_end_of_its_tar() {
    let (_folder, store) = store();
    let digest = store.put(b"tar and more").unwrap();
    damage(&store, digest, b"tar and mare");
    let mut layer = store
        .open_layer(&Descriptor::new(media::LAYER_TAR, digest, 12), 100)
        .unwrap();
    layer.read_exact(&mut [0; 3]).unwrap();
    assert!(layer.finish().is_err());
}

#[test]
fn a_zstandard_layer_is_read() {
    let (_folder, store) = store();
    let blob = zstd::encode_all(&b"a tar"[..], 3).unwrap();
    let digest = store.put(&blob).unwrap();
    let layer = Descriptor::new(media::LAYER_ZSTD, digest, blob.len() as u64);
    let mut tar = Vec::new();
    store
        .open_layer(&layer, 100)
        .unwrap()
        .read_to_end(&mut tar)
        .unwrap();
    assert_eq!(tar, b"a tar");
}

fn blob(media_type: &str) -> serde_json::Value {
    json!({"mediaType": media_type, "digest": Digest::of(b""), "size": 0})
}

#[test]
fn dockers_manifest_is_read_as_ocis() {
    let text = json!({
        "schemaVersion": 2, "mediaType": media::DOCKER_MANIFEST,
        "config": blob(media::DOCKER_CONFIG), "layers": [blob(media::DOCKER_LAYER_GZIP)],
    });
    let manifest = Manifest::parse(text.to_string().as_bytes()).unwrap();
    assert_eq!(manifest.layers.len(), 1);
    assert_eq!(
        Compression::of(&manifest.layers[0].media_type),
        Some(Compression::Gzip)
    );
}

#[test]
fn a_manifest_without_its_type_is_ocis() {
    let text = json!({"schemaVersion": 2, "config": blob(media::CONFIG), "layers": null});
    let manifest = Manifest::parse(text.to_string().as_bytes()).unwrap();
    assert_eq!(manifest.media_type, media::MANIFEST);
    assert_eq!(manifest.layers, []);
}

#[test]
fn what_two_programs_would_read_differently_is_refused() {
    let config = blob(media::CONFIG).to_string();
    for (text, why) in [
        (
            format!(r#"{{"schemaVersion":2,"config":{config},"layers":[],"manifests":[]}}"#),
            "at once",
        ),
        (
            format!(r#"{{"schemaVersion":2,"config":{config},"layers":[],"Layers":[]}}"#),
            "another one",
        ),
        (
            format!(r#"{{"schemaVersion":2,"config":{config},"config":{config},"layers":[]}}"#),
            "duplicate",
        ),
        (
            format!(r#"{{"schemaVersion":1,"config":{config},"layers":[]}}"#),
            "expected 2",
        ),
        (
            format!(r#"{{"schemaVersion":2,"mediaType":"x","config":{config},"layers":[]}}"#),
            "`x`",
        ),
    ] {
        let error = Manifest::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    for text in [
        r#"{"config":{"Cmd":["a"],"CMD":["b"]}}"#,
        r#"{"Config":{}}"#,
    ] {
        let error = ImageConfig::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("another one"), "{error}");
    }
}

#[test]
fn deep_nesting_is_an_error_not_a_crash() {
    let deep = "[".repeat(1 << 20);
    assert!(Manifest::parse(deep.as_bytes()).is_err());
    assert!(Index::parse(deep.as_bytes()).is_err());
    let deep = format!(r#"{{"x":{deep}"#);
    assert!(ImageConfig::parse(deep.as_bytes()).is_err());
    let deep = format!(r#"{{"config":{{"x":{}"#, r#"{"a":"#.repeat(1 << 18));
    assert!(ImageConfig::parse(deep.as_bytes()).is_err());
}

#[test]
fn a_configuration_keeps_what_it_does_not_know_and_writes_one_order() {
    let docker = json!({
        "os": "linux", "architecture": "amd64", "docker_version": "20.10", "variant": null,
        "config": {
            "Hostname": "", "Cmd": ["sh"], "Entrypoint": null, "Env": null, "OnBuild": ["RUN x"],
            "ExposedPorts": {"80/tcp": {}, "443/tcp": {}}, "Volumes": null, "Labels": null,
            "Healthcheck": {"Test": ["NONE"], "Interval": 5}, "User": "app",
        },
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(b"")]},
        "history": [{"created_by": "x", "empty_layer": true}],
        "os.version": "1", "created": "2024-01-02T03:04:05.123456789Z",
    });
    let config = ImageConfig::parse(docker.to_string().as_bytes()).unwrap();
    assert_eq!(config.config.cmd.as_deref(), Some(&["sh".to_owned()][..]));
    assert_eq!(config.config.entrypoint, None);
    let written = String::from_utf8(config.to_bytes().unwrap()).unwrap();
    assert_eq!(
        written,
        format!(
            concat!(
                r#"{{"created":"2024-01-02T03:04:05.123456789Z","architecture":"amd64","os":"linux","#,
                r#""config":{{"User":"app","ExposedPorts":{{"443/tcp":{{}},"80/tcp":{{}}}},"Cmd":["sh"],"#,
                r#""Healthcheck":{{"Test":["NONE"],"Interval":5}},"OnBuild":["RUN x"],"Hostname":""}},"#,
                r#""rootfs":{{"type":"layers","diff_ids":["{}"]}},"#,
                r#""history":[{{"created_by":"x","empty_layer":true}}],"#,
                r#""docker_version":"20.10","os.version":"1"}}"#,
            ),
            Digest::of(b"")
        )
    );
    assert_eq!(ImageConfig::parse(written.as_bytes()).unwrap(), config);
    let child = config.inherited();
    assert!(!child.extra.contains_key("docker_version"));
    assert!(child.extra.contains_key("os.version"));
}

#[test]
fn a_command_may_be_one_string() {
    let config = ImageConfig::parse(br#"{"config":{"Entrypoint":"/run me","Cmd":[]}}"#).unwrap();
    assert_eq!(config.config.entrypoint, Some(vec!["/run me".into()]));
    assert_eq!(config.config.cmd, Some(vec![]));
}

proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Manifest::parse(&bytes);
        let _ = Index::parse(&bytes);
        let _ = ImageConfig::parse(&bytes);
    }

    #[test]
    fn a_configuration_reads_back_what_it_writes(
        env in prop::collection::vec(".{0,20}", 0..4),
        cmd in prop::option::of(prop::collection::vec(".{0,20}", 0..3)),
        labels in prop::collection::btree_map(".{0,10}", ".{0,10}", 0..4),
        ports in prop::collection::btree_set("[0-9]{1,5}/(tcp|udp)", 0..4),
    ) {
        let config = ImageConfig {
            config: ContainerConfig { env, cmd, labels, exposed_ports: ports, ..Default::default() },
            ..Default::default()
        };
        let bytes = config.to_bytes().unwrap();
        prop_assert_eq!(ImageConfig::parse(&bytes).unwrap(), config);
    }
}
