//! A stack of layers as one tree; paths that never leave it.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::engine::tar::{Member, MemberKind};

fn member(path: &str, kind: MemberKind) -> Member {
    Member {
        path: path.into(),
        kind,
        mode: 0o755,
        uid: 0,
        gid: 0,
        size: 0,
        mtime: 0,
        nanos: 0,
        link: Vec::new(),
        capability: None,
        offset: 0,
    }
}

fn link(path: &str, kind: MemberKind, target: &str) -> Member {
    Member {
        link: target.into(),
        ..member(path, kind)
    }
}

fn index(members: &[Member]) -> LayerIndex {
    let mut builder = IndexBuilder::default();
    for member in members {
        builder.place(member).unwrap();
    }
    builder.finish()
}

fn tree(layers: &[&[Member]]) -> Tree {
    Tree::new(layers.iter().map(|m| Arc::new(index(m))).collect())
}

fn file(path: &str) -> Member {
    member(path, MemberKind::File)
}

fn folder(path: &str) -> Member {
    member(path, MemberKind::Directory)
}

#[test]
fn a_member_that_climbs_is_refused() {
    for path in ["../x", "a/../../x", "/..", "a/.."] {
        let error = IndexBuilder::default().place(&file(path)).unwrap_err();
        assert_eq!(error, MemberError::Climbs(path.into()));
    }
    let climbing = link("a", MemberKind::HardLink, "../../etc/passwd");
    assert!(matches!(
        IndexBuilder::default().place(&climbing),
        Err(MemberError::Climbs(_))
    ));
}

#[test]
fn absolute_and_dotted_members_stand_inside() {
    let index = index(&[file("/etc/passwd"), file("./bin//sh")]);
    assert!(index.get(b"etc/passwd").is_some());
    assert!(index.get(b"bin/sh").is_some());
}

#[test]
fn a_hard_link_reaches_only_files_of_its_layer() {
    let mut builder = IndexBuilder::default();
    let error = builder
        .place(&link("a", MemberKind::HardLink, "b"))
        .unwrap_err();
    assert!(error.to_string().contains("no file of the same layer"));
    builder.place(&folder("d")).unwrap();
    assert!(
        builder
            .place(&link("a", MemberKind::HardLink, "d"))
            .is_err()
    );
}

#[test]
fn a_hard_link_that_would_take_its_file_away_is_refused() {
    let mut builder = IndexBuilder::default();
    for member in [file("d/f"), file("g")] {
        builder.place(&member).unwrap();
    }
    for (path, target) in [("d", "d/f"), ("g/h", "g"), ("", "g"), ("./", "g")] {
        let error = builder.place(&link(path, MemberKind::HardLink, target));
        assert!(error.is_err(), "{path} -> {target}: {error:?}");
    }
    assert_eq!(builder.finish().len(), 3);
}

#[test]
fn a_whiteout_is_one_whatever_kind_of_entry_it_is() {
    for kind in [
        MemberKind::File,
        MemberKind::Directory,
        MemberKind::Symlink,
        MemberKind::HardLink,
        MemberKind::Fifo,
        MemberKind::Device,
    ] {
        let mut builder = IndexBuilder::default();
        let placed = builder.place(&link("a/.wh.b", kind, "x")).unwrap();
        assert_eq!(placed, Placed::Whiteout(b"a/b".to_vec()));
    }
}

#[test]
fn in_what_is_gone_there_is_nothing() {
    let mut builder = IndexBuilder::default();
    let error = builder.place(&file("a/.wh.b/c")).unwrap_err();
    assert_eq!(error, MemberError::BadPath(b"a/.wh.b/c".to_vec()));
    // But AUFS kept files of its own in its own folders.
    for path in [
        ".wh..wh.plnk/123.456",
        "a/.wh..wh.x/.wh..wh..opq",
        ".wh..wh.x/.wh.y",
    ] {
        let placed = builder.place(&file(path)).unwrap();
        assert_eq!(placed, Placed::Skipped, "{path}");
    }
    assert!(builder.finish().is_empty());
}

#[test]
fn another_name_of_a_device_is_as_little_as_the_device() {
    let mut builder = IndexBuilder::default();
    builder.place(&member("null", MemberKind::Device)).unwrap();
    let placed = builder
        .place(&link("zero", MemberKind::HardLink, "null"))
        .unwrap();
    assert_eq!(placed, Placed::Node(b"zero".to_vec()));
}

