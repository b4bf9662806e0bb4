//! A layer that takes over what an earlier one has is, to the byte, the layer that would have been written without it.

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt as _;

use proptest::prelude::*;

use super::{noise, watch};
use crate::engine::layer::{
    Earlier, Form, LayerBuilder, Members, NewEntry, Outline, What, Written,
};
use crate::engine::tree::Kind;
use crate::model::Digest;
use crate::oci::Store;

/// What stands at a path, with a file's content.
type Files = BTreeMap<Vec<u8>, (NewEntry, Vec<u8>)>;

const MTIME: i64 = 315_532_800;

fn entry(what: What, mode: u32) -> NewEntry {
    NewEntry {
        what,
        mode,
        uid: 0,
        gid: 0,
        capability: None,
    }
}

fn file(content: Vec<u8>) -> (NewEntry, Vec<u8>) {
    (entry(What::File(content.len() as u64), 0o644), content)
}

/// How a layer was written.
struct Told {
    written: Written,
    /// How many entries were not read.
    told: usize,
}

fn write(store: &Store, files: &Files, earlier: Option<&Earlier>) -> Told {
    let digest = |(new, content): &(NewEntry, Vec<u8>)| {
        matches!(new.what, What::File(_)).then(|| Digest::of(content))
    };
    let mut outline = Outline::new();
    for (path, file) in files {
        outline.entry(&Form::of(path, &file.0, MTIME), digest(file));
    }
    let planned = outline.finish();
    let upon = earlier.map(|earlier| (earlier, &*planned));
    let watch = watch();
    let mut layer = LayerBuilder::upon(store, MTIME, &watch, Vec::new(), upon).unwrap();
    let mut told = 0;
    for (path, file) in files {
        if layer.holds_next() {
            layer.told(path, &file.0, digest(file)).unwrap();
            told += 1;
        } else {
            layer.entry(path, &file.0, &mut &file.1[..]).unwrap();
        }
    }
    let written = layer.finish().unwrap().unwrap();
    Told { written, told }
}

/// Writes `after` with and without what `before` came to, and says how many of its entries were not read.
fn compare(before: &Files, after: &Files) -> usize {
    let (warm, cold) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (warm, cold) = (
        Store::open(warm.path()).unwrap(),
        Store::open(cold.path()).unwrap(),
    );
    let Written { layer, members, .. } = write(&warm, before, None).written;
    let earlier = Earlier::open(&warm, &layer.descriptor, members)
        .unwrap()
        .unwrap();
    let warm = write(&warm, after, Some(&earlier));
    let cold = write(&cold, after, None);
    assert_eq!(cold.told, 0);
    same(&warm.written, &cold.written);
    warm.told
}

fn same(warm: &Written, cold: &Written) {
    assert_eq!(warm.layer, cold.layer);
    assert_eq!(warm.members, cold.members);
    assert!(warm.index.entries().eq(cold.index.entries()));
}

/// 300 files of 5 KB in ten folders: nine members and more.
fn many() -> Files {
    let mut files = Files::new();
    for number in 0..300_usize {
        let folder = format!("d{}", number / 30).into_bytes();
        files.insert(
            folder.clone(),
            (
                entry(
                    What::Directory {
                        opaque: number == 0,
                    },
                    0o755,
                ),
                Vec::new(),
            ),
        );
        let path = [&folder[..], format!("/f{number:03}").as_bytes()].concat();
        files.insert(path, file(noise(5000 + number)));
    }
    files
}

fn first_file(files: &Files) -> Vec<u8> {
    files
        .keys()
        .find(|path| path.contains(&b'/'))
        .unwrap()
        .clone()
}

fn last_file(files: &Files) -> Vec<u8> {
    files.keys().next_back().unwrap().clone()
}

#[test]
fn only_what_comes_after_a_change_is_read_again() {
    let before = many();
    let mut after = before.clone();
    after.insert(last_file(&before), file(b"new".to_vec()));
    assert!(compare(&before, &after) > 150);
    let mut first = before.clone();
    first.insert(first_file(&before), file(b"new".to_vec()));
    assert_eq!(compare(&before, &first), 0);
    assert!(compare(&before, &before) > 150);
    let mut more = before.clone();
    more.insert(b"z".to_vec(), file(b"one more".to_vec()));
    assert!(compare(&before, &more) > 150);
    let mut less = before.clone();
    less.remove(&last_file(&before));
    assert!(compare(&before, &less) > 150);
    compare(&before, &[(b"alone".to_vec(), file(b"x".to_vec()))].into());
}

