//! Which system calls a step may make.
//!
//! What is not known is not there (ENOSYS, so that programs fall back as on an older kernel), what is dangerous is
//! refused (EPERM), and in a sandbox with one id, changing owners and users is pretended. Close to Docker's default;
//! stricter where the facts of sandboxes ask for it: no user namespaces, no io_uring, no keyrings, no exotic sockets.

mod program;
mod table;

use libc::sock_filter;

use super::error::SandboxError;
use program::{Case, Cases, Condition, Op, Rule, Verdict};

/// A compiled filter.
type Program = Vec<sock_filter>;

const UNKNOWN: Verdict = Verdict::Errno(libc::ENOSYS as u16);
const REFUSED: Verdict = Verdict::Errno(libc::EPERM as u16);
const PRETENDED: Verdict = Verdict::Errno(0);

/// The compiled filters, made once.
#[derive(Clone)]
pub struct Filters {
    step: Program,
    single: Program,
    job: Program,
}

impl std::fmt::Debug for Filters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filters").finish_non_exhaustive()
    }
}

impl Filters {
    /// Compiles them for this machine.
    pub fn compile() -> Result<Self, SandboxError> {
        let processor = processor()?;
        Ok(Self {
            step: program::compile(&for_steps(false), UNKNOWN, processor),
            single: program::compile(&for_steps(true), UNKNOWN, processor),
            job: program::compile(&for_jobs(), Verdict::Allow, processor),
        })
    }

    /// For a step.
    pub fn for_step(&self, single: bool) -> Vec<&[sock_filter]> {
        vec![if single { &self.single } else { &self.step }]
    }

    /// For a job of our own.
    pub fn for_job(&self) -> Vec<&[sock_filter]> {
        vec![&self.job]
    }
}

/// The kernel's name for this processor, `AUDIT_ARCH_*`: its ELF number, with bits for 64 and little-endian.
fn processor() -> Result<u32, SandboxError> {
    const LITTLE_64: u32 = 0xC000_0000;
    match std::env::consts::ARCH {
        "x86_64" => Ok(LITTLE_64 | u32::from(libc::EM_X86_64)),
        "aarch64" if cfg!(target_endian = "little") => Ok(LITTLE_64 | u32::from(libc::EM_AARCH64)),
        "riscv64" => Ok(LITTLE_64 | 243),
        other => Err(SandboxError::Unsupported {
            what: format!("no seccomp filter for this processor: {other}"),
            help: "use an x86-64, AArch64 or 64-bit RISC-V machine".into(),
        }),
    }
}

/// Every known call; what is refused, by itself or by its arguments; and in a sandbox with one id, what is pretended.
fn for_steps(single: bool) -> Cases {
    let known = table::KNOWN.iter().chain(table::KNOWN_HERE);
    let mut cases: Cases = known
        .map(|call| (number(*call), Case::always(Verdict::Allow)))
        .collect();
    cases.extend(refused());
    if single {
        cases.extend(pretended());
    }
    cases
}

const fn number(call: i64) -> u32 {
    call as u32
}

/// Allowed but for these.
fn but(rules: Vec<Rule>) -> Case {
    Case {
        rules,
        otherwise: Verdict::Allow,
    }
}

