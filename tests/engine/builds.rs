//! Builds as they should be.

use flareo::model::context::MemoryContext;
use flareo::model::event::StepOutcome;

use super::ground::Ground;
use crate::everybody::{Who, for_everybody, printed_as};

fn context() -> MemoryContext {
    MemoryContext::default()
        .file("main.sh", 0o755, "#!/bin/sh\necho made >/out/made\n")
        .file("data/one", 0o644, "1")
        .file("data/two", 0o600, "2")
}

for_everybody! {
    a_step_that_changes_nothing_makes_no_layer: |ground| {
        let built = ground.steps("RUN true\nRUN true\nRUN :");
        assert_eq!(built.image.layers, 1);
        let empty = built.config.history.iter().filter(|h| h.empty_layer).count();
        assert_eq!(empty, 4);
    };

    what_a_step_changes_is_its_layer: |ground| {
        let built = ground.steps(
            "RUN mkdir -p /a/b && echo x >/a/b/f && ln /a/b/f /a/g && ln -s f /a/b/l && mkfifo /a/p && chmod 4755 /a/b/f\nRUN rm -r /a/b /bin/vi && rm -r /home && mkdir /home && echo y >>/a/g",
        );
        assert_eq!(
            ground.layer(&built, 1),
            ["a/ 755", "a/b/ 755", "a/b/f 4755", "a/b/l -> f", "a/g = a/b/f", "a/p 644"]
        );
        let second = ground.layer(&built, 2);
        assert_eq!(
            second,
            ["a/ 755", "a/.wh.b 0", "a/g 755", "bin/ 755", "bin/.wh.vi 0", "home/ 755", "home/.wh..wh..opq 0"]
        );
    };

    the_same_build_gives_the_same_bytes_cold_and_warm_and_elsewhere: |ground| {
        let text = "FROM base AS build\nWORKDIR /out\nCOPY main.sh /\nRUN /main.sh && date -r /bin/busybox +%s >/out/time\n\
                    RUN ls -l --full-time /out /bin /etc /main.sh >/list\n\
                    FROM base\nCOPY --from=build /out /list /result/\nCOPY data /data\nRUN cat /result/made /data/* | sha256sum >/sum\n";
        let cold = ground.build(text, context());
        let warm = ground.build(text, context());
        assert_eq!(warm.image.digest, cold.image.digest);
        assert_eq!(warm.image.cached_steps, warm.image.steps);
        ground.forget();
        let forgotten = ground.build(text, context());
        assert_eq!(forgotten.image.digest, cold.image.digest);
        // Half warm: the later stage is built on layers that are not unpacked any more.
        let mut request = ground.request(text, context());
        request.no_cache = true;
        assert_eq!(ground.build_request(&request).unwrap().image.digest, cold.image.digest);
        let other = Ground::new();
        assert_eq!(other.build(text, context()).image.digest, cold.image.digest);
        // `everybody_gets_the_same_bytes` reads this.
        println!("digest {}", cold.image.digest);
    };

    a_layer_unpacked_on_the_way_looks_like_one_unpacked_later: |ground| {
        let copies = "FROM base AS made\nRUN mkdir -p /l/m && echo x >/l/f && ln /l/f /l/m/g && ln -s f /l/s && mkfifo /l/p && chmod 6755 /l/f\n\
                      FROM base\nCOPY --from=made /l /l\nCOPY --chmod=700 data /data\nCOPY data/one /etc/one\n";
        let text = format!("{copies}RUN ls -lnR --full-time /l /data /etc/one && stat -c '%n %h %a %Y' /l /l/f /l/m/g /data && cat /l/m/g /data/*");
        // No step stands on these copies, so they are not unpacked until the next build comes.
        ground.build(copies, context());
        let later = ground.build(&text, context());
        let other = Ground::new();
        let on_the_way = other.build(&text, context());
        assert_eq!(on_the_way.out, later.out);
        assert_eq!(on_the_way.image.digest, later.image.digest);
        assert!(later.out.contains("/l/f 2 6755 315532800"), "{}", later.out);
    };

    a_changed_file_runs_again_what_comes_after_it: |ground| {
        let text = "FROM base\nRUN echo one >/one\nCOPY data/one /d\nRUN cat /d >/two\n";
        ground.build(text, context());
        let changed = ground.build(text, context().file("data/one", 0o644, "other"));
        assert_eq!(changed.outcomes, [StepOutcome::Cached, StepOutcome::Cached, StepOutcome::Done, StepOutcome::Done]);
        let back = ground.build(text, context());
        assert_eq!(back.image.cached_steps, 4);
    };

    a_step_sees_its_environment: |ground| {
        let built = ground.steps(
            "ARG V=arg\nENV A=b PATH=/bin:/sbin\nWORKDIR /w\nRUN env | sort | grep -v SHLVL && pwd && id -u && hostname && echo $V",
        );
        let lines: Vec<_> = built.out.lines().collect();
        assert_eq!(lines, ["A=b", "HOME=/root", "PATH=/bin:/sbin", "PWD=/w", "SOURCE_DATE_EPOCH=315532800", "V=arg", "/w", "0",
            "buildkitsandbox", "arg"]);
        assert!(!built.config.config.env.iter().any(|e| e.starts_with("SOURCE_DATE_EPOCH")));
    };

    every_form_of_run_runs: |ground| {
        let built = ground.steps(
            "RUN [\"/bin/echo\", \"exec $HOME\"]\nSHELL [\"/bin/sh\", \"-ec\"]\nRUN echo shell\nRUN <<EOF\necho here\necho doc\nEOF\n\
             RUN <<EOF\n#!/bin/awk -f\nBEGIN { print \"script\" }\nEOF\nRUN cat <<EOF\nfor cat\nEOF\n\
             RUN --network=none --mount=type=tmpfs,target=/mnt/t,size=1m echo x >/mnt/t/f && grep ' /mnt/t ' /proc/mounts | grep -c tmpfs",
        );
        assert_eq!(built.out, "exec $HOME\nshell\nhere\ndoc\nscript\nfor cat\n1\n");
    };

    triggers_run_in_the_child: |ground| {
        let text = "FROM base AS parent\nONBUILD RUN echo triggered >/t\nONBUILD ENV T=1\nFROM parent\nRUN cat /t && echo $T\n";
        let built = ground.build(text, MemoryContext::default());
        assert_eq!(built.out, "triggered\n1\n");
    };

    opened_times_are_all_one: |ground| {
        // Of the base, of a copied file, of what a step made, and of folders that have become fuller.
        let text = "FROM base\nCOPY data /data\nRUN mkdir /made && echo >/made/f\n\
                    RUN for f in / /bin/busybox /data/one /data /made /made/f; do stat -c '%n %Y' $f; done\n";
        let built = ground.build(text, context());
        for line in built.out.lines() {
            assert!(line.ends_with(" 315532800"), "{line}");
        }
        assert_eq!(built.out.lines().count(), 6);
        ground.forget();
        // Unpacked again, they look the same.
        assert_eq!(ground.build(text, context()).out, built.out);
    };
}

