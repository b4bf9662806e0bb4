//! Control groups, where the host lets us have them: memory, CPU and processes held by the kernel.
//!
//! One group a build, which holds the limits, and in it one a step, which counts. Each is named after the process that
//! made it, so that what a killed process left behind is known by its name and swept by the next. Version 2, version 1,
//! and both side by side.

mod mounts;
mod v1;
mod v2;

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The folder of all our groups.
const FOLDER: &str = "flareo";

/// Where groups can be made.
#[derive(Debug, Clone)]
pub enum Cgroups {
    /// One hierarchy.
    V2(v2::Parent),
    /// One hierarchy a controller.
    V1(v1::Parents),
}

/// The group of one build, or of one step in it.
#[derive(Debug)]
pub struct Group {
    kind: Kind,
    removed: bool,
}

#[derive(Debug)]
enum Kind {
    V2(v2::Group),
    V1(v1::Group),
}

/// What the kernel holds for a group and all below it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shared {
    /// In bytes.
    pub memory_bytes: u64,
    /// CPU quota: 2.0 is two cores.
    pub cpus: f64,
    /// Processes and threads, each step's pid 1 among them.
    pub pids: u64,
}

/// What a group used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupUse {
    /// Without what the kernel only caches.
    pub memory_bytes: u64,
    pub cpu: Duration,
    pub pids: u64,
}

impl Cgroups {
    /// Looks for a place, by making a group there.
    pub fn find() -> Option<Self> {
        let mounts = mounts::mounts(&fs::read_to_string("/proc/self/mountinfo").ok()?);
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let root = rustix::process::geteuid().is_root();
        let found = v2::Parent::find(&mounts, &own, root).map(Self::V2);
        let found = found.or_else(|| {
            root.then(|| v1::Parents::find(&mounts))
                .flatten()
                .map(Self::V1)
        })?;
        found.sweep();
        Some(found)
    }

    /// For people.
    pub const fn version(&self) -> &'static str {
        match self {
            Self::V2(_) => "v2",
            Self::V1(_) => "v1",
        }
    }

    /// Which of memory, CPU and processes the kernel holds.
    pub const fn holds(&self) -> (bool, bool, bool) {
        match self {
            Self::V2(parent) => parent.holds(),
            Self::V1(parents) => parents.holds(),
        }
    }

    /// Makes a group that holds limits for everybody in it and in the groups below it.
    pub fn make(&self, limits: &Shared) -> io::Result<Group> {
        let name = new_name()?;
        Ok(Group::new(match self {
            Self::V2(parent) => Kind::V2(parent.make(&name, limits)?),
            Self::V1(parents) => Kind::V1(parents.make(&name, limits)?),
        }))
    }

    /// Makes a group that only counts.
    pub fn make_member(&self) -> io::Result<Group> {
        let name = new_name()?;
        Ok(Group::new(match self {
            Self::V2(parent) => Kind::V2(parent.make_member(&name)?),
            Self::V1(parents) => Kind::V1(parents.make_member(&name)?),
        }))
    }

    /// A group as the place for others.
    pub fn within(group: &Group) -> io::Result<Self> {
        Ok(match &group.kind {
            Kind::V2(group) => Self::V2(group.as_parent()?),
            Kind::V1(group) => Self::V1(group.as_parents()),
        })
    }

    /// Removes groups of processes that are gone, and those in them.
    pub fn sweep(&self) {
        let folders = match self {
            Self::V2(parent) => vec![parent.folder()],
            Self::V1(parents) => parents.folders(),
        };
        for folder in folders {
            for orphan in orphans(&folder) {
                for member in orphans(&orphan).into_iter().chain([orphan]) {
                    kill_all(&member);
                    let _ = remove(&member, Duration::from_millis(500));
                }
            }
        }
    }
}

/// The groups under `folder` whose makers are gone.
fn orphans(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_str().is_some_and(is_orphan))
        .map(|entry| entry.path())
        .collect()
}

impl Group {
    const fn new(kind: Kind) -> Self {
        Self {
            kind,
            removed: false,
        }
    }

    /// What a process of one thread may write 0 to, to go in by itself; none where that is not to be had, and
    /// [`take`](Self::take) it must be.
    ///
    /// The kernel lets a thread move itself without stopping every fork and exit of the machine first. To move another
    /// process it waits for a grace period, 10 to 20 milliseconds on an idle machine, once for each step.
    pub fn doors(&self) -> io::Result<Vec<OwnedFd>> {
        match &self.kind {
            Kind::V2(_) => Ok(Vec::new()),
            Kind::V1(group) => group.doors(),
        }
    }

