//! Whole builds that need no sandbox.

use std::sync::Arc;

use super::*;
use crate::engine::tree::Kind;
use crate::model::Limits;
use crate::model::context::{ContextSource, MemoryContext};
use crate::model::decision::Pins;
use crate::model::event::StepOutcome;

mod ground;
mod known;

use ground::{Ground, context, paths};

#[test]
fn the_configuration_is_what_docker_would_make_of_it() {
    let text = r#"
ARG VERSION=3
FROM scratch AS base
ENV A=1 B="two words"
ENV A=$B-x C
LABEL org.x="y z" second=$A
EXPOSE 80 53/udp 8000-8001
VOLUME /data /logs
WORKDIR /srv
WORKDIR app
USER 1000:50
STOPSIGNAL SIGTERM
SHELL ["/bin/bash", "-c"]
CMD echo $A
ENTRYPOINT ["/entry", "x"]
HEALTHCHECK --interval=5s --retries=3 CMD curl -f localhost
ONBUILD RUN make
MAINTAINER Somebody <s@example.org>
"#;
    let text = text.replace("ENV A=$B-x C\n", "ENV A=$B-x\n");
    let ground = Ground::new();
    let built = ground.build(&text, context());
    let config = &built.config.config;
    assert_eq!(
        config.env,
        [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "A=two words-x",
            "B=two words"
        ]
    );
    let labels: Vec<_> = config.labels.iter().map(|(k, v)| (&**k, &**v)).collect();
    assert_eq!(labels, [("org.x", "y z"), ("second", "two words-x")]);
    let ports: Vec<_> = config.exposed_ports.iter().map(|p| &**p).collect();
    assert_eq!(ports, ["53/udp", "80/tcp", "8000/tcp", "8001/tcp"]);
    assert_eq!(config.volumes.len(), 2);
    assert_eq!(config.working_dir, "/srv/app");
    assert_eq!(config.user, "1000:50");
    assert_eq!(config.stop_signal.as_deref(), Some("SIGTERM"));
    assert_eq!(
        config.cmd,
        Some(vec!["/bin/bash".into(), "-c".into(), "echo $A".into()])
    );
    assert_eq!(config.entrypoint, Some(vec!["/entry".into(), "x".into()]));
    let check = config.healthcheck.as_ref().unwrap();
    assert_eq!(check.test, ["CMD-SHELL", "curl -f localhost"]);
    assert_eq!(
        (check.interval, check.retries),
        (Some(5_000_000_000), Some(3))
    );
    assert_eq!(config.on_build, ["RUN make"]);
    assert_eq!(
        built.config.author.as_deref(),
        Some("Somebody <s@example.org>")
    );
    assert_eq!(
        built.config.created.unwrap().to_string(),
        "1980-01-01T00:00:00Z"
    );
    assert!(
        built
            .config
            .history
            .iter()
            .all(|h| h.created == built.config.created)
    );
    let layers = built
        .config
        .history
        .iter()
        .filter(|h| !h.empty_layer)
        .count();
    assert_eq!(layers, built.config.rootfs.diff_ids.len());
    // What WORKDIR made belongs to root: USER came later.
    let made = ground.layers(&built);
    assert_eq!(
        made.iter().map(paths).collect::<Vec<_>>(),
        [vec!["srv/"], vec!["srv/", "srv/app/"]]
    );
}

#[test]
fn an_entrypoint_takes_away_the_command_of_the_base_only() {
    let ground = Ground::new();
    let text = "FROM scratch AS a\nCMD [\"base\"]\nFROM a AS b\nENTRYPOINT [\"e\"]\nFROM a\nCMD [\"own\"]\nENTRYPOINT [\"e\"]\n";
    let own = ground.build(text, context());
    assert_eq!(own.config.config.cmd, Some(vec!["own".into()]));
    let mut request = ground.request(text, context());
    request.target = Some("b".into());
    let base = ground.build_request(&request).unwrap();
    assert_eq!(base.config.config.cmd, None);
}

#[test]
fn the_history_reads_like_buildkit_s() {
    let ground = Ground::new();
    let text = "FROM scratch\nARG V=1\nENV A=b\nCOPY --chown=1:2 a.txt /x/\nWORKDIR /x\nCMD [\"a\", \"b\"]\n";
    let built = ground.build(text, context());
    let lines: Vec<_> = built
        .config
        .history
        .iter()
        .map(|h| (h.created_by.as_deref().unwrap(), h.empty_layer))
        .collect();
    assert_eq!(
        lines,
        [
            ("ARG V=1", true),
            ("ENV A=b", true),
            ("COPY --chown=1:2 a.txt /x/ # buildkit", false),
            ("WORKDIR /x", true),
            ("CMD [\"a\" \"b\"]", true),
        ]
    );
}