fn only_with_ids(ground: &Ground) -> bool {
    let single = ground.sandbox.ids().is_single();
    if single {
        println!("skipped: there is one id only");
    }
    !single
}

for_everybody! {
    owners_are_kept: |ground| {
        if !only_with_ids(ground) {
            return;
        }
        let built = ground.steps(
            "USER app\nWORKDIR /srv/app\nRUN id && touch mine && echo $HOME\nUSER root\nRUN chown -R 33:34 /srv/app && touch /srv/app/root\n\
             RUN ls -ln /srv/app | awk 'NR>1{print $3\":\"$4\" \"$9}'",
        );
        assert_eq!(ground.layer(&built, 1), ["srv/ 755 1000:1001", "srv/app/ 755 1000:1001"]);
        assert_eq!(ground.layer(&built, 2), ["srv/ 755 1000:1001", "srv/app/ 755 1000:1001", "srv/app/mine 644 1000:1001"]);
        assert_eq!(
            ground.layer(&built, 3),
            ["srv/ 755 1000:1001", "srv/app/ 755 33:34", "srv/app/mine 644 33:34", "srv/app/root 644"]
        );
        assert_eq!(
            built.out,
            "uid=1000(app) gid=1001(app) groups=7(extra),1001(app)\n/home/app\n33:34 mine\n0:0 root\n"
        );
    };

    a_base_with_odd_owners_is_unpacked_as_it_is: |ground| {
        if !only_with_ids(ground) {
            return;
        }
        let text = "FROM base AS odd\nCOPY --chown=1000:7 --chmod=2750 data /odd\nFROM odd\nRUN stat -c '%u:%g %a %n' /odd/one /odd";
        let built = ground.build(text, context());
        assert_eq!(built.out, "1000:7 2750 /odd/one\n1000:7 750 /odd\n");
    };
}

for_everybody! {
    nothing_is_left_over: |ground| {
        ground.steps("RUN mkdir -m 700 /x && touch /x/y\nRUN rm -r /x");
        ground.fails("RUN touch /z && false");
        let left: Vec<_> = std::fs::read_dir(ground.path().join("snapshots/tmp")).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    };
}

#[test]
fn everybody_gets_the_same_bytes() {
    if rustix::process::geteuid().as_raw() != 0 {
        println!("skipped: needs root, to be everybody");
        return;
    }
    let test = concat!(
        module_path!(),
        "::the_same_build_gives_the_same_bytes_cold_and_warm_and_elsewhere"
    );
    let digest = |text: &str| {
        let line = text
            .lines()
            .find_map(|line| line.split_once("digest sha256:"));
        line.map(|(_, hex)| hex.to_owned())
    };
    let root = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg(format!("{}::as_root", test.split_once("::").unwrap().1))
        .output()
        .unwrap();
    let root = digest(&String::from_utf8_lossy(&root.stdout));
    for (who, name) in [
        (Who::Ranges, "with_a_range_of_ids"),
        (Who::Plain, "with_one_id"),
    ] {
        if let Some((text, ..)) = printed_as(who, &format!("{test}::{name}")) {
            assert_eq!(digest(&text), root, "{who:?}");
        }
    }
}