#[test]
fn a_whiteout_after_its_folder_hides_what_lower_layers_have_in_it() {
    let tree = tree(&[
        &[file("a/low"), file("b/low")],
        &[
            folder("a"),
            file("a/high"),
            file(".wh.a"),
            file("b/high"),
            file(".wh.b"),
        ],
    ]);
    let all: Vec<_> = tree.below(b"").into_keys().collect();
    let wanted: [&[u8]; 4] = [b"a", b"a/high", b"b", b"b/high"];
    assert_eq!(all, wanted);
}

#[test]
fn what_no_program_could_open_and_nobody_could_own_is_refused() {
    let long = ["d"; 1001].join("/");
    let wide = vec!["d".repeat(250); 17].join("/");
    for path in [&long, &wide, &"n".repeat(256)] {
        let error = IndexBuilder::default().place(&file(path)).unwrap_err();
        assert!(matches!(error, MemberError::BadPath(_)), "{error}");
    }
    let deep = ["d"; 1000].join("/");
    assert_eq!(index(&[file(&deep)]).len(), 1000);
    for (uid, gid) in [(u32::MAX, 0), (0, u32::MAX)] {
        let member = Member {
            uid,
            gid,
            ..file("f")
        };
        let error = IndexBuilder::default().place(&member).unwrap_err();
        assert_eq!(error, MemberError::BadOwner(b"f".to_vec()));
    }
}

#[test]
fn the_paths_of_a_layer_are_bounded_in_all() {
    // Each brings a thousand folders along: a kilobyte of tar for a megabyte of memory.
    let deep = ["d"; 990].join("/");
    let mut builder = IndexBuilder::default();
    let mut refused = None;
    for n in 0..1000 {
        if let Err(error) = builder.place(&file(&format!("{n}/{deep}"))) {
            refused = Some(error);
            break;
        }
    }
    assert_eq!(refused, Some(MemberError::TooMuchText));
}

#[test]
fn a_later_member_replaces_an_earlier_one() {
    let twice = index(&[folder("a"), file("a/x"), file("a"), folder("b"), file("b")]);
    assert_eq!(twice.len(), 2);
    assert!(matches!(twice.get(b"a").unwrap().kind, Kind::File { .. }));
    let through = index(&[link("a", MemberKind::Symlink, "/etc"), file("a/x")]);
    // Never through the link: the link is gone, a folder stands there.
    assert!(through.get(b"a").unwrap().is_directory());
    assert!(through.get(b"etc/x").is_none());
}

#[test]
fn whiteouts_and_opaque_folders_hide_what_is_below() {
    let tree = tree(&[
        &[file("a/x"), file("a/y"), file("b/z"), file("c")],
        &[
            file("a/.wh.x"),
            file("b/.wh..wh..opq"),
            file("b/new"),
            file(".wh.c"),
        ],
    ]);
    let all: Vec<_> = tree.below(b"").into_keys().collect();
    let all: Vec<_> = all
        .iter()
        .map(|p| std::str::from_utf8(p).unwrap())
        .collect();
    assert_eq!(all, ["a", "a/y", "b", "b/new"]);
    for gone in ["a/x", "b/z", "c"] {
        assert!(tree.find(gone.as_bytes()).is_none(), "{gone}");
    }
    assert_eq!(tree.find(b"a/y").unwrap().layer, 0);
}

#[test]
fn an_implied_folder_keeps_what_a_lower_layer_says_of_it() {
    let sticky = Member {
        mode: 0o1777,
        ..folder("tmp")
    };
    let tree = tree(&[&[sticky], &[file("tmp/x")]]);
    assert_eq!(tree.find(b"tmp").unwrap().node.mode, 0o1777);
    assert_eq!(tree.below(b"")[&b"tmp".to_vec()].node.mode, 0o1777);
}

#[test]
fn the_root_is_always_there() {
    assert!(Tree::default().find(b"").unwrap().node.is_directory());
    assert!(Tree::default().find(b"x").is_none());
}

