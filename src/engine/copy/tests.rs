//! The rules of COPY as tables: what is there, what is copied, what comes of it.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::engine::tree::{Kind, LayerIndex, Node, Tree};
use crate::model::Digest;

mod listed;

use listed::{Case, Listed, image};

#[test]
fn where_things_come_to_stand() {
    let case = Case {
        image: &[
            "etc/",
            "usr/",
            "usr/bin/",
            "bin -> usr/bin",
            "app/",
            "app/old",
            "out -> ../../../tmp",
            "dangling -> /nowhere/x",
            "file",
            "app/link -> /etc",
            "app/s/ 0700",
        ],
        context: &[
            "a",
            "b",
            "d/x",
            "d/s/y",
            "l -> d",
            "up -> ../../a",
            "e/",
            "d2/link/z",
        ],
        ..Case::default()
    };
    let table: &[(&[&str], &str, &[&str])] = &[
        // A file to a name, to a folder, to a folder that is not there.
        (&["a"], "/etc/a2", &["etc/ 755", "etc/a2 644 = a"]),
        (&["a"], "/etc/", &["etc/ 755", "etc/a 644 = a"]),
        (&["a"], "/etc", &["etc/ 755", "etc/a 644 = a"]),
        (&["a"], "/new/", &["new/ 755", "new/a 644 = a"]),
        (&["a"], "/new", &["new 644 = a"]),
        (&["a"], "/x/y/z", &["x/ 755", "x/y/ 755", "x/y/z 644 = a"]),
        (&["a"], "/", &["a 644 = a"]),
        (&["a"], "/new/.", &["new/ 755", "new/a 644 = a"]),
        (&["/a"], "/etc/", &["etc/ 755", "etc/a 644 = a"]),
        (&["./d/../a"], "/etc/", &["etc/ 755", "etc/a 644 = a"]),
        (&["../../a"], "/etc/", &["etc/ 755", "etc/a 644 = a"]),
        // A folder gives what is in it, not itself.
        (
            &["d"],
            "/t",
            &["t/ 755", "t/s/ 755", "t/s/y 644 = d/s/y", "t/x 644 = d/x"],
        ),
        (
            &["d/"],
            "/t/",
            &["t/ 755", "t/s/ 755", "t/s/y 644 = d/s/y", "t/x 644 = d/x"],
        ),
        (&["d/s"], "/etc", &["etc/ 755", "etc/y 644 = d/s/y"]),
        (&["e"], "/t", &["t/ 755"]),
        // Several sources.
        (
            &["a", "b"],
            "/etc/",
            &["etc/ 755", "etc/a 644 = a", "etc/b 644 = b"],
        ),
        (
            &["a", "d/s"],
            "/n/",
            &["n/ 755", "n/a 644 = a", "n/y 644 = d/s/y"],
        ),
        // Patterns.
        (
            &["[ab]"],
            "/etc/",
            &["etc/ 755", "etc/a 644 = a", "etc/b 644 = b"],
        ),
        (
            &["d/*"],
            "/t/",
            &["t/ 755", "t/x 644 = d/x", "t/y 644 = d/s/y"],
        ),
        (&["*/s"], "/t/", &["t/ 755", "t/y 644 = d/s/y"]),
        (&["nothing*", "a"], "/t/", &["t/ 755", "t/a 644 = a"]),
        // Links in the source are followed inside the context.
        (
            &["l"],
            "/t",
            &["t/ 755", "t/s/ 755", "t/s/y 644 = d/s/y", "t/x 644 = d/x"],
        ),
        (&["up"], "/t", &["t 644 = a"]),
        (&["up"], "/t/", &["t/ 755", "t/up 644 = a"]),
        // Links in the destination are followed inside the image.
        (
            &["a"],
            "/bin/a",
            &["usr/ 755", "usr/bin/ 755", "usr/bin/a 644 = a"],
        ),
        (
            &["a"],
            "/bin",
            &["usr/ 755", "usr/bin/ 755", "usr/bin/a 644 = a"],
        ),
        (&["a"], "/out/", &["tmp/ 755", "tmp/a 644 = a"]),
        (&["a"], "/dangling", &["nowhere/ 755", "nowhere/x 644 = a"]),
        (&["a"], "/../../etc/a", &["etc/ 755", "etc/a 644 = a"]),
        // What is there is replaced; folders are merged and take over the new mode.
        (&["a"], "/app/old", &["app/ 755", "app/old 644 = a"]),
        (
            &["d"],
            "/app",
            &[
                "app/ 755",
                "app/s/ 755",
                "app/s/y 644 = d/s/y",
                "app/x 644 = d/x",
            ],
        ),
    ];
    for (sources, destination, expected) in table {
        let found = case.copy(sources, destination);
        let expected = expected.iter().map(|s| (*s).to_owned()).collect();
        assert_eq!(found, Ok(expected), "COPY {sources:?} {destination}");
    }
    let errors: &[(&[&str], &str, &str)] = &[
        (&["x"], "/", "\"/x\": not found"),
        (&["d/none/x"], "/", "\"/d/none/x\": not found"),
        (&["../y"], "/", "\"/y\": not found"),
        (&["["], "/", "syntax error in pattern"),
        (&["a"], "/file/", "mkdir /file: not a directory"),
        (&["a"], "/file/x/y", "mkdir /file: not a directory"),
        (&["d"], "/file", "cannot copy to non-directory: /file"),
        (&["d2"], "/app", "cannot copy to non-directory: /app/link"),
    ];
    for (sources, destination, expected) in errors {
        let found = case.copy(sources, destination).unwrap_err();
        assert!(
            found.starts_with(expected),
            "COPY {sources:?} {destination}: {found}"
        );
    }
}

