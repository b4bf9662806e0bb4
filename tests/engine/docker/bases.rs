//! Base images as others make them: layers that are packed in other ways, name paths in foreign orders and spellings,
//! hide what is below, carry capabilities; and configurations with everything in them.

use std::collections::BTreeMap;
use std::path::Path;

use flareo::model::Digest;
use flareo::model::image::Platform;
use flareo::oci::{Descriptor, DescriptorPlatform, ImageConfig, Index, media};

use super::Beside;
use super::case::{Case, gzip, odd_archive};

/// How a layer is packed.
#[derive(Debug, Clone, Copy)]
enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// A file with a capability and another attribute, as pax headers have them.
fn capable() -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    // cap_net_bind_service=ep, version 2.
    let capability: &[u8] = &[1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for (name, mode) in [("t/capable", 0o755), ("t/setuid", 0o6755)] {
        let attributes = [
            ("SCHILY.xattr.security.capability", capability),
            ("SCHILY.xattr.user.note", &b"kept"[..]),
        ];
        if name == "t/capable" {
            archive.append_pax_extensions(attributes).unwrap();
        }
        let mut head = tar::Header::new_ustar();
        head.set_size(1);
        head.set_mode(mode);
        head.set_uid(0);
        head.set_gid(0);
        head.set_mtime(5);
        archive.append_data(&mut head, name, &b"c"[..]).unwrap();
    }
    archive.into_inner().unwrap()
}

/// Layers on top of the base's, by the name of the image.
fn odd_layers() -> BTreeMap<&'static str, Vec<(Vec<u8>, Packing)>> {
    use Packing::{Gzip, Plain, Zstd};
    let below = odd_archive(&[
        ("t", 'd', ""),
        ("t/a", '-', ""),
        ("t/b", '-', ""),
        ("t/d", 'd', ""),
        ("t/d/x", '-', ""),
        ("t/d/y", '-', ""),
    ]);
    BTreeMap::from([
        ("plain", vec![(below.clone(), Plain)]),
        ("gzip", vec![(below.clone(), Gzip)]),
        ("zstd", vec![(below.clone(), Zstd)]),
        ("empty", vec![(odd_archive(&[]), Gzip)]),
        (
            "order",
            vec![(
                odd_archive(&[
                    ("t/z/deep/f", '-', ""),
                    ("t/b", '-', ""),
                    ("t/z", 'd', ""),
                    ("t/a", '-', ""),
                    ("t", 'd', ""),
                ]),
                Plain,
            )],
        ),
        (
            "hiding",
            vec![
                (below.clone(), Gzip),
                (
                    odd_archive(&[
                        ("t", 'd', ""),
                        ("t/.wh.a", '-', ""),
                        ("t/d", 'd', ""),
                        ("t/d/.wh..wh..opq", '-', ""),
                        ("t/d/z", '-', ""),
                    ]),
                    Zstd,
                ),
            ],
        ),
        (
            "hiding-late",
            vec![
                (below.clone(), Plain),
                (
                    odd_archive(&[
                        ("t/d/z", '-', ""),
                        ("t/d/.wh..wh..opq", '-', ""),
                        ("t/.wh.none", '-', ""),
                        ("home/.wh..wh..opq", '-', ""),
                        (".wh.tmp", '-', ""),
                    ]),
                    Plain,
                ),
            ],
        ),
        (
            "replacing",
            vec![
                (below.clone(), Plain),
                (
                    odd_archive(&[
                        ("t/a", 'd', ""),
                        ("t/a/new", '-', ""),
                        ("t/d", '-', ""),
                        ("t/b", 'l', "a"),
                    ]),
                    Plain,
                ),
            ],
        ),
        (
            "spelling",
            vec![(
                odd_archive(&[
                    ("./", 'd', ""),
                    ("./t/", 'd', ""),
                    ("./t/a", '-', ""),
                    ("/t/b", '-', ""),
                    ("t//c", '-', ""),
                ]),
                Plain,
            )],
        ),
        (
            "linked",
            vec![
                (
                    odd_archive(&[
                        ("t", 'd', ""),
                        ("t/f", '-', ""),
                        ("t/g", 'h', "t/f"),
                        ("t/s", 'l', "f"),
                        ("t/l", 'l', "d"),
                        ("t/d", 'd', ""),
                        ("t/p", 'p', ""),
                    ]),
                    Gzip,
                ),
                (
                    odd_archive(&[("t/h", 'h', "t/f"), ("t/l/through", '-', "")]),
                    Gzip,
                ),
            ],
        ),
        ("capable", vec![(capable(), Gzip)]),
        ("many", (0..40).map(|_| (below.clone(), Gzip)).collect()),
    ])
}

