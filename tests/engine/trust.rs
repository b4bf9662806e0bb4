//! What one build leaves never reaches another but as what its key says: not through folders that both stand on, not
//! through processes that stay behind, not through records that are damaged or half there.

use std::fs;
use std::path::{Path, PathBuf};

use flareo::engine::Embedded;
use flareo::model::event::StepOutcome;

use crate::everybody::for_everybody;

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

for_everybody! {
    what_a_step_does_to_files_of_the_base_stays_its_own: |ground| {
        let sums = "RUN find /bin /etc -type f | sort | xargs sha256sum && ls -lan /bin /etc /home | grep -v total";
        let before = ground.steps(sums).out;
        // In place, through other names, through descriptors that were open before.
        ground.steps(
            "RUN echo evil >>/etc/passwd && ln /etc/group /group && echo evil >>/group && exec 3<>/etc/group && echo evil >&3 \
             && chmod 4777 /bin/busybox && rm -r /home && mkdir /home && echo evil >/home/evil",
        );
        ground.fails("RUN echo evil >>/etc/passwd && exit 1");
        let steps = ground.path().join("snapshots/steps");
        for record in files(&steps) {
            fs::remove_file(record).unwrap();
        }
        let after = ground.steps(sums);
        assert_eq!(after.outcomes.last(), Some(&StepOutcome::Done), "it ran again");
        assert_eq!(after.out, before);
    };

    a_process_that_stays_behind_writes_to_nothing_that_is_kept: |ground| {
        let built = ground.steps(
            "RUN echo first >/f && (setsid sh -c 'exec 3>>/f; while :; do echo evil >&3; done' >/dev/null 2>&1 &) && sleep 0.1\n\
             RUN sha256sum /f && sleep 0.3 && sha256sum /f",
        );
        let sums: Vec<&str> = built.out.lines().collect();
        assert_eq!(sums.len(), 2);
        assert_eq!(sums[0], sums[1]);
        // And what is unpacked from the layer is what the step's own folder held.
        ground.forget();
        let text = "RUN sha256sum /f";
        let manifest = ground.store.manifest(built.image.digest).unwrap();
        assert!(manifest.layers.len() > 1);
        let mut request = ground.request("FROM kept\nRUN sha256sum /f\n", Default::default());
        request.pins.insert("kept".parse().unwrap(), built.image.digest);
        let again = ground.build_request(&request).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(again.out.lines().next(), Some(sums[0]));
    };

    a_step_that_failed_is_never_taken_from_the_cache: |ground| {
        for _ in 0..2 {
            let failure = ground.fails("RUN echo half >/half && exit 7");
            assert!(failure.message.contains("exit code: 7"), "{failure:?}");
        }
        let built = ground.steps("RUN test ! -e /half");
        assert_eq!(built.outcomes.last(), Some(&StepOutcome::Done));
    };

    records_and_lists_that_are_damaged_are_made_again: |ground| {
        let steps = "RUN echo one >/one\nRUN cat /one >/two";
        let whole = ground.steps(steps).image;
        let snapshots = ground.path().join("snapshots");
        type Damage = fn(&Path);
        let damages: [(&str, Damage); 5] = [
            ("empty", |path| fs::write(path, "").unwrap()),
            ("half", |path| {
                let bytes = fs::read(path).unwrap();
                fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
            }),
            ("flipped", |path| {
                let mut bytes = fs::read(path).unwrap();
                let middle = bytes.len() / 2;
                if let Some(byte) = bytes.get_mut(middle) {
                    *byte ^= 1;
                }
                fs::write(path, bytes).unwrap();
            }),
            ("a folder", |path| {
                fs::remove_file(path).unwrap();
                fs::create_dir(path).unwrap();
            }),
            ("gone", |path| fs::remove_file(path).unwrap()),
        ];
        for (what, damage) in damages {
            for folder in ["steps", "index"] {
                for file in files(&snapshots.join(folder)) {
                    damage(&file);
                }
            }
            let engine = Embedded::new(ground.store.clone(), &snapshots, ground.sandbox.clone()).unwrap();
            let ground = ground.with(engine);
            let again = ground.build_or_say(&format!("FROM base\n{steps}\n"));
            if what == "a folder" {
                // Nothing that we do makes that. It is said, and nothing wrong comes of it.
                let error = again.unwrap_err();
                assert!(error.contains("cannot write"), "{error}");
                for folder in ["steps", "index"] {
                    for file in files(&snapshots.join(folder)) {
                        fs::remove_dir(file).unwrap();
                    }
                }
                continue;
            }
            assert_eq!(again.unwrap().image.digest, whole.digest, "{what}");
        }
    };

    a_record_whose_layer_is_gone_or_cut_short_is_none: |ground| {
        let steps = "RUN echo one >/one\nRUN cat /one >/two";
        let whole = ground.steps(steps).image;
        let layers = ground.store.manifest(whole.digest).unwrap().layers;
        let last = ground.store.path(layers.last().unwrap().digest);
        for cut in [false, true] {
            let bytes = fs::read(&last).unwrap();
            fs::remove_file(&last).unwrap();
            if cut {
                fs::write(&last, &bytes[..bytes.len() - 1]).unwrap();
            }
            let again = ground.steps(steps);
            assert_eq!(again.image.digest, whole.digest);
            assert_eq!(again.outcomes, [StepOutcome::Cached, StepOutcome::Cached, StepOutcome::Done]);
            assert_eq!(fs::read(&last).unwrap(), bytes);
        }
    };

    what_dead_processes_left_is_swept_and_never_used: |ground| {
        let before = ground.steps("RUN echo one >/one").image;
        let snapshots = ground.path().join("snapshots");
        // What a process leaves that is killed while it unpacks: its scratch folder, unlocked, half full.
        let dead = snapshots.join("tmp/work-dead");
        fs::create_dir_all(dead.join("made")).unwrap();
        ground.sandbox.make_folder(&dead.join("made/fs")).unwrap();
        fs::write(dead.join("lock"), "").unwrap();
        // And what lies there since the host was started before.
        let old = snapshots.join("tmp/boot-old");
        fs::create_dir_all(old.join("layers/x")).unwrap();
        ground.sandbox.make_folder(&old.join("layers/x/fs")).unwrap();
        fs::write(old.join("lock"), "").unwrap();
        let engine = Embedded::new(ground.store.clone(), &snapshots, ground.sandbox.clone()).unwrap();
        assert_eq!(files(&snapshots.join("tmp")), Vec::<PathBuf>::new());
        let again = ground.with(engine).build_or_say("FROM base\nRUN echo one >/one\n").unwrap();
        assert_eq!(again.image.digest, before.digest);
    };

    folders_without_end_are_refused_and_go: |ground| {
        // Made in pieces, each moved to the end of the one before: no call takes so long a path.
        let deep = "p=$(printf 'd/%.0s' $(seq 1000)); mkdir -p a/$p b/$p c/$p && mv c b/$p && mv b a/$p";
        let long = "n=$(printf '%0200d' 0); p=$n; for i in $(seq 14); do p=$p/$n; done; mkdir -p a/$p b/$p && mv b a/$p";
        for (step, said) in [
            ("mkdir -p $(printf 'd/%.0s' $(seq 1005))", "folders nested deeper than 1000 can't stand in an image"),
            (deep, "folders nested deeper than 1000 can't stand in an image"),
            (long, "paths of more than 4095 bytes can't stand in an image"),
        ] {
            let failure = ground.fails(&format!("RUN mkdir /deep && cd /deep && {step}"));
            // Where few files may be open at once, what is deeper can't even be counted.
            let uncounted = step == deep && failure.message.contains("files in a step");
            assert!(failure.message.contains(said) || uncounted, "{step}: {failure:?}");
            let left = files(&ground.path().join("snapshots/tmp"));
            assert_eq!(left, Vec::<PathBuf>::new(), "{step}");
        }
    };
}
