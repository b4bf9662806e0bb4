//! What a step sees of a layer is what the layer's list says, however odd the layer: both are made by going through the
//! same entries, in two places of the engine, and COPY believes the one and RUN the other.

use std::sync::Arc;

use flareo::engine::layer;
use flareo::engine::tar::TarReader;
use flareo::engine::tree::{IndexBuilder, Kind, LayerIndex, Tree};
use flareo::engine::watch::Watch;
use flareo::model::context::MemoryContext;
use flareo::model::event::Cancel;
use flareo::model::{Digest, Limits};
use flareo::oci::{Descriptor, Manifest, media};

use super::ground::{Built, Ground};
use crate::everybody::for_everybody;
use crate::hostile::tape::Tape;

/// What a step says of everything below /odd, sorted by path.
const LOOK: &str = "RUN find /odd | LC_ALL=C sort | while read -r f; do \
    if [ -L \"$f\" ]; then echo \"$f -> $(readlink \"$f\")\"; elif [ -d \"$f\" ]; then echo \"$f/\"; \
    elif [ -p \"$f\" ]; then echo \"$f |\"; else echo \"$f $(sha256sum <\"$f\" | cut -c1-64)\"; fi; done";

/// An image of `layers` below the base's own, of which COPY and RUN need the programs.
fn image(ground: &Ground, layers: &[Vec<u8>]) -> Digest {
    let base = ground.pins.values().next().unwrap();
    let manifest = ground.store.manifest(*base).unwrap();
    let mut config = ground.store.config(manifest.config.digest).unwrap();
    let mut all = Vec::new();
    let mut diff_ids = Vec::new();
    for tar in layers {
        let blob = ground.store.put(tar).unwrap();
        all.push(Descriptor::new(media::LAYER_TAR, blob, tar.len() as u64));
        diff_ids.push(Digest::of(tar));
    }
    all.extend(manifest.layers);
    diff_ids.append(&mut config.rootfs.diff_ids);
    config.rootfs.diff_ids = diff_ids;
    config.history.clear();
    let config = ground.store.put_config(&config).unwrap();
    ground
        .store
        .put_manifest(&Manifest::image(config, all))
        .unwrap()
        .digest
}

/// The same list, from the lists of the layers.
fn listed(ground: &Ground, image: Digest) -> String {
    let manifest = ground.store.manifest(image).unwrap();
    let diff_ids = ground
        .store
        .config(manifest.config.digest)
        .unwrap()
        .rootfs
        .diff_ids;
    let watch = Watch::new(Limits::default(), Cancel::default());
    let read = |(descriptor, diff_id): (&Descriptor, &Digest)| -> Arc<LayerIndex> {
        let index = layer::read(
            &ground.store,
            descriptor,
            *diff_id,
            1 << 30,
            &watch,
            &mut (),
        );
        Arc::new(index.unwrap())
    };
    let tree = Tree::new(manifest.layers.iter().zip(&diff_ids).map(read).collect());
    let mut lines = Vec::new();
    if tree.find(b"odd").is_some() {
        lines.push("/odd/".to_owned());
    }
    for (path, found) in tree.below(b"odd") {
        let path = String::from_utf8(path).unwrap();
        lines.push(match &found.node.kind {
            Kind::File { digest, .. } => format!("/odd/{path} {}", digest.hex()),
            Kind::Directory { .. } => format!("/odd/{path}/"),
            Kind::Symlink(target) => format!("/odd/{path} -> {}", String::from_utf8_lossy(target)),
            Kind::Fifo => format!("/odd/{path} |"),
            // No step sees a device.
            Kind::Device | Kind::Whiteout => continue,
        });
    }
    lines.sort_by(|a, b| a.split([' ', '/']).cmp(b.split([' ', '/'])));
    lines.join("\n")
}

fn seen(ground: &Ground, image: Digest, steps: &str) -> Built {
    let text = format!("FROM odd\n{steps}\n");
    let mut request = ground.request(&text, MemoryContext::default());
    request.pins.insert("odd".parse().unwrap(), image);
    match ground.build_request(&request) {
        Ok(built) => built,
        Err(error) => panic!("{error:?}"),
    }
}

fn sorted(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_by(|a, b| a.split([' ', '/']).cmp(b.split([' ', '/'])));
    lines.join("\n")
}

fn agree(ground: &Ground, layers: &[Vec<u8>]) -> String {
    let image = image(ground, layers);
    let said = seen(ground, image, LOOK).out;
    assert_eq!(sorted(&said), listed(ground, image));
    said
}

