//! Any bytes as a layer: read, and what the reader says of each entry done to a small file system of our own. What
//! stands there in the end must be what the layer's list says.
#![no_main]

mod tape;

use std::collections::BTreeMap;
use std::io::Read;

use flareo::engine::tar::{Member, MemberKind, TarReader};
use flareo::engine::tree::{IndexBuilder, Kind, LayerIndex, Placed};
use flareo::model::Digest;
use flareo::oci::Compression;
use libfuzzer_sys::fuzz_target;

/// No layer here unpacks to more.
const LIMIT: u64 = 1 << 20;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Thing {
    Folder,
    File(u64),
    Link(Vec<u8>),
    Pipe,
    /// Nothing to see, also of what lower layers have.
    Gone,
}

type Disk = BTreeMap<Vec<u8>, Thing>;

fn parent(path: &[u8]) -> &[u8] {
    path.iter().rposition(|b| *b == b'/').map_or(&[], |at| &path[..at])
}

fn make_folders(disk: &mut Disk, folder: &[u8]) {
    for end in (1..=folder.len()).filter(|i| *i == folder.len() || folder[*i] == b'/') {
        let thing = disk.entry(folder[..end].to_vec()).or_insert(Thing::Folder);
        *thing = Thing::Folder;
    }
}

fn put(disk: &mut Disk, path: &[u8], thing: Thing) {
    make_folders(disk, parent(path));
    let below = [path, b"/"].concat();
    disk.retain(|other, _| !other.starts_with(&below));
    disk.insert(path.to_vec(), thing);
}

fn apply(disk: &mut Disk, member: &Member, placed: &Placed) {
    match placed {
        Placed::File(path) => put(disk, path, Thing::File(member.size)),
        Placed::HardLink { path, target } => {
            let first = disk.get(target).expect("a hard link has a target").clone();
            assert!(!matches!(first, Thing::Folder | Thing::Gone), "a hard link to {first:?}");
            make_folders(disk, parent(path));
            assert!(disk.get(target) == Some(&first), "the way to a hard link takes its target away");
            put(disk, path, first);
            assert!(disk.contains_key(target), "a hard link takes its target away");
        }
        Placed::Node(path) if path.is_empty() => assert_eq!(member.kind, MemberKind::Directory),
        Placed::Node(path) => match member.kind {
            MemberKind::Directory => make_folders(disk, path),
            MemberKind::Symlink => put(disk, path, Thing::Link(member.link.clone())),
            MemberKind::Fifo => put(disk, path, Thing::Pipe),
            MemberKind::Device | MemberKind::HardLink => put(disk, path, Thing::Gone),
            MemberKind::File => panic!("a file that is a node"),
        },
        Placed::Whiteout(path) => {
            assert!(!disk.contains_key(path), "a whiteout takes away what its own layer has");
            put(disk, path, Thing::Gone);
        }
        Placed::Opaque(folder) => make_folders(disk, folder),
        Placed::Skipped => {}
    }
}

fn check(index: &LayerIndex, disk: &Disk) {
    let mut seen = 0;
    for (path, node) in index.entries() {
        assert!(path.len() < 4096 && !path.contains(&0) && !path.starts_with(b"/") && !path.ends_with(b"/"));
        assert!(path.is_empty() || path.split(|b| *b == b'/').all(|part| !matches!(part, b"" | b"." | b"..")));
        assert!(path.split(|b| *b == b'/').all(|part| !part.starts_with(b".wh.")), "{path:?}");
        if path.is_empty() {
            assert!(node.is_directory());
            continue;
        }
        let above = parent(path);
        assert!(above.is_empty() || index.get(above).is_some_and(|node| node.is_directory()));
        assert!(node.uid != u32::MAX && node.gid != u32::MAX);
        let thing = disk.get(path).unwrap_or_else(|| panic!("{path:?} is on no disk"));
        let same = match (&node.kind, thing) {
            (Kind::File { size, .. }, Thing::File(there)) => size == there,
            (Kind::Directory { .. }, Thing::Folder) | (Kind::Fifo, Thing::Pipe) => true,
            (Kind::Symlink(target), Thing::Link(there)) => **target == **there,
            (Kind::Whiteout | Kind::Device, Thing::Gone) => true,
            _ => false,
        };
        assert!(same, "{path:?} is {:?} in the list and {thing:?} on the disk", node.kind);
        seen += 1;
    }
    assert_eq!(seen, disk.len(), "{disk:?}");
    let encoded = index.encode();
    assert!(LayerIndex::decode(&encoded).as_ref() == Ok(index));
}

fuzz_target!(|data: &[u8]| {
    let bytes = match data.first() {
        Some(3) => data[1..].to_vec(),
        _ => tape::tape(data),
    };
    let Ok(tar) = Compression::sniff(&bytes).reader(&bytes[..]) else {
        return;
    };
    let mut tar = TarReader::new(tar.take(LIMIT));
    let mut builder = IndexBuilder::default();
    let mut disk = Disk::new();
    while let Ok(Some(member)) = tar.next() {
        assert!(member.kind == MemberKind::File || member.size == 0);
        let Ok(placed) = builder.place(&member) else {
            return;
        };
        apply(&mut disk, &member, &placed);
        if let Placed::File(path) = &placed {
            let mut content = Vec::new();
            if tar.read_to_end(&mut content).is_err() {
                return;
            }
            assert_eq!(content.len() as u64, member.size);
            builder.content(path, Digest::of(&content));
        }
    }
    check(&builder.finish(), &disk);
});
