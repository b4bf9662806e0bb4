//! Any bytes as a manifest, an index, a configuration; and as an archive of an image or a root file system that is
//! imported: refused with nothing left, or an image that stands when it is looked at again.
#![no_main]

mod tape;

use std::sync::LazyLock;

use flareo::bases::{ImportLimits, ImportOptions, import};
use flareo::model::image::Platform;
use flareo::oci::{ImageConfig, Index, Manifest, Store};
use libfuzzer_sys::fuzz_target;

static PLACE: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
static STORE: LazyLock<Store> = LazyLock::new(|| Store::open(&PLACE.path().join("oci")).unwrap());

fn documents(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::parse(bytes) {
        assert!(Manifest::parse(&manifest.to_bytes().unwrap()).unwrap() == manifest);
        let _ = manifest.bytes();
    }
    if let Ok(index) = Index::parse(bytes) {
        assert!(Manifest::parse(bytes).is_err(), "a manifest and an index at once");
        assert!(Index::parse(&index.to_bytes().unwrap()).unwrap() == index);
    }
    if let Ok(config) = ImageConfig::parse(bytes) {
        assert!(ImageConfig::parse(&config.to_bytes().unwrap()).unwrap() == config);
    }
}

fuzz_target!(|data: &[u8]| {
    let bytes = match data.first() {
        Some(b'{' | b'[') => return documents(data),
        Some(3) => data[1..].to_vec(),
        _ => tape::tape(data),
    };
    let file = PLACE.path().join("any.tar");
    std::fs::write(&file, &bytes).unwrap();
    let options = ImportOptions {
        limits: ImportLimits { layers: 4, bytes: 1 << 20, unpacked: 1 << 20, entries: 100 },
        ..ImportOptions::default()
    };
    for transport in ["oci-archive", "docker-archive", "rootfs"] {
        let source = format!("{transport}:{}", file.display());
        match import(&STORE, &source, &Platform::host(), &options) {
            Err(error) => {
                let said = error.to_string();
                assert!(!said.chars().any(char::is_control), "{said:?}");
            }
            Ok(imported) => {
                let manifest = STORE.manifest(imported.digest).unwrap();
                STORE.config(manifest.config.digest).unwrap();
                for layer in &manifest.layers {
                    STORE.open_layer(layer, 1 << 20).unwrap().finish().unwrap();
                }
            }
        }
    }
    for digest in STORE.digests().unwrap() {
        std::fs::remove_file(STORE.path(digest)).unwrap();
    }
});
