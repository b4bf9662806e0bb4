//! Image references as Docker's distribution grammar has them, in one normal form (R8).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Digest;

/// `[registry/]repository[:tag][@digest]`, normalised: `alpine` is `docker.io/library/alpine:latest`.
///
/// Two spellings of one reference compare equal.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a string is not an image reference.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not an image reference: `{text}` ({why})")]
pub struct InvalidReference {
    /// What was given, shortened.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

impl Reference {
    /// The registry's host, `docker.io` where none was given.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository with the implied `library/` of docker.io.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag; `None` only where a digest stands without one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if the writer pinned one.
    pub const fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// The same reference without its digest (with the tag `latest` if that leaves none).
    pub fn without_digest(&self) -> Self {
        let tag = self.tag.clone().or_else(|| Some("latest".into()));
        Self {
            tag,
            digest: None,
            ..self.clone()
        }
    }

    /// The same reference pinned to `digest`.
    pub fn pinned(&self, digest: Digest) -> Self {
        Self {
            digest: Some(digest),
            ..self.clone()
        }
    }

    /// As people write it: without `docker.io/library/`, with its tag and digest.
    pub fn familiar(&self) -> String {
        let name = if self.registry == "docker.io" {
            self.repository
                .strip_prefix("library/")
                .unwrap_or(&self.repository)
                .to_owned()
        } else {
            format!("{}/{}", self.registry, self.repository)
        };
        self.with_suffix(name)
    }

    fn with_suffix(&self, mut name: String) -> String {
        if let Some(tag) = &self.tag {
            name.push(':');
            name.push_str(tag);
        }
        if let Some(digest) = self.digest {
            name.push('@');
            name.push_str(&digest.to_string());
        }
        name
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |why: String| InvalidReference {
            text: text.chars().take(200).collect(),
            why,
        };
        let parsed: oci_spec::distribution::Reference = text
            .parse()
            .map_err(|e: oci_spec::distribution::ParseError| invalid(e.to_string()))?;
        // The parser takes `UPPER/case` for a host; Docker knows that it is none, and refuses it.
        if parsed.repository().bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(invalid("repository name must be lowercase".into()));
        }
        let digest = match parsed.digest() {
            Some(digest) => Some(
                digest
                    .parse()
                    .map_err(|e: super::digest::InvalidDigest| invalid(e.to_string()))?,
            ),
            None => None,
        };
        Ok(Self {
            registry: parsed.registry().to_owned(),
            repository: parsed.repository().to_owned(),
            tag: parsed.tag().map(str::to_owned),
            digest,
        })
    }
}

impl TryFrom<String> for Reference {
    type Error = InvalidReference;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        reference.to_string()
    }
}

impl fmt::Display for Reference {
    /// The full form, `docker.io/library/alpine:3.19`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.with_suffix(format!("{}/{}", self.registry, self.repository)))
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_image_are_equal() {
        let short: Reference = "node:20-slim".parse().unwrap();
        for spelling in [
            "docker.io/library/node:20-slim",
            "docker.io/node:20-slim",
            "library/node:20-slim",
            "index.docker.io/library/node:20-slim",
        ] {
            assert_eq!(spelling.parse::<Reference>().unwrap(), short, "{spelling}");
        }
        assert_eq!(short.familiar(), "node:20-slim");
        assert_eq!(short.to_string(), "docker.io/library/node:20-slim");
        assert_eq!("alpine".parse::<Reference>().unwrap().tag(), Some("latest"));
    }

    #[test]
    fn tag_and_digest_may_stand_together() {
        let digest = Digest::of(b"x");
        let both: Reference = format!("node:20-slim@{digest}").parse().unwrap();
        assert_eq!(both.tag(), Some("20-slim"));
        assert_eq!(both.digest(), Some(digest));
        assert_eq!(both.without_digest(), "node:20-slim".parse().unwrap());
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "UPPER/case",
            "a b",
            "node:20@sha256:12",
            "node:20@sha512:00",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }
}