fn refused() -> Cases {
    let mut cases: Cases = table::REFUSED
        .iter()
        .map(|call| (number(*call), Case::always(REFUSED)))
        .collect();
    let rule = |conditions: &[Condition]| Rule {
        conditions: conditions.to_vec(),
        verdict: REFUSED,
    };
    // A namespace of any kind: the way to mounts and to every kernel bug behind them.
    let spaces = [
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWNS,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWCGROUP,
    ];
    let set = |bit: u32| rule(&[on(0, Op::Masked(bit), bit)]);
    let mut any_space: Vec<Rule> = spaces
        .into_iter()
        .map(|bit| set(bit.cast_unsigned()))
        .collect();
    cases.insert(number(libc::SYS_clone), but(any_space.clone()));
    any_space.push(set(CLONE_NEWTIME));
    cases.insert(number(libc::SYS_unshare), but(any_space));
    // Sockets: of the machine itself, of IP, and to ask the kernel about them. Nothing else.
    let families = [
        libc::AF_UNIX,
        libc::AF_INET,
        libc::AF_INET6,
        libc::AF_NETLINK,
    ];
    let others = families.map(|family| on(0, Op::Ne, family.cast_unsigned()));
    cases.insert(number(libc::SYS_socketpair), but(vec![rule(&others)]));
    // In a network where every address is this machine, a ping would be answered.
    let pings = [
        (libc::AF_INET, libc::IPPROTO_ICMP),
        (libc::AF_INET6, libc::IPPROTO_ICMPV6),
    ];
    let mut sockets = vec![rule(&others)];
    sockets.extend(pings.map(|(family, protocol)| {
        rule(&[
            on(0, Op::Eq, family.cast_unsigned()),
            on(2, Op::Eq, protocol.cast_unsigned()),
        ])
    }));
    cases.insert(number(libc::SYS_socket), but(sockets));
    // Typing into a terminal that somebody else reads.
    let typing = [TIOCSTI, TIOCLINUX].map(|request| rule(&[on(1, Op::Eq, request)]));
    cases.insert(number(libc::SYS_ioctl), but(typing.into()));
    // Personalities but those that switch off nothing: Linux, its 32-bit form, and asking.
    let harmless = [0, 8, 0x2_0000, 0x2_0008, 0xFFFF_FFFF];
    let others = harmless.map(|value| on(0, Op::Ne, value));
    cases.insert(number(libc::SYS_personality), but(vec![rule(&others)]));
    cases
}

const CLONE_NEWTIME: u32 = 0x80;
const TIOCSTI: u32 = 0x5412;
const TIOCLINUX: u32 = 0x541C;

/// With one id there is nobody to give a file to, and nobody else to become: that succeeds without effect.
fn pretended() -> Cases {
    const UNCHANGED: u32 = 0xFFFF_FFFF;
    let foreign = |first: u8, count: u8| {
        let rule = |arg| Rule {
            conditions: vec![on(arg, Op::Ne, 0), on(arg, Op::Ne, UNCHANGED)],
            verdict: PRETENDED,
        };
        but((first..first + count).map(rule).collect())
    };
    let mut cases = Cases::from([
        (number(libc::SYS_fchown), foreign(1, 2)),
        (number(libc::SYS_fchownat), foreign(2, 2)),
        (number(libc::SYS_setuid), foreign(0, 1)),
        (number(libc::SYS_setgid), foreign(0, 1)),
        (number(libc::SYS_setreuid), foreign(0, 2)),
        (number(libc::SYS_setregid), foreign(0, 2)),
        (number(libc::SYS_setresuid), foreign(0, 3)),
        (number(libc::SYS_setresgid), foreign(0, 3)),
        (number(libc::SYS_setgroups), Case::always(PRETENDED)),
    ]);
    for call in table::CHOWN_HERE {
        cases.insert(number(*call), foreign(1, 2));
    }
    cases
}

/// A job reads and writes files. It starts nothing and talks to nobody.
fn for_jobs() -> Cases {
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
    let refused = table::REFUSED.iter().chain(&more);
    refused
        .map(|call| (number(*call), Case::always(REFUSED)))
        .collect()
}

