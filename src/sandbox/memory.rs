//! How ids were mapped the last time, so that a build whose steps are all known need not try it out.
//!
//! What a host allows hardly changes while it runs, so it is remembered until the next boot, for the mappings that there
//! are to choose from. A memory that is wrong does no harm: the sandbox itself is opened by trying.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use super::host::maps;
use super::ids::Ids;

const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// How ids will be mapped: where there is no choice, or as it was written down at `memory` since the host was started.
pub fn foreseen(memory: &Path) -> Option<Ids> {
    let candidates = maps::candidates();
    if let [only] = candidates.as_slice() {
        return Some(*only);
    }
    let written = fs::read_to_string(memory).ok()?;
    let fits = |ids: &Ids| line(&candidates, *ids).is_some_and(|line| line == written);
    candidates.iter().copied().find(fits)
}

/// Writes down how ids are mapped. That it can't is no reason to refuse work.
pub fn remember(memory: &Path, ids: Ids) {
    let candidates = maps::candidates();
    if candidates.len() < 2 || foreseen(memory) == Some(ids) {
        return;
    }
    let Some(line) = line(&candidates, ids) else {
        return;
    };
    let folder = crate::durable::folder_of(memory);
    if let Ok(mut aside) = tempfile::NamedTempFile::new_in(folder)
        && aside.write_all(line.as_bytes()).is_ok()
    {
        let _ = aside.persist(memory);
    }
}

fn line(candidates: &[Ids], chosen: Ids) -> Option<String> {
    let boot = fs::read_to_string(BOOT).ok()?;
    Some(format!("{} {candidates:?} {chosen:?}\n", boot.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_known_by_its_boot_and_by_what_there_was_to_choose() {
        let ranges = Ids::Ranges {
            uid: 1,
            gid: 1,
            first_uid: 100_000,
            first_gid: 100_000,
            count: 65_536,
        };
        let single = Ids::Single { uid: 1, gid: 1 };
        let line = |candidates: &[Ids], chosen| line(candidates, chosen).unwrap();
        assert_ne!(
            line(&[ranges, single], ranges),
            line(&[ranges, single], single)
        );
        assert_ne!(line(&[single], single), line(&[ranges, single], single));
    }

    #[test]
    fn where_there_is_no_choice_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let memory = folder.path().join("ids");
        let Some(ids) = foreseen(&memory) else {
            println!("skipped: this user has ranges of ids, so there is a choice");
            return;
        };
        remember(&memory, ids);
        assert!(!memory.exists());
    }
}