#[test]
fn names_of_owners_are_those_of_the_image() {
    let ground = Ground::new();
    let text = "FROM scratch\nCOPY etc /etc\nCOPY --chown=app:staff a.txt /home/\nUSER app\nWORKDIR /home/w\n";
    let built = ground.build(text, context());
    let layers = ground.layers(&built);
    let node = layers[1].get(b"home/a.txt").unwrap();
    assert_eq!((node.uid, node.gid), (1000, 50));
    let node = layers[2].get(b"home/w").unwrap();
    assert_eq!((node.uid, node.gid, node.mode), (1000, 1001, 0o755));
    let failure = ground.fails("FROM scratch\nCOPY --chown=nobody a.txt /\n", context());
    assert_eq!(
        failure.message,
        "unable to find user nobody: no matching entries in passwd file"
    );
    assert_eq!((failure.step, failure.line), (Some(2), Some(2)));
}

#[test]
fn a_second_build_is_answered_by_the_cache_and_is_the_same() {
    let ground = Ground::new();
    let text = "FROM scratch AS one\nCOPY src /s\nENV X=1\nFROM scratch\nCOPY --from=one /s /t\nWORKDIR /w\nCMD x\n";
    let cold = ground.build(text, context());
    assert_eq!(
        cold.outcomes
            .iter()
            .filter(|o| **o == StepOutcome::Done)
            .count(),
        5
    );
    let warm = ground.build(text, context());
    assert_eq!(warm.image.digest, cold.image.digest);
    assert_eq!(warm.image.cached_steps, warm.image.steps);
    assert_eq!(warm.image.steps, 7);
    let mut request = ground.request(text, context());
    request.no_cache = true;
    let again = ground.build_request(&request).unwrap();
    assert_eq!(
        (again.image.digest, again.image.cached_steps),
        (cold.image.digest, 0)
    );
    // Another folder, another store: the same bytes.
    let other = Ground::new();
    assert_ne!(other.dir.path(), ground.dir.path());
    assert_eq!(other.build(text, context()).image.digest, cold.image.digest);
    // A changed file that nobody copies changes nothing; one that is copied does.
    let unread = context().file("unread", 0o644, "x");
    assert_eq!(ground.build(text, unread).image.cached_steps, 7);
    let changed = ground.build(text, context().file("src/main", 0o755, "other"));
    assert_ne!(changed.image.digest, cold.image.digest);
    assert_eq!(changed.image.cached_steps, 2);
    let mode = ground.build(text, context().file("src/main", 0o700, "#!/bin/sh\n"));
    assert_ne!(mode.image.digest, cold.image.digest);
}

#[test]
fn a_lost_layer_is_made_again() {
    let ground = Ground::new();
    let text = "FROM scratch\nCOPY a.txt /\n";
    let built = ground.build(text, context());
    let layer = &ground
        .engine
        .store
        .manifest(built.image.digest)
        .unwrap()
        .layers[0];
    std::fs::remove_file(ground.engine.store.path(layer.digest)).unwrap();
    assert_eq!(
        ground.build(text, context()).image.digest,
        built.image.digest
    );
    assert!(ground.engine.store.has(layer.digest));
}

#[test]
fn here_documents_and_archives_are_copied() {
    let ground = Ground::new();
    let mut archive = tar::Builder::new(Vec::new());
    let mut head = tar::Header::new_ustar();
    head.set_size(2);
    head.set_mode(0o640);
    head.set_uid(5);
    head.set_gid(6);
    archive
        .append_data(&mut head, "in/side", &b"hi"[..])
        .unwrap();
    let archive = archive.into_inner().unwrap();
    let context = context()
        .file("a.tar", 0o644, archive.clone())
        .file("b.tar.gz", 0o644, {
            let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            std::io::Write::write_all(&mut gz, &archive).unwrap();
            gz.finish().unwrap()
        });
    let text = "FROM scratch\nARG N=world\nCOPY <<one <<\"two\" /h/\nhello $N\none\nraw $N\ntwo\nADD a.tar /x\nADD b.tar.gz a.txt /y/\nCOPY a.tar /z/\n";
    let built = ground.build(text, context);
    let layers = ground.layers(&built);
    assert_eq!(paths(&layers[0]), ["h/", "h/one", "h/two"]);
    let Kind::File { size, digest, .. } = layers[0].get(b"h/one").unwrap().kind else {
        panic!()
    };
    assert_eq!((size, digest), (12, Digest::of("hello world\n")));
    let Kind::File { digest, .. } = layers[0].get(b"h/two").unwrap().kind else {
        panic!()
    };
    assert_eq!(digest, Digest::of("raw $N\n"));
    assert_eq!(paths(&layers[1]), ["x/", "x/in/", "x/in/side"]);
    let node = layers[1].get(b"x/in/side").unwrap();
    assert_eq!((node.mode, node.uid, node.gid), (0o640, 5, 6));
    assert_eq!(paths(&layers[2]), ["y/", "y/a.txt", "y/in/", "y/in/side"]);
    assert_eq!(paths(&layers[3]), ["z/", "z/a.tar"]);
}

