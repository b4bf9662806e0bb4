//! Version 1: a hierarchy for each controller. For root only.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::mounts::CgroupMount;
use super::{FOLDER, GroupUse, Shared, field, number, quota};

/// A limit counts as reached from this far below, in bytes: the kernel takes memory in batches.
const BATCH: u64 = 1 << 20;

/// Our folder in each hierarchy that there is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parents {
    memory: Option<PathBuf>,
    cpu: Option<PathBuf>,
    cpuacct: Option<PathBuf>,
    pids: Option<PathBuf>,
}

/// One group, in each of them.
#[derive(Debug, Default)]
pub struct Group {
    memory: Option<PathBuf>,
    cpu: Option<PathBuf>,
    cpuacct: Option<PathBuf>,
    pids: Option<PathBuf>,
}

impl Parents {
    pub fn find(mounts: &[CgroupMount]) -> Option<Self> {
        let folder = |controller: &str| {
            let mount = mounts
                .iter()
                .find(|mount| mount.controllers.iter().any(|name| name == controller))?;
            let folder = mount.at.join(FOLDER);
            fs::create_dir_all(&folder).ok()?;
            let probe = folder.join("0-0-0");
            fs::create_dir(&probe)
                .or_else(|error| if probe.exists() { Ok(()) } else { Err(error) })
                .ok()?;
            let _ = fs::remove_dir(&probe);
            Some(folder)
        };
        let found = Self {
            memory: folder("memory"),
            cpu: folder("cpu"),
            cpuacct: folder("cpuacct"),
            pids: folder("pids"),
        };
        (found.memory.is_some() || found.pids.is_some()).then_some(found)
    }

    pub const fn holds(&self) -> (bool, bool, bool) {
        (
            self.memory.is_some(),
            self.cpu.is_some(),
            self.pids.is_some(),
        )
    }

    pub fn folders(&self) -> Vec<PathBuf> {
        [&self.memory, &self.cpu, &self.cpuacct, &self.pids]
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }

    /// A group that holds limits.
    pub fn make(&self, name: &str, limits: &Shared) -> io::Result<Group> {
        let group = self.make_member(name)?;
        if let Some(memory) = &group.memory {
            // Older kernels count what is below only when told to; newer ones always do and take the word.
            let _ = fs::write(memory.join("memory.use_hierarchy"), "1");
            fs::write(
                memory.join("memory.limit_in_bytes"),
                limits.memory_bytes.to_string(),
            )?;
            // Memory and swap together. Not every kernel counts swap.
            let swap = memory.join("memory.memsw.limit_in_bytes");
            if swap.exists() {
                fs::write(swap, limits.memory_bytes.to_string())?;
            }
        }
        if let Some(cpu) = &group.cpu {
            let quota = quota(limits.cpus).to_string();
            fs::write(cpu.join("cpu.cfs_quota_us"), quota)?;
        }
        group.allow_pids(limits.pids)?;
        Ok(group)
    }

    /// A group that only counts.
    pub fn make_member(&self, name: &str) -> io::Result<Group> {
        let make = |parent: &Option<PathBuf>| -> io::Result<Option<PathBuf>> {
            let Some(parent) = parent else {
                return Ok(None);
            };
            let folder = parent.join(name);
            match fs::create_dir(&folder) {
                // cpu and cpuacct are often one hierarchy.
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                _ => Ok(Some(folder)),
            }
        };
        Ok(Group {
            memory: make(&self.memory)?,
            cpu: make(&self.cpu)?,
            cpuacct: make(&self.cpuacct)?,
            pids: make(&self.pids)?,
        })
    }
}

impl Group {
    /// As the place for others.
    pub fn as_parents(&self) -> Parents {
        Parents {
            memory: self.memory.clone(),
            cpu: self.cpu.clone(),
            cpuacct: self.cpuacct.clone(),
            pids: self.pids.clone(),
        }
    }

    pub fn allow_pids(&self, pids: u64) -> io::Result<()> {
        match &self.pids {
            Some(folder) => fs::write(folder.join("pids.max"), pids.to_string()),
            None => Ok(()),
        }
    }

