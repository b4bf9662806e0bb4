//! The probes. What stands in `expected` is what was seen to be the sandbox's answer as root, as a user with a range of
//! ids and as one without; anything else is for somebody to look at.

use rustix::fs::OFlags;

use super::calls::Arg::{Is, Text, Words};
use super::{
    NOTHING, Probe, abstract_socket, call, climb, forking, join, loopback, open, read, same_mode,
    survive, text,
};

macro_rules! probes {
    ($(@ $area:literal: $($name:literal, $expected:expr => $ask:expr;)*)*) => {
        &[$($(Probe { area: $area, name: $name, expected: &$expected, ask: $ask },)*)*]
    };
}

const MOUNT_BIND_REC: i64 = (libc::MS_BIND | libc::MS_REC) as i64;
const REMOUNT_BIND: i64 = (libc::MS_REMOUNT | libc::MS_BIND) as i64;
const HERE: i64 = libc::AT_FDCWD as i64;

fn mount(kind: &str, options: &str) -> String {
    let (kind, options, at) = (text(kind), text(options), text("/tmp/p"));
    call(
        libc::SYS_mount,
        &[Text(NOTHING), Text(&at), Text(&kind), Is(0), Text(&options)],
    )
}

fn unshare(flag: libc::c_int) -> String {
    call(libc::SYS_unshare, &[Is(flag.into())])
}

fn device(kind: u32, major: u32, minor: u32) -> String {
    let number = rustix::fs::makedev(major, minor);
    let path = text(if kind == libc::S_IFBLK {
        "/tmp/block"
    } else {
        "/tmp/memory"
    });
    call(
        libc::SYS_mknodat,
        &[
            Is(HERE),
            Text(&path),
            Is((kind | 0o600).into()),
            Is(number.cast_signed()),
        ],
    )
}

fn socket(family: libc::c_int, kind: libc::c_int, protocol: libc::c_int) -> String {
    call(
        libc::SYS_socket,
        &[Is(family.into()), Is(kind.into()), Is(protocol.into())],
    )
}

/// A read of one word of pid 1's memory.
fn foreign_memory(number: libc::c_long) -> String {
    let vector = [0x1000_u64, 8];
    call(
        number,
        &[Is(1), Words(&vector), Is(1), Words(&vector), Is(1), Is(0)],
    )
}