#[test]
fn what_fails_says_where_and_what_to_do() {
    let ground = Ground::new();
    for (text, message, step, line) in [
        (
            "FROM scratch\nCOPY nothing /\n",
            "\"/nothing\": not found",
            Some(2),
            Some(2),
        ),
        (
            "FROM scratch\nADD https://example.org/x /\n",
            "ADD of a URL needs network: https://example.org/x",
            Some(2),
            Some(2),
        ),
        (
            "FROM debian\n",
            "base image not in the cache: debian:latest",
            None,
            Some(1),
        ),
        (
            "FROM scratch\nEXPOSE x\n",
            "EXPOSE: `x` is no port",
            Some(2),
            Some(2),
        ),
        (
            "FROM scratch\nSTOPSIGNAL NO\n",
            "invalid signal: NO",
            Some(2),
            Some(2),
        ),
        (
            "FROM scratch\nENV A=${B?missing}\n",
            "failed to process \"${B?missing}\": B: missing",
            Some(2),
            Some(2),
        ),
        (
            "FROM scratch AS a\nFROM scratch\nCOPY --from=b x y\n",
            "base image not in the cache: b:latest",
            None,
            Some(3),
        ),
    ] {
        let failure = ground.fails(text, context());
        assert_eq!(
            (failure.message.as_str(), failure.step, failure.line),
            (message, step, line),
            "{text}"
        );
    }
    let failure = ground.fails("FROM scratch\nNOPE x\n", context());
    assert!(
        failure
            .message
            .starts_with("Dockerfile parse error on line 2"),
        "{}",
        failure.message
    );
}

#[test]
fn limits_hold_without_a_sandbox() {
    let ground = Ground::new();
    let big = MemoryContext::default().file("big", 0o644, vec![7; 1 << 20]);
    let mut request = ground.request("FROM scratch AS a\nCOPY big /1\nFROM a\nCOPY big /2\n", big);
    request.limits.layer_bytes = 3 << 19;
    let error = ground.build_request(&request).unwrap_err();
    let BuildError::Failed(failure) = error else {
        panic!("{error:?}")
    };
    assert_eq!(
        (failure.message.as_str(), failure.step),
        ("layer size limit exceeded", Some(4))
    );
    request.limits = Limits {
        time_seconds: 0,
        ..Limits::default()
    };
    let BuildError::Failed(failure) = ground.build_request(&request).unwrap_err() else {
        panic!()
    };
    assert_eq!(failure.message, "build exceeded 0-minute time limit");
    let cancel = Cancel::default();
    cancel.cancel();
    request.limits = Limits::default();
    let error = ground.engine.build(&request, &|_| {}, &cancel).unwrap_err();
    assert!(matches!(error, BuildError::Cancelled));
    // Nothing half done is left.
    assert_eq!(
        std::fs::read_dir(ground.dir.path().join("snapshots/tmp"))
            .unwrap()
            .count(),
        0
    );
    let ingest = ground.dir.path().join("oci/ingest");
    assert_eq!(std::fs::read_dir(ingest).unwrap().count(), 0);
}

