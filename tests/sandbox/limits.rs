//! Steps that want too much: each is stopped, and which limit it was is said.

use std::fs;
use std::time::{Duration, Instant};

use flareo::model::event::Cancel;
use flareo::sandbox::spec::{Ending, Mount, Outcome, RunSpec};
use flareo::sandbox::{Held, Sandbox, Settings};

use super::ground::{Deaf, Ground, Test, run_as, settings};
use super::orphans::groups_of;
use crate::everybody::Who;

/// Doubles a shell variable until memory ends.
const GLUTTON: &str = "x=0123456789abcdef; while true; do x=$x$x; done";

crate::everybody::for_everybody! {
    too_much_memory_is_said: |ground| {
        let mut spec = ground.script(GLUTTON);
        spec.limits.memory_bytes = 64 << 20;
        assert_eq!(ground.run(&spec).outcome.ending, Ending::Memory);
    };

    too_much_memory_below_a_shell_that_does_not_mind_is_said: |ground| {
        let mut spec = ground.script(&format!("sh -c '{GLUTTON}'; sleep 1; exit 0"));
        spec.limits.memory_bytes = 64 << 20;
        let ran = ground.run(&spec);
        assert_eq!(ran.outcome.ending, Ending::Memory);
        let reached = ran.outcome.reached.unwrap();
        assert_eq!((reached.limit, reached.used), (64 << 20, reached.together), "{reached:?}");
        assert_eq!(ran.outcome.usage.memory_peak_bytes, reached.used);
        // What is watched may be past its limit by what was taken between two looks.
        match ground.sandbox.support().memory {
            Held::Kernel => assert_eq!(reached.used, reached.limit),
            _ => assert!(reached.used > reached.limit, "{reached:?}"),
        }
    };

    files_in_memory_are_memory: |ground| {
        let mut spec = ground.script("dd if=/dev/zero of=/dev/shm/a bs=1M count=60; sleep 20");
        spec.limits.memory_bytes = 32 << 20;
        assert_eq!(ground.run(&spec).outcome.ending, Ending::Memory);
        let mut spec = ground.script("exec 3>/scratch/a; rm /scratch/a; dd if=/dev/zero bs=1M count=100 >&3; sleep 20");
        spec.mounts = vec![Mount::Tmpfs { target: "/scratch".into(), bytes: 128 << 20 }];
        spec.limits.memory_bytes = 64 << 20;
        assert_eq!(ground.run(&spec).outcome.ending, Ending::Memory);
        nobody_is_left(ground);
    };

    steps_of_one_build_share_its_memory: |ground| {
        let step = || {
            let mut spec = ground.script("dd if=/dev/zero of=/dev/shm/a bs=1M count=40 2>/dev/null; sleep 4");
            spec.limits.memory_bytes = 64 << 20;
            spec
        };
        assert_eq!(ground.run(&step()).outcome.ending, Ending::Exited(0));
        let [one, two] = together(ground, &[step(), step()]);
        let stopped = [one, two].into_iter().find(|outcome| outcome.ending == Ending::Memory);
        let reached = stopped.expect("nobody was stopped").reached.unwrap();
        assert!(reached.together >= 64 << 20 && reached.used <= reached.together, "{reached:?}");
        assert_eq!(reached.limit, 64 << 20);
        nobody_is_left(ground);
    };

    steps_of_one_build_share_its_processes: |ground| {
        let step = || {
            let mut spec = ground.script("i=0; while [ $i -lt 14 ]; do sleep 4 & i=$((i+1)); done; wait");
            spec.limits.pids = 20;
            spec
        };
        assert_eq!(ground.run(&step()).outcome.ending, Ending::Exited(0));
        let endings = together(ground, &[step(), step()]).map(|outcome| outcome.ending);
        assert!(endings.contains(&Ending::Pids), "{endings:?}");
        nobody_is_left(ground);
    };

    memory_of_a_step_that_is_over_is_free_for_the_next: |ground| {
        let spec = || {
            let mut spec = ground.script("dd if=/dev/zero of=/dev/shm/a bs=1M count=40 2>/dev/null");
            spec.limits.memory_bytes = 64 << 20;
            spec
        };
        let build = ground.sandbox.together(&spec().limits);
        for _ in 0..3 {
            let outcome = ground.sandbox.run_in(&build, &spec(), &Deaf, &Cancel::default()).unwrap();
            assert_eq!(outcome.ending, Ending::Exited(0));
        }
        drop(build);
        nobody_is_left(ground);
    };

    output_without_end_is_cut_and_the_step_goes_on: |ground| {
        let mut spec = ground.script("yes | head -c 50000000; echo done > /end");
        spec.limits.log_bytes = 100_000;
        let ran = ground.run(&spec);
        assert_eq!(ran.outcome.ending, Ending::Exited(0));
        assert!(ran.outcome.log_cut && ran.out.len() <= 100_001, "{}", ran.out.len());
        assert_eq!(ground.left_in(&spec), ["end"]);
    };

    the_page_cache_is_no_glutton: |ground| {
        let mut spec = ground.script("dd if=/dev/zero of=/big bs=1M count=150 2>/dev/null; cat /big >/dev/null");
        spec.limits.memory_bytes = 64 << 20;
        assert_eq!(ground.run(&spec).outcome.ending, Ending::Exited(0));
    };

    a_fork_bomb_ends: |ground| {
        let mut spec = ground.script(&"f() { f | f & }; f; while true; do NAP || exit 1; done".replace("NAP", &ground.nap()));
        spec.limits.pids = 50;
        spec.limits.deadline = Instant::now() + Duration::from_secs(3);
        let ran = ground.run(&spec);
        assert!(matches!(ran.outcome.ending, Ending::Pids | Ending::Time), "{:?}", ran.outcome);
        nobody_is_left(ground);
    };

    a_program_that_can_t_fork_says_so: |ground| {
        let mut spec = ground.script("i=0; while [ $i -lt 60 ]; do sleep 5 & i=$((i+1)); done; sleep 3; true");
        spec.limits.pids = 20;
        let ran = ground.run(&spec);
        assert_eq!(ran.outcome.ending, Ending::Pids, "{}", ran.err);
    };

    time_is_up_for_who_ignores_signals_and_for_daemons: |ground| {
        let mut spec = ground.script(&"trap '' TERM INT HUP; \
            setsid sh -c 'trap \"\" TERM; while true; do NAP; done' & while true; do NAP; done".replace("NAP", &ground.nap()));
        spec.limits.deadline = Instant::now() + Duration::from_millis(700);
        let ran = ground.run(&spec);
        assert_eq!(ran.outcome.ending, Ending::Time);
        nobody_is_left(ground);
    };

    daemons_do_not_outlive_the_step: |ground| {
        let ran = ground.run(&ground.script(&format!("setsid {} & sleep 0.05", ground.nap())));
        assert_eq!(ran.outcome.ending, Ending::Exited(0));
        nobody_is_left(ground);
    };

    it_ends_when_it_is_told_to: |ground| {
        let cancel = Cancel::default();
        let other = cancel.clone();
        let canceller = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            other.cancel();
        });
        let ran = ground.run_until(&ground.script(&ground.nap()), &cancel);
        canceller.join().unwrap();
        assert_eq!(ran.outcome.ending, Ending::Cancelled);
        nobody_is_left(ground);
    };

    a_large_file_is_too_much_disk: |ground| {
        let mut spec = ground.script("dd if=/dev/zero of=/big bs=1M count=200 2>/dev/null; exit 0");
        spec.limits.disk_bytes = 32 << 20;
        assert_eq!(ground.run(&spec).outcome.ending, Ending::Disk);
        assert!(fs::metadata(spec.upper.join("big")).unwrap().len() <= 33 << 20);
    };

    many_files_together_are_too_much_disk_and_soon: |ground| {
        let mut spec = ground.script(
            "i=0; while [ $i -lt 400 ]; do dd if=/dev/zero of=/f$i bs=1M count=1 2>/dev/null; i=$((i+1)); done; sleep 20");
        spec.limits.disk_bytes = 32 << 20;
        let ran = ground.run(&spec);
        assert_eq!(ran.outcome.ending, Ending::Disk);
    };

    a_sparse_file_counts_whole: |ground| {
        let mut spec = ground.script("truncate -s 33000000 /sparse 2>/dev/null; exit 0");
        spec.limits.disk_bytes = 32_500_000;
        assert_eq!(ground.run(&spec).outcome.ending, Ending::Disk);
    };

    a_deleted_file_that_is_still_open_counts: |ground| {
        let mut spec = ground.script(
            "exec 3>/a; rm /a; dd if=/dev/zero bs=1M count=90 >&3 2>/dev/null; \
             exec 4>/b; rm /b; dd if=/dev/zero bs=1M count=90 >&4 2>/dev/null; sleep 20");
        spec.limits.disk_bytes = 100 << 20;
        let ran = ground.run(&spec);
        assert_eq!(ran.outcome.ending, Ending::Disk, "{:?}", ran.outcome);
    };

    room_that_others_free_hides_nothing: |ground| {
        let mut spec = ground.script(
            "exec 3>/a; rm /a; dd if=/dev/zero bs=1M count=90 >&3 2>/dev/null; \
             exec 4>/b; rm /b; dd if=/dev/zero bs=1M count=90 >&4 2>/dev/null; sleep 20");
        spec.limits.disk_bytes = 100 << 20;
        let others = spec.upper.with_extension("others");
        let file = fs::File::create(&others).unwrap();
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, 400 << 20).unwrap();
        drop(file);
        let freeing = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            fs::remove_file(others).unwrap();
        });
        let ran = ground.run(&spec);
        freeing.join().unwrap();
        assert_eq!(ran.outcome.ending, Ending::Disk, "{:?}", ran.outcome);
    };

    too_many_files_are_said: |ground| {
        let mut spec = ground.script("mkdir /d; cd /d; i=0; while [ $i -lt 700 ]; do : >f$i; i=$((i+1)); done; exit 0");
        spec.limits.inodes = 500;
        assert_eq!(ground.run(&spec).outcome.ending, Ending::Inodes);
    };

    what_it_used_is_told: |ground| {
        let ran = ground.run(&ground.script("dd if=/dev/zero of=/f bs=1M count=10 2>/dev/null; i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"));
        assert_eq!(ran.outcome.usage.disk_bytes, 10 << 20);
        if ground.sandbox.support().memory == Held::Kernel {
            assert!(ran.outcome.usage.cpu > Duration::from_millis(50), "{:?}", ran.outcome.usage);
            assert!(ran.outcome.usage.memory_peak_bytes > 0);
        }
    };
}

