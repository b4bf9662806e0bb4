//! Version 2: one hierarchy, for root, or for a user who was given a part of it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::mounts::CgroupMount;
use super::{FOLDER, GroupUse, Shared, field, number, quota};

/// Our folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    folder: PathBuf,
    cpu: bool,
}

/// One group.
#[derive(Debug)]
pub struct Group {
    folder: PathBuf,
    cpu: bool,
}

impl Parent {
    /// For root at the top of what is mounted; for a user in the nearest group above that is theirs. `own` is
    /// `/proc/self/cgroup`.
    pub fn find(mounts: &[CgroupMount], own: &str, root: bool) -> Option<Self> {
        let mount = mounts.iter().find(|mount| mount.v2)?;
        if root {
            return Self::under(&mount.at);
        }
        let own = own.lines().find_map(|line| line.strip_prefix("0::"))?;
        let own = own
            .strip_prefix(mount.root.trim_end_matches('/'))?
            .trim_start_matches('/');
        let mut at = mount.at.join(own);
        while at.starts_with(&mount.at) {
            if let Some(found) = Self::under(&at).filter(Self::accepts_us) {
                return Some(found);
            }
            if !at.pop() {
                break;
            }
        }
        None
    }

    /// Our folder under a group, if memory and processes can be limited there.
    fn under(group: &Path) -> Option<Self> {
        let there = words(&group.join("cgroup.controllers"));
        if !["memory", "pids"]
            .iter()
            .all(|needed| there.iter().any(|name| name == needed))
        {
            return None;
        }
        let folder = group.join(FOLDER);
        let top = passed_on(group);
        let new = !folder.exists();
        if !top.iter().any(|name| name == "memory") || (new && fs::create_dir(&folder).is_err()) {
            return None;
        }
        let ours = passed_on(&folder);
        if !["memory", "pids"]
            .iter()
            .all(|needed| ours.iter().any(|name| name == needed))
        {
            if new {
                let _ = fs::remove_dir(&folder);
            }
            return None;
        }
        Some(Self {
            folder,
            cpu: ours.iter().any(|name| name == "cpu"),
        })
    }