#[test]
fn a_base_gives_its_layers_its_time_and_its_triggers() {
    let mut ground = Ground::new();
    let base = ground.build(
        "FROM scratch\nCOPY a.txt /\nENV FROM_BASE=1\nONBUILD COPY src /onbuild\n",
        context(),
    );
    ground.pins = Pins::from([("base:1".parse().unwrap(), base.image.digest)]);
    let built = ground.build("FROM base:1\nCOPY src/main /own\n", context());
    assert_eq!(
        built.config.rootfs.diff_ids[0],
        base.config.rootfs.diff_ids[0]
    );
    let layers = ground.layers(&built);
    assert_eq!(paths(&layers[1]), ["onbuild/", "onbuild/main"]);
    assert_eq!(paths(&layers[2]), ["own"]);
    assert!(built.config.config.on_build.is_empty());
    assert!(built.config.config.env.contains(&"FROM_BASE=1".to_owned()));
    // By digest too, and through COPY --from.
    let text = format!(
        "FROM scratch\nCOPY --from=base:1@{} /a.txt /b\n",
        base.image.digest
    );
    assert_eq!(
        paths(&ground.layers(&ground.build(&text, context()))[0]),
        ["b"]
    );
}

#[test]
fn many_stages_run_side_by_side() {
    let ground = Ground::new();
    let mut text = String::new();
    for n in 0..40 {
        text += &format!("FROM scratch AS s{n}\nCOPY a.txt /{n}\n");
        if n > 0 {
            text += &format!("COPY --from=s{} / /before\n", n - 1);
        }
    }
    let first = ground.build(&text, context());
    assert_eq!(first.image.steps, 119);
    assert_eq!(
        Ground::new().build(&text, context()).image.digest,
        first.image.digest
    );
}

#[test]
fn a_context_that_changes_while_it_is_read_is_refused() {
    struct Changing(MemoryContext, std::sync::atomic::AtomicU8);
    impl ContextSource for Changing {
        fn entries(&self) -> &[crate::model::context::ContextEntry] {
            self.0.entries()
        }
        fn open(&self, _: usize) -> std::io::Result<Box<dyn std::io::Read + Send + '_>> {
            let byte = self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok(Box::new(std::io::Cursor::new(vec![byte; 5])))
        }
    }
    let ground = Ground::new();
    let mut request = ground.request("FROM scratch\nCOPY a.txt /\n", context());
    request.context = Arc::new(Changing(context(), 0.into()));
    // A step that was never done reads each file once, so nothing can differ. Then it is hashed before it is written.
    ground.build_request(&request).unwrap();
    let BuildError::Failed(failure) = ground.build_request(&request).unwrap_err() else {
        panic!()
    };
    assert_eq!(failure.message, "/a.txt changed while the build read it");
}

#[test]
fn a_file_that_grows_while_it_is_read_is_refused() {
    struct Growing(MemoryContext);
    impl ContextSource for Growing {
        fn entries(&self) -> &[crate::model::context::ContextEntry] {
            self.0.entries()
        }
        fn open(&self, _: usize) -> std::io::Result<Box<dyn std::io::Read + Send + '_>> {
            Ok(Box::new(&b"longer than it was"[..]))
        }
    }
    let ground = Ground::new();
    let mut request = ground.request("FROM scratch\nCOPY a.txt /\n", context());
    request.context = Arc::new(Growing(context()));
    let BuildError::Failed(failure) = ground.build_request(&request).unwrap_err() else {
        panic!()
    };
    assert_eq!(failure.message, "/a.txt changed while the build read it");
}

#[test]
fn a_new_step_reads_each_file_once_and_a_known_one_once_more() {
    struct Counted(MemoryContext, std::sync::atomic::AtomicU8);
    impl ContextSource for Counted {
        fn entries(&self) -> &[crate::model::context::ContextEntry] {
            self.0.entries()
        }
        fn open(&self, index: usize) -> std::io::Result<Box<dyn std::io::Read + Send + '_>> {
            self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            self.0.open(index)
        }
    }
    let ground = Ground::new();
    let mut request = ground.request("FROM scratch\nCOPY a.txt /\n", context());
    let context = Arc::new(Counted(context(), 0.into()));
    request.context = Arc::clone(&context) as _;
    let opened = || context.1.swap(0, std::sync::atomic::Ordering::Relaxed);
    let first = ground.build_request(&request).unwrap();
    assert_eq!(opened(), 1);
    let second = ground.build_request(&request).unwrap();
    assert_eq!((opened(), second.image.cached_steps), (1, 2));
    request.no_cache = true;
    let third = ground.build_request(&request).unwrap();
    assert_eq!(opened(), 1);
    assert_eq!(first.image.digest, second.image.digest);
    assert_eq!(first.image.digest, third.image.digest);
}

#[test]
fn run_needs_a_sandbox_and_says_so() {
    let ground = Ground::new();
    let request = ground.request("FROM scratch\nRUN x\n", context());
    let error = ground.build_request(&request).unwrap_err();
    assert!(matches!(error, BuildError::Host(_)), "{error:?}");
}
