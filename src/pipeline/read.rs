//! A Dockerfile as it was read, from a context or from a file that stands by itself.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::SiteError;
use crate::dockerfile::ast::Dockerfile;
use crate::dockerfile::{self, ParseError};
use crate::model::context::{ContextSource, EntryKind};
use crate::model::limits::ContextLimits;
use crate::model::{Digest, Failure};

/// How many links in a row are followed to a Dockerfile.
const LINKS: usize = 8;

/// A Dockerfile as it was read.
pub struct Read {
    /// Its path in the context.
    pub name: String,
    /// Its bytes, as they came.
    pub bytes: Vec<u8>,
    /// Its text, for people.
    pub text: String,
    /// What the parser made of it.
    pub parsed: Result<Dockerfile, ParseError>,
}

impl Read {
    /// Reads the bytes of a Dockerfile.
    pub fn of(name: &str, bytes: Vec<u8>) -> Self {
        Self {
            name: name.to_owned(),
            // Places count from behind a byte-order mark, as the parser's do.
            text: String::from_utf8_lossy(&bytes)
                .trim_start_matches('\u{feff}')
                .to_owned(),
            parsed: dockerfile::parse(&bytes),
            bytes,
        }
    }

    /// Reads the Dockerfile `name` of a context.
    ///
    /// # Errors
    /// If there is none, or it is longer than one may be.
    pub fn in_context(
        context: &dyn ContextSource,
        name: &str,
        limits: &ContextLimits,
    ) -> Result<Self, SiteError> {
        let file = behind_links(context, name);
        let bytes = context.read(&file, limits.dockerfile_bytes).map_err(|e| {
            SiteError::refused(Failure::new(format!("the Dockerfile can't be read: {e}")))
        })?;
        Ok(Self::of(name, bytes))
    }

    /// Reads a Dockerfile that stands by itself.
    ///
    /// # Errors
    /// If it can't be read, or is longer than one may be.
    pub fn from_file(path: &Path, limits: &ContextLimits) -> Result<Self, SiteError> {
        let limit = limits.dockerfile_bytes;
        let unreadable =
            |e: std::io::Error| SiteError::usage(format!("can't read {}: {e}", path.display()));
        let mut bytes = Vec::with_capacity(8 << 10);
        File::open(path)
            .map_err(unreadable)?
            .take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        if bytes.len() as u64 > limit {
            return Err(SiteError::refused(Failure::new(format!(
                "{} is longer than a Dockerfile may be ({limit} bytes)",
                path.display()
            ))));
        }
        Ok(Self::of(&path.display().to_string(), bytes))
    }

    /// The digest of its bytes: what an approval binds.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// The failure of R12, if it does not parse.
    pub fn parse_error(&self) -> Option<Failure> {
        let error = self.parsed.as_ref().err()?;
        let failure = Failure::new(error.to_string()).at(None, Some(error.line));
        Some(failure.help("mend the line and try again; `flareo lint` reads it without publishing"))
    }
}

/// The file that `name` leads to where it is a link, as it may be for Docker. Links were checked to stay in the
/// context; what this can't follow is left for the reader to complain of.
fn behind_links(context: &dyn ContextSource, name: &str) -> String {
    let mut path = name.to_owned();
    for _ in 0..LINKS {
        let entry = context.find(&path).and_then(|at| context.entries().get(at));
        let Some(EntryKind::Symlink { target }) = entry.map(|entry| &entry.kind) else {
            break;
        };
        let mut parts: Vec<&str> = match target.starts_with('/') {
            true => Vec::new(),
            false => path.split('/').collect(),
        };
        parts.pop();
        for part in target.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        path = parts.join("/");
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::context::MemoryContext;

    #[test]
    fn a_dockerfile_may_be_a_link_to_one() {
        let context = MemoryContext::default()
            .file("build/real", 0o644, "FROM scratch\n")
            .link("Dockerfile", "build/Dockerfile")
            .link("build/Dockerfile", "../build/./real")
            .link("round", "round");
        assert_eq!(behind_links(&context, "Dockerfile"), "build/real");
        assert_eq!(behind_links(&context, "build/real"), "build/real");
        assert_eq!(behind_links(&context, "round"), "round");
        assert_eq!(behind_links(&context, "nowhere"), "nowhere");
    }
}
