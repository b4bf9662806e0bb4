//! Memory that no process of a step maps and that is taken all the same: files in memory file systems, memory files,
//! System V shared memory. For where no cgroup counts it.

use std::collections::HashMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, StatFs};

use crate::sandbox::spec::Mount;

/// What `statfs(2)` says of a file system in memory.
const TMPFS: u64 = 0x0102_1994;
/// How long the count of memory files holds: it follows every descriptor.
const REST: Duration = Duration::from_millis(500);
/// The most descriptors that one count follows.
const DESCRIPTORS: usize = 20_000;

/// Counts it.
pub struct HeldMemory {
    places: Vec<Place>,
    files: u64,
    counted: Option<Instant>,
}

struct Place {
    path: String,
    /// Open once the step's root is there: the path may be renamed, this can't.
    found: Option<OwnedFd>,
}

impl HeldMemory {
    /// For a step with these mounts.
    pub fn new(mounts: &[Mount]) -> Self {
        let asked = mounts.iter().filter_map(|mount| match mount {
            Mount::Tmpfs { target, .. } => Some(target.clone()),
            Mount::Bind { .. } | Mount::Layers { .. } => None,
        });
        let places = ["/dev/shm".to_owned()].into_iter().chain(asked);
        Self {
            places: places.map(|path| Place { path, found: None }).collect(),
            files: 0,
            counted: None,
        }
    }

    /// Bytes that are held, among these processes of the step.
    pub fn bytes(&mut self, processes: &[PathBuf]) -> u64 {
        let mut bytes = shared_segments();
        for place in &mut self.places {
            bytes = bytes.saturating_add(place.bytes());
        }
        if self.counted.is_none_or(|counted| counted.elapsed() > REST) {
            self.files = memory_files(processes);
            self.counted = Some(Instant::now());
        }
        bytes.saturating_add(self.files)
    }
}

impl HeldMemory {
    /// The devices of the step's memory file systems, as far as they are there.
    pub fn devices(&mut self) -> Vec<u64> {
        let places = self.places.iter_mut();
        let stats = places.filter_map(|place| rustix::fs::fstat(place.in_memory()?.0).ok());
        stats.map(|stat| stat.st_dev).collect()
    }
}

impl Place {
    fn bytes(&mut self) -> u64 {
        self.in_memory().map_or(0, |(_, stat)| {
            stat.f_blocks
                .saturating_sub(stat.f_bfree)
                .saturating_mul(number(stat.f_bsize))
        })
    }

    /// The place, if it is in memory by now.
    fn in_memory(&mut self) -> Option<(&OwnedFd, StatFs)> {
        if self.found.is_none() {
            let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            self.found = rustix::fs::open(&self.path, flags, Mode::empty()).ok();
        }
        let stat = rustix::fs::fstatfs(self.found.as_ref()?).ok()?;
        if number(stat.f_type) != TMPFS {
            self.found = None;
        }
        Some((self.found.as_ref()?, stat))
    }
}

fn number(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// Bytes of the step's System V shared memory.
fn shared_segments() -> u64 {
    let text = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    text.lines().skip(1).filter_map(resident).sum()
}

/// The 15th field of a segment's line.
fn resident(line: &str) -> Option<u64> {
    line.split_whitespace().nth(14)?.parse().ok()
}

/// Bytes of memory files that somebody has open.
fn memory_files(processes: &[PathBuf]) -> u64 {
    let mut found: HashMap<u64, u64> = HashMap::new();
    let mut budget = DESCRIPTORS;
    for process in processes {
        let open = fs::read_dir(process.join("fd"));
        for entry in open.into_iter().flatten().flatten() {
            budget = budget.saturating_sub(1);
            if budget == 0 {
                return found.values().sum();
            }
            if is_memory_file(&entry.path())
                && let Ok(stat) = fs::metadata(entry.path())
            {
                found.insert(stat.ino(), stat.blocks().saturating_mul(512));
            }
        }
    }
    found.values().sum()
}

/// Whether the descriptor is a file of `memfd_create`.
pub fn is_memory_file(descriptor: &Path) -> bool {
    fs::read_link(descriptor).is_ok_and(|name| name.to_string_lossy().starts_with("/memfd:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_s_line_tells_what_is_resident() {
        let line = "         0          0  1600      8192   100  101      0  1000  1000  1000  1000 0 0 0 8192 0";
        assert_eq!(resident(line), Some(8192));
        assert_eq!(resident("key shmid"), None);
    }

    #[test]
    fn a_memory_file_is_found_by_its_descriptor() {
        use std::io::Write;
        let file = rustix::fs::memfd_create("test", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        let mut file = fs::File::from(file);
        file.write_all(&[1; 100_000]).unwrap();
        let bytes = memory_files(&["/proc/self".into()]);
        assert!(bytes >= 100_000, "{bytes}");
    }
}