#[test]
fn links_are_followed_inside_the_root_only() {
    let tree = tree(&[&[
        folder("usr/bin"),
        link("bin", MemberKind::Symlink, "usr/bin"),
        link("out", MemberKind::Symlink, "../../../../etc"),
        link("abs", MemberKind::Symlink, "/usr/../usr/bin"),
        link("loop", MemberKind::Symlink, "loop2"),
        link("loop2", MemberKind::Symlink, "/loop"),
        link("usr/up", MemberKind::Symlink, ".."),
    ]]);
    for (path, expected) in [
        ("bin/sh", "usr/bin/sh"),
        ("/bin", "usr/bin"),
        ("out/passwd", "etc/passwd"),
        ("abs/x", "usr/bin/x"),
        ("usr/up/bin/x", "usr/bin/x"),
        ("../../x", "x"),
        ("missing/../x/./y", "x/y"),
        ("", ""),
    ] {
        let found = resolve(&tree, path.as_bytes()).unwrap();
        assert_eq!(found, expected.as_bytes(), "{path}");
    }
    assert_eq!(
        resolve(&tree, b"loop/x"),
        Err(TooManyLinks(b"loop/x".to_vec()))
    );
}

fn any_name() -> impl Strategy<Value = String> {
    proptest::sample::select(vec!["a", "b", "c", "a-b", "d"]).prop_map(str::to_owned)
}

fn any_member() -> impl Strategy<Value = Member> {
    let path = proptest::collection::vec(any_name(), 1..4).prop_map(|parts| parts.join("/"));
    (path, 0..7, "[a-d/.]{1,8}").prop_map(|(path, which, target)| match which {
        0 | 1 => file(&path),
        2 | 3 => folder(&path),
        4 => link(&path, MemberKind::Symlink, &target),
        5 => {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
            file(&format!("{folder}/.wh.{name}"))
        }
        _ => file(&format!("{path}/.wh..wh..opq")),
    })
}

fn any_layer() -> impl Strategy<Value = LayerIndex> {
    proptest::collection::vec(any_member(), 0..12).prop_map(|members| index(&members))
}

proptest! {
    #[test]
    fn looking_up_and_listing_agree(layers in proptest::collection::vec(any_layer(), 0..4)) {
        let tree = Tree::new(layers.into_iter().map(Arc::new).collect());
        let all = tree.below(b"");
        for (path, found) in &all {
            let looked = tree.find(path).unwrap();
            prop_assert_eq!(looked.node.mode, found.node.mode);
            prop_assert_eq!(std::mem::discriminant(&looked.node.kind), std::mem::discriminant(&found.node.kind));
            prop_assert!(parent(path).is_empty() || all[parent(path)].node.is_directory());
            if found.node.is_directory() {
                let below: Vec<_> = tree.below(path).into_keys().map(|p| join(path, &p)).collect();
                let prefix = [&path[..], b"/"].concat();
                let expected: Vec<_> = all.keys().filter(|p| p.starts_with(&prefix)).cloned().collect();
                prop_assert_eq!(below, expected);
            }
        }
        for path in ["a", "b", "a/b", "a/b/c", "a-b", "d/a"] {
            prop_assert_eq!(tree.find(path.as_bytes()).is_some(), all.contains_key(path.as_bytes()), "{}", path);
        }
    }

    #[test]
    fn a_resolved_path_never_leaves_the_root(
        layers in proptest::collection::vec(any_layer(), 1..3), path in "[a-d./]{0,24}",
    ) {
        let tree = Tree::new(layers.into_iter().map(Arc::new).collect());
        if let Ok(found) = resolve(&tree, path.as_bytes()) {
            prop_assert_eq!(clean(&found), found.clone());
            prop_assert!(!found.split(|&b| b == b'/').any(|part| part == b".."));
            // And nothing on the way is a link any more.
            for end in (1..=found.len()).filter(|&i| i == found.len() || found[i] == b'/') {
                let kind = tree.find(&found[..end]).map(|f| f.node.kind.clone());
                prop_assert!(!matches!(kind, Some(Kind::Symlink(_))));
            }
        }
    }

    #[test]
    fn a_list_reads_back(layer in any_layer(), flip in any::<prop::sample::Index>()) {
        let mut bytes = layer.encode();
        prop_assert_eq!(LayerIndex::decode(&bytes), Ok(layer));
        let at = flip.index(bytes.len());
        bytes[at] ^= 1;
        prop_assert_eq!(LayerIndex::decode(&bytes), Err(DecodeError));
    }
}

#[test]
fn a_whiteout_and_a_new_folder_in_one_layer_hide_the_old_content() {
    let tree = tree(&[
        &[file("a/old")],
        &[file(".wh.a"), folder("a"), file("a/new")],
    ]);
    let all: Vec<_> = tree.below(b"a").into_keys().collect();
    assert_eq!(all, [b"new".to_vec()]);
}
