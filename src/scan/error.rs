//! Why an image could not be scanned. What could not be scanned does not pass (R23).

use super::database::DatabaseError;
use crate::model::{Digest, Failure};
use crate::oci::OciError;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The image is not what its digest says, or can't be read.
    #[error("cannot scan: image {image} is not whole: {why}")]
    Image {
        /// The image.
        image: Digest,
        /// What is wrong.
        why: String,
    },
    /// A file in the image that says what is installed can't be understood.
    #[error("cannot scan: {path} in the image cannot be read: {why}")]
    Unreadable {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// Nothing says what operating system it is.
    #[error("cannot scan: the image does not say what operating system it is")]
    UnknownSystem,
    /// The system is known and its packages are not.
    #[error(
        "cannot scan: the image says that it is {system}, but has no list of installed packages"
    )]
    NoPackages {
        /// Family and release.
        system: String,
    },
    /// The database says nothing about this release, or this ecosystem.
    #[error("cannot scan: the vulnerability database has no advisories for {what}")]
    NoAdvisories {
        /// As `debian 12`.
        what: String,
    },
    /// The embedded scanner sees something that it cannot judge.
    #[error("cannot scan: found {ecosystem} at {path}, which the embedded scanner does not cover")]
    NotCovered {
        /// What kind of thing.
        ecosystem: String,
        /// Where.
        path: String,
    },
    /// There are advisories on a package whose version means nothing in its ecosystem.
    #[error(
        "cannot scan: {package} at {path} has version `{version}`, which cannot be compared with the advisories on it"
    )]
    Version {
        /// The package.
        package: String,
        /// Its version.
        version: String,
        /// Where it stands.
        path: String,
    },
    /// No database, or none that may be used.
    #[error("cannot scan: {0}")]
    Database(#[from] DatabaseError),
    /// Trivy is asked for and is not here.
    #[error("cannot scan: there is no `trivy` on the PATH")]
    NoTrivy,
    /// Trivy failed.
    #[error("cannot scan: Trivy {how}: {said}")]
    Trivy {
        /// How it ended.
        how: String,
        /// The last of what it said.
        said: String,
    },
    /// It took too long.
    #[error("cannot scan: not done after {seconds} seconds")]
    Time {
        /// The limit.
        seconds: u64,
    },
    /// Somebody asked for the end.
    #[error("the scan was cancelled")]
    Cancelled,
    /// The host refused.
    #[error("cannot scan: cannot {doing}: {source}")]
    Host {
        /// What was tried.
        doing: &'static str,
        /// What the host said.
        source: std::io::Error,
    },
}

impl ScanError {
    pub(super) fn host(doing: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Host { doing, source }
    }

    pub(super) fn image(image: Digest) -> impl Fn(OciError) -> Self {
        move |error| Self::Image {
            image,
            why: error.to_string(),
        }
    }

    /// What to do about it.
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Image { .. } => "build or import the image again",
            Self::Unreadable { .. } => "leave that file as the package manager wrote it",
            Self::UnknownSystem => {
                "keep /etc/os-release of the base; for an image from scratch with one static binary an operator can set \
                 `scan.allow_no_os` in the policy"
            }
            Self::NoPackages { .. } => {
                "keep the package manager's database (as /var/lib/dpkg/status or /lib/apk/db/installed) in the image"
            }
            Self::NoAdvisories { .. } => {
                "use a base whose release the vulnerability database knows, or give the scanner a complete database"
            }
            Self::NotCovered { .. } | Self::NoTrivy => {
                "install Trivy on this host: with it on the PATH every ecosystem that it knows is scanned"
            }
            Self::Version { .. } => "give the package the version under which it was published",
            Self::Database(error) => error.help(),
            Self::Trivy { .. } => {
                "see what Trivy said; for archives of Java it needs its Java database too, in `trivy/java-db` of the state folder"
            }
            Self::Time { .. } => {
                "raise `scan.time_seconds` in the policy, or make the image smaller"
            }
            Self::Cancelled => "",
            Self::Host { .. } => "see what the host said",
        }
    }

    /// The failure that the submitter reads.
    pub fn failure(&self) -> Failure {
        Failure::new(self.to_string()).help(self.help())
    }
}
