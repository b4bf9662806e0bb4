//! What this host lets the sandbox enforce, in words for `flareo doctor`.

use crate::model::view::{Check, CheckStatus};

use super::ids::Ids;

/// How a limit is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// The kernel refuses or kills.
    Kernel,
    /// Looked at several times a second, and killed when past it.
    Watched,
    /// Not at all.
    Absent,
}

/// What the sandbox found when it was opened.
#[derive(Debug, Clone)]
pub struct Support {
    /// How ids are mapped.
    pub ids: Ids,
    /// The cgroups in use, for people: `v2`, `v1`, `none`.
    pub cgroups: String,
    /// The memory limit.
    pub memory: Held,
    /// The CPU limit.
    pub cpus: Held,
    /// The limit of processes.
    pub pids: Held,
    /// Whether the program is run from a sealed copy, because the sandbox's root could write to the file.
    pub sealed_program: bool,
}

impl Support {
    /// Whether the kernel itself holds every limit that it can hold.
    pub fn holds_all(&self) -> bool {
        [self.memory, self.cpus, self.pids]
            .iter()
            .all(|held| *held == Held::Kernel)
    }

    /// One line for each capability.
    pub fn checks(&self) -> Vec<Check> {
        const DELEGATE: &str = "run as root, or in a cgroup of your own (systemd-run --user --scope -p Delegate=yes flareo …)";
        let watched = "watched several times a second; no cgroup holds it";
        vec![
            self.ids_check(),
            self.limit("sandbox: memory limit", self.memory, watched, DELEGATE),
            self.limit("sandbox: process limit", self.pids, watched, DELEGATE),
            self.limit(
                "sandbox: CPU limit",
                self.cpus,
                "a step is bound to as many cores as it may use; it could unbind itself",
                DELEGATE,
            ),
            check(
                "sandbox: time, disk and output limits",
                CheckStatus::Ok,
                "watched from outside the step",
                "",
            ),
        ]
    }

    fn limit(&self, name: &str, held: Held, watched: &str, help: &str) -> Check {
        match held {
            Held::Kernel => check(
                name,
                CheckStatus::Ok,
                &format!("held by the kernel (cgroup {})", self.cgroups),
                "",
            ),
            Held::Watched => check(name, CheckStatus::Degraded, watched, help),
            Held::Absent => check(name, CheckStatus::Missing, "not held", help),
        }
    }

    fn ids_check(&self) -> Check {
        let name = "sandbox: user namespace";
        match self.ids {
            Ids::Shifted { base, count } => check(
                name,
                CheckStatus::Ok,
                &format!("ids 0–{} are {base} and up on this host", count - 1),
                "",
            ),
            Ids::Ranges {
                first_uid, count, ..
            } => check(
                name,
                CheckStatus::Ok,
                &format!("0 is you, 1–{count} are {first_uid} and up on this host"),
                "",
            ),
            Ids::Single { .. } => check(
                name,
                CheckStatus::Degraded,
                "one id only: changing an owner in a RUN succeeds without effect, and USER runs as root without capabilities",
                "add a range for your user to /etc/subuid and /etc/subgid and install newuidmap (Debian: uidmap), or run as root",
            ),
        }
    }
}

fn check(name: &str, status: CheckStatus, found: &str, help: &str) -> Check {
    Check {
        name: name.into(),
        status,
        found: found.into(),
        help: help.into(),
    }
}
