//! What a step uses, seen from beside it: its upper directory, files that are deleted but open, and, where no cgroup
//! counts them, its memory and processes.

use std::collections::HashMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::held::{HeldMemory, is_memory_file};
use super::tree::{self, Size};
use crate::sandbox::kernel;
use crate::sandbox::spec::Mount;
use crate::sandbox::wire::{Limits, Measure};

/// Growth of the disk's use that is worth a walk, in bytes and in files.
const GROWTH: (u64, u64) = (8 << 20, 2_000);
/// How long to go without a walk.
const PATIENCE: Duration = Duration::from_secs(3);
/// Growth that the walk does not explain before deleted files count that are only mapped: how much of one is on the
/// disk can't be seen, only how much is mapped.
const UNEXPLAINED: u64 = 64 << 20;
/// The most descriptors that one look follows.
const DESCRIPTORS: usize = 100_000;

/// Looks at one step.
pub struct Watch {
    /// Where the step writes to, its root's first; all on one file system.
    uppers: Vec<OwnedFd>,
    limits: Limits,
    /// /proc as it was before the step had its own.
    host_proc: Option<u64>,
    size: Size,
    deleted: u64,
    walked: Option<Walk>,
    began: Instant,
    start: Option<(u64, u64)>,
    held: HeldMemory,
    /// Bytes of a page.
    page: u64,
    /// Ticks of CPU time in a second.
    tick: u64,
}

struct Walk {
    at: Instant,
    took: Duration,
    disk: (u64, u64),
}

/// Raises the limit of open files to what the host lets us have.
pub fn allow_many_descriptors() {
    let nofile = rustix::process::Resource::Nofile;
    let most = rustix::process::getrlimit(nofile).maximum;
    let _ = rustix::process::setrlimit(
        nofile,
        rustix::process::Rlimit {
            current: most,
            maximum: most,
        },
    );
}

impl Watch {
    /// For a step with these upper directories and these mounts.
    pub fn new(uppers: Vec<OwnedFd>, limits: Limits, mounts: &[Mount]) -> Self {
        // Deep trees cost a descriptor a level.
        allow_many_descriptors();
        let start = uppers.first().and_then(disk);
        let host_proc = fs::metadata("/proc").ok().map(|stat| stat.dev());
        Self {
            uppers,
            limits,
            host_proc,
            size: Size::default(),
            deleted: 0,
            walked: None,
            began: Instant::now(),
            start,
            held: HeldMemory::new(mounts),
            page: kernel::page_size(),
            tick: kernel::clock_ticks(),
        }
    }

    /// Looks; `None` if nothing new was seen.
    pub fn look(&mut self, stop: &dyn Fn() -> bool) -> Option<Measure> {
        let walked = self.walk_if_due(stop);
        let mut measure = self.measure();
        if self.limits.watch_memory.is_some() {
            self.watch_processes(&mut measure);
            return Some(measure);
        }
        walked.then_some(measure)
    }

    /// Looks a last time, after the step's end.
    pub fn last_look(&mut self, stop: &dyn Fn() -> bool) -> Measure {
        self.deleted = 0;
        if let Some(size) = self.walk(stop) {
            self.size = size;
        }
        self.measure()
    }

    /// Adds up all that was written; none if it was told to stop.
    fn walk(&self, stop: &dyn Fn() -> bool) -> Option<Size> {
        let mut all = Size::default();
        for upper in &self.uppers {
            let size = tree::size(upper, self.limits.inodes, stop)?;
            all.bytes = all.bytes.saturating_add(size.bytes);
            all.inodes = all.inodes.saturating_add(size.inodes);
            all.unseen |= size.unseen;
        }
        Some(all)
    }

    fn measure(&self) -> Measure {
        Measure {
            disk_bytes: self.size.bytes.saturating_add(self.deleted),
            inodes: if self.size.unseen {
                u64::MAX
            } else {
                self.size.inodes
            },
            ..Measure::default()
        }
    }

