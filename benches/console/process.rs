//! What the kernel tells of a process.

use std::fs::{read_dir, read_to_string};
use std::time::Duration;

/// A process by its number.
#[derive(Debug, Clone, Copy)]
pub struct Process(pub u32);

impl Process {
    /// Resident memory in bytes: now, and at its highest.
    pub fn memory(self) -> (u64, u64) {
        let status = read_to_string(format!("/proc/{}/status", self.0)).unwrap();
        (
            field(&status, "VmRSS:") * 1024,
            field(&status, "VmHWM:") * 1024,
        )
    }

    /// How often its threads went to sleep by themselves: each was a wake-up before.
    pub fn wake_ups(self) -> u64 {
        self.threads("status")
            .iter()
            .map(|status| field(status, "voluntary_ctxt_switches:"))
            .sum()
    }

    /// The time that its threads spent on a processor.
    pub fn cpu(self) -> Duration {
        let nanoseconds = |text: &String| -> u64 {
            let first = text.split_whitespace().next();
            first.and_then(|n| n.parse().ok()).unwrap_or(0)
        };
        Duration::from_nanos(self.threads("schedstat").iter().map(nanoseconds).sum())
    }

    /// Calls of write so far.
    pub fn writes(self) -> u64 {
        let io = read_to_string(format!("/proc/{}/io", self.0)).unwrap();
        field(&io, "syscw:")
    }

    fn threads(self, file: &str) -> Vec<String> {
        read_dir(format!("/proc/{}/task", self.0))
            .unwrap()
            .filter_map(|thread| read_to_string(thread.ok()?.path().join(file)).ok())
            .collect()
    }
}

fn field(text: &str, name: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
