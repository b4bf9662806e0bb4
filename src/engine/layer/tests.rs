//! Layers: the same bytes whoever packs them, and back again.

use std::io::{Read, Write};

use proptest::prelude::*;

use super::*;
use crate::engine::tree::Kind;
use crate::engine::watch::Watch;
use crate::model::Limits;
use crate::model::event::Cancel;
use crate::oci::Store;

mod upon;

fn gzip(bytes: &[u8], threads: usize) -> Vec<u8> {
    let mut gzip = BlockGzip::with_threads(Vec::new(), Vec::new(), threads);
    gzip.write_all(bytes).unwrap();
    let packed = gzip.finish().unwrap();
    assert_eq!(packed.digest, crate::model::Digest::of(bytes));
    packed.out
}

fn unpacked(packed: &[u8]) -> Vec<u8> {
    let mut back = Vec::new();
    flate2::read::MultiGzDecoder::new(packed)
        .read_to_end(&mut back)
        .unwrap();
    back
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    (0..length)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        })
        .collect()
}

#[test]
fn the_bytes_do_not_depend_on_the_number_of_threads() {
    let text: Vec<u8> = (0..3 * BLOCK + 17).map(|i| (i / 7 % 251) as u8).collect();
    let mixed = [&text[..], &noise(2 * BLOCK + 5), &text].concat();
    for input in [&b""[..], b"x", &text[..BLOCK], &text, &mixed] {
        let one = gzip(input, 1);
        for threads in [2, 3, 8] {
            assert!(gzip(input, threads) == one, "{} bytes", input.len());
        }
        assert!(unpacked(&one) == input);
    }
}

#[test]
fn noise_is_stored_and_hardly_grows() {
    let input = noise(4 * BLOCK);
    let packed = gzip(&input, 2);
    assert!(packed.len() < input.len() + input.len() / 1000);
}

#[test]
fn the_bytes_are_the_same_on_every_machine() {
    // Whatever changes them changes every digest that was ever told: the compressor, its level, the blocks.
    let mut words = String::new();
    for i in 0..90_000_u64 {
        let word = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54;
        words.push_str(&format!("{word} "));
    }
    let input = [words.as_bytes(), &noise(BLOCK), b"end"].concat();
    let packed = gzip(&input, 2);
    let digest = crate::model::Digest::of(&packed).to_string();
    assert_eq!(packed.len(), 573_076);
    let expected = "sha256:c2dc3fe574d2faf56ecfb57e7c57e342a539da686a3576459e0052f7a4547b26";
    assert_eq!(digest, expected);
}

#[test]
fn who_watches_is_given_what_goes_in_and_may_fail() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    for size in [10, 3 * BLOCK] {
        let input = noise(size);
        let (mut reader, writer) = std::io::pipe().unwrap();
        let read = std::thread::spawn(move || {
            let mut seen = Vec::new();
            reader.read_to_end(&mut seen).unwrap();
            seen
        });
        let mut gzip = BlockGzip::new(Vec::new(), vec![Box::new(Full), Box::new(writer)]);
        gzip.write_all(&input).unwrap();
        let packed = gzip.finish().unwrap().out;
        assert!(unpacked(&packed) == input);
        assert!(read.join().unwrap() == input);
    }
}