    /// Sets anew how many processes and threads there may be.
    pub fn allow_pids(&self, pids: u64) -> io::Result<()> {
        match &self.kind {
            Kind::V2(group) => group.allow_pids(pids),
            Kind::V1(group) => group.allow_pids(pids),
        }
    }

    /// Whether the memory limit was ever reached, here or, on v2, below. Who was killed without that was killed
    /// because the whole host ran out.
    pub fn reached_memory_limit(&self) -> bool {
        match &self.kind {
            Kind::V2(group) => group.reached_memory_limit(),
            Kind::V1(group) => group.reached_memory_limit(),
        }
    }

    /// Takes a process in.
    pub fn take(&self, pid: i32) -> io::Result<()> {
        match &self.kind {
            Kind::V2(group) => group.take(pid),
            Kind::V1(group) => group.take(pid),
        }
    }

    /// What it uses now.
    pub fn usage(&self) -> GroupUse {
        match &self.kind {
            Kind::V2(group) => group.usage(),
            Kind::V1(group) => group.usage(),
        }
    }

    /// How many processes were killed for memory.
    pub fn memory_kills(&self) -> u64 {
        match &self.kind {
            Kind::V2(group) => group.memory_kills(),
            Kind::V1(group) => group.memory_kills(),
        }
    }

    /// How often no process could be made.
    pub fn refused_forks(&self) -> u64 {
        match &self.kind {
            Kind::V2(group) => group.refused_forks(),
            Kind::V1(group) => group.refused_forks(),
        }
    }

    fn folders(&self) -> Vec<PathBuf> {
        match &self.kind {
            Kind::V2(group) => vec![group.folder().to_owned()],
            Kind::V1(group) => group.folders(),
        }
    }

    /// Removes it. All its processes must be gone; the kernel needs a moment to see that.
    pub fn remove(mut self) -> io::Result<()> {
        self.removed = true;
        self.folders()
            .iter()
            .try_for_each(|folder| remove(folder, Duration::from_secs(2)))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.removed {
            for folder in self.folders() {
                kill_all(&folder);
                let _ = remove(&folder, Duration::from_millis(500));
            }
        }
    }
}

/// The name of a group that there never was.
fn new_name() -> io::Result<String> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    Ok(format!("{}-{number}", own_name()?))
}

/// This process's part of a group's name: its id and when it started, which together never come twice.
fn own_name() -> io::Result<String> {
    let pid = rustix::process::getpid().as_raw_nonzero().get();
    started(pid).map(|start| format!("{pid}-{start}"))
}

/// When a process started, in ticks since the machine did.
fn started(pid: i32) -> io::Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold anything; the start is the 20th field after it.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let start = rest
        .split_whitespace()
        .nth(19)
        .and_then(|field| field.parse().ok());
    start.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Whether a group's name is that of a process that is gone.
fn is_orphan(name: &str) -> bool {
    let mut parts = name.split('-').map(str::parse::<u64>);
    let (Some(Ok(pid)), Some(Ok(start)), Some(Ok(_)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    i32::try_from(pid).is_ok_and(|pid| started(pid).ok() != Some(start))
}

fn kill_all(group: &Path) {
    if fs::write(group.join("cgroup.kill"), "1").is_ok() {
        return;
    }
    for pid in fs::read_to_string(group.join("cgroup.procs"))
        .unwrap_or_default()
        .lines()
    {
        if let Some(pid) = pid.parse().ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

fn remove(group: &Path, patience: Duration) -> io::Result<()> {
    let until = Instant::now() + patience;
    let mut pause = Duration::from_micros(200);
    loop {
        match fs::remove_dir(group) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) && Instant::now() < until => {}
            answer => return answer,
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// A file's whole content as a number.
fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The number after `key` in a file of lines `key number`.
fn field(path: &Path, key: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| {
        line.strip_prefix(key)?
            .strip_prefix(' ')?
            .trim()
            .parse()
            .ok()
    })
}

/// A CPU quota as the kernel takes it: microseconds in a period of 100 milliseconds.
fn quota(cpus: f64) -> u64 {
    ((cpus * 100_000.0) as u64).max(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_s_name_tells_whether_its_maker_lives() {
        let own = own_name().unwrap();
        assert!(!is_orphan(&format!("{own}-0")));
        let (pid, start) = own.split_once('-').unwrap();
        assert!(is_orphan(&format!("{pid}-{start}1-0")));
        for foreign in ["docker", "1-2", "1-2-3-4", "a-b-c", ""] {
            assert!(!is_orphan(foreign), "{foreign}");
        }
    }
}
