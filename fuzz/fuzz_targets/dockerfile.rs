//! Any bytes as a Dockerfile: parsed, its variables expanded, its shell commands read, all rules run, the report shown.
//!
//! `cargo +nightly fuzz run dockerfile fuzz/corpus/dockerfile fuzz/seeds -- -dict=fuzz/dockerfile.dict`
#![no_main]

use std::collections::BTreeMap;

use flareo::dockerfile::{expand, parse, shell};
use flareo::lint::{Subject, check};
use flareo::model::image::Platform;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let lookup = |name: &str| Some(format!("<{name}> *?"));
        let _ = expand::word(text, '\\', &lookup);
        let _ = expand::words(text, '`', &lookup);
        let _ = expand::body(text, &|_| None);
        for command in shell::commands(text) {
            let span = command.span();
            assert!(span.start <= span.end);
        }
    }
    match parse(bytes) {
        Err(error) => {
            let shown = error.to_string();
            assert!(shown.starts_with("Dockerfile parse error on line "));
        }
        Ok(file) => {
            let mut end = 0;
            for instruction in &file.instructions {
                assert!(instruction.span.start >= end && instruction.span.end <= file.text.len());
                end = instruction.span.end;
            }
        }
    }
    let report = check(&Subject {
        name: "Dockerfile",
        text: bytes,
        parsed: None,
        build_args: &BTreeMap::new(),
        platform: &Platform { os: "linux".into(), architecture: "amd64".into() },
        context: None,
        approved: &|_| false,
        base: &|_| None,
        network: None,
    });
    let shown = report.human(false);
    assert!(!shown.chars().any(|c| c.is_control() && c != '\n'));
    let length = report.text.len();
    assert!(report.findings.iter().all(|f| f.rule == "PARSE" || f.span.end <= length));
});
