//! What a hostile step tries, and what must happen.

use std::path::PathBuf;
use std::process::Command;

use flareo::sandbox::spec::{Ending, Mount};

use super::ground::{Ground, Test, run_as};
use crate::everybody::Who;

/// The same probes without the sandbox: some get through, else the test below proves nothing. In namespaces of an
/// ordinary user only, because as root they would change the host.
#[test]
fn the_probes_prove_something() {
    const TEST: Test = |ground| {
        assert_ne!(rustix::process::geteuid().as_raw(), 0, "never as root");
        let Some(program) = probes(ground) else {
            return;
        };
        let spaces = [
            "--user",
            "--map-root-user",
            "--mount",
            "--pid",
            "--fork",
            "--net",
            "--ipc",
            "--uts",
        ];
        let Ok(output) = Command::new("unshare").args(spaces).arg(program).output() else {
            println!("skipped: no unshare");
            return;
        };
        let text = String::from_utf8_lossy(&output.stdout);
        let through = text
            .lines()
            .filter(|line| line.starts_with("THROUGH "))
            .count();
        assert!(through >= 8, "{text}");
    };
    run_as(
        Who::Plain,
        concat!(module_path!(), "::the_probes_prove_something"),
        TEST,
    );
}

/// Compiles the probes, once a test.
fn probes(ground: &Ground) -> Option<PathBuf> {
    let program = ground.path().join("probes");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sandbox/probes.c");
    let made = Command::new("cc")
        .args(["-static", "-O1", "-w", "-o"])
        .arg(&program)
        .arg(source)
        .status();
    if made.is_ok_and(|status| status.success()) {
        return Some(program);
    }
    println!("skipped: no C compiler that links statically");
    None
}

crate::everybody::for_everybody! {
    nothing_that_a_step_tries_gets_it_out: |ground| {
        let Some(program) = super::probes(ground) else { return };
        let mut spec = ground.argv(&["/probes"]);
        spec.mounts = vec![Mount::Bind { source: program, target: "/probes".into(), read_only: true }];
        let ran = ground.run(&spec);
        assert_eq!(ran.outcome.ending, Ending::Exited(0), "{}{}", ran.out, ran.err);
        let through: Vec<&str> = ran.out.lines().filter(|line| !line.starts_with("ok ")).collect();
        assert!(through.is_empty(), "{through:#?}");
        assert!(ran.out.lines().count() >= 40, "{}", ran.out);
    };

    files_of_the_host_are_not_to_be_seen: |ground| {
        let marker = ground.path().join("marker");
        std::fs::write(&marker, "secret").unwrap();
        let name = marker.display();
        let ran = ground.run(&ground.script(&format!(
            "cat {name}; cat /../../../..{name}; mkdir /c; chroot /c /bin/sh; cat /proc/1/root{name}; cat /proc/1/environ; \
             cat /proc/1/exe | head -c1; ls /proc/1/fd; cat /proc/self/mountinfo | grep -c {name}; ls -d /sys/fs/cgroup/*; true"
        )));
        assert!(!ran.out.contains("secret"), "{}", ran.out);
        assert!(ran.err.matches("Permission denied").count() >= 4, "{}", ran.err);
    };

    the_program_itself_is_out_of_reach: |ground| {
        // pid 1 is this program; a step that runs it gets it as anybody would.
        let ran = ground.run(&ground.script("/proc/self/exe true; /proc/1/exe; for fd in /proc/1/fd/*; do echo $fd; done; (echo x >/proc/1/exe) 2>&1"));
        assert!(ran.err.contains("/proc/1/exe"), "{}", ran.err);
        assert!(ran.out.contains("Permission denied"), "{} {}", ran.out, ran.err);
    };

    a_step_has_nothing_of_ours: |ground| {
        // 0 to 2, and the folder that is listed.
        assert_eq!(ground.says("ls /proc/self/fd | wc -l"), "4\n");
        assert_eq!(ground.says("grep -v ':/$' /proc/self/cgroup; cat /proc/self/oom_score_adj; ulimit -c"), "500\n0\n");
        // Not in a pipe: busybox starts an applet through /proc/self/exe, and a neighbour is called `exe` for a moment.
        assert_eq!(ground.says("ps -o pid,comm > /list; grep -v -e ps -e sh -e COMMAND /list"), "    1 flareo\n");
    };
}