    /// Whether a process of ours may be moved there: tried with one that ends at once.
    fn accepts_us(&self) -> bool {
        let probe = self.folder.join(format!("probe-{}", std::process::id()));
        if fs::create_dir(&probe).is_err() {
            return false;
        }
        let accepted = std::process::Command::new("/bin/sh")
            .args(["-c", "read -r line"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .is_ok_and(|mut child| {
                let moved = fs::write(probe.join("cgroup.procs"), child.id().to_string()).is_ok();
                drop(child.stdin.take());
                let _ = child.wait();
                moved
            });
        let _ = super::remove(&probe, Duration::from_millis(500));
        accepted
    }

    pub const fn holds(&self) -> (bool, bool, bool) {
        (true, self.cpu, true)
    }

    pub fn folder(&self) -> PathBuf {
        self.folder.clone()
    }

    /// A group that holds limits.
    pub fn make(&self, name: &str, limits: &Shared) -> io::Result<Group> {
        let group = self.made(name)?;
        group.set("memory.max", limits.memory_bytes)?;
        // Without swap there is no file for it.
        if group.folder.join("memory.swap.max").exists() {
            group.set("memory.swap.max", 0)?;
        }
        group.allow_pids(limits.pids)?;
        if self.cpu {
            fs::write(
                group.folder.join("cpu.max"),
                format!("{} 100000", quota(limits.cpus)),
            )?;
        }
        Ok(group)
    }

    /// A group that only counts.
    pub fn make_member(&self, name: &str) -> io::Result<Group> {
        let group = self.made(name)?;
        // A step that lost one of its processes is lost as a whole.
        let _ = group.set("memory.oom.group", 1);
        Ok(group)
    }

    fn made(&self, name: &str) -> io::Result<Group> {
        let folder = self.folder.join(name);
        fs::create_dir(&folder)?;
        Ok(Group {
            folder,
            cpu: self.cpu,
        })
    }
}

/// Passes controllers on to the groups below `at`; answers with those that are.
fn passed_on(at: &Path) -> Vec<String> {
    for controller in ["memory", "pids", "cpu"] {
        // Refused where a group has processes of its own; then it may still have been done before us.
        let _ = fs::write(at.join("cgroup.subtree_control"), format!("+{controller}"));
    }
    words(&at.join("cgroup.subtree_control"))
}

impl Group {
    /// As the place for others: its limits hold for their sum.
    pub fn as_parent(&self) -> io::Result<Parent> {
        let passed = passed_on(&self.folder);
        if !["memory", "pids"]
            .iter()
            .all(|needed| passed.iter().any(|name| name == needed))
        {
            return Err(io::Error::other("memory and pids are not passed on to it"));
        }
        Ok(Parent {
            folder: self.folder.clone(),
            cpu: self.cpu,
        })
    }

    pub fn allow_pids(&self, pids: u64) -> io::Result<()> {
        self.set("pids.max", pids)
    }

    pub fn reached_memory_limit(&self) -> bool {
        let events = self.folder.join("memory.events");
        ["max", "oom"]
            .iter()
            .any(|key| field(&events, key).is_some_and(|count| count > 0))
    }

    fn set(&self, file: &str, value: u64) -> io::Result<()> {
        fs::write(self.folder.join(file), value.to_string())
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn take(&self, pid: i32) -> io::Result<()> {
        fs::write(self.folder.join("cgroup.procs"), pid.to_string())
    }

    pub fn usage(&self) -> GroupUse {
        let used = number(&self.folder.join("memory.current")).unwrap_or(0);
        let cached = field(&self.folder.join("memory.stat"), "inactive_file").unwrap_or(0);
        GroupUse {
            memory_bytes: used.saturating_sub(cached),
            cpu: Duration::from_micros(
                field(&self.folder.join("cpu.stat"), "usage_usec").unwrap_or(0),
            ),
            pids: number(&self.folder.join("pids.current")).unwrap_or(0),
        }
    }

    pub fn memory_kills(&self) -> u64 {
        field(&self.folder.join("memory.events"), "oom_kill").unwrap_or(0)
    }

    pub fn refused_forks(&self) -> u64 {
        field(&self.folder.join("pids.events"), "max").unwrap_or(0)
    }
}

fn words(path: &Path) -> Vec<String> {
    fs::read_to_string(path)
        .unwrap_or_default()
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Shared {
        Shared {
            memory_bytes: 1 << 20,
            cpus: 1.5,
            pids: 11,
        }
    }

    /// A folder that looks like a group whose controllers are passed on.
    fn pretend(at: &Path) {
        fs::create_dir_all(at).unwrap();
        fs::write(at.join("cgroup.controllers"), "cpuset cpu io memory pids\n").unwrap();
    }

    #[test]
    fn limits_are_written_as_the_kernel_reads_them() {
        let dir = tempfile::tempdir().unwrap();
        let parent = Parent {
            folder: dir.path().to_owned(),
            cpu: true,
        };
        let group = parent.make("1-2-3", &limits()).unwrap();
        let read = |file: &str| fs::read_to_string(group.folder.join(file)).unwrap();
        assert_eq!(read("memory.max"), "1048576");
        assert_eq!(read("pids.max"), "11");
        assert_eq!(read("cpu.max"), "150000 100000");
        assert!(!group.folder.join("memory.swap.max").exists());
    }

    #[test]
    fn what_happened_is_read_from_the_events() {
        let dir = tempfile::tempdir().unwrap();
        let group = Group {
            folder: dir.path().to_owned(),
            cpu: true,
        };
        assert!(!group.reached_memory_limit());
        fs::write(
            dir.path().join("memory.events"),
            "low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\n",
        )
        .unwrap();
        fs::write(dir.path().join("pids.events"), "max 4\n").unwrap();
        fs::write(
            dir.path().join("cpu.stat"),
            "usage_usec 1500\nuser_usec 1\n",
        )
        .unwrap();
        assert_eq!((group.memory_kills(), group.refused_forks()), (1, 4));
        assert!(group.reached_memory_limit());
        assert_eq!(group.usage().cpu, Duration::from_micros(1500));
    }

    #[test]
    fn a_group_without_the_memory_controller_is_no_place() {
        let dir = tempfile::tempdir().unwrap();
        pretend(dir.path());
        fs::write(dir.path().join("cgroup.controllers"), "cpu pids\n").unwrap();
        assert_eq!(Parent::under(dir.path()), None);
        assert!(!dir.path().join(FOLDER).exists());
    }
}
