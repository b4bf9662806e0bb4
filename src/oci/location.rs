//! Where an image lies outside the content store, in the spellings that people know.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::model::{Digest, Reference};

/// A place that images come from or go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// `oci:DIR[:TAG|@DIGEST]`: an OCI layout in a folder.
    OciDir(PathBuf, Option<Selector>),
    /// `oci-archive:FILE[:TAG|@DIGEST]`: an OCI layout in a tar.
    OciArchive(PathBuf, Option<Selector>),
    /// `docker-archive:FILE[:REF]`: what `docker save` writes and `docker load` reads.
    DockerArchive(PathBuf, Option<Reference>),
    /// `rootfs:DIR|TAR`: a root file system.
    RootFs(PathBuf),
    /// `docker://[HOST[:PORT]/]REPOSITORY[:TAG|@DIGEST]`: a registry.
    Registry(Reference),
}

/// Which image of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// The one with this name in the layout's index.
    Tag(String),
    /// The one with this digest.
    Digest(Digest),
}

/// Why a text is no location.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{text}` does not say where an image lies ({why}); write oci:DIR[:TAG], oci-archive:FILE[:TAG], \
     docker-archive:FILE[:REF], rootfs:DIR|TAR or docker://HOST/REPOSITORY[:TAG|@DIGEST]"
)]
pub struct InvalidLocation {
    /// What was given, shortened.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

impl FromStr for Location {
    type Err = InvalidLocation;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map_err(|why| InvalidLocation {
            text: text.chars().take(200).collect(),
            why,
        })
    }
}

fn parse(text: &str) -> Result<Location, String> {
    let (transport, rest) = text
        .split_once(':')
        .ok_or("it names no transport, as in `oci:`")?;
    match transport {
        "oci" => selected(rest).map(|(path, which)| Location::OciDir(path, which)),
        "oci-archive" => selected(rest).map(|(path, which)| Location::OciArchive(path, which)),
        "docker-archive" => {
            let (path, name) = rest.split_once(':').unwrap_or((rest, ""));
            let name = (!name.is_empty()).then(|| reference(name)).transpose()?;
            Ok(Location::DockerArchive(file(path)?, name))
        }
        "rootfs" => file(rest).map(Location::RootFs),
        "docker" => {
            let name = rest
                .strip_prefix("//")
                .ok_or("a registry is written docker://")?;
            reference(name).map(Location::Registry)
        }
        _ => Err(format!(
            "`{}` is no transport that flareo knows",
            transport.escape_debug()
        )),
    }
}

/// `PATH`, `PATH:TAG` or `PATH@sha256:…`. As with other tools, the path itself can't hold a colon.
fn selected(text: &str) -> Result<(PathBuf, Option<Selector>), String> {
    if let Some((path, digest)) = text.split_once("@sha256:") {
        let digest = format!("sha256:{digest}").parse::<Digest>();
        let digest = digest.map_err(|e| e.to_string())?;
        return Ok((file(path)?, Some(Selector::Digest(digest))));
    }
    match text.split_once(':') {
        None => Ok((file(text)?, None)),
        Some((path, tag)) if is_name(tag) => Ok((file(path)?, Some(Selector::Tag(tag.into())))),
        Some((_, tag)) => Err(format!("`{}` is no tag", tag.escape_debug())),
    }
}

fn file(path: &str) -> Result<PathBuf, String> {
    if path.is_empty() {
        return Err("it names no file".into());
    }
    Ok(path.into())
}

fn reference(text: &str) -> Result<Reference, String> {
    text.parse()
        .map_err(|e: crate::model::reference::InvalidReference| e.why)
}

/// The names that OCI's index allows: words of letters and digits joined by `-._:@/+`.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric();
    !name.is_empty()
        && name.len() <= 256
        && name.starts_with(plain)
        && name.ends_with(plain)
        && name.chars().all(|c| plain(c) || "-._:@/+".contains(c))
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (transport, path) = match self {
            Self::OciDir(path, _) => ("oci", path),
            Self::OciArchive(path, _) => ("oci-archive", path),
            Self::DockerArchive(path, _) => ("docker-archive", path),
            Self::RootFs(path) => ("rootfs", path),
            Self::Registry(reference) => return write!(f, "docker://{reference}"),
        };
        write!(f, "{transport}:{}", path.display())?;
        match self {
            Self::OciDir(_, Some(which)) | Self::OciArchive(_, Some(which)) => match which {
                Selector::Tag(tag) => write!(f, ":{tag}"),
                Selector::Digest(digest) => write!(f, "@{digest}"),
            },
            Self::DockerArchive(_, Some(name)) => write!(f, ":{name}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn location(text: &str) -> Location {
        text.parse().unwrap()
    }

    #[test]
    fn each_transport_is_read() {
        let tag = |t: &str| Some(Selector::Tag(t.into()));
        let digest = Digest::of(b"x");
        assert_eq!(location("oci:dir"), Location::OciDir("dir".into(), None));
        assert_eq!(
            location("oci:/a/b:v1"),
            Location::OciDir("/a/b".into(), tag("v1"))
        );
        assert_eq!(
            location("oci:d:example.org/app:1"),
            Location::OciDir("d".into(), tag("example.org/app:1"))
        );
        assert_eq!(
            location(&format!("oci:d@{digest}")),
            Location::OciDir("d".into(), Some(Selector::Digest(digest)))
        );
        assert_eq!(
            location("oci-archive:a.tar:x"),
            Location::OciArchive("a.tar".into(), tag("x"))
        );
        assert_eq!(
            location("docker-archive:a.tar:node:20-slim"),
            Location::DockerArchive("a.tar".into(), Some("node:20-slim".parse().unwrap()))
        );
        assert_eq!(location("rootfs:a:b"), Location::RootFs("a:b".into()));
        assert_eq!(
            location("docker://127.0.0.1:5000/a/b@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            Location::Registry(
                "127.0.0.1:5000/a/b@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
                    .parse()
                    .unwrap()
            )
        );
    }

    #[test]
    fn what_is_none_is_told_how_to_be_one() {
        for (text, why) in [
            ("node:20-slim", "`node` is no transport"),
            ("some-folder", "names no transport"),
            ("oci:", "names no file"),
            ("oci:dir:", "`` is no tag"),
            ("oci:dir:a b", "`a b` is no tag"),
            ("oci:dir@sha256:12", "not a sha256 digest"),
            ("docker:node", "docker://"),
            ("docker://NOT/valid", "lowercase"),
        ] {
            let error = text.parse::<Location>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
            assert!(error.contains("write oci:DIR"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,80}") {
            let _ = text.parse::<Location>();
        }

        #[test]
        fn a_location_reads_back_what_it_writes(
            transport in "(oci|oci-archive|docker-archive)", path in "[a-z/.]{1,20}", tag in "(:[a-z0-9]{1,9})?",
        ) {
            let location = location(&format!("{transport}:{path}{tag}"));
            prop_assert_eq!(location.to_string().parse::<Location>().unwrap(), location);
        }
    }
}