/// Numbers that look like chance and are the same every time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }

    fn path(&mut self) -> String {
        let parts = 1 + self.below(3);
        let part = |chance: &mut Self| ["a", "b", "c"][usize::try_from(chance.below(3)).unwrap()];
        (0..parts).map(|_| part(self)).collect::<Vec<_>>().join("/")
    }

    fn entry(&mut self, place: &str) -> Tape {
        let path = format!("{place}/{}", self.path());
        let tape = Tape::default();
        match self.below(11) {
            0..3 => tape.file(&path, format!("{}", self.below(1000)).as_bytes()),
            3 | 4 => tape.folder(&path),
            5 => tape.symlink(&path, &self.path()),
            6 => tape.hard_link(&path, &format!("{place}/{}", self.path())),
            7 => tape.bare(&path, b'6', ""),
            8 => tape.bare(&path, b'3', ""),
            9 => {
                let (folder, name) = path.rsplit_once('/').unwrap();
                tape.file(&format!("{folder}/.wh.{name}"), b"")
            }
            _ => tape.file(&format!("{path}/.wh..wh..opq"), b""),
        }
    }

    /// A layer of entries by chance in many places, without those that are refused.
    fn layer(&mut self) -> Vec<u8> {
        let mut builder = IndexBuilder::default();
        let mut tar = Tape::default().folder("odd").end();
        tar.truncate(512);
        for place in 0..60 {
            for _ in 0..8 {
                let entry = self.entry(&format!("odd/{place}")).end();
                let member = TarReader::new(&entry[..]).next().unwrap().unwrap();
                if builder.place(&member).is_ok() {
                    tar.extend_from_slice(&entry[..entry.len() - 1024]);
                }
            }
        }
        tar.resize(tar.len() + 1024, 0);
        tar
    }
}

for_everybody! {
    links_devices_and_names_that_stand_twice: |ground| {
        let tape = Tape::default()
            // A file through a link is a file in a folder; nothing comes to stand where the link points.
            .symlink("odd/way", "/odd/outside")
            .folder("odd/outside")
            .file("odd/way/through", b"x")
            // Kinds that change.
            .file("odd/flip", b"1").folder("odd/flip").file("odd/flip/in", b"2").symlink("odd/flip", "gone").file("odd/flip", b"3")
            .folder("odd/flop").file("odd/flop/in", b"2").hard_link("odd/flop/again", "odd/flop/in").file("odd/flop/in", b"new")
            // A name of a link is a link.
            .symlink("odd/link", "nowhere").hard_link("odd/link2", "odd/link")
            // Devices hide, and are not seen.
            .file("odd/device", b"was").bare("odd/device", b'3', "").hard_link("odd/device2", "odd/device")
            .bare("odd/pipe", b'6', "")
            // Absolute, dotted, doubled.
            .file("/odd/absolute", b"a").file("./odd/./dotted//x", b"d");
        let said = agree(ground, &[tape.end()]);
        assert!(said.contains("/odd/way/\n") && said.contains("/odd/way/through ") && !said.contains("/odd/outside/through"), "{said}");
        assert!(said.contains("/odd/link2 -> nowhere\n") && !said.contains("device"), "{said}");
    };

    whiteouts_in_every_place: |ground| {
        let low = Tape::default()
            .file("odd/a/x", b"1").file("odd/a/y", b"2").file("odd/b/x", b"3").file("odd/c/d/x", b"4").file("odd/e", b"5")
            .symlink("odd/link", "a").file("odd/f/x", b"6").file("odd/dev", b"7").file("odd/g/x", b"8")
            .file("odd/i", b"9").file("odd/j", b"9");
        let high = Tape::default()
            .file("odd/a/.wh.x", b"").file("odd/b/.wh..wh..opq", b"").file("odd/b/new", b"n").file("odd/c/.wh.d", b"")
            // Through a link: the link goes, not what it points to.
            .file("odd/link/.wh.y", b"")
            // Before and after what this layer has itself.
            .file("odd/.wh.e", b"").file("odd/e", b"again")
            .file("odd/f/new", b"n").file("odd/.wh.f", b"")
            .bare("odd/dev", b'4', "")
            .file("odd/g", b"a file now");
        let high = high.folder("odd/h").folder("odd/.wh.i").bare("odd/.wh.j", b'6', "");
        let said = agree(ground, &[low.end(), high.end()]);
        assert!(said.contains("/odd/a/y ") && said.contains("/odd/f/new ") && !said.contains("/odd/f/x"), "{said}");
        assert!(!said.contains("/odd/dev"), "{said}");
    };

    a_root_that_hides_all_that_is_below_it: |ground| {
        let low = Tape::default().file("odd/low", b"1");
        let high = Tape::default().file("odd/high", b"2").file("./.wh..wh..opq", b"");
        let said = agree(ground, &[low.end(), high.end()]);
        assert!(said.contains("/odd/high ") && !said.contains("low"), "{said}");
    };

    entries_by_chance: |ground| {
        let mut chance = Chance(20_251_125);
        let layers = [chance.layer(), chance.layer(), chance.layer()];
        let said = agree(ground, &layers);
        assert!(said.lines().count() > 200, "{said}");
    };
}