#[test]
fn a_file_does_not_replace_a_folder() {
    let case = Case {
        image: &["app/", "app/x/"],
        ..Case::default()
    };
    assert_eq!(
        case.copy(&["d"], "/app").unwrap_err(),
        "cannot replace to directory /app/x with file"
    );
}

#[test]
fn owners_and_modes_come_from_the_flags() {
    let case = Case {
        context: &["a 04755", "d/x 0600", "d/s/y", "d/l -> x"],
        attributes: Attributes {
            owner: Some((7, 8)),
            chmod: None,
        },
        ..Case::default()
    };
    // New folders belong to the owner too; folders that were there don't change hands.
    assert_eq!(
        case.copy(&["a", "d"], "/etc/n/").unwrap(),
        [
            "etc/ 755",
            "etc/n/ 755 7:8",
            "etc/n/a 4755 7:8 = a",
            "etc/n/l -> x 7:8",
            "etc/n/s/ 755 7:8",
            "etc/n/s/y 644 7:8 = d/s/y",
            "etc/n/x 600 7:8 = d/x",
        ]
    );
    let case = Case {
        attributes: Attributes {
            owner: None,
            chmod: Some(Chmod::Octal(0o750)),
        },
        ..case
    };
    assert_eq!(
        case.copy(&["d"], "/etc/n/").unwrap(),
        [
            "etc/ 755",
            "etc/n/ 750",
            "etc/n/l -> x",
            "etc/n/s/ 750",
            "etc/n/s/y 750 = d/s/y",
            "etc/n/x 750 = d/x",
        ]
    );
}

#[test]
fn exclude_leaves_out_and_parents_keeps_the_way() {
    let context = &["a/b/c.txt", "a/b/d.md", "a/e/f.txt 0600", "g.txt"];
    let exclude = |pattern: &str| Choice {
        exclude: Patterns::new([pattern.as_bytes()]).unwrap(),
        parents: false,
    };
    let case = Case {
        context,
        choice: exclude("b/*.md"),
        ..Case::default()
    };
    assert_eq!(
        case.copy(&["a"], "/t").unwrap(),
        [
            "t/ 755",
            "t/b/ 755",
            "t/b/c.txt 644 = a/b/c.txt",
            "t/e/ 755",
            "t/e/f.txt 600 = a/e/f.txt"
        ]
    );
    let case = Case {
        context,
        choice: exclude("*.txt"),
        ..Case::default()
    };
    // What a pattern names itself is not left out again: Docker asks only inside of folders.
    assert_eq!(
        case.copy(&["*.txt"], "/t/").unwrap(),
        ["t/ 755", "t/g.txt 644 = g.txt"]
    );

    let parents = Case {
        context,
        choice: Choice {
            parents: true,
            ..Choice::default()
        },
        ..Case::default()
    };
    for (source, expected) in [
        (
            "a/b/c.txt",
            &[
                "t/ 755",
                "t/a/ 755",
                "t/a/b/ 755",
                "t/a/b/c.txt 644 = a/b/c.txt",
            ][..],
        ),
        (
            "a/*/f.txt",
            &[
                "t/ 755",
                "t/a/ 755",
                "t/a/e/ 755",
                "t/a/e/f.txt 600 = a/e/f.txt",
            ],
        ),
        (
            "a/./b/c.txt",
            &["t/ 755", "t/b/ 755", "t/b/c.txt 644 = a/b/c.txt"],
        ),
        (
            "**/*.md",
            &[
                "t/ 755",
                "t/a/ 755",
                "t/a/b/ 755",
                "t/a/b/d.md 644 = a/b/d.md",
            ],
        ),
    ] {
        assert_eq!(
            parents.copy(&[source], "/t/").unwrap(),
            expected,
            "{source}"
        );
    }
    let missing = parents.copy(&["a/none"], "/t/").unwrap_err();
    assert_eq!(missing, "\"/a/none\": not found");
}