/// Root where no cgroup can be made, as in many containers.
#[test]
fn without_cgroups_the_limits_are_watched() {
    const TEST: Test = |ground| {
        let settings = Settings {
            cgroups: false,
            ..settings()
        };
        let ground = ground.with(Sandbox::open(settings).unwrap());
        assert_eq!(ground.sandbox.support().memory, Held::Watched);
        let mut spec = ground.script(GLUTTON);
        spec.limits.memory_bytes = 64 << 20;
        assert_eq!(ground.run(&spec).outcome.ending, Ending::Memory);
        let mut spec =
            ground.script("i=0; while [ $i -lt 40 ]; do sleep 5 & i=$((i+1)); done; sleep 3");
        spec.limits.pids = 20;
        assert_eq!(ground.run(&spec).outcome.ending, Ending::Pids);
    };
    run_as(Who::Root, "", TEST);
}

/// Runs two steps of one build at the same time.
fn together(ground: &Ground, specs: &[RunSpec; 2]) -> [Outcome; 2] {
    let build = ground.sandbox.together(&specs[0].limits);
    std::thread::scope(|scope| {
        let [one, two] = specs.each_ref().map(|spec| {
            let sandbox = &ground.sandbox;
            let build = &build;
            scope.spawn(move || {
                sandbox
                    .run_in(build, spec, &Deaf, &Cancel::default())
                    .unwrap()
            })
        });
        [one.join().unwrap(), two.join().unwrap()]
    })
}

/// None of the sleepers of this test is alive, nothing of it is mounted, and no control group of this process is left.
fn nobody_is_left(ground: &Ground) {
    let nap = ground.nap().replace(' ', "\0");
    let sleepers: Vec<String> = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.path().join("cmdline")).ok())
        .filter(|line| line.contains(&nap))
        .collect();
    assert!(sleepers.is_empty(), "{sleepers:?}");
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(&*ground.path().to_string_lossy()));
    let groups = groups_of(std::process::id());
    assert!(groups.is_empty(), "{groups:?}");
}
