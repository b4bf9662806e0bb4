//! A second build, from nothing and in other surroundings: what comes to the same bytes, and what is said of what
//! does not.

use std::fs;
use std::path::Path;

use flareo::engine::again::again;
use flareo::model::context::MemoryContext;
use flareo::model::event::{Cancel, Happening};
use flareo::model::reproduction::{Cause, Comparison, Reproduction};

use super::ground::Ground;
use crate::everybody::for_everybody;

impl Ground {
    /// Builds twice.
    fn twice(&self, text: &str, context: MemoryContext) -> Comparison {
        let request = self.request(text, context);
        let silent = |_: Happening| {};
        let first = self
            .engine
            .build_traced(&request, &silent, &Cancel::default())
            .unwrap();
        again(&self.engine, &request, &first, &silent, &Cancel::default()).unwrap()
    }

    /// What only the second build knew is gone.
    pub fn is_tidy(&self) {
        let left = fs::read_dir(self.path().join("snapshots/tmp")).unwrap();
        let left: Vec<_> = left.map(|entry| entry.unwrap().path()).collect();
        assert_eq!(left, Vec::<std::path::PathBuf>::new());
    }
}

for_everybody! {
    what_depends_on_its_files_alone_comes_to_the_same: |ground| {
        let context = MemoryContext::default()
            .file("src/a.txt", 0o644, "a\n")
            .file("src/b.sh", 0o755, "#!/bin/sh\necho b\n")
            .link("src/c", "a.txt");
        let comparison = ground.twice(
            "FROM base AS made\n\
             COPY src /src\n\
             RUN mkdir /out && sort /src/a.txt /src/b.sh > /out/all && ln /out/all /out/twin && rm -r /src\n\
             RUN tar -c -f /out/out.tar -C /out all && gzip -n /out/out.tar && echo $SOURCE_DATE_EPOCH > /out/epoch\n\
             RUN list=$(ls -l /out /etc /etc/hosts /etc/hostname /dev/shm | grep -v ^total; cat /etc/resolv.conf) && echo \"$list\" > /out/list\n\
             FROM base\n\
             COPY --from=made /out /out\n\
             RUN seen=$(stat -c '%n %a %u %g %Y %X' / /etc /out /out/* /bin /bin/busybox) && echo \"$seen\" > /seen\n",
            context,
        );
            assert_eq!(comparison.label(), Reproduction::Reproduced, "{comparison}");
            assert_eq!(comparison.second, Some(comparison.first));
        ground.is_tidy();
    };

    each_cause_is_named_with_its_file_and_step: |ground| {
        let cores = std::thread::available_parallelism().unwrap().get();
        let cases: &[(&str, &str, Cause)] = &[
            ("date > /when", "/when", Cause::Timestamp),
            ("date +%s > /when", "/when", Cause::Timestamp),
            ("echo x > /x && gzip -c /x > /tmp/y; printf '\\037\\213\\010\\000' > /gz; t=$(date +%s); for i in 0 8 16 24; do printf \"\\\\$(printf %o $((t >> i & 255)))\"; done >> /gz; rm /x /tmp/y", "/gz", Cause::Timestamp),
            ("mkdir /made && echo same > $(mktemp /made/x.XXXXXX)", "/made/x.", Cause::RandomName),
            ("hostname > /host", "/host", Cause::Hostname),
            ("echo $$ > /pid", "/pid", Cause::ProcessNumber),
            ("cat /proc/sys/kernel/random/uuid > /uuid", "/uuid", Cause::Uuid),
            ("printf '%s\\n' key=$(head -c 15 /dev/urandom | od -An -tx1 | tr -d ' ')a1 > /key", "/key", Cause::Random),
            ("nproc > /cores", "/cores", Cause::Processors),
        ];
        for (command, file, cause) in cases {
            if *cause == Cause::Processors && cores == 1 {
                println!("skipped: one processor can't be made fewer");
                continue;
            }
            let text = format!("FROM base\nRUN true\nRUN {command}\nRUN echo after > /after\n");
            let comparison = ground.twice(&text, MemoryContext::default());
            let difference = comparison.difference.clone().expect(command);
            assert!(difference.file.starts_with(file), "{command}: {comparison}");
            assert_eq!(difference.cause, *cause, "{command}: {comparison}");
            let step = difference.step.unwrap();
            assert_eq!((step.step, step.line), (3, 3), "{command}");
            assert_eq!(step.text, format!("RUN {command}"));
            let known = format!("not reproduced: {}", difference.file);
            assert_eq!(comparison.label().to_string(), known);
            if *cause == Cause::RandomName {
                assert_eq!(difference.bytes, None, "{command}");
            } else {
                let bytes = difference.bytes.unwrap();
                assert_ne!(bytes.first, bytes.second, "{command}");
            }
        }
        ground.is_tidy();
    };

    the_step_at_fault_is_the_one_that_made_it_not_the_one_that_passed_it_on: |ground| {
        let comparison = ground.twice(
            "FROM base AS first\nRUN mkdir /out && echo same > /out/same\n\
             FROM first AS made\nRUN cat /proc/sys/kernel/random/uuid > /out/id\n\
             FROM base\nCOPY --from=made /out /renamed\n",
            MemoryContext::default(),
        );
        let difference = comparison.difference.clone().unwrap();
        assert_eq!(difference.file, "/renamed/id");
        assert_eq!(difference.step.unwrap().line, 4, "{comparison}");
        assert_eq!(difference.layer, Some(2));
    };

    a_second_build_that_fails_is_a_difference: |ground| {
        let comparison = ground.twice(
            "FROM base\nRUN test $(hostname) = buildkitsandbox\n",
            MemoryContext::default(),
        );
        let difference = comparison.difference.clone().unwrap();
        assert_eq!(difference.cause, Cause::BuildFailed);
        assert_eq!(difference.step.unwrap().line, 2);
        assert!(difference.because.contains("exit code: 1"), "{comparison}");
        assert_eq!(comparison.second, None);
        ground.is_tidy();
    };

    what_does_not_reach_the_image_makes_no_difference: |ground| {
        let comparison = ground.twice(
            "FROM base AS made\nRUN mkdir /out && date > /when && echo same > /out/same\n\
             FROM base\nCOPY --from=made /out /out\n",
            MemoryContext::default(),
        );
        assert_eq!(comparison.label(), Reproduction::Reproduced, "{comparison}");
    };

    the_order_of_a_folder_is_another_where_the_disk_keeps_one: |_ground| {
        let memory = Path::new("/dev/shm");
        if rustix::fs::statfs(memory).map_or(true, |fs| fs.f_type != 0x0102_1994) {
            println!("skipped: no tmpfs on {}", memory.display());
            return;
        }
        let ground = Ground::new_in(memory);
        let mut context = MemoryContext::default();
        for name in ["one", "two", "three", "four", "five"] {
            context = context.file(&format!("src/{name}"), 0o644, name);
        }
        let text = "FROM base\nCOPY src /src\nRUN find /src -type f > /list\n";
        let comparison = ground.twice(text, context);
        let difference = comparison.difference.clone().unwrap();
        assert_eq!(difference.file, "/list");
        assert_eq!(difference.cause, Cause::Order, "{comparison}");
        assert_eq!(difference.step.unwrap().line, 3);
    };
}
