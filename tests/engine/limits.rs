//! Limits, refusals and failures, with the exact words that a submitter reads.

use std::time::{Duration, Instant};

use flareo::engine::BuildError;
use flareo::model::Limits;
use flareo::model::context::MemoryContext;
use flareo::model::event::Cancel;

use super::ground::Ground;
use crate::everybody::for_everybody;

fn with(ground: &Ground, limits: Limits, step: &str) -> String {
    let text = format!("FROM base\n{step}\n");
    let mut request = ground.request(&text, MemoryContext::default());
    request.limits = limits;
    match ground.build_request(&request) {
        Err(BuildError::Failed(failure)) => {
            assert_eq!(
                (failure.step, failure.line),
                (Some(2), Some(2)),
                "{failure:?}"
            );
            if failure.message.contains("limit") {
                // How far it went, of how much, and where.
                assert!(failure.help.starts_with("step 2 (line 2) "), "{failure:?}");
                assert!(failure.help.contains(" of "), "{failure:?}");
            }
            failure.message
        }
        other => panic!("{step}\n{other:?}"),
    }
}

for_everybody! {
    a_command_that_fails_says_so: |ground| {
        let failure = ground.fails("RUN true\nRUN echo no >&2; exit 7");
        assert_eq!(
            failure.message,
            "process \"/bin/sh -c echo no >&2; exit 7\" did not complete successfully: exit code: 7"
        );
        assert_eq!((failure.step, failure.line), (Some(3), Some(3)));
        let failure = ground.fails("RUN [\"/nothing\"]");
        assert!(failure.message.starts_with("process \"/nothing\" "), "{}", failure.message);
    };

    the_network_is_refused_by_name: |ground| {
        let failure = ground.fails("RUN wget -q http://packages.example.org/x");
        assert_eq!(failure.message, "network disabled — connection refused to packages.example.org");
        // A step that copes with it goes on.
        ground.steps("RUN wget -q http://packages.example.org/x || true");
    };

    the_time_limit_holds: |ground| {
        let limits = Limits { time_seconds: 1, ..Limits::default() };
        let message = with(ground, limits, "RUN sleep 60");
        assert_eq!(message, "build exceeded 1-second time limit");
    };

    the_layer_limit_holds: |ground| {
        let limits = Limits { layer_bytes: 8 << 20, ..Limits::default() };
        let message = with(ground, limits.clone(), "RUN dd if=/dev/zero of=/big bs=1M count=64; sleep 5");
        assert_eq!(message, "layer size limit exceeded");
        // Small enough on disk for the watcher, too large as a layer together with what was there.
        let text = "FROM base\nRUN dd if=/dev/zero of=/a bs=1M count=5 2>/dev/null\nRUN dd if=/dev/zero of=/b bs=1M count=5 2>/dev/null\n";
        let mut request = ground.request(text, MemoryContext::default());
        request.limits = limits;
        let error = ground.build_request(&request).unwrap_err();
        assert_eq!(error.to_string(), "layer size limit exceeded");
    };

    the_memory_limit_holds: |ground| {
        let limits = Limits { memory_bytes: 64 << 20, time_seconds: 60, ..Limits::default() };
        let message = with(ground, limits, "RUN awk 'BEGIN { s = \"x\"; while (1) s = s s }'");
        assert_eq!(message, "build exceeded 0.06 GB memory limit");
        // Of a grandchild, below a shell that does not mind.
        let limits = Limits { memory_bytes: 64 << 20, time_seconds: 60, ..Limits::default() };
        let step = "RUN sh -c \"awk 'BEGIN { s = \\\"x\\\"; while (1) s = s s }'\"; exit 0";
        assert_eq!(with(ground, limits, step), "build exceeded 0.06 GB memory limit");
    };

    stages_side_by_side_share_the_memory_limit: |ground| {
        let limits = Limits { memory_bytes: 64 << 20, time_seconds: 60, ..Limits::default() };
        let hold = "dd if=/dev/zero of=/dev/shm/a bs=1M count=40 2>/dev/null; sleep 5";
        let text = format!("FROM base AS one\nRUN {hold}\nFROM base AS two\nRUN {hold}; true\nFROM base\nCOPY --from=one / /\nCOPY --from=two / /\n");
        let mut request = ground.request(&text, MemoryContext::default());
        request.limits = limits;
        let Err(BuildError::Failed(failure)) = ground.build_request(&request) else { panic!("nobody was stopped") };
        assert_eq!(failure.message, "build exceeded 0.06 GB memory limit");
        assert!(failure.help.contains(" of 64 MiB"), "{failure:?}");
    };

    files_and_processes_have_limits: |ground| {
        let limits = Limits { inodes: 50, ..Limits::default() };
        let message = with(ground, limits, "RUN mkdir /d; i=0; while [ $i -lt 200 ]; do : >/d/$i; i=$((i+1)); done");
        assert_eq!(message, "build exceeded limit of 50 files in a step");
        let limits = Limits { pids: 20, ..Limits::default() };
        let message = with(ground, limits, "RUN i=0; while [ $i -lt 60 ]; do sleep 5 & i=$((i+1)); done; sleep 3; exit 1");
        assert_eq!(message, "build exceeded limit of 20 processes");
    };

    what_a_build_is_not_given_is_refused: |ground| {
        for (step, message) in [
            ("RUN --network=host true", "RUN --network=host is not allowed"),
            ("RUN --security=insecure true", "RUN --security is not allowed"),
            ("RUN --mount=type=secret,id=x true", "RUN --mount=type=secret is not allowed"),
            ("RUN --mount=type=ssh true", "RUN --mount=type=ssh is not allowed"),
            ("RUN touch /.wh.x", "/.wh.x: file names that begin with `.wh.` can't stand in an image"),
            ("USER nobody\nRUN true", "unable to find user nobody: no matching entries in passwd file"),
        ] {
            assert_eq!(ground.fails(step).message, message, "{step}");
        }
    };

    cancelling_ends_a_step_at_once: |ground| {
        let cancel = Cancel::default();
        let later = cancel.clone();
        let began = Instant::now();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(700));
            later.cancel();
        });
        let request = ground.request("FROM base\nRUN sleep 60\n", MemoryContext::default());
        let error = ground.build_until(&request, &cancel).unwrap_err();
        assert!(matches!(error, BuildError::Cancelled), "{error:?}");
        assert!(began.elapsed() < Duration::from_secs(10));
    };

    cancelling_at_any_moment_is_no_failure: |ground| {
        for wait in [0, 1, 2, 4, 8, 12, 16, 20, 30, 50] {
            let ground = Ground::new();
            let cancel = Cancel::default();
            let later = cancel.clone();
            let canceller = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(wait));
                later.cancel();
            });
            let text = "FROM base\nRUN true\nRUN cp -a /bin /kept\nRUN sleep 60\n";
            let error = ground.build_until(&ground.request(text, MemoryContext::default()), &cancel);
            assert!(matches!(error, Err(BuildError::Cancelled)), "after {wait} ms: {error:?}");
            canceller.join().unwrap();
            ground.is_tidy();
        }
        ground.is_tidy();
    };

    one_failing_stage_stops_the_others: |ground| {
        let text = "FROM base AS slow\nRUN sleep 60\nFROM base AS bad\nRUN sleep 1; exit 3\nFROM base\nCOPY --from=slow / /\nCOPY --from=bad / /\n";
        let began = Instant::now();
        let error = ground.build_request(&ground.request(text, MemoryContext::default())).unwrap_err();
        assert!(error.to_string().ends_with("exit code: 3"), "{error}");
        assert!(began.elapsed() < Duration::from_secs(30));
    };
}
