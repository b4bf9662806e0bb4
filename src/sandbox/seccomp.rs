//! Which system calls a step may make.
//!
//! Three filters on top of each other, of which the strictest answer counts: what is not known is not there (ENOSYS,
//! so that programs fall back as on an older kernel), what is dangerous is refused (EPERM), and in a sandbox with one
//! id, changing owners and users is pretended. Close to Docker's default; stricter where the facts of sandboxes ask
//! for it: no user namespaces, no io_uring, no keyrings, no exotic sockets.

mod table;

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Len, SeccompCmpOp as Op, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

use super::error::SandboxError;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// The compiled filters, made once.
#[derive(Clone)]
pub struct Filters {
    known: BpfProgram,
    refused: BpfProgram,
    pretended: BpfProgram,
    job: BpfProgram,
}

impl std::fmt::Debug for Filters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filters").finish_non_exhaustive()
    }
}

impl Filters {
    /// Compiles them for this machine.
    pub fn compile() -> Result<Self, SandboxError> {
        Ok(Self {
            known: program(
                known(),
                SeccompAction::Errno(errno(libc::ENOSYS)),
                SeccompAction::Allow,
            )?,
            refused: program(
                refused()?,
                SeccompAction::Allow,
                SeccompAction::Errno(errno(libc::EPERM)),
            )?,
            pretended: program(pretended()?, SeccompAction::Allow, SeccompAction::Errno(0))?,
            job: program(
                refused_to_jobs(),
                SeccompAction::Allow,
                SeccompAction::Errno(errno(libc::EPERM)),
            )?,
        })
    }

    /// For a step.
    pub fn for_step(&self, single: bool) -> Vec<&[seccompiler::sock_filter]> {
        let mut filters = vec![self.known.as_slice(), self.refused.as_slice()];
        if single {
            filters.push(&self.pretended);
        }
        filters
    }

    /// For a job of our own.
    pub fn for_job(&self) -> Vec<&[seccompiler::sock_filter]> {
        vec![&self.job]
    }
}

fn program(
    rules: Rules,
    otherwise: SeccompAction,
    on_match: SeccompAction,
) -> Result<BpfProgram, SandboxError> {
    let invalid = |error: seccompiler::BackendError| SandboxError::Unsupported {
        what: format!("no seccomp filter for this processor: {error}"),
        help: "use an x86-64, AArch64 or 64-bit RISC-V machine".into(),
    };
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(invalid)?;
    SeccompFilter::new(rules, otherwise, on_match, arch)
        .and_then(TryInto::try_into)
        .map_err(invalid)
}

const fn errno(code: libc::c_int) -> u32 {
    code as u32
}

fn known() -> Rules {
    table::KNOWN
        .iter()
        .chain(table::KNOWN_HERE)
        .map(|number| (*number, Vec::new()))
        .collect()
}

fn refused() -> Result<Rules, SandboxError> {
    let mut rules: Rules = table::REFUSED
        .iter()
        .map(|number| (*number, Vec::new()))
        .collect();
    // A namespace of any kind: the way to mounts and to every kernel bug behind them.
    let spaces = (libc::CLONE_NEWUSER
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWCGROUP) as u64;
    let mut any_space = Vec::new();
    for bit in (0..64)
        .map(|bit| 1_u64 << bit)
        .filter(|bit| spaces & bit != 0)
    {
        any_space.push(rule(&[(0, Op::MaskedEq(bit), bit)])?);
    }
    rules.insert(libc::SYS_clone, any_space.clone());
    any_space.push(rule(&[(0, Op::MaskedEq(CLONE_NEWTIME), CLONE_NEWTIME)])?);
    rules.insert(libc::SYS_unshare, any_space);
    // Sockets: of the machine itself, of IP, and to ask the kernel about them. Nothing else.
    let families = [
        libc::AF_UNIX,
        libc::AF_INET,
        libc::AF_INET6,
        libc::AF_NETLINK,
    ];
    let others: Vec<Condition> = families
        .iter()
        .map(|family| (0, Op::Ne, *family as u64))
        .collect();
    rules.insert(libc::SYS_socketpair, vec![rule(&others)?]);
    // In a network where every address is this machine, a ping would be answered.
    let pings = [
        (libc::AF_INET, libc::IPPROTO_ICMP),
        (libc::AF_INET6, libc::IPPROTO_ICMPV6),
    ];
    let pings = pings.map(|(family, protocol)| {
        rule(&[(0, Op::Eq, family as u64), (2, Op::Eq, protocol as u64)])
    });
    let mut sockets = vec![rule(&others)?];
    sockets.extend(pings.into_iter().collect::<Result<Vec<_>, _>>()?);
    rules.insert(libc::SYS_socket, sockets);
    // Typing into a terminal that somebody else reads.
    let typing = [TIOCSTI, TIOCLINUX].map(|request| rule(&[(1, Op::Eq, request)]));
    rules.insert(
        libc::SYS_ioctl,
        typing.into_iter().collect::<Result<_, _>>()?,
    );
    // Personalities but those that switch off nothing: Linux, its 32-bit form, and asking.
    let harmless = [0, 8, 0x2_0000, 0x2_0008, 0xFFFF_FFFF];
    let others: Vec<Condition> = harmless
        .into_iter()
        .map(|value| (0, Op::Ne, value))
        .collect();
    rules.insert(libc::SYS_personality, vec![rule(&others)?]);
    Ok(rules)
}

