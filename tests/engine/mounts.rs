//! `RUN --mount`: for everybody, whatever ids they have.

use flareo::model::context::MemoryContext;
use flareo::model::event::StepOutcome;

use crate::everybody::for_everybody;

fn context() -> MemoryContext {
    MemoryContext::default()
        .file("data/one", 0o644, "1")
        .file("data/two", 0o600, "2")
}

for_everybody! {
    a_part_of_the_context_is_seen_and_leaves_no_trace: |ground| {
        let built = ground.build(
            "FROM base\nRUN --mount=target=/m/n,source=data cat /m/n/one /m/n/two >/sum && ls -ldn /m/n | awk '{print $1,$3,$4}' >>/sum\n\
             RUN cat /sum && test ! -e /m",
            context(),
        );
        assert_eq!(ground.layer(&built, 1), ["sum 644"]);
        assert!(built.out.contains("12drwxr-xr-x 0 0\n"), "{}", built.out);
    };

    what_is_written_to_a_mount_is_gone_with_the_step: |ground| {
        let text = "FROM base AS one\nRUN mkdir /o && echo kept >/o/f\nFROM base\n\
                    RUN --mount=from=one,source=/o,target=/m,rw echo new >/m/f && echo more >/m/g && cat /m/*\n\
                    RUN --mount=from=one,source=/o,target=/m cat /m/* && ! touch /m/x 2>/dev/null";
        let built = ground.build(text, MemoryContext::default());
        assert!(built.out.contains("new\nmore\nkept\n"), "{}", built.out);
    };

    a_step_runs_again_when_what_it_is_given_changes: |ground| {
        let text = "FROM base\nRUN --mount=target=/m,source=data/one cat /m >/z";
        ground.build(text, context());
        let same = ground.build(text, context().file("data/two", 0o644, "other"));
        assert_eq!(same.outcomes.last(), Some(&StepOutcome::Cached));
        let other = ground.build(text, context().file("data/one", 0o644, "3"));
        assert_eq!(other.outcomes.last(), Some(&StepOutcome::Done));
    };

    a_cache_is_empty_in_each_step: |ground| {
        let step = "RUN --mount=type=cache,target=/c ls /c && echo x >/c/f";
        let built = ground.steps(&format!("{step}\n{step}\nRUN test ! -e /c"));
        assert_eq!(built.out, "");
        assert_eq!(built.image.layers, 1);
    };

    a_cache_is_found_again_by_builds_of_the_same_scope_alone: |ground| {
        let build = |scope: &str, says: &str| {
            let text = format!("FROM base\nRUN --mount=type=cache,target=/c,sharing={says} ls /c; touch /c/{says}");
            let mut request = ground.request(&text, MemoryContext::default());
            request.no_cache = true;
            request.cache_scope = Some(scope.into());
            ground.build_request(&request).unwrap().out
        };
        assert_eq!(build("one", "locked"), "");
        assert_eq!(build("one", "shared"), "locked\n");
        assert_eq!(build("two", "locked"), "");
        assert_eq!(build("one", "private"), "locked\nshared\n");
    };

    what_is_written_to_a_mount_counts_as_disk: |ground| {
        let text = "FROM base\nRUN --mount=type=cache,target=/c dd if=/dev/zero of=/c/f bs=1M count=64 2>/dev/null; sleep 5";
        let mut request = ground.request(text, MemoryContext::default());
        request.limits.layer_bytes = 32 << 20;
        let error = ground.build_request(&request).unwrap_err().to_string();
        assert_eq!(error, "layer size limit exceeded");
    };
}
