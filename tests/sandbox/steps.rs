//! Steps as they should be.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use flareo::sandbox::spec::{Ending, Mount};

use super::ground::own;

crate::everybody::for_everybody! {
    a_program_ends_with_its_own_code: |ground| {
        assert_eq!(ground.run(&ground.argv(&["true"])).outcome.ending, Ending::Exited(0));
        assert_eq!(ground.run(&ground.script("exit 7")).outcome.ending, Ending::Exited(7));
        assert_eq!(ground.run(&ground.script("kill -USR1 $$")).outcome.ending, Ending::Signalled(10));
    };

    a_program_that_is_not_there_is_said_in_docker_s_words: |ground| {
        let ran = ground.run(&ground.argv(&["nosuch", "x"]));
        assert_eq!(ran.outcome.ending, Ending::Exited(127));
        assert_eq!(ran.err, "exec: \"nosuch\": executable file not found in $PATH\n");
        let ran = ground.run(&ground.argv(&["/etc/passwd"]));
        assert_eq!(ran.outcome.ending, Ending::Exited(126));
        assert_eq!(ran.err, "exec: \"/etc/passwd\": permission denied\n");
        assert_eq!(ground.run(&ground.argv(&["/no/such"])).outcome.ending, Ending::Exited(127));
    };

    both_outputs_come_and_the_input_goes: |ground| {
        let mut spec = ground.script("cat; echo problem >&2; printf end");
        spec.stdin = b"one\ntwo\n".to_vec();
        let ran = ground.run(&spec);
        assert_eq!((ran.out.as_str(), ran.err.as_str()), ("one\ntwo\nend\n", "problem\n"));
        assert_eq!(ground.says("cat; echo empty"), "empty\n");
        assert_eq!(ground.says("echo again >/dev/stdout"), "again\n");
    };

    it_sees_its_own_environment_folder_and_name: |ground| {
        let mut spec = ground.script("env | sort; pwd; hostname; umask");
        spec.env = vec![("PATH".into(), "/bin".into()), ("A".into(), "b c".into())];
        spec.cwd = "/tmp".into();
        spec.hostname = "somewhere".into();
        let ran = ground.run(&spec);
        assert_eq!(ran.out, "A=b c\nPATH=/bin\nPWD=/tmp\nSHLVL=1\n/tmp\nsomewhere\n0022\n", "{}", ran.err);
    };

    a_step_that_does_nothing_leaves_nothing: |ground| {
        let mut spec = ground.argv(&["true"]);
        spec.mounts = vec![Mount::Tmpfs { target: "/var/cache/x".into(), bytes: 1 << 20 }];
        ground.run(&spec);
        assert_eq!(ground.left_in(&spec), Vec::<String>::new());
    };

    what_a_step_makes_is_in_upper_with_the_right_owner: |ground| {
        let spec = ground.script("echo text >/made; rm /etc/group; mkdir /tmp/a");
        assert_eq!(ground.run(&spec).outcome.ending, Ending::Exited(0));
        assert_eq!(ground.left_in(&spec), ["etc", "made", "tmp"]);
        let made = fs::metadata(spec.upper.join("made")).unwrap();
        assert_eq!((Some(made.uid()), Some(made.gid())), (ground.sandbox.ids().host_uid(0), ground.sandbox.ids().host_gid(0)));
        let gone = fs::symlink_metadata(spec.upper.join("etc/group")).unwrap();
        assert_eq!((gone.mode() & 0o170_000, gone.rdev()), (0o020_000, 0), "a whiteout");
    };

    owners_can_be_changed_as_far_as_there_are_ids: |ground| {
        let spec = ground.script("touch /f && chown 1000:1000 /f && stat -c %u:%g /f");
        let ran = ground.run(&spec);
        let single = ground.sandbox.ids().is_single();
        assert_eq!(ran.out, if single { "0:0\n" } else { "1000:1000\n" }, "{}", ran.err);
        let owner = fs::metadata(spec.upper.join("f")).unwrap().uid();
        assert_eq!(Some(owner), ground.sandbox.ids().host_uid(if single { 0 } else { 1000 }));
    };

    user_is_who_the_specification_says: |ground| {
        let mut spec = ground.script("id -u; id -g; id -G; grep CapEff /proc/self/status; echo out >/dev/stdout; touch /root/x");
        (spec.uid, spec.gid, spec.groups) = (1000, 1000, vec![1000, 5]);
        let ran = ground.run(&spec);
        let none = "CapEff:\t0000000000000000\n";
        if ground.sandbox.ids().is_single() {
            assert!(ran.out.starts_with("0\n0\n") && ran.out.contains(none), "{}", ran.out);
        } else {
            assert_eq!(ran.out, format!("1000\n1000\n1000 5\n{none}out\n"));
            assert_eq!(ran.outcome.ending, Ending::Exited(1));
        }
        let root = ground.says("id -u; id -G; grep -E 'Cap(Eff|Bnd)' /proc/self/status");
        assert_eq!(root, "0\n0\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\n");
    };

    su_keeps_working: |ground| {
        let out = ground.says("cp /bin/busybox /bin/su2 && chmod 4755 /bin/su2 && su -s /bin/sh app -c 'id -u; /bin/su2 id -u' 2>&1; true");
        if !ground.sandbox.ids().is_single() {
            assert!(out.starts_with("1000\n"), "{out}");
        }
    };

    scratch_runs_a_static_program: |ground| {
        let mut spec = ground.argv(&["/busybox", "ls", "-a", "/"]);
        spec.lower = vec![];
        spec.mounts = vec![Mount::Bind { source: ground.base.join("bin/busybox"), target: "/busybox".into(), read_only: true }];
        let ran = ground.run(&spec);
        assert_eq!(ran.outcome.ending, Ending::Exited(0), "{}", ran.err);
        assert_eq!(ran.out, ".\n..\nbusybox\ndev\netc\nproc\nsys\n");
        assert_eq!(ground.left_in(&spec), Vec::<String>::new());
    };

    a_hundred_and_twenty_layers_are_not_too_many: |ground| {
        let mut spec = ground.script("cat /layer/*/n | wc -l; cat /top");
        for n in 0..120 {
            let layer = ground.path().join(format!("layer, with: odd {n}"));
            fs::create_dir_all(layer.join(format!("layer/{n}"))).unwrap();
            fs::write(layer.join(format!("layer/{n}/n")), "x\n").unwrap();
            fs::write(layer.join("top"), format!("{n}\n")).unwrap();
            own(&ground.sandbox, &layer);
            spec.lower.push(layer);
        }
        assert_eq!(ground.run(&spec).out, "120\n119\n");
    };

    mounts_work_and_leave_no_trace: |ground| {
        let source = ground.path().join("source");
        fs::create_dir(&source).unwrap();
        fs::set_permissions(&source, PermissionsExt::from_mode(0o777)).unwrap();
        fs::write(source.join("given"), "given\n").unwrap();
        // A base in which places are missing, are links, and were removed by a later layer.
        let layer = ground.path().join("odd");
        fs::create_dir_all(layer.join("opt")).unwrap();
        fs::create_dir_all(layer.join("etc")).unwrap();
        symlink("/opt", layer.join("short")).unwrap();
        symlink("/nowhere/at/all", layer.join("etc/resolv.conf")).unwrap();
        symlink("/etc", layer.join("proc")).unwrap();
        own(&ground.sandbox, &layer);
        let mut spec = ground.script(
            "cat /short/ro/given && ! touch /short/ro/x 2>/dev/null && touch /rw/new && echo big >/a/b/c/t && \
             cat /a/b/c/inner/given && ls /proc/1/status && cat /etc/resolv.conf && df /a/b/c | tail -n1 | cut -d' ' -f1");
        spec.lower.push(layer);
        spec.mounts = vec![
            Mount::Bind { source: source.clone(), target: "/short/ro".into(), read_only: true },
            Mount::Bind { source: source.clone(), target: "/rw".into(), read_only: false },
            Mount::Tmpfs { target: "/a/b/c".into(), bytes: 1 << 20 },
            Mount::Bind { source: source.clone(), target: "/a/b/c/inner".into(), read_only: true },
        ];
        let ran = ground.run(&spec);
        assert_eq!(ran.outcome.ending, Ending::Exited(0), "{}{}", ran.out, ran.err);
        assert!(ran.out.starts_with("given\ngiven\n/proc/1/status\nnameserver 127.0.0.1\n"), "{}", ran.out);
        assert_eq!(ground.left_in(&spec), Vec::<String>::new());
        assert!(source.join("new").exists());
    };

    a_folder_of_the_image_keeps_its_looks_when_something_is_mounted_in_it: |ground| {
        let layer = ground.path().join("odd");
        fs::create_dir_all(layer.join("secret")).unwrap();
        own(&ground.sandbox, &layer);
        fs::set_permissions(layer.join("secret"), PermissionsExt::from_mode(0o1750)).unwrap();
        let mut spec = ground.script("stat -c %a /secret; touch /secret/x");
        spec.lower.push(layer);
        spec.mounts = vec![Mount::Tmpfs { target: "/secret/cache".into(), bytes: 1 << 20 }];
        let ran = ground.run(&spec);
        assert_eq!(ran.out, "1750\n", "{}", ran.err);
        assert_eq!(fs::metadata(spec.upper.join("secret")).unwrap().mode() & 0o7777, 0o1750);
    };

    what_is_wrong_with_the_order_is_said: |ground| {
        let refuse = |change: fn(&mut flareo::sandbox::spec::RunSpec)| {
            let mut spec = ground.argv(&["true"]);
            change(&mut spec);
            ground.sandbox.run(&spec, &crate::sandbox::ground::Deaf, &flareo::model::event::Cancel::default()).unwrap_err().to_string()
        };
        assert_eq!(refuse(|spec| spec.cwd = "/bin/busybox/x".into()), "sandbox: inside: make the working directory /bin/busybox/x: Not a directory (os error 20)");
        assert!(refuse(|spec| spec.argv.clear()).contains("no program"));
        assert!(refuse(|spec| spec.hostname = "x".repeat(65)).contains("hostname"));
        assert!(refuse(|spec| spec.lower.push("/no/such/layer".into())).contains("/no/such/layer"));
        assert!(refuse(|spec| spec.mounts = vec![Mount::Tmpfs { target: "/../x".into(), bytes: 1 }]).contains("no place"));
        for target in ["/proc", "/proc/sys", "/bin/../sys/kernel"] {
            let mut spec = ground.argv(&["true"]);
            spec.mounts = vec![Mount::Tmpfs { target: target.into(), bytes: 1 << 20 }];
            let error = ground.sandbox.run(&spec, &crate::sandbox::ground::Deaf, &flareo::model::event::Cancel::default());
            assert!(error.is_err(), "{target}");
        }
    };

    several_steps_run_side_by_side: |ground| {
        let specs: Vec<_> = (0..4).map(|n| ground.script(&format!("sleep 0.3; hostname >/who; exit {n}"))).collect();
        std::thread::scope(|scope| {
            for (n, spec) in specs.iter().enumerate() {
                let sandbox = &ground.sandbox;
                scope.spawn(move || {
                    let outcome = sandbox.run(spec, &crate::sandbox::ground::Deaf, &flareo::model::event::Cancel::default());
                    assert_eq!(outcome.unwrap().ending, Ending::Exited(n as i32));
                    assert!(spec.upper.join("who").exists());
                });
            }
        });
    };

    output_is_cut_at_its_limit: |ground| {
        let mut spec = ground.script("i=0; while [ $i -lt 1000 ]; do echo 0123456789; i=$((i+1)); done; echo done >/flag");
        spec.limits.log_bytes = 1000;
        let ran = ground.run(&spec);
        assert_eq!(ran.outcome.ending, Ending::Exited(0));
        assert!(ran.outcome.log_cut && ran.out.len() <= 1001, "{}", ran.out.len());
        assert_eq!(ground.left_in(&spec), ["flag"]);
    };
}

/// A program that does not call `child` is told apart, and does not start itself again and again.
#[test]
fn a_program_without_an_inside_is_an_error() {
    let settings = flareo::sandbox::Settings {
        program: std::env::current_exe().unwrap(),
        ..flareo::sandbox::Settings::default()
    };
    let error = flareo::sandbox::Sandbox::open(settings)
        .unwrap_err()
        .to_string();
    assert!(error.contains("Unrecognized option"), "{error}");
}
