//! What a step costs above its command: the sandbox alone, without an engine around it. Prints; asserts nothing.
//!
//! `cargo bench --bench step`, as root or as an ordinary user (start the built program as that user), with `TMPDIR` on
//! a tmpfs. Medians and minima of so many runs of busybox's `true`, in milliseconds.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flareo::model::event::{Cancel, Stream};
use flareo::sandbox::spec::{Ending, Observer, RunSpec, Seen, StepLimits, StepUsage};
use flareo::sandbox::{ECHO, Input, Output, Sandbox, Settings, Work};

const BUSYBOX: &str = "/bin/busybox";
const ROUNDS: usize = 100;

struct Deaf;

impl Observer for Deaf {
    fn line(&self, _: Stream, _: &[u8]) {}
    fn usage(&self, _: StepUsage) {}
    fn refused(&self, _: &str) {}
}

fn main() {
    if !Path::new(BUSYBOX).exists() {
        println!("skipped: no {BUSYBOX}");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for cgroups in [true, false]
        .into_iter()
        .filter(|on| !on || std::env::var_os("NO_CGROUPS").is_none())
    {
        let began = Instant::now();
        let settings = Settings {
            program: env!("CARGO_BIN_EXE_flareo").into(),
            cgroups,
        };
        let sandbox = Sandbox::open(settings).unwrap();
        let opened = began.elapsed();
        let support = sandbox.support();
        if cgroups && support.cgroups == "none" {
            continue;
        }
        println!(
            "{:?}, cgroups {}; opened in {:.2} ms",
            support.ids,
            support.cgroups,
            milliseconds(opened)
        );
        let base = dir.path().join(format!("base-{cgroups}"));
        for folder in ["", "bin", "etc"] {
            sandbox.make_folder(&base.join(folder)).unwrap();
        }
        std::fs::copy(BUSYBOX, base.join("bin/true")).unwrap();
        tell("a job that does nothing", || job(&sandbox));
        tell("a step that runs true", || {
            step(&sandbox, &base, dir.path());
        });
        two_at_once(&sandbox, &base, dir.path());
    }
}

/// Runs it a few times for nothing, and then for the figures.
fn tell(what: &str, work: impl Fn()) {
    (0..5).for_each(|_| work());
    let mut took: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            work();
            milliseconds(began.elapsed())
        })
        .collect();
    took.sort_by(f64::total_cmp);
    println!(
        "{what:<28} median {:6.2}  least {:6.2}  p90 {:6.2}",
        took[ROUNDS / 2],
        took[0],
        took[ROUNDS * 9 / 10]
    );
}

fn two_at_once(sandbox: &Sandbox, base: &Path, at: &Path) {
    let began = Instant::now();
    std::thread::scope(|scope| {
        for name in ["a", "b"] {
            let at = at.join(name);
            std::fs::create_dir_all(&at).unwrap();
            scope.spawn(move || (0..ROUNDS / 2).for_each(|_| step(sandbox, base, &at)));
        }
    });
    println!(
        "{:<28} mean   {:6.2} a step",
        "two side by side",
        milliseconds(began.elapsed()) / ROUNDS as f64
    );
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn job(sandbox: &Sandbox) {
    let echo = Work {
        job: ECHO,
        arguments: b"x",
        views: &[],
        input: Input::Empty,
        output: Output::Discard,
    };
    sandbox.work(echo, &Cancel::default()).unwrap();
}

fn step(sandbox: &Sandbox, base: &Path, at: &Path) {
    let made = tempfile::tempdir_in(at).unwrap();
    let (upper, work): (PathBuf, PathBuf) = (made.path().join("upper"), made.path().join("work"));
    sandbox.make_folder(&upper).unwrap();
    sandbox.make_folder(&work).unwrap();
    let spec = RunSpec {
        lower: vec![base.to_owned()],
        upper: upper.clone(),
        work: work.clone(),
        argv: vec!["true".into()],
        env: vec![("PATH".into(), "/bin".into())],
        cwd: "/".into(),
        uid: 0,
        gid: 0,
        groups: vec![],
        hostname: "build".into(),
        mounts: vec![],
        stdin: vec![],
        gate: None,
        seen: Seen::default(),
        limits: StepLimits {
            memory_bytes: 256 << 20,
            cpus: 2.0,
            pids: 64,
            deadline: Instant::now() + Duration::from_secs(60),
            disk_bytes: 256 << 20,
            inodes: 10_000,
            log_bytes: 1 << 20,
        },
    };
    let outcome = sandbox.run(&spec, &Deaf, &Cancel::default()).unwrap();
    assert_eq!(outcome.ending, Ending::Exited(0));
    // The kernel's own folders, which nobody may enter.
    let own = ["work", "work/incompat", "work/incompat/volatile"].map(|path| work.join(path));
    for folder in &own {
        std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))
            .unwrap();
    }
    std::fs::remove_file(own[2].join("dirty")).unwrap();
    for folder in own.iter().rev() {
        std::fs::remove_dir(folder).unwrap();
    }
}
