//! Where cgroup hierarchies are mounted.

use std::path::PathBuf;

/// A mounted hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgroupMount {
    /// Where.
    pub at: PathBuf,
    /// What of the hierarchy is shown there.
    pub root: String,
    /// Whether it is version 2.
    pub v2: bool,
    /// The controllers of a version 1 hierarchy.
    pub controllers: Vec<String>,
}

/// Reads `/proc/self/mountinfo`.
pub fn mounts(mountinfo: &str) -> Vec<CgroupMount> {
    mountinfo.lines().filter_map(parse).collect()
}

fn parse(line: &str) -> Option<CgroupMount> {
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ');
    let (root, at) = (left.nth(3)?, left.next()?);
    let mut right = right.split(' ');
    let v2 = match right.next()? {
        "cgroup" => false,
        "cgroup2" => true,
        _ => return None,
    };
    let controllers = if v2 {
        Vec::new()
    } else {
        right.nth(1)?.split(',').map(str::to_owned).collect()
    };
    Some(CgroupMount {
        at: at.into(),
        root: root.to_owned(),
        v2,
        controllers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_found_side_by_side() {
        let text = "25 20 0:22 / /sys rw - sysfs sysfs rw\n\
                    33 32 0:29 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n\
                    34 32 0:30 /x /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n\
                    35 32 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let found = mounts(text);
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].at, PathBuf::from("/sys/fs/cgroup/memory"));
        assert!(found[0].controllers.contains(&"memory".into()));
        assert_eq!(found[1].root, "/x");
        assert!(found[1].controllers.contains(&"cpuacct".into()));
        assert!(found[2].v2);
    }
}