#[test]
fn a_hard_link_names_a_file_that_was_not_read() {
    let mut before = many();
    let first = first_file(&before);
    let link = (entry(What::HardLink(first.clone()), 0o644), Vec::new());
    before.insert(b"z".to_vec(), link.clone());
    let mut after = before.clone();
    after.insert(b"zz".to_vec(), link);
    assert!(compare(&before, &after) > 150);
}

/// Whoever damages the blob of the earlier layer, or it is a disk that forgets, the new one is what it would have been.
#[test]
fn what_was_damaged_is_not_taken_over() {
    let before = many();
    let mut after = before.clone();
    after.insert(last_file(&before), file(b"new".to_vec()));
    let cold = tempfile::tempdir().unwrap();
    let cold = write(&Store::open(cold.path()).unwrap(), &after, None).written;
    // The first member of the blob, and one near its end.
    for from_end in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let Written { layer, members, .. } = write(&store, &before, None).written;
        let blob = folder
            .path()
            .join("blobs/sha256")
            .join(layer.descriptor.digest.hex());
        let at = if from_end {
            layer.descriptor.size - 9000
        } else {
            900
        };
        let mut permissions = std::fs::metadata(&blob).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
        std::fs::set_permissions(&blob, permissions).unwrap();
        let damaged = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(&blob)
            .unwrap();
        let mut byte = [0];
        damaged.read_exact_at(&mut byte, at).unwrap();
        damaged.write_all_at(&[byte[0] ^ 1], at).unwrap();
        let earlier = Earlier::open(&store, &layer.descriptor, members)
            .unwrap()
            .unwrap();
        let told = write(&store, &after, Some(&earlier));
        same(&told.written, &cold);
    }
}

#[test]
fn a_list_that_is_not_of_the_blob_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let Written {
        layer, mut members, ..
    } = write(&store, &many(), None).written;
    assert_eq!(Members::decode(&members.encode()), Some(members.clone()));
    members.0.pop();
    assert!(
        Earlier::open(&store, &layer.descriptor, members)
            .unwrap()
            .is_none()
    );
}

/// One of few paths, so that changes meet.
fn path() -> impl Strategy<Value = Vec<u8>> {
    (0_u8..6, 0_u8..12).prop_map(|(folder, name)| format!("d{folder}/f{name:02}").into_bytes())
}

fn something() -> impl Strategy<Value = (NewEntry, Vec<u8>)> {
    // Few contents, of sizes about a block and far below it, and files of nothing.
    let size =
        prop_oneof![4 => 0_usize..3000, 3 => 3000_usize..60_000, 1 => 120_000_usize..300_000];
    prop_oneof![
        8 => (size, any::<bool>(), any::<u8>()).prop_map(|(size, plain, fill)| {
            file(if plain { vec![fill; size] } else { noise(size) })
        }),
        1 => Just((entry(What::Symlink((*b"../x").into()), 0o777), Vec::new())),
        1 => any::<bool>().prop_map(|opaque| (entry(What::Directory { opaque }, 0o755), Vec::new())),
        1 => Just((entry(What::Whiteout, 0), Vec::new())),
        1 => Just((entry(What::Fifo, 0o600), Vec::new())),
    ]
}

fn files() -> impl Strategy<Value = Files> {
    proptest::collection::btree_map(path(), something(), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn it_is_the_layer_that_would_have_been(
        before in files(),
        changes in proptest::collection::vec((path(), proptest::option::of(something())), 0..6),
    ) {
        let mut after = before.clone();
        for (path, change) in changes {
            match change {
                Some(change) => drop(after.insert(path, change)),
                None => drop(after.remove(&path)),
            }
        }
        prop_assume!(!after.is_empty());
        compare(&before, &after);
    }
}

/// Offsets are how two names are known to be of one file.
#[test]
fn what_was_told_has_the_place_that_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let files = many();
    let Written {
        layer,
        members,
        index,
    } = write(&store, &files, None).written;
    let earlier = Earlier::open(&store, &layer.descriptor, members)
        .unwrap()
        .unwrap();
    let again = write(&store, &files, Some(&earlier)).written;
    let offset = |index: &crate::engine::tree::LayerIndex, path: &[u8]| match index
        .get(path)
        .unwrap()
        .kind
    {
        Kind::File { offset, .. } => offset,
        _ => 0,
    };
    for path in files.keys() {
        assert_eq!(offset(&index, path), offset(&again.index, path));
    }
}