/// Every probe, in the order in which they are tried.
pub const TABLE: &[Probe] = probes! {
    @ "mounts":
        "mount a tmpfs", ["EPERM"] => |_| mount("tmpfs", "");
        "mount a proc", ["EPERM"] => |_| mount("proc", "");
        "mount an overlay", ["EPERM"] => |_| mount("overlay", "lowerdir=/:/tmp");
        "mount a cgroup hierarchy of version 1", ["EPERM"] => |_| mount("cgroup", "memory");
        "mount the cgroup hierarchy of version 2", ["EPERM"] => |_| mount("cgroup2", "");
        "mount a devpts", ["EPERM"] => |_| mount("devpts", "");
        "bind the root", ["EPERM"] => |_| call(libc::SYS_mount, &[Text(c"/"), Text(c"/tmp/p"), Is(0), Is(MOUNT_BIND_REC), Is(0)]);
        "make /proc/sys writable", ["EPERM"] => |_| call(libc::SYS_mount, &[Is(0), Text(c"/proc/sys"), Is(0), Is(REMOUNT_BIND), Is(0)]);
        "unmount a mask", ["EPERM"] => |_| call(libc::SYS_umount2, &[Text(c"/proc/kcore"), Is(libc::MNT_DETACH.into())]);
        "unmount /proc/sys", ["EPERM"] => |_| call(libc::SYS_umount2, &[Text(c"/proc/sys"), Is(libc::MNT_DETACH.into())]);
        "fsopen", ["EPERM"] => |_| call(libc::SYS_fsopen, &[Text(c"tmpfs"), Is(0)]);
        "fspick", ["EPERM"] => |_| call(libc::SYS_fspick, &[Is(HERE), Text(c"/"), Is(0)]);
        "open_tree", ["EPERM"] => |_| call(libc::SYS_open_tree, &[Is(HERE), Text(c"/"), Is(1)]);
        "move_mount", ["EPERM"] => |_| call(libc::SYS_move_mount, &[Is(HERE), Text(c"/proc"), Is(HERE), Text(c"/tmp/p"), Is(0)]);
        "mount_setattr", ["EPERM"] => |_| call(libc::SYS_mount_setattr, &[Is(HERE), Text(c"/"), Is(0), Words(&[]), Is(32)]);
        "pivot_root", ["EPERM"] => |_| call(libc::SYS_pivot_root, &[Text(c"/tmp"), Text(c"/tmp/p")]);
    @ "namespaces":
        "a user namespace", ["EPERM"] => |_| unshare(libc::CLONE_NEWUSER);
        "a mount namespace", ["EPERM"] => |_| unshare(libc::CLONE_NEWNS);
        "a process namespace", ["EPERM"] => |_| unshare(libc::CLONE_NEWPID);
        "a network namespace", ["EPERM"] => |_| unshare(libc::CLONE_NEWNET);
        "an IPC namespace", ["EPERM"] => |_| unshare(libc::CLONE_NEWIPC);
        "a UTS namespace", ["EPERM"] => |_| unshare(libc::CLONE_NEWUTS);
        "a cgroup namespace", ["EPERM"] => |_| unshare(libc::CLONE_NEWCGROUP);
        "a time namespace", ["EPERM"] => |_| unshare(0x80);
        "clone into a user namespace", ["EPERM"] => |_| forking(libc::SYS_clone, &[Is((libc::CLONE_NEWUSER | libc::SIGCHLD).into()), Is(0), Is(0), Is(0), Is(0)]);
        "clone3 into a user namespace", ["ENOSYS"] => |_| forking(libc::SYS_clone3, &[Words(&[libc::CLONE_NEWUSER as u64, 0, 0, 0, libc::SIGCHLD as u64]), Is(64)]);
        "join pid 1's mount namespace", ["EACCES", "EPERM"] => |_| join("mnt");
        "join pid 1's user namespace", ["EACCES", "EPERM"] => |_| join("user");
        "setns", ["EPERM"] => |_| call(libc::SYS_setns, &[Is(-1), Is(libc::CLONE_NEWNS.into())]);
    @ "the machine":
        "write core_pattern", ["EROFS", "EACCES"] => |_| open("/proc/sys/kernel/core_pattern", OFlags::WRONLY);
        "write modprobe", ["EROFS", "EACCES", "ENOENT"] => |_| open("/proc/sys/kernel/modprobe", OFlags::WRONLY);
        "write sysrq-trigger", ["EROFS", "EACCES", "ENOENT"] => |_| open("/proc/sysrq-trigger", OFlags::WRONLY);
        "write uevent_helper", ["EROFS", "EACCES", "ENOENT"] => |_| open("/sys/kernel/uevent_helper", OFlags::WRONLY);
        "write a network setting", ["EROFS", "EACCES", "ENOENT"] => |_| open("/proc/sys/net/ipv4/ip_forward", OFlags::WRONLY);
        "write a cgroup", ["EROFS", "EACCES", "ENOENT"] => |_| open("/sys/fs/cgroup/cgroup.procs", OFlags::WRONLY);
        "set the hostname", ["EPERM"] => |inside| {
            let name = text(&inside.order.hostname);
            call(libc::SYS_sethostname, &[Text(&name), Is(i64::try_from(inside.order.hostname.len()).unwrap_or(0))])
        };
        "kexec_load", ["EPERM", "ENOSYS"] => |_| call(libc::SYS_kexec_load, &[Is(0), Is(0), Is(0), Is(-1)]);
        "init_module", ["EPERM", "ENOSYS"] => |_| call(libc::SYS_init_module, &[Words(&[]), Is(0), Text(c"")]);
        "finit_module", ["EPERM", "ENOSYS"] => |_| call(libc::SYS_finit_module, &[Is(0), Text(c""), Is(0)]);
        "delete_module", ["EPERM", "ENOSYS"] => |_| call(libc::SYS_delete_module, &[Text(c"flareo_no_such_module"), Is(0)]);
        "set the clock", ["EPERM"] => |_| call(libc::SYS_clock_settime, &[Is(0), Words(&[u64::MAX, u64::MAX])]);
        "read the kernel's log", ["EPERM"] => |_| call(libc::SYS_syslog, &[Is(3), Words(&[]), Is(64)]);
        "reboot", ["EPERM", "ENOSYS"] => |_| call(libc::SYS_reboot, &[Is(0), Is(0), Is(0), Is(0)]);
        "swapon", ["EPERM", "ENOSYS"] => |_| call(libc::SYS_swapon, &[Text(c"/tmp/none"), Is(0)]);
        "swapoff", ["EPERM", "ENOSYS"] => |_| call(libc::SYS_swapoff, &[Text(c"/tmp/none")]);
        "quotactl", ["EPERM", "ENOSYS"] => |_| call(libc::SYS_quotactl, &[Is(0x8000_0700), Is(0), Is(0), Is(0)]);
        "acct", ["EPERM", "ENOSYS"] => |_| call(libc::SYS_acct, &[Text(c"/tmp/none")]);
    @ "devices":
        "make a block device", ["EPERM"] => |_| device(libc::S_IFBLK, 8, 0);
        "make the memory device", ["EPERM"] => |_| device(libc::S_IFCHR, 1, 1);
        "change /dev/null's mode", ["EPERM", "EROFS"] => |_| same_mode("/dev/null");
        "change /dev/zero's mode", ["EPERM", "EROFS"] => |_| same_mode("/dev/zero");
        "open the terminal", ["ENXIO"] => |_| open("/dev/tty", OFlags::RDWR);
        "read the kernel's memory", ["EACCES", "EPERM", "ENOENT", "empty"] => |_| read("/proc/kcore");
        "open the memory device", ["ENOENT"] => |_| open("/dev/mem", OFlags::RDONLY);
        "open a KVM", ["ENOENT"] => |_| open("/dev/kvm", OFlags::RDWR);
        "type into a terminal", ["EPERM"] => |_| call(libc::SYS_ioctl, &[Is(0), Is(0x5412), Text(c"x")]);
    @ "other processes":
        "trace pid 1", ["EPERM", "ENOSYS"] => |_| call(libc::SYS_ptrace, &[Is(16), Is(1), Is(0), Is(0)]);
        "read pid 1's memory", ["EACCES", "EPERM"] => |_| open("/proc/1/mem", OFlags::RDONLY);
        "pid 1's root", ["EACCES", "EPERM"] => |_| open("/proc/1/root/etc", OFlags::RDONLY);
        "pid 1's folder", ["EACCES", "EPERM"] => |_| open("/proc/1/cwd", OFlags::RDONLY);
        "pid 1's program", ["EACCES", "EPERM"] => |_| open("/proc/1/exe", OFlags::RDONLY);
        "pid 1's program for writing", ["EACCES", "EPERM"] => |_| open("/proc/1/exe", OFlags::WRONLY);
        "pid 1's environment", ["EACCES", "EPERM"] => |_| read("/proc/1/environ");
        "pid 1's descriptors", ["EACCES", "EPERM"] => |_| open("/proc/1/fd/3", OFlags::RDONLY);
        "pid 1's memory map", ["EACCES", "EPERM"] => |_| read("/proc/1/maps");
        "compare with pid 1", ["EPERM", "ENOSYS"] => |_| call(libc::SYS_kcmp, &[Is(1), Is(1), Is(0), Is(0), Is(0)]);
        "take a descriptor", ["EPERM", "ENOSYS"] => |_| call(libc::SYS_pidfd_getfd, &[Is(0), Is(0), Is(0)]);
        "read another's memory", ["EPERM", "ENOSYS"] => |_| foreign_memory(libc::SYS_process_vm_readv);
        "write another's memory", ["EPERM", "ENOSYS"] => |_| foreign_memory(libc::SYS_process_vm_writev);
        "kill pid 1", ["goes on"] => |_| survive();
        "write the program that runs", ["EACCES", "EPERM", "EROFS", "ETXTBSY"] => |_| open("/proc/self/exe", OFlags::WRONLY);
    @ "corners of the kernel":
        "keyctl", ["EPERM", "ENOSYS"] => |_| call(libc::SYS_keyctl, &[Is(0), Is(-3), Is(0)]);
        "add_key", ["EPERM", "ENOSYS"] => |_| call(libc::SYS_add_key, &[Text(c"user"), Text(c"x"), Text(c"y"), Is(1), Is(-3)]);
        "request_key", ["EPERM", "ENOSYS"] => |_| call(libc::SYS_request_key, &[Text(c"user"), Text(c"x"), Is(0), Is(-3)]);
        "bpf", ["EPERM", "ENOSYS"] => |_| call(libc::SYS_bpf, &[Is(0), Words(&[]), Is(48)]);
        "perf_event_open", ["EPERM", "ENOSYS"] => |_| call(libc::SYS_perf_event_open, &[Words(&[]), Is(0), Is(-1), Is(-1), Is(0)]);
        "userfaultfd", ["EPERM", "ENOSYS"] => |_| call(libc::SYS_userfaultfd, &[Is(1)]);
        "io_uring_setup", ["EPERM", "ENOSYS"] => |_| call(libc::SYS_io_uring_setup, &[Is(1), Words(&[])]);
        "io_uring_enter", ["EPERM", "ENOSYS"] => |_| call(libc::SYS_io_uring_enter, &[Is(-1), Is(0), Is(0), Is(0), Is(0)]);
        "io_uring_register", ["EPERM", "ENOSYS"] => |_| call(libc::SYS_io_uring_register, &[Is(-1), Is(0), Is(0), Is(0)]);
        "fanotify_init", ["EPERM", "ENOSYS"] => |_| call(libc::SYS_fanotify_init, &[Is(0), Is(0)]);
        "open_by_handle_at", ["EPERM", "ENOSYS"] => |_| call(libc::SYS_open_by_handle_at, &[Is(HERE), Words(&[8]), Is(0)]);
        "switch address randomisation off", ["EPERM", "ENOSYS"] => |_| call(libc::SYS_personality, &[Is(0x004_0000)]);
        "a call of tomorrow", ["ENOSYS"] => |_| call(999, &[]);
    @ "sockets":
        "packets", ["EPERM", "EAFNOSUPPORT", "ENOSYS"] => |_| socket(libc::AF_PACKET, libc::SOCK_RAW, 0);
        "virtual machines' sockets", ["EPERM", "EAFNOSUPPORT", "ENOSYS"] => |_| socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0);
        "the kernel's ciphers", ["EPERM", "EAFNOSUPPORT", "ENOSYS"] => |_| socket(libc::AF_ALG, libc::SOCK_SEQPACKET, 0);
        "keys of IPsec", ["EPERM", "EAFNOSUPPORT", "ENOSYS"] => |_| socket(libc::AF_KEY, libc::SOCK_RAW, 2);
        "Bluetooth", ["EPERM", "EAFNOSUPPORT", "ENOSYS"] => |_| socket(libc::AF_BLUETOOTH, libc::SOCK_RAW, 1);
        "XDP", ["EPERM", "EAFNOSUPPORT", "ENOSYS"] => |_| socket(libc::AF_XDP, libc::SOCK_RAW, 0);
        "CAN", ["EPERM", "EAFNOSUPPORT", "ENOSYS"] => |_| socket(libc::AF_CAN, libc::SOCK_RAW, 1);
        "TIPC", ["EPERM", "EAFNOSUPPORT", "ENOSYS"] => |_| socket(libc::AF_TIPC, libc::SOCK_SEQPACKET, 0);
        "pings", ["EPERM", "EACCES"] => |_| socket(libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_ICMP);
        "the host's abstract socket", ["ECONNREFUSED"] => |inside| abstract_socket(inside.fact("ABSTRACT"));
        "the host's loopback", ["ECONNREFUSED"] => |inside| loopback(inside.fact("PORT"));
    @ "files of the host":
        "by its path", ["ENOENT"] => |inside| open(inside.fact("MARKER"), OFlags::RDONLY);
        "by many dots", ["ENOENT"] => |inside| open(&format!("{}{}", "/..".repeat(32), inside.fact("MARKER")), OFlags::RDONLY);
        "through pid 1's root", ["EACCES", "EPERM"] => |inside| open(&format!("/proc/1/root{}", inside.fact("MARKER")), OFlags::RDONLY);
        "out of a chroot", ["ENOENT"] => |inside| climb(inside.fact("MARKER"));
};
