//! Any bytes as a submission: a Dockerfile, the scripts beside it, and a base's triggers. All rules run, every patch is tried,
//! what comes of it is read again and told in every form, and the build is expanded.
//!
//! The parts are separated by NULs: Dockerfile, `Makefile`, `package.json`, `.dockerignore`, `run.sh`, then a trigger a part.
#![no_main]

use std::collections::BTreeMap;

use flareo::dockerfile::parse;
use flareo::lint::{BaseFacts, Report, Subject, check, json, mend, sarif, unified};
use flareo::model::Digest;
use flareo::model::context::MemoryContext;
use flareo::model::image::Platform;
use flareo::review;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.split(|b| *b == 0);
    let text = parts.next().unwrap_or_default();
    let mut context = MemoryContext::default().file("Dockerfile", 0o644, text);
    for name in ["Makefile", "package.json", ".dockerignore", "run.sh"] {
        if let Some(part) = parts.next() {
            context = context.file(name, 0o755, part);
        }
    }
    let onbuild: Vec<String> = parts.map(|part| String::from_utf8_lossy(part).into_owned()).collect();
    let facts = BaseFacts {
        onbuild: onbuild.clone(),
        digest: Some(Digest::of("base")),
        ..BaseFacts::default()
    };
    let subject = Subject {
        name: "Dockerfile",
        text,
        parsed: None,
        build_args: &BTreeMap::new(),
        platform: &Platform { os: "linux".into(), architecture: "amd64".into() },
        context: Some(&context),
        approved: &|_| true,
        base: &|_| Some(facts.clone()),
        network: None,
    };
    let report = check(&subject);
    let blocks = |report: &Report| report.findings.iter().filter(|f| f.severity.word() == "block").count();
    let mended = mend(&subject, &report);
    assert!(blocks(&mended.report) <= blocks(&report));
    for file in &mended.files {
        assert_ne!(file.before.as_deref(), Some(file.after.as_str()));
    }
    let diff = unified(&mended.files, &str::to_owned);
    assert_eq!(diff.is_empty(), mended.files.is_empty());
    for report in [&report, &mended.report] {
        let shown = report.human(false);
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'));
    }
    let reports = [report];
    let _ = serde_json::to_string(&json(&reports)).unwrap();
    let _ = sarif(&reports);
    if let Ok(file) = parse(text) {
        let base = |_: &str| Some((Vec::new(), onbuild.clone()));
        let made = review::effective(&file, &[], &base, Vec::new());
        let _ = review::effective::text(&made);
    }
});