const fn on(arg: u8, op: Op, value: u32) -> Condition {
    Condition { arg, op, value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use program::tests::run;

    const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
    const EPERM: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
    const ENOSYS: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;

    fn asked(program: &[sock_filter], call: i64, args: [u64; 6]) -> u32 {
        run(program, processor().unwrap(), number(call), &args)
    }

    /// As a list they had 2,100 instructions, and a step was half a millisecond longer.
    #[test]
    fn the_filters_are_short() {
        let filters = Filters::compile().unwrap();
        for filter in [&filters.step, &filters.single, &filters.job] {
            assert!((10..500).contains(&filter.len()), "{}", filter.len());
        }
    }

    #[test]
    fn what_is_refused_is_known() {
        // Else it would be ENOSYS, and a program would look for another way.
        let known: Vec<i64> = [table::KNOWN, table::KNOWN_HERE].concat();
        for call in refused().keys().chain(pretended().keys()) {
            assert!(known.contains(&i64::from(*call)), "{call}");
        }
    }

    #[test]
    fn nothing_is_both_refused_and_pretended() {
        let (refused, pretended) = (refused(), pretended());
        assert!(pretended.keys().all(|call| !refused.contains_key(call)));
    }

    #[test]
    fn the_ways_around_are_not_known() {
        let filters = Filters::compile().unwrap();
        for call in [
            libc::SYS_clone3,
            libc::SYS_io_uring_setup,
            libc::SYS_io_uring_enter,
            9_999,
            // The second set of numbers that an x86-64 has.
            0x4000_0000 + libc::SYS_read,
        ] {
            assert_eq!(asked(&filters.step, call, [0; 6]), ENOSYS, "{call}");
        }
    }

    #[test]
    fn arguments_make_the_difference() {
        let step = Filters::compile().unwrap().step;
        let newuser = u64::from(libc::CLONE_NEWUSER.cast_unsigned());
        let (unix, vsock) = (libc::AF_UNIX as u64, libc::AF_VSOCK as u64);
        let (inet, icmp) = (libc::AF_INET as u64, libc::IPPROTO_ICMP as u64);
        // Above the lower half is nothing that the kernel looks at.
        let high = 1 << 32;
        for (call, args, answer) in [
            (libc::SYS_clone, [17, 0, 0, 0, 0, 0], ALLOW),
            (libc::SYS_clone, [17 | newuser, 0, 0, 0, 0, 0], EPERM),
            (libc::SYS_unshare, [0x80, 0, 0, 0, 0, 0], EPERM),
            (libc::SYS_unshare, [0x200, 0, 0, 0, 0, 0], ALLOW),
            (libc::SYS_socket, [unix, 1, 0, 0, 0, 0], ALLOW),
            (libc::SYS_socket, [inet, 1, 6, 0, 0, 0], ALLOW),
            (libc::SYS_socket, [inet, 2, icmp, 0, 0, 0], EPERM),
            (libc::SYS_socket, [vsock, 1, 0, 0, 0, 0], EPERM),
            (libc::SYS_socket, [vsock | high, 1, 0, 0, 0, 0], EPERM),
            (libc::SYS_ioctl, [0, 0x5412 | high, 0, 0, 0, 0], EPERM),
            (libc::SYS_ioctl, [0, 0x5413, 0, 0, 0, 0], ALLOW),
            (libc::SYS_personality, [0xFFFF_FFFF, 0, 0, 0, 0, 0], ALLOW),
            (libc::SYS_personality, [0x40000, 0, 0, 0, 0, 0], EPERM),
            (libc::SYS_mount, [0; 6], EPERM),
            (libc::SYS_fchown, [3, 5, 5, 0, 0, 0], ALLOW),
        ] {
            assert_eq!(asked(&step, call, args), answer, "{call} {args:?}");
        }
    }

    #[test]
    fn with_one_id_only_changes_are_pretended() {
        let single = Filters::compile().unwrap().single;
        let pretend = libc::SECCOMP_RET_ERRNO;
        for (args, answer) in [
            ([3, 0, 0, 0, 0, 0], ALLOW),
            ([3, 0, 0xFFFF_FFFF, 0, 0, 0], ALLOW),
            ([3, 5, 0, 0, 0, 0], pretend),
            ([3, 0, 5, 0, 0, 0], pretend),
        ] {
            assert_eq!(asked(&single, libc::SYS_fchown, args), answer, "{args:?}");
        }
        assert_eq!(asked(&single, libc::SYS_setgroups, [0; 6]), pretend);
        assert_eq!(asked(&single, libc::SYS_mount, [0; 6]), EPERM);
    }
}