const CLONE_NEWTIME: u64 = 0x80;
const TIOCSTI: u64 = 0x5412;
const TIOCLINUX: u64 = 0x541C;

/// With one id there is nobody to give a file to, and nobody else to become: that succeeds without effect.
fn pretended() -> Result<Rules, SandboxError> {
    const UNCHANGED: u64 = 0xFFFF_FFFF;
    let foreign = |first: u8, count: u8| -> Result<Vec<SeccompRule>, SandboxError> {
        (first..first + count)
            .map(|arg| rule(&[(arg, Op::Ne, 0), (arg, Op::Ne, UNCHANGED)]))
            .collect()
    };
    let mut rules = Rules::new();
    rules.insert(libc::SYS_fchown, foreign(1, 2)?);
    rules.insert(libc::SYS_fchownat, foreign(2, 2)?);
    rules.insert(libc::SYS_setuid, foreign(0, 1)?);
    rules.insert(libc::SYS_setgid, foreign(0, 1)?);
    rules.insert(libc::SYS_setreuid, foreign(0, 2)?);
    rules.insert(libc::SYS_setregid, foreign(0, 2)?);
    rules.insert(libc::SYS_setresuid, foreign(0, 3)?);
    rules.insert(libc::SYS_setresgid, foreign(0, 3)?);
    rules.insert(libc::SYS_setgroups, Vec::new());
    for number in table::CHOWN_HERE {
        rules.insert(*number, foreign(1, 2)?);
    }
    Ok(rules)
}

/// A job reads and writes files. It starts nothing and talks to nobody.
fn refused_to_jobs() -> Rules {
    let more = [
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_connect,
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_ptrace,
        libc::SYS_unshare,
        libc::SYS_io_uring_setup,
        libc::SYS_kill,
        libc::SYS_tkill,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
    ];
    table::REFUSED
        .iter()
        .copied()
        .chain(more)
        .map(|number| (number, Vec::new()))
        .collect()
}

type Condition = (u8, Op, u64);

fn rule(conditions: &[Condition]) -> Result<SeccompRule, SandboxError> {
    let invalid =
        |error: seccompiler::BackendError| SandboxError::Invalid(format!("seccomp rule: {error}"));
    let conditions = conditions
        .iter()
        .map(|(arg, op, value)| {
            SeccompCondition::new(*arg, Len::Dword, op.clone(), *value).map_err(invalid)
        })
        .collect::<Result<Vec<_>, _>>()?;
    SeccompRule::new(conditions).map_err(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_fit_into_the_kernel() {
        let filters = Filters::compile().unwrap();
        for filter in [
            &filters.known,
            &filters.refused,
            &filters.pretended,
            &filters.job,
        ] {
            assert!(
                !filter.is_empty() && filter.len() <= 4096,
                "{}",
                filter.len()
            );
        }
    }

    #[test]
    fn what_is_refused_is_known() {
        // Else it would be ENOSYS, and a program would look for another way.
        let known = known();
        for number in table::REFUSED {
            assert!(known.contains_key(number), "{number}");
        }
    }

    #[test]
    fn the_ways_around_are_not_known() {
        let known = known();
        for number in [
            libc::SYS_clone3,
            libc::SYS_io_uring_setup,
            libc::SYS_io_uring_enter,
            9_999,
        ] {
            assert!(!known.contains_key(&number), "{number}");
        }
    }
}