#[test]
fn workdir_makes_folders_for_its_user() {
    let tree = image(&["home/", "w -> home"]);
    let mut placement = Placement::on(&tree);
    placement
        .make_folder(b"/w/u/x", Some((1000, 1000)), FOLDER_MODE)
        .unwrap();
    let made: Vec<_> = placement
        .finish()
        .into_iter()
        .map(|(path, entry)| (String::from_utf8(path).unwrap(), entry.node.uid))
        .collect();
    let expected = [("home", 0), ("home/u", 1000), ("home/u/x", 1000)];
    assert_eq!(made, expected.map(|(p, u)| (p.to_owned(), u)));
    // What is there already needs no layer.
    let mut placement = Placement::on(&tree);
    placement
        .make_folder(b"/home", Some((1000, 1000)), FOLDER_MODE)
        .unwrap();
    assert!(placement.finish().is_empty());
}

#[test]
fn hard_links_of_a_stage_stay_one_file() {
    let file = |offset| {
        Node::new(
            Kind::File {
                size: 1,
                digest: Digest::of(b"x"),
                offset,
            },
            0o644,
        )
    };
    let nodes = [
        ("b/one", file(512)),
        ("b/two", file(512)),
        ("b/other", file(2048)),
    ];
    let stage: LayerIndex = nodes
        .map(|(p, n)| (p.as_bytes().to_vec(), n))
        .into_iter()
        .collect();
    let stage = Tree::new(vec![Arc::new(stage)]);
    let tree = Tree::default();
    let mut placement = Placement::on(&tree);
    for selected in select(&stage, "/b/*", &Choice::default()).unwrap() {
        placement
            .copy(&selected, "/t/", &Attributes::default(), &mut || Ok(()))
            .unwrap();
    }
    // Three matches are three copies: no links between them.
    let groups: std::collections::BTreeSet<_> = placement
        .finish()
        .into_values()
        .filter_map(|e| e.group)
        .collect();
    assert_eq!(groups.len(), 3);
    let tree = Tree::default();
    let mut placement = Placement::on(&tree);
    let with_folder: LayerIndex = [(b"b".to_vec(), Node::directory(0o755))]
        .into_iter()
        .chain(
            stage.layers()[0]
                .entries()
                .map(|(p, n)| (p.to_vec(), n.clone())),
        )
        .collect();
    let stage = Tree::new(vec![Arc::new(with_folder)]);
    for selected in select(&stage, "/b", &Choice::default()).unwrap() {
        placement
            .copy(&selected, "/t/", &Attributes::default(), &mut || Ok(()))
            .unwrap();
    }
    let entries = placement.finish();
    assert_eq!(
        entries[&b"t/one".to_vec()].group,
        entries[&b"t/two".to_vec()].group
    );
    assert_ne!(
        entries[&b"t/one".to_vec()].group,
        entries[&b"t/other".to_vec()].group
    );
}

proptest! {
    #[test]
    fn nothing_ever_leaves_the_root(
        links in proptest::collection::vec(("[abc](/[abc]){0,2}", "[./abc]{1,10}"), 0..6),
        source in "[abcz./*]{1,8}", destination in "/[abc./]{0,12}",
    ) {
        // Neither a context nor a layer has anything below a link.
        let below = |path: &str, link: &str| path.strip_prefix(link).is_some_and(|rest| rest.starts_with('/'));
        let honest = |path: &str| !links.iter().any(|(link, _)| below(path, link) || below(link, path));
        let links: Vec<_> = links.iter().filter(|(path, _)| honest(path)).cloned().collect();
        let lines: Vec<String> = links.iter().map(|(path, target)| format!("{path} -> {target}")).collect();
        let mut nodes: Vec<(Vec<u8>, Node)> = Vec::new();
        for (path, target) in &links {
            nodes.push((path.clone().into_bytes(), Node::new(Kind::Symlink(target.as_bytes().into()), 0o777)));
        }
        let tree = Tree::new(vec![Arc::new(nodes.into_iter().collect::<LayerIndex>())]);
        let lines: Vec<&str> = lines.iter().map(String::as_str).chain(["z/a", "z/b/c"]).collect();
        let context = Listed::new(&lines);
        let mut placement = Placement::on(&tree);
        if let Ok(all) = select(&ContextTree(&context), &source, &Choice::default()) {
            for selected in all {
                let _ = placement.copy(&selected, &destination, &Attributes::default(), &mut || Ok(()));
            }
        }
        let entries = placement.finish();
        for path in entries.keys() {
            prop_assert_eq!(&crate::engine::tree::clean(path), path);
            let above = crate::engine::tree::parent(path);
            prop_assert!(above.is_empty() || entries[above].node.is_directory());
        }
    }
}
