//! Any bytes as an archive that ADD unpacks: nothing of it comes to stand outside of ADD's destination.
#![no_main]

mod tape;

use std::sync::Arc;

use flareo::engine::copy::{Attributes, Placement, Spool, is_archive, unpack};
use flareo::engine::tree::{Kind, LayerIndex, Node, Tree};
use flareo::engine::watch::Watch;
use flareo::model::Limits;
use flareo::model::event::Cancel;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let bytes = match data.first() {
        Some(3) => data[1..].to_vec(),
        _ => tape::tape(data),
    };
    // An image whose folder has links that lead out, round in circles and nowhere.
    let link = |text: &[u8]| Node::new(Kind::Symlink(text.into()), 0o777);
    let base: LayerIndex = [
        (b"etc".to_vec(), Node::directory(0o755)),
        (b"t".to_vec(), Node::directory(0o755)),
        (b"t/a".to_vec(), link(b"/../../etc")),
        (b"t/b".to_vec(), link(b"b")),
        (b"t/c".to_vec(), link(b"../etc")),
    ]
    .into_iter()
    .collect();
    let tree = Tree::new(vec![Arc::new(base)]);
    let limits = Limits { layer_bytes: 1 << 20, ..Limits::default() };
    let watch = Watch::new(limits, Cancel::default());
    let _ = is_archive(&bytes[..], "x");
    let mut placement = Placement::on(&tree);
    let mut spool = Spool::new(&std::env::temp_dir()).unwrap();
    match unpack(&bytes[..], "x", &mut placement, "/t", &Attributes::default(), &mut spool, &watch) {
        Err(fault) => {
            let said = fault.to_string();
            assert!(!said.chars().any(char::is_control), "{said:?}");
        }
        Ok(()) => {
            for (path, entry) in placement.finish() {
                assert!(path == b"t" || path.starts_with(b"t/"), "{path:?}");
                assert!(path.split(|b| *b == b'/').all(|part| !matches!(part, b"" | b"." | b"..")), "{path:?}");
                assert!(path.len() < 4096 && entry.node.uid != u32::MAX && entry.node.gid != u32::MAX);
            }
        }
    }
});
