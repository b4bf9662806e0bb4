//! A real Docker Engine with BuildKit, as its client drives it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use flareo::model::Digest;
use flareo::oci::{Index, Store};
use serde_json::Value;

use super::case::Case;
use super::image::{Image, Layers};

/// The engine, and the images that its builds may name.
#[derive(Debug)]
pub struct Docker {
    client: String,
    host: String,
    config: String,
    /// OCI layouts by the name that Dockerfiles use.
    images: BTreeMap<String, PathBuf>,
}

impl Docker {
    /// The engine that `tests/run` started.
    pub fn find() -> Option<Self> {
        let part = crate::support::part;
        // What the builds stand on.
        crate::everybody::busybox()?;
        Some(Self {
            host: part("FLAREO_TEST_DOCKER_NEW_HOST")?,
            client: part("FLAREO_TEST_DOCKER_NEW")?,
            config: part("FLAREO_TEST_DOCKER_NEW_CONFIG")?,
            images: BTreeMap::new(),
        })
    }

    /// Lets builds name an image of `store`, an image manifest or an index.
    pub fn knows(&mut self, name: &str, store: &Store, digest: Digest, folder: &Path) {
        let layout = folder.join(format!("layout-{name}"));
        let blobs = layout.join("blobs/sha256");
        fs::create_dir_all(&blobs).unwrap();
        let mut wanted = vec![digest];
        while let Some(digest) = wanted.pop() {
            fs::copy(store.path(digest), blobs.join(digest.hex())).unwrap();
            if let Ok(manifest) = store.manifest(digest) {
                wanted.push(manifest.config.digest);
                wanted.extend(manifest.layers.iter().map(|l| l.digest));
            } else if let Ok(index) = store.index(digest) {
                wanted.extend(index.manifests.iter().map(|m| m.digest));
            }
        }
        let bytes = fs::read(store.path(digest)).unwrap();
        let named: Value = serde_json::from_slice(&bytes).unwrap();
        let index = serde_json::json!({
            "schemaVersion": 2,
            "manifests": [{
                "mediaType": named["mediaType"],
                "digest": digest.to_string(),
                "size": bytes.len(),
                "annotations": { "org.opencontainers.image.ref.name": "latest" },
            }],
        });
        fs::write(layout.join("index.json"), index.to_string()).unwrap();
        fs::write(
            layout.join("oci-layout"),
            r#"{"imageLayoutVersion":"1.0.0"}"#,
        )
        .unwrap();
        self.images.insert(name.into(), layout);
    }

    /// What `case`, laid out in `folder`, comes to; what Docker says if it refuses.
    pub fn build(&self, case: &Case, dockerfile: &Path, folder: &Path) -> Result<Image, String> {
        let out = folder.join("image.tar");
        let mut command = Command::new(&self.client);
        command
            .env("DOCKER_CONFIG", &self.config)
            .env("DOCKER_HOST", &self.host)
            .args(["buildx", "build", "--no-cache", "--quiet"])
            .args(["--network=none", "--provenance=false", "--sbom=false"]);
        for (name, layout) in &self.images {
            let layout = layout.display();
            command.arg(format!("--build-context={name}=oci-layout://{layout}"));
        }
        for (name, value) in &case.args {
            command.arg(format!("--build-arg={name}={value}"));
        }
        if let Some(target) = &case.target {
            command.arg(format!("--target={target}"));
        }
        command
            .arg("--file")
            .arg(dockerfile)
            .arg(format!(
                "--output=type=oci,compression=uncompressed,force-compression=true,dest={}",
                out.display()
            ))
            .arg(folder.join("context"));
        let output = command.output().unwrap();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(of_archive(&out))
    }
}

fn of_archive(path: &Path) -> Image {
    let mut blobs: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut archive = tar::Archive::new(fs::File::open(path).unwrap());
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        blobs.insert(name, bytes);
    }
    fs::remove_file(path).unwrap();
    let index = Index::parse(&blobs["index.json"]).unwrap();
    let blob = |digest: &str| &blobs[&format!("blobs/{}", digest.replace(':', "/"))];
    let manifest = blob(&index.manifests[0].digest.to_string());
    let manifest: Value = serde_json::from_slice(manifest).unwrap();
    let mut layers = Layers::new();
    // An image of nothing has none.
    for layer in manifest["layers"].as_array().into_iter().flatten() {
        assert_eq!(layer["mediaType"], "application/vnd.oci.image.layer.v1.tar");
        layers.add(&blob(layer["digest"].as_str().unwrap())[..]);
    }
    let config = blob(manifest["config"]["digest"].as_str().unwrap());
    Image {
        config: serde_json::from_slice(config).unwrap(),
        files: layers.finish(),
    }
}