    /// Walks through `upper` when the disk has filled or a while has passed; never for more than a tenth of the time.
    /// That the disk has not filled says little: others free room on it while the step fills it.
    fn walk_if_due(&mut self, stop: &dyn Fn() -> bool) -> bool {
        let Some(now) = self.uppers.first().and_then(disk) else {
            return false;
        };
        let due = match &self.walked {
            None => {
                let late = self.began.elapsed() > PATIENCE;
                late || self.start.is_none_or(|start| grown(start, now))
            }
            Some(walk) => {
                let rested = walk.at.elapsed() > walk.took * 10;
                rested && (grown(walk.disk, now) || walk.at.elapsed() > PATIENCE)
            }
        };
        if !due {
            return false;
        }
        let began = Instant::now();
        let Some(size) = self.walk(stop) else {
            return false;
        };
        self.size = size;
        let used = self.start.map_or(0, |start| now.0.saturating_sub(start.0));
        let unexplained = used > size.bytes.saturating_add(UNEXPLAINED);
        self.deleted = 0;
        if self.own_proc() {
            self.deleted = deleted_but_held(&self.held.devices(), unexplained);
        }
        self.walked = Some(Walk {
            at: Instant::now(),
            took: began.elapsed(),
            disk: now,
        });
        true
    }

    /// Whether /proc is the step's own already.
    fn own_proc(&self) -> bool {
        fs::metadata("/proc").is_ok_and(|stat| Some(stat.dev()) != self.host_proc)
    }

    /// Adds up memory, processes and time of everybody in the step's /proc.
    fn watch_processes(&mut self, measure: &mut Measure) {
        if !self.own_proc() {
            return;
        }
        let processes = processes();
        for process in &processes {
            measure.pids += fs::metadata(process.join("task"))
                .map_or(1, |stat| stat.nlink().saturating_sub(2).max(1));
            measure.memory_bytes = measure.memory_bytes.saturating_add(self.resident(process));
            measure.cpu_ms += cpu_ticks(process).saturating_mul(1000) / self.tick;
        }
        let held = self.held.bytes(&processes);
        let mapped = measure.memory_bytes;
        measure.memory_bytes = mapped.saturating_add(held);
        // Shared pages were counted once for each who has them, and once more if they are files in memory. When that
        // makes it look like too much, look closely.
        if measure.memory_bytes > self.limits.watch_memory.unwrap_or(u64::MAX) {
            let (own, shared) = processes.iter().fold((0, 0), |(own, shared), process| {
                let (more_own, more_shared) =
                    proportional(process).unwrap_or_else(|| (self.resident(process), 0));
                (own + more_own, shared + more_shared)
            });
            measure.memory_bytes = own + held.max(shared);
        }
    }
}

impl Watch {
    /// Memory of a process, shared pages and all: what everybody may see.
    fn resident(&self, process: &Path) -> u64 {
        let statm = fs::read_to_string(process.join("statm")).unwrap_or_default();
        let pages = statm.split(' ').nth(1);
        let pages = pages.and_then(|pages| pages.parse::<u64>().ok());
        pages.unwrap_or(0).saturating_mul(self.page)
    }
}

/// Bytes and files in use on the file system that holds `fd`.
fn disk(fd: &OwnedFd) -> Option<(u64, u64)> {
    let stat = rustix::fs::fstatvfs(fd).ok()?;
    Some((
        stat.f_blocks.saturating_sub(stat.f_bfree) * stat.f_frsize,
        stat.f_files.saturating_sub(stat.f_ffree),
    ))
}

fn grown(from: (u64, u64), to: (u64, u64)) -> bool {
    to.0 > from.0 + GROWTH.0 || to.1 > from.1 + GROWTH.1
}

/// The folders of all processes but pid 1.
pub fn processes() -> Vec<std::path::PathBuf> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| {
            entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.parse::<u32>().is_ok_and(|pid| pid != 1))
        })
        .map(|entry| entry.path())
        .collect()
}

