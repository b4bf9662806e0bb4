//! Archives and images made by hand: a library would refuse to write what hostile people write.

use std::io::Write as _;
use std::path::Path;

use flareo::model::Digest;
use flareo::model::image::Platform;
use flareo::oci::media;
use serde_json::{Value, json};

/// A tar in the making.
#[derive(Default, Clone)]
pub struct Tape(Vec<u8>);

impl Tape {
    pub fn file(self, path: &str, body: &[u8]) -> Self {
        let size = format!("{:011o}\0", body.len());
        self.entry(path, b'0', "", size.as_bytes(), body)
    }

    pub fn folder(self, path: &str) -> Self {
        self.bare(path, b'5', "")
    }

    pub fn symlink(self, path: &str, target: &str) -> Self {
        self.bare(path, b'2', target)
    }

    pub fn hard_link(self, path: &str, target: &str) -> Self {
        self.bare(path, b'1', target)
    }

    /// An entry of any type without content.
    pub fn bare(self, path: &str, kind: u8, link: &str) -> Self {
        self.entry(path, kind, link, b"00000000000\0", b"")
    }

    /// A PAX header before the next entry.
    pub fn pax(self, key: &str, value: &[u8]) -> Self {
        let rest = key.len() + value.len() + 3;
        let digits = (1..9).find(|n| (rest + n).to_string().len() == *n).unwrap();
        let mut record = format!("{} {key}=", rest + digits).into_bytes();
        record.extend_from_slice(value);
        record.push(b'\n');
        let size = format!("{:011o}\0", record.len());
        self.entry("pax", b'x', "", size.as_bytes(), &record)
    }

    /// An entry with every field as it is given; `size` need not be the body's.
    pub fn entry(mut self, path: &str, kind: u8, link: &str, size: &[u8], body: &[u8]) -> Self {
        let mut header = [0_u8; 512];
        header[..path.len()].copy_from_slice(path.as_bytes());
        header[100..108].copy_from_slice(b"0000755\0");
        header[108..116].copy_from_slice(b"0000000\0");
        header[116..124].copy_from_slice(b"0000000\0");
        header[124..136].copy_from_slice(size);
        header[136..148].copy_from_slice(b"00000000000\0");
        header[156] = kind;
        header[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header[257..265].copy_from_slice(b"ustar\x0000");
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.extend_from_slice(&header);
        self.0.extend_from_slice(body);
        self.0.resize(self.0.len().div_ceil(512) * 512, 0);
        self
    }

    /// The archive with its end.
    pub fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A layer as an image has it.
#[derive(Clone)]
pub struct Layer {
    pub media_type: &'static str,
    pub blob: Vec<u8>,
    pub diff_id: Digest,
}

impl Layer {
    pub fn plain(tar: &[u8]) -> Self {
        Self::packed(media::LAYER_TAR, tar.to_vec(), tar)
    }

    pub fn gzip(tar: &[u8]) -> Self {
        Self::packed(media::LAYER_GZIP, gzip(tar), tar)
    }

    pub fn packed(media_type: &'static str, blob: Vec<u8>, tar: &[u8]) -> Self {
        Self {
            media_type,
            blob,
            diff_id: Digest::of(tar),
        }
    }
}

/// The configuration of an image of `layers`.
pub fn config(layers: &[Layer]) -> Value {
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| layer.diff_id).collect();
    json!({
        "architecture": Platform::host().architecture, "os": "linux", "config": {},
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    })
}

/// The descriptor of some bytes.
pub fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": Digest::of(bytes), "size": bytes.len() })
}

/// A layout in the making, with whatever is put into it.
pub struct Layout<'a>(pub &'a Path);

impl Layout<'_> {
    pub fn put(&self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let blobs = self.0.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).unwrap();
        std::fs::write(blobs.join(digest.hex()), bytes).unwrap();
        digest
    }

    /// Puts a manifest over what was put before; gives its descriptor.
    pub fn manifest(&self, config: &[u8], layers: &[Layer]) -> Value {
        self.put(config);
        let layers: Vec<Value> = layers
            .iter()
            .map(|layer| {
                self.put(&layer.blob);
                descriptor(layer.media_type, &layer.blob)
            })
            .collect();
        self.document(
            media::MANIFEST,
            &json!({
                "schemaVersion": 2, "mediaType": media::MANIFEST,
                "config": descriptor(media::CONFIG, config), "layers": layers,
            }),
        )
    }

    /// Puts a document; gives its descriptor.
    pub fn document(&self, media_type: &str, value: &Value) -> Value {
        let bytes = value.to_string().into_bytes();
        self.put(&bytes);
        descriptor(media_type, &bytes)
    }

    /// Makes it a layout whose index lists these.
    pub fn list(&self, manifests: &[Value]) {
        std::fs::create_dir_all(self.0.join("blobs/sha256")).unwrap();
        let index = json!({ "schemaVersion": 2, "manifests": manifests });
        std::fs::write(self.0.join("index.json"), index.to_string()).unwrap();
        std::fs::write(
            self.0.join("oci-layout"),
            r#"{"imageLayoutVersion":"1.0.0"}"#,
        )
        .unwrap();
    }

    /// The same as one archive.
    pub fn pack(&self, archive: &Path) {
        let mut builder = tar::Builder::new(std::fs::File::create(archive).unwrap());
        builder.append_dir_all(".", self.0).unwrap();
        builder.finish().unwrap();
    }
}

/// What `docker save` would have written of `layers`.
pub fn docker_archive(archive: &Path, layers: &[Layer]) {
    let config = config(layers).to_string().into_bytes();
    let name = format!("{}.json", Digest::of(&config).hex());
    let paths: Vec<String> = (0..layers.len())
        .map(|n| format!("{n}/layer.tar"))
        .collect();
    let list = json!([{ "Config": name, "RepoTags": null, "Layers": paths }]).to_string();
    let mut builder = tar::Builder::new(std::fs::File::create(archive).unwrap());
    let mut add = |path: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, bytes).unwrap();
    };
    add("manifest.json", list.as_bytes());
    add(&name, &config);
    for (path, layer) in paths.iter().zip(layers) {
        add(path, &layer.blob);
    }
    builder.finish().unwrap();
}
