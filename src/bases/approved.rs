//! The approved list (R8): which bases a Dockerfile may start from.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::Reference;
use crate::model::base::ApprovedBase;

/// The list that a fresh installation starts with.
const DEFAULTS: &str = include_str!("../../data/approved-bases.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    base: Vec<ApprovedBase>,
}

/// Reads a list in the form of `data/approved-bases.toml`.
///
/// # Errors
/// If it is no such list; the message says where.
pub fn parse(text: &str) -> Result<Vec<ApprovedBase>, toml::de::Error> {
    Ok(toml::from_str::<File>(text)?.base)
}

/// The list that a fresh installation starts with.
pub fn defaults() -> Vec<ApprovedBase> {
    // Compiled in, and a test reads it. Were it broken, nothing would be approved.
    parse(DEFAULTS).unwrap_or_default()
}

/// Approved bases by reference, whatever its spelling.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApprovedList(BTreeMap<Reference, String>);

impl ApprovedList {
    /// A list of `bases`.
    pub fn new(bases: impl IntoIterator<Item = ApprovedBase>) -> Self {
        let entry = |base: ApprovedBase| (base.reference.without_digest(), base.purpose);
        Self(bases.into_iter().map(entry).collect())
    }

    /// Whether `reference` is on the list. A digest beside a tag doesn't matter here; a digest alone stands for
    /// `latest`.
    pub fn allows(&self, reference: &Reference) -> bool {
        self.0.contains_key(&reference.without_digest())
    }

    /// What the base is for, if it is on the list.
    pub fn purpose(&self, reference: &Reference) -> Option<&str> {
        self.0.get(&reference.without_digest()).map(String::as_str)
    }

    /// Every reference and its purpose, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&Reference, &str)> {
        self.0.iter().map(|(r, purpose)| (r, purpose.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;

    #[test]
    fn the_list_that_comes_along_is_that_of_the_requirements() {
        let names: Vec<_> = defaults().iter().map(|b| b.reference.familiar()).collect();
        let required = "node:20-slim node:22-slim python:3.12-slim python:3.11-slim golang:1.22 golang:1.23 rust:1.80 \
                        rust:1.81 alpine:3.19 debian:12-slim nginx:1.27-alpine caddy:2.8-alpine postgres:16-alpine \
                        redis:7-alpine";
        assert_eq!(names.join(" "), required);
        assert!(defaults().iter().all(|b| !b.purpose.is_empty()));
    }

    #[test]
    fn any_spelling_counts_and_nothing_else_does() {
        let list = ApprovedList::new(defaults());
        let digest = Digest::of(b"x");
        for text in [
            "alpine:3.19",
            "library/alpine:3.19",
            "docker.io/library/alpine:3.19",
            "index.docker.io/library/alpine:3.19",
            &format!("alpine:3.19@{digest}"),
        ] {
            assert!(list.allows(&text.parse().unwrap()), "{text}");
        }
        for text in [
            "alpine",
            "alpine:3.20",
            "registry.example/library/alpine:3.19",
            "localhost/alpine:3.19",
            "my/alpine:3.19",
            &format!("alpine@{digest}"),
        ] {
            assert!(!list.allows(&text.parse().unwrap()), "{text}");
        }
        assert_eq!(
            list.purpose(&"redis:7-alpine".parse().unwrap()),
            Some("Redis 7")
        );
    }

    #[test]
    fn a_key_that_nobody_knows_is_an_error() {
        assert!(
            parse("[[base]]\nreference='a'\npurpose='b'\nx=1").is_err()
                || parse("[[bases]]").is_err()
        );
        assert!(parse("[[base]]\nreference='NOT VALID'\npurpose='b'").is_err());
    }
}