#[test]
fn a_full_disk_is_told_and_not_waited_for() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self
                .0
                .checked_sub(bytes.len())
                .ok_or(std::io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    for room in [0, 2 * BLOCK] {
        let mut gzip = BlockGzip::with_threads(Full(room), Vec::new(), 2);
        let error = gzip.write_all(&noise(40 * BLOCK)).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn any_content_comes_back(runs in proptest::collection::vec((any::<u8>(), 1_usize..200_000), 0..12), cut: bool) {
        let mut input: Vec<u8> = runs.iter().flat_map(|(b, n)| std::iter::repeat_n(*b, *n)).collect();
        if cut { input.extend(noise(BLOCK)); }
        prop_assert!(unpacked(&gzip(&input, 3)) == input);
    }
}

fn watch() -> Watch {
    Watch::new(Limits::default(), Cancel::default())
}

fn plain(what: What) -> NewEntry {
    NewEntry {
        what,
        mode: 0o644,
        uid: 0,
        gid: 0,
        capability: None,
    }
}

#[test]
fn what_was_written_is_what_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let watch = watch();
    let build = || {
        let mut layer = LayerBuilder::new(&store, 315_532_800, &watch).unwrap();
        let mut entry = |path: &[u8], entry: NewEntry, content: &[u8]| {
            layer.entry(path, &entry, &mut &*content).unwrap();
        };
        entry(b"a", plain(What::Directory { opaque: true }), b"");
        entry(b"a/f", plain(What::File(3)), b"abc");
        entry(b"a/g", plain(What::HardLink(b"a/f".to_vec())), b"");
        entry(b"gone", plain(What::Whiteout), b"");
        entry(b"l", plain(What::Symlink((*b"../x").into())), b"");
        let capability = NewEntry {
            capability: Some((*b"\x01\x00\x00\x02xxxxxxxxxxxxxxxx").into()),
            ..plain(What::File(0))
        };
        entry(b"ping", capability, b"");
        layer.finish().unwrap().unwrap()
    };
    let Written { layer, index, .. } = build();
    assert_eq!(build().layer, layer);
    let back = read(
        &store,
        &layer.descriptor,
        layer.diff_id,
        1 << 30,
        &watch,
        &mut (),
    )
    .unwrap();
    for (path, node) in index.entries() {
        assert_eq!(back.get(path), Some(node), "{path:?}");
    }
    assert_eq!(back.len(), index.len());
    let (Kind::File { offset: f, .. }, Kind::File { offset: g, .. }) = (
        &back.get(b"a/f").unwrap().kind,
        &back.get(b"a/g").unwrap().kind,
    ) else {
        panic!("files")
    };
    assert_eq!(f, g);
}

#[test]
fn an_empty_layer_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let watch = watch();
    let layer = LayerBuilder::new(&store, 0, &watch).unwrap();
    assert!(layer.finish().unwrap().is_none());
    assert!(store.digests().unwrap().is_empty());
}

#[test]
fn a_layer_that_lies_about_its_digest_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let watch = watch();
    let mut layer = LayerBuilder::new(&store, 0, &watch).unwrap();
    layer
        .entry(b"f", &plain(What::File(1)), &mut &b"x"[..])
        .unwrap();
    let layer = layer.finish().unwrap().unwrap().layer;
    let other = crate::model::Digest::of(b"other");
    let error = read(&store, &layer.descriptor, other, 1 << 30, &watch, &mut ()).unwrap_err();
    assert!(error.to_string().contains("its image says"), "{error}");
    let error = read(
        &store,
        &layer.descriptor,
        layer.diff_id,
        100,
        &watch,
        &mut (),
    )
    .unwrap_err();
    assert!(error.to_string().contains("more than 100 bytes"), "{error}");
}

#[test]
fn whiteout_names_and_short_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let watch = watch();
    let mut layer = LayerBuilder::new(&store, 0, &watch).unwrap();
    let error = layer
        .entry(b"d/.wh.x", &plain(What::File(0)), &mut &b""[..])
        .unwrap_err();
    assert!(error.to_string().contains("`.wh.`"), "{error}");
    // What could not be read back is not written.
    for path in [
        vec!["d"; 1001].join("/"),
        vec!["d".repeat(250); 17].join("/"),
        "n".repeat(256),
    ] {
        let error = layer
            .entry(path.as_bytes(), &plain(What::File(0)), &mut &b""[..])
            .unwrap_err();
        assert!(
            error.to_string().contains("can't stand in an image"),
            "{error}"
        );
    }
    let short = layer.entry(b"f", &plain(What::File(5)), &mut &b"abc"[..]);
    assert!(short.is_err());
}

#[test]
fn files_after_one_that_grew_keep_their_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let watch = watch();
    let members = |grown: usize| {
        let mut layer = LayerBuilder::new(&store, 0, &watch).unwrap();
        for i in 0..400 {
            let content = noise(8000 + if i == 100 { grown } else { i });
            let path = format!("d/{i:03}");
            let entry = plain(What::File(content.len() as u64));
            layer
                .entry(path.as_bytes(), &entry, &mut &content[..])
                .unwrap();
        }
        let layer = layer.finish().unwrap().unwrap().layer;
        let blob = store.read(layer.descriptor.digest, 1 << 30).unwrap();
        let mut members = std::collections::BTreeSet::new();
        let mut rest = &blob[..];
        while !rest.is_empty() {
            let mut one = flate2::bufread::GzDecoder::new(rest);
            let mut back = Vec::new();
            one.read_to_end(&mut back).unwrap();
            rest = one.into_inner();
            members.insert(crate::model::Digest::of(&back));
        }
        members
    };
    let (before, after) = (members(0), members(7000));
    let new = after.difference(&before).count();
    assert!(before.len() >= 7, "{}", before.len());
    assert!((1..=3).contains(&new), "{new} of {}", after.len());
}
