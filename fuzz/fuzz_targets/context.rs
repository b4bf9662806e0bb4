//! Any bytes as a submitter's archive: refused in words that a terminal can show, with nothing left; or kept in our one
//! form, within its limits, everything inside its root.
#![no_main]

mod tape;

use std::io::Read;
use std::path::Path;
use std::sync::LazyLock;

use flareo::intake::{StoredContext, receive};
use flareo::model::context::{ContextSource, EntryKind};
use flareo::model::limits::ContextLimits;
use libfuzzer_sys::fuzz_target;

static PLACE: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

fn left(place: &Path) -> usize {
    std::fs::read_dir(place.join("sha256")).map_or(0, Iterator::count)
}

fuzz_target!(|data: &[u8]| {
    let place = PLACE.path();
    let bytes = match data.first() {
        Some(3) => data[1..].to_vec(),
        _ => tape::tape(data),
    };
    let limits = ContextLimits { bytes: 20_000, entries: 60, dockerfile_bytes: 1000, path_bytes: 200 };
    match receive(&mut &bytes[..], place, &limits) {
        Err(error) => {
            let said = error.to_string();
            assert!(!said.chars().any(char::is_control), "{said:?}");
            assert!(said.len() < 4096, "{said}");
            assert_eq!(left(place), 0, "{said}");
        }
        Ok(stored) => {
            let context = StoredContext::open(place, stored.digest).unwrap();
            context.verify().unwrap();
            let entries = context.entries();
            assert!(entries.len() as u64 <= limits.entries && entries.len() as u64 == stored.entries);
            let mut total = 0;
            for (i, entry) in entries.iter().enumerate() {
                assert!(i == 0 || entries[i - 1].path.as_bytes() < entry.path.as_bytes());
                assert!(entry.path.len() as u64 <= limits.path_bytes);
                assert!(entry.path.split('/').all(|part| !matches!(part, "" | "." | "..")), "{:?}", entry.path);
                match &entry.kind {
                    EntryKind::File { size } => {
                        let mut content = Vec::new();
                        context.open(i).unwrap().read_to_end(&mut content).unwrap();
                        assert_eq!(content.len() as u64, *size);
                        total += size;
                    }
                    EntryKind::Symlink { target } => {
                        let mut depth = entry.path.matches('/').count();
                        assert!(!target.starts_with('/'));
                        for part in target.split('/') {
                            match part {
                                "" | "." => {}
                                ".." => depth = depth.checked_sub(1).expect("a link leaves the context"),
                                _ => depth += 1,
                            }
                        }
                    }
                    EntryKind::Directory => {}
                }
            }
            assert!(total <= limits.bytes);
            drop(context);
            std::fs::remove_file(place.join("sha256").join(stored.digest.hex())).unwrap();
        }
    }
});
