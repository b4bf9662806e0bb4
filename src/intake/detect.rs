//! What a context says it is: a Dockerfile, or the languages of its files (R1–R3).

use crate::model::context::{ContextSource, EntryKind};
use crate::model::submission::{Detection, Signal};

/// Files at the root that tell a language, strongest first (R2). Swift is named, and has no buildpack.
const SIGNALS: [(&str, &str); 10] = [
    ("package.json", "nodejs"),
    ("requirements.txt", "python"),
    ("pyproject.toml", "python"),
    ("go.mod", "go"),
    ("Cargo.toml", "rust"),
    ("Gemfile", "ruby"),
    ("pom.xml", "java"),
    ("build.gradle", "java"),
    ("package.swift", "swift"),
    ("Package.swift", "swift"),
];

/// Looks at the root of `context` only, letter by letter: `dockerfile` is no `Dockerfile`.
pub fn detect(context: &dyn ContextSource) -> Detection {
    let stands = |name: &str| {
        let entry = context.find(name).and_then(|at| context.entries().get(at));
        entry.is_some_and(|entry| entry.kind != EntryKind::Directory)
    };
    let signal = |(file, language): &(&str, &str)| Signal {
        file: (*file).to_owned(),
        language: (*language).to_owned(),
    };
    Detection {
        dockerfile: stands("Dockerfile").then(|| "Dockerfile".to_owned()),
        signals: SIGNALS
            .iter()
            .filter(|(file, _)| stands(file))
            .map(signal)
            .collect(),
    }
}
