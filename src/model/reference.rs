//! Image references as Docker's distribution grammar has them, in one normal form (R8).

mod grammar;

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
        if text.is_empty() {
            return Err(invalid(
                "repository name must have at least one component".into(),
            ));
        }
        let parts =
            grammar::parse(text).ok_or_else(|| invalid("invalid reference format".into()))?;
        let (registry, repository) = host_and_path(parts.name);
        if repository.len() > LONGEST_REPOSITORY {
            return Err(invalid(format!(
                "repository name must not be more than {LONGEST_REPOSITORY} characters"
            )));
        }
        let digest = match parts.digest {
            Some(digest) => {
                check_length(digest).map_err(|why| invalid(why.into()))?;
                Some(digest)
            }
            None => None,
        };
        // `UPPER/case` could be a host by its letters; Docker knows that it is none, and refuses it.
        if repository.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(invalid("repository name must be lowercase".into()));
        }
        let digest = match digest {
            Some(digest) => Some(
                digest
                    .parse()
                    .map_err(|e: super::digest::InvalidDigest| invalid(e.to_string()))?,
            ),
            None => None,
        };
        let tag = match (parts.tag, digest) {
            (None, None) => Some("latest"),
            (tag, _) => tag,
        };
        Ok(Self {
            registry: registry.to_owned(),
            repository,
            tag: tag.map(str::to_owned),
            digest,
        })
    }
}

/// The longest repository, without the host.
const LONGEST_REPOSITORY: usize = 255;

/// The host of a name, and the path with what is implied: the first part is a host if it looks like one.
fn host_and_path(name: &str) -> (&str, String) {
    const HUB: &str = "docker.io";
    let (host, path) = match name.split_once('/') {
        Some(("index.docker.io", path)) => (HUB, path),
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
        _ => (HUB, name),
    };
    if host == HUB && !path.contains('/') {
        return (host, format!("library/{path}"));
    }
    (host, path.to_owned())
}

/// Whether a digest has the length that its algorithm gives.
fn check_length(digest: &str) -> Result<(), &'static str> {
    let (algorithm, digits) = digest.split_once(':').unwrap_or((digest, ""));
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return Err("unsupported digest algorithm"),
    };
    if digits.len() == length {
        Ok(())
    } else {
        Err("invalid checksum digest length")
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
