//! What the steps of one build share: its limits of memory, CPU and processes hold for the sum of those that run at
//! once. In the kernel where there are cgroups, else by adding up what each step's watcher saw.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::cgroup::{Cgroups, Group, GroupUse, Shared};
use super::spec::StepLimits;

/// A group that holds more than this part of its memory when nobody is in it is given up: files that steps wrote to a
/// file system in memory would weigh on the steps after them.
const KEPT_PART: u64 = 16;

/// The limits of one build. Cheap to clone; gone with the last clone and the last step in it.
#[derive(Debug, Clone)]
pub struct Together(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limits: Shared,
    cgroups: Option<Cgroups>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The build's group, made with the first step.
    group: Option<BuildGroup>,
    /// What each step in it uses.
    steps: BTreeMap<u64, Used>,
    number: u64,
}

#[derive(Debug)]
struct BuildGroup {
    // The places in it go first.
    within: Cgroups,
    group: Group,
    pids: u64,
}

/// Memory in bytes, and processes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    pub memory_bytes: u64,
    pub pids: u64,
}

/// One step in it, until dropped.
#[derive(Debug)]
pub struct Member {
    together: Together,
    number: u64,
    group: Option<Group>,
    /// What the build's group had counted when the step came.
    refused_before: u64,
}

impl Together {
    pub(super) fn new(cgroups: Option<Cgroups>, limits: &StepLimits) -> Self {
        Self(Arc::new(Inner {
            limits: Shared {
                memory_bytes: limits.memory_bytes,
                cpus: limits.cpus,
                pids: limits.pids,
            },
            cgroups,
            state: Mutex::default(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A step comes.
    pub(super) fn enter(&self) -> io::Result<Member> {
        let mut state = self.state();
        state.number += 1;
        let number = state.number;
        let mut refused_before = 0;
        let mut group = None;
        if let Some(cgroups) = &self.0.cgroups {
            // Each step's pid 1 is ours and not of its processes.
            let pids = self
                .0
                .limits
                .pids
                .saturating_add(state.steps.len() as u64 + 1);
            if state.group.is_none() {
                let limits = Shared {
                    pids,
                    ..self.0.limits
                };
                let group = cgroups.make(&limits)?;
                state.group = Some(BuildGroup {
                    within: Cgroups::within(&group)?,
                    group,
                    pids,
                });
            }
            if let Some(build) = &mut state.group {
                if build.pids < pids {
                    build.group.allow_pids(pids)?;
                    build.pids = pids;
                }
                refused_before = build.group.refused_forks();
                group = Some(build.within.make_member()?);
            }
        }
        state.steps.insert(number, Used::default());
        drop(state);
        Ok(Member {
            together: self.clone(),
            number,
            group,
            refused_before,
        })
    }
}

impl Member {
    /// The step's own group.
    pub const fn group(&self) -> Option<&Group> {
        self.group.as_ref()
    }

    /// Notes what the step uses now; answers with the sum of all steps.
    pub fn note(&self, used: Used) -> Used {
        let mut state = self.together.state();
        if let Some(own) = state.steps.get_mut(&self.number) {
            *own = used;
        }
        state.steps.values().fold(Used::default(), |sum, one| Used {
            memory_bytes: sum.memory_bytes.saturating_add(one.memory_bytes),
            pids: sum.pids.saturating_add(one.pids),
        })
    }

    /// Whether other steps run beside this one.
    pub fn has_company(&self) -> bool {
        self.together.state().steps.len() > 1
    }

    /// What the step's group used; none where there is none.
    pub fn usage(&self) -> Option<GroupUse> {
        self.group.as_ref().map(Group::usage)
    }

    /// How many of its processes were killed for memory.
    pub fn memory_kills(&self) -> u64 {
        self.group.as_ref().map_or(0, Group::memory_kills)
    }

    /// Whether the build's memory limit was reached. If not, the host ran out.
    pub fn reached_memory_limit(&self) -> bool {
        let state = self.together.state();
        state
            .group
            .as_ref()
            .is_some_and(|build| build.group.reached_memory_limit())
    }

    /// How often no process could be made. Kernels differ in whether they count that where the process would have been,
    /// or where the limit is.
    pub fn refused_forks(&self) -> u64 {
        let own = self.group.as_ref().map_or(0, Group::refused_forks);
        let state = self.together.state();
        let build = state
            .group
            .as_ref()
            .map_or(0, |build| build.group.refused_forks());
        own.max(build.saturating_sub(self.refused_before))
    }

    /// Removes the step's group. All its processes must be gone.
    pub fn remove_group(&mut self) -> io::Result<()> {
        self.group.take().map_or(Ok(()), Group::remove)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // Before the build's, which it is in.
        self.group = None;
        let mut state = self.together.state();
        state.steps.remove(&self.number);
        let keep = self.together.0.limits.memory_bytes / KEPT_PART;
        if state.steps.is_empty()
            && let Some(build) = state
                .group
                .take_if(|build| build.group.usage().memory_bytes > keep)
        {
            let _ = build.group.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn what_steps_use_adds_up_until_they_go() {
        let limits = StepLimits {
            memory_bytes: 1,
            cpus: 1.0,
            pids: 1,
            deadline: Instant::now(),
            disk_bytes: 0,
            inodes: 0,
            log_bytes: 0,
        };
        let together = Together::new(None, &limits);
        let (one, two) = (together.enter().unwrap(), together.enter().unwrap());
        let used = |memory_bytes, pids| Used { memory_bytes, pids };
        assert_eq!(one.note(used(5, 1)), used(5, 1));
        assert_eq!(two.note(used(7, 2)), used(12, 3));
        assert_eq!(one.note(used(1, 1)), used(8, 3));
        assert!(one.has_company());
        drop(two);
        assert_eq!(one.note(used(1, 1)), used(1, 1));
        assert!(!one.has_company());
    }
}
