//! What is planned, and what is refused while planning.

use super::*;
use crate::dockerfile::parse;

struct Held(Vec<(Digest, Vec<String>)>);

impl Images for Held {
    fn manifest(&self, digest: Digest, _: &Platform) -> Result<Option<Digest>, Fault> {
        Ok(self.0.iter().any(|(d, _)| *d == digest).then_some(digest))
    }

    fn triggers(&self, manifest: Digest) -> Result<Vec<String>, Fault> {
        let found = self.0.iter().find(|(d, _)| *d == manifest);
        Ok(found.map(|(_, t)| t.clone()).unwrap_or_default())
    }
}

fn base() -> Digest {
    Digest::of("base")
}

fn planned(text: &str, target: Option<&str>, triggers: &[&str]) -> Result<Plan, PlanError> {
    let file = parse(text.as_bytes()).unwrap();
    let pins = Pins::from([("base".parse().unwrap(), base())]);
    let wanted = Wanted {
        build_args: &BTreeMap::new(),
        target,
        platform: &Platform::host(),
        pins: &pins,
    };
    let triggers = triggers.iter().map(|t| (*t).to_owned()).collect();
    plan(&file, &wanted, &Held(vec![(base(), triggers)]))
}

fn error(text: &str) -> (String, Option<u32>) {
    let error = planned(text, None, &[]).unwrap_err();
    (error.fault.to_string(), error.line)
}

#[test]
fn only_what_the_target_needs_is_planned() {
    let text = "FROM base AS one\nFROM missing AS unused\nFROM one AS two\nCOPY --from=0 a b\nFROM scratch\n\
                COPY --from=TWO x y\n";
    let plan = planned(text, None, &[]).unwrap();
    let names: Vec<_> = plan.stages.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["one", "two", "3"]);
    assert_eq!(plan.steps, 5);
    assert_eq!(plan.stages[1].base, Base::Stage(0));
    let copy = &plan.stages[2].steps[1];
    assert_eq!(
        (copy.number, copy.line, &copy.sources["TWO"]),
        (5, 6, &Base::Stage(1))
    );
    let plan = planned(text, Some("one"), &[]).unwrap();
    assert_eq!(plan.stages.len(), 1);
    assert_eq!(plan.stages[0].base, Base::Image(base()));
}

#[test]
fn triggers_of_a_base_come_first() {
    let plan = planned("FROM base\nRUN own\n", None, &["COPY a b", "RUN x"]).unwrap();
    let texts: Vec<_> = plan.stages[0]
        .steps
        .iter()
        .map(|s| s.text.as_str())
        .collect();
    assert_eq!(
        texts,
        ["FROM base", "ONBUILD COPY a b", "ONBUILD RUN x", "RUN own"]
    );
    assert!(plan.stages[0].steps[2].program.is_some());
    let plan = planned("FROM base AS a\nONBUILD USER x\nFROM a\n", None, &[]).unwrap();
    assert_eq!(plan.stages[1].steps.len(), 2);
}

#[test]
fn what_is_not_held_or_not_there_is_told() {
    assert_eq!(
        error("FROM other:1\n"),
        ("base image not in the cache: other:1".into(), Some(1))
    );
    assert_eq!(
        error("FROM base\nCOPY --from=alpine a b\n").0,
        "base image not in the cache: alpine:latest"
    );
    assert_eq!(
        error("FROM base\nCOPY --from=3 a b\n").0,
        "invalid stage index 3"
    );
    let error = planned("FROM base\n", Some("x"), &[]).unwrap_err();
    assert_eq!(
        error.fault.to_string(),
        "target stage \"x\" could not be found"
    );
}

#[test]
fn another_platform_is_refused() {
    let host = Platform::host();
    let (message, line) = error("ARG P=plan9/vax\nFROM --platform=$P base\n");
    assert_eq!(
        (message, line),
        (
            format!("platform plan9/vax can't be built on this {host} host"),
            Some(2)
        )
    );
    for same in ["$BUILDPLATFORM", "$TARGETPLATFORM", "linux"] {
        planned(&format!("FROM --platform={same} base\n"), None, &[]).unwrap();
    }
    let amd64 = Platform {
        os: "linux".into(),
        architecture: "amd64".into(),
    };
    for (text, same) in [
        ("linux/amd64", true),
        ("linux/x86_64", true),
        ("amd64", true),
        ("linux/amd64/v1", true),
        ("linux/amd64/v3", false),
        ("linux/arm64", false),
        ("windows/amd64", false),
    ] {
        assert_eq!(is_platform(text, &amd64), same, "{text}");
    }
}
