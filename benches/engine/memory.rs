//! How much memory a process and all that it starts have at once.
//!
//! They are looked at a thousand times a second, which costs time: never in a run that is timed.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::ours::Peak;

/// Runs `command` to its end.
pub fn watch(command: &mut Command) -> Peak {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut peak = Peak::default();
    loop {
        let mut all = Vec::new();
        descend(child.id(), &mut all);
        let mut together = 0;
        for pid in all {
            let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else {
                continue;
            };
            together += kibibytes(&status, "VmRSS:") * 1024;
            peak.process = peak.process.max(kibibytes(&status, "VmHWM:") * 1024);
        }
        peak.tree = peak.tree.max(together);
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{command:?}: {status}");
            return peak;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn descend(pid: u32, all: &mut Vec<u32>) {
    all.push(pid);
    for task in fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|p| p.parse().ok()) {
            descend(child, all);
        }
    }
}

fn kibibytes(status: &str, field: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number.and_then(|n| n.parse().ok()).unwrap_or(0)
}