impl Beside {
    /// Puts an image into both engines: the base's layer and `more`, and what `change` does to its configuration.
    fn image(
        &mut self,
        name: &str,
        more: &[(Vec<u8>, Packing)],
        change: impl FnOnce(&mut ImageConfig),
    ) -> Digest {
        let store = self.ground.store.clone();
        let base = self.ground.pins[&"base".parse().unwrap()];
        let mut manifest = store.manifest(base).unwrap();
        let mut config = store.config(manifest.config.digest).unwrap();
        for (tar, packing) in more {
            let (kind, bytes) = match packing {
                Packing::Plain => (media::LAYER_TAR, tar.clone()),
                Packing::Gzip => (media::LAYER_GZIP, gzip(tar)),
                Packing::Zstd => (media::LAYER_ZSTD, zstd::encode_all(&tar[..], 3).unwrap()),
            };
            store.put(&bytes).unwrap();
            manifest.layers.push(Descriptor::of(kind, &bytes));
            config.rootfs.diff_ids.push(Digest::of(tar));
        }
        change(&mut config);
        manifest.config = store.put_config(&config).unwrap();
        let digest = store.put_manifest(&manifest).unwrap().digest;
        self.name(name, digest);
        digest
    }

    fn name(&mut self, name: &str, digest: Digest) {
        let folder = self.ground.path().to_owned();
        self.docker
            .knows(name, &self.ground.store.clone(), digest, &folder);
        self.ground.pins.insert(name.parse().unwrap(), digest);
    }

    /// An image index with an image for this platform and one for another.
    fn index(&mut self, name: &str) {
        let here = self.image("of-index", &odd_layers()["plain"], |_| {});
        let there = self.image("of-another", &odd_layers()["order"], |config| {
            config.architecture = "s390x".into();
        });
        let store = self.ground.store.clone();
        let host = Platform::host();
        let listed = |digest: Digest, architecture: &str| {
            let bytes = std::fs::read(store.path(digest)).unwrap();
            let mut descriptor = Descriptor::of(media::MANIFEST, &bytes);
            descriptor.platform = Some(DescriptorPlatform {
                os: "linux".into(),
                architecture: architecture.into(),
                variant: None,
            });
            descriptor
        };
        let manifests = vec![listed(there, "s390x"), listed(here, &host.architecture)];
        let bytes = Index::new(manifests).to_bytes().unwrap();
        let digest = store.put(&bytes).unwrap();
        self.name(name, digest);
    }
}

#[test]
fn bases() {
    let Some(mut beside) = Beside::new() else {
        return;
    };
    for (name, layers) in odd_layers() {
        beside.image(&format!("odd-{name}"), &layers, |_| {});
    }
    beside.image("configured", &[], |config| {
        config.author = Some("Some Body".into());
        let inner = &mut config.config;
        inner.user = "app".into();
        inner.working_dir = "/deep/inside".into();
        inner.env = vec!["PATH=/bin".into(), "A=of the base".into(), "EMPTY=".into()];
        inner.entrypoint = Some(vec!["entry".into()]);
        inner.labels.insert("from".into(), "base".into());
        inner.exposed_ports.insert("7/udp".into());
        inner.volumes.insert("/v".into());
        inner.stop_signal = Some("SIGINT".into());
        inner.shell = Some(vec!["/bin/sh".into(), "-ec".into()]);
        inner.on_build = vec!["ENV ON=1".into(), "LABEL on=$A".into()];
    });
    beside.image("pathless", &[], |config| {
        config.config.env = Vec::new();
        config.config.cmd = None;
    });
    beside.image("bad-trigger", &[], |config| {
        config.config.on_build = vec!["FROM base".into()];
    });
    beside.index("several");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine/docker/cases/bases.txt");
    beside.agree(&Case::all(&std::fs::read_to_string(file).unwrap()));
}