fn cpu_ticks(process: &Path) -> u64 {
    let stat = fs::read_to_string(process.join("stat")).unwrap_or_default();
    // After the name in parentheses, which may hold anything: utime, stime, and those of children that ended.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    fields
        .split_whitespace()
        .skip(11)
        .take(4)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum()
}

/// Memory with shared pages divided among those who have them: what is no file in memory, and what is. None for a
/// process that hides it.
fn proportional(process: &Path) -> Option<(u64, u64)> {
    let rollup = fs::read_to_string(process.join("smaps_rollup")).ok()?;
    let field = |name: &str| {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next())
            .and_then(|kb| kb.parse::<u64>().ok())
            .unwrap_or(0)
            * 1024
    };
    let shared = field("Pss_Shmem:");
    Some((field("Pss:").saturating_sub(shared), shared))
}

/// Bytes of files without a name that somebody still holds open or, if `mapped` ones count, mapped. Files on these
/// `memory` devices are memory, not disk. All others are on one file system, where an inode is one file.
fn deleted_but_held(memory: &[u64], mapped: bool) -> u64 {
    let mut held: HashMap<u64, u64> = HashMap::new();
    let mut budget = DESCRIPTORS;
    for process in processes() {
        let open = fs::read_dir(process.join("fd"));
        for entry in open.into_iter().flatten().flatten() {
            budget = budget.saturating_sub(1);
            if budget == 0 {
                return sum(&held);
            }
            let Ok(stat) = fs::metadata(entry.path()) else {
                continue;
            };
            let disk = || !memory.contains(&stat.dev()) && !is_memory_file(&entry.path());
            if stat.is_file() && stat.nlink() == 0 && disk() {
                held.insert(stat.ino(), stat.blocks() * 512);
            }
        }
        if !mapped {
            continue;
        }
        let maps = fs::read_to_string(process.join("maps")).unwrap_or_default();
        for ((device, inode), length) in maps.lines().filter_map(deleted_mapping) {
            if !memory.contains(&device) {
                held.entry(inode).or_insert(length);
            }
        }
    }
    sum(&held)
}

fn sum(held: &HashMap<u64, u64>) -> u64 {
    held.values()
        .fold(0, |sum, bytes| sum.saturating_add(*bytes))
}

/// The file and the length of a line of `/proc/PID/maps` that maps a deleted file.
fn deleted_mapping(line: &str) -> Option<((u64, u64), u64)> {
    let name = line.strip_suffix(" (deleted)")?;
    let mut fields = name.split_whitespace();
    let (from, to) = fields.next()?.split_once('-')?;
    let length = u64::from_str_radix(to, 16)
        .ok()?
        .checked_sub(u64::from_str_radix(from, 16).ok()?)?;
    let (major, minor) = fields.nth(2)?.split_once(':')?;
    let device = rustix::fs::makedev(
        u32::from_str_radix(major, 16).ok()?,
        u32::from_str_radix(minor, 16).ok()?,
    );
    let inode = fields.next()?.parse().ok()?;
    let path = fields.next()?;
    let memory = ["/memfd:", "/dev/", "/SYSV", "/[aio]"]
        .iter()
        .any(|prefix| path.starts_with(prefix));
    (!memory).then_some(((device, inode), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deleted_mapping_tells_its_length() {
        let line = "7f00-8f00 rw-s 00000000 00:2a 77                         /tmp/x y (deleted)";
        assert_eq!(
            deleted_mapping(line),
            Some(((rustix::fs::makedev(0, 0x2a), 77), 0x1000))
        );
        assert_eq!(
            deleted_mapping("7f00-8f00 rw-s 00000000 00:01 7 /memfd:a (deleted)"),
            None
        );
        assert_eq!(
            deleted_mapping("7f00-8f00 rw-s 00000000 00:01 7 /lib/x"),
            None
        );
    }
}