    pub fn reached_memory_limit(&self) -> bool {
        let Some(folder) = &self.memory else {
            return false;
        };
        let read = |file: &str| number(&folder.join(file)).unwrap_or(0);
        // Both limits are the same. Not every kernel counts that the one with swap was reached.
        read("memory.failcnt") > 0
            || ["memory", "memory.memsw"].iter().any(|kind| {
                let most = read(&format!("{kind}.max_usage_in_bytes"));
                most > 0 && most.saturating_add(BATCH) >= read(&format!("{kind}.limit_in_bytes"))
            })
    }

    pub fn folders(&self) -> Vec<PathBuf> {
        let mut folders: Vec<PathBuf> = [&self.memory, &self.cpu, &self.cpuacct, &self.pids]
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        folders.dedup();
        folders
    }

    pub fn doors(&self) -> io::Result<Vec<OwnedFd>> {
        let open = |folder: &PathBuf| {
            let door = fs::OpenOptions::new()
                .write(true)
                .open(folder.join("tasks"));
            door.map(OwnedFd::from)
        };
        self.folders().iter().map(open).collect()
    }

    pub fn take(&self, pid: i32) -> io::Result<()> {
        self.folders()
            .iter()
            .try_for_each(|folder| fs::write(folder.join("cgroup.procs"), pid.to_string()))
    }

    pub fn usage(&self) -> GroupUse {
        let read = |folder: &Option<PathBuf>, file: &str| number(&folder.as_ref()?.join(file));
        let used = read(&self.memory, "memory.usage_in_bytes").unwrap_or(0);
        let stat = self
            .memory
            .as_ref()
            .map(|folder| folder.join("memory.stat"));
        let cached = stat
            .and_then(|stat| field(&stat, "total_inactive_file"))
            .unwrap_or(0);
        GroupUse {
            memory_bytes: used.saturating_sub(cached),
            cpu: Duration::from_nanos(read(&self.cpuacct, "cpuacct.usage").unwrap_or(0)),
            pids: read(&self.pids, "pids.current").unwrap_or(0),
        }
    }

    pub fn memory_kills(&self) -> u64 {
        self.count(self.memory.as_deref(), "memory.oom_control", "oom_kill")
    }

    pub fn refused_forks(&self) -> u64 {
        self.count(self.pids.as_deref(), "pids.events", "max")
    }

    fn count(&self, folder: Option<&Path>, file: &str, key: &str) -> u64 {
        folder
            .and_then(|folder| field(&folder.join(file), key))
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_are_counted_and_a_mere_limit_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let memory = dir.path().to_owned();
        fs::write(
            memory.join("memory.oom_control"),
            "oom_kill_disable 0\nunder_oom 1\noom_kill 2\n",
        )
        .unwrap();
        fs::write(memory.join("memory.usage_in_bytes"), "1000\n").unwrap();
        fs::write(
            memory.join("memory.stat"),
            "inactive_file 1\ntotal_inactive_file 400\n",
        )
        .unwrap();
        let group = Group {
            memory: Some(memory),
            ..Group::default()
        };
        assert_eq!(group.memory_kills(), 2);
        assert_eq!(group.usage().memory_bytes, 600);
        assert_eq!(group.refused_forks(), 0);
    }

    #[test]
    fn a_limit_is_reached_when_it_failed_or_the_most_was_at_it() {
        let dir = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| fs::write(dir.path().join(file), text).unwrap();
        let group = Group {
            memory: Some(dir.path().to_owned()),
            ..Group::default()
        };
        assert!(!group.reached_memory_limit());
        write("memory.limit_in_bytes", "67108864\n");
        write("memory.max_usage_in_bytes", "5000000\n");
        write("memory.failcnt", "0\n");
        assert!(!group.reached_memory_limit());
        write("memory.max_usage_in_bytes", "67000000\n");
        assert!(group.reached_memory_limit());
        write("memory.max_usage_in_bytes", "5000000\n");
        write("memory.failcnt", "7\n");
        assert!(group.reached_memory_limit());
    }
}
