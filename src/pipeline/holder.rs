//! Who holds a lease: a process of this host, named so that another process can tell whether it still lives.

use std::fs;
use std::os::linux::fs::MetadataExt as _;

/// A process, written `BOOT:PIDNS:PID:START`.
///
/// A number alone would be reused; the boot, the pid namespace and the start time make it one process for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder(String);

impl Holder {
    /// This process, in the role `role`, as in `worker`.
    pub fn this(role: &str) -> Self {
        let pid = std::process::id();
        let (boot, namespace) = place();
        Self(format!(
            "{role}:{boot}:{namespace}:{pid}:{}",
            start_time(pid).unwrap_or(0)
        ))
    }

    /// The text that stands in the lease.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether the holder of a lease is certainly gone: a process of this very boot and pid namespace that no longer runs.
///
/// Of anything else it says no: the lease has to lapse by itself.
pub fn is_dead(holder: &str) -> bool {
    let mut parts = holder.rsplit(':');
    let (Some(start), Some(pid), Some(namespace), Some(boot)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let (Ok(start), Ok(pid)) = (start.parse::<u64>(), pid.parse::<u32>()) else {
        return false;
    };
    let here = place();
    if boot.is_empty() || boot != here.0 || namespace != here.1 {
        return false;
    }
    start_time(pid) != Some(start)
}

/// The boot and the pid namespace that process ids count in; empty where /proc does not say.
fn place() -> (String, String) {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = fs::metadata("/proc/self/ns/pid")
        .map(|m| m.st_ino().to_string())
        .unwrap_or_default();
    (boot.trim().to_owned(), namespace)
}

/// When a process began, in ticks since the boot. A zombie no longer works, so it counts as gone.
fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold anything; what follows the last one is plain.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if matches!(fields.next(), Some("Z" | "X")) {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives() {
        assert!(!is_dead(Holder::this("worker").as_str()));
    }

    #[test]
    fn a_process_that_ended_is_dead() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let (boot, namespace) = place();
        let holder = format!(
            "worker:{boot}:{namespace}:{}:{}",
            child.id(),
            start_time(child.id()).unwrap()
        );
        assert!(!is_dead(&holder));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(is_dead(&holder));
    }

    #[test]
    fn a_reused_number_is_another_process() {
        let me = Holder::this("worker");
        let other = format!("{}1", me.as_str());
        assert!(is_dead(&other));
    }

    #[test]
    fn nothing_is_said_of_another_place() {
        for holder in ["", "x", "worker:otherboot:1:1:1", "worker:::1:1", "alice"] {
            assert!(!is_dead(holder), "{holder}");
        }
    }
}
