//! What a build must not depend on, and what can be made another way to find out whether it does.

use crate::sandbox::spec::Seen;

/// What a step is told its host is called; BuildKit's name, which scripts have seen before.
const HOSTNAME: &str = "buildkitsandbox";

/// The same in the second of two builds: as long as the first, because the length of /etc/hosts says nothing that a step
/// would want to know.
const OTHER_HOSTNAME: &str = "different-place";

/// The surroundings of a build. Another one must give the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conditions {
    /// What a step is told its host is called.
    pub hostname: String,
    /// What else it sees of the host.
    pub seen: Seen,
}

impl Default for Conditions {
    /// Those of every build but the second of two.
    fn default() -> Self {
        Self {
            hostname: HOSTNAME.into(),
            seen: Seen::default(),
        }
    }
}

impl Conditions {
    /// Those of the second of two builds: whatever can be another way is.
    pub fn other(cores: usize) -> Self {
        Self {
            hostname: OTHER_HOSTNAME.into(),
            seen: Seen {
                cores: (cores > 1).then(|| cores - 1),
                first_process: Some(FIRST_PROCESS),
            },
        }
    }
}

/// Where the numbers of processes begin in the second of two builds.
const FIRST_PROCESS: u32 = 7000;
