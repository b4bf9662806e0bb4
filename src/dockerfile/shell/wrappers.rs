//! The programs that run other programs, as data.

/// How a program that runs another one takes its arguments.
pub(super) struct Wrapper {
    pub(super) names: &'static [&'static str],
    /// Options whose value is the next word.
    pub(super) valued: &'static [&'static str],
    /// Words between the options and the command.
    pub(super) operands: usize,
    /// Whether `name=value` may stand before the command.
    pub(super) assigns: bool,
}

const fn plain(names: &'static [&'static str]) -> Wrapper {
    Wrapper {
        names,
        valued: &[],
        operands: 0,
        assigns: false,
    }
}

const fn valued(names: &'static [&'static str], valued: &'static [&'static str]) -> Wrapper {
    Wrapper {
        valued,
        ..plain(names)
    }
}

/// The programs that run the command behind their options.
pub(super) const WRAPPERS: &[Wrapper] = &[
    plain(&[
        "builtin",
        "nohup",
        "setsid",
        "busybox",
        "toybox",
        "eatmydata",
        "fakeroot",
        "tini",
        "dumb-init",
        "catatonit",
        "dbus-run-session",
        "proxychains",
        "proxychains4",
        "torsocks",
        "tsocks",
        "linux32",
        "linux64",
        "ssh-agent",
        "sem",
        "chronic",
        "ifne",
        "unbuffer",
    ]),
    Wrapper {
        assigns: true,
        ..valued(
            &["env"],
            &["-u", "--unset", "-C", "--chdir", "-a", "--argv0"],
        )
    },
    Wrapper {
        assigns: true,
        ..valued(
            &["sudo"],
            &[
                "-u", "--user", "-g", "--group", "-h", "--host", "-p", "--prompt", "-C", "-r",
                "-t", "-T", "-U", "-D", "--chdir", "-R", "--chroot",
            ],
        )
    },
    valued(&["doas"], &["-u", "-C", "-a"]),
    valued(&["exec"], &["-a"]),
    valued(&["command"], &[]),
    valued(&["nice"], &["-n", "--adjustment"]),
    valued(&["ionice"], &["-c", "--class", "-n", "--classdata"]),
    valued(
        &["stdbuf"],
        &["-i", "-o", "-e", "--input", "--output", "--error"],
    ),
    valued(&["time"], &["-f", "--format", "-o", "--output"]),
    valued(
        &["strace", "ltrace"],
        &["-o", "-e", "-s", "-P", "-u", "-E", "-a"],
    ),
    valued(&["watch"], &["-n", "--interval"]),
    valued(
        &["unshare", "nsenter", "xvfb-run", "systemd-run", "prlimit"],
        &["-s", "-n", "-t", "-S", "-G", "-R", "-w"],
    ),
    valued(
        &["setpriv"],
        &[
            "--reuid",
            "--regid",
            "--ruid",
            "--euid",
            "--rgid",
            "--egid",
            "--groups",
            "--inh-caps",
            "--ambient-caps",
            "--bounding-set",
            "--securebits",
            "--pdeathsig",
            "--selinux-label",
            "--apparmor-profile",
        ],
    ),
    valued(&["runuser"], &["-u", "--user", "-g", "--group", "-G"]),
    valued(
        &["xargs", "parallel"],
        &[
            "-I",
            "-n",
            "--max-args",
            "-P",
            "--max-procs",
            "-L",
            "--max-lines",
            "-d",
            "--delimiter",
            "-E",
            "-s",
            "--max-chars",
            "-a",
            "--arg-file",
            "-j",
            "--jobs",
        ],
    ),
    Wrapper {
        operands: 1,
        ..valued(&["timeout"], &["-s", "--signal", "-k", "--kill-after"])
    },
    Wrapper {
        operands: 1,
        ..valued(&["flock"], &["-w", "--timeout", "-E"])
    },
    Wrapper {
        operands: 1,
        ..plain(&["chroot", "gosu", "su-exec", "setarch", "faketime"])
    },
    Wrapper {
        operands: 1,
        ..valued(&["taskset", "chrt"], &[])
    },
];

/// The shells.
pub(super) const SHELLS: [&str; 9] = [
    "sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "rbash", "yash",
];

/// The dynamic loader, called as a program.
pub(super) const LOADER: Wrapper = valued(
    &[],
    &[
        "--library-path",
        "--preload",
        "--audit",
        "--argv0",
        "--inhibit-rpath",
        "--glibc-hwcaps-prepend",
    ],
);
