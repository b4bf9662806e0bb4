//! What an image holds, read from its layers: the system, the installed packages, and what we see but can't judge.
//!
//! Every digest is checked on the way: the manifest, the configuration, each blob, each layer's uncompressed digest.
//! Nothing is unpacked; of each layer only the files that say what is installed are kept, and what a later layer
//! removes is gone.

mod elf;
mod files;
mod languages;
mod layer;
mod system_packages;
mod tarball;
mod vendored;

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use super::error::ScanError;
use crate::model::Digest;
use crate::model::event::Cancel;
use crate::model::policy::ScanPolicy;
use crate::model::scan::Package;
use crate::oci::{Manifest, Store};
use layer::Layer;
pub use vendored::Vendored;

/// All layers together may not unpack to more.
const UNPACKED_LIMIT: u64 = 64 << 30;

/// What a file in the image says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fact {
    /// `os-release`: id and version.
    OsRelease(String, String),
    /// `/etc/debian_version`.
    DebianVersion(String),
    /// `/etc/alpine-release`.
    AlpineRelease(String),
    /// The release that `/etc/apk/repositories` names.
    ApkRepository(String),
    /// Packages; none, where a package database is empty.
    Packages(Vec<Package>),
    /// Something of this kind, which we can't judge.
    NotCovered(String),
    /// It should say something and can't be understood.
    Unreadable(String),
}

/// What an image holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The image's manifest.
    pub image: Digest,
    /// The parsed manifest.
    pub manifest: Manifest,
    /// What says which system it is, if anything does.
    pub system: Option<System>,
    /// Every package, sorted.
    pub packages: Vec<Package>,
    /// What we see but can't judge: what, and where.
    pub not_covered: Vec<(String, String)>,
    /// Files that should say something and can't be understood: which, and why.
    pub unreadable: Vec<(String, String)>,
}

/// An operating system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// As in `debian`.
    pub family: String,
    /// As in `12.9`.
    pub release: String,
    /// The release whose packages it takes, where it says another one (`/etc/apk/repositories`).
    pub repository: Option<String>,
}

impl System {
    /// Family and release, for people and reports.
    pub fn name(&self) -> String {
        format!("{} {}", self.family, self.release)
            .trim_end()
            .to_owned()
    }

    /// The database's bucket for it, as `debian 12` or `alpine 3.19`; none for a family that we don't cover.
    pub fn bucket(&self) -> Option<String> {
        let release = self.repository.as_deref().unwrap_or(&self.release);
        let parts: Vec<&str> = release.split('.').collect();
        match self.family.as_str() {
            "debian" => Some(format!("debian {}", parts[0])),
            "alpine" => Some(format!("alpine {}", parts[..parts.len().min(2)].join("."))),
            _ => None,
        }
    }
}

/// When to stop: somebody asks, or time is up.
#[derive(Debug, Clone)]
pub struct Watch {
    cancel: Cancel,
    started: Instant,
    limit: Duration,
}

impl Watch {
    /// From now on for `seconds`, unless `cancel` comes first.
    pub fn start(cancel: &Cancel, seconds: u64) -> Self {
        Self {
            cancel: cancel.clone(),
            started: Instant::now(),
            limit: Duration::from_secs(seconds),
        }
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// [`ScanError::Cancelled`] or [`ScanError::Time`].
    pub fn check(&self) -> Result<(), ScanError> {
        if self.cancel.is_cancelled() {
            return Err(ScanError::Cancelled);
        }
        if self.started.elapsed() >= self.limit {
            return Err(ScanError::Time {
                seconds: self.limit.as_secs(),
            });
        }
        Ok(())
    }

    /// The time that is left.
    pub fn left(&self) -> Duration {
        self.limit.saturating_sub(self.started.elapsed())
    }
}

impl Survey {
    /// Reads `image`, every byte of it.
    ///
    /// # Errors
    /// If a digest is wrong, a layer is no tar, or `watch` says stop.
    pub fn take(store: &Store, image: Digest, watch: &Watch) -> Result<Self, ScanError> {
        let whole = ScanError::image(image);
        let broken = |why: String| ScanError::Image { image, why };
        let manifest = store.manifest(image).map_err(&whole)?;
        let config = store.config(manifest.config.digest).map_err(&whole)?;
        let diff_ids = &config.rootfs.diff_ids;
        if diff_ids.len() != manifest.layers.len() {
            return Err(broken(format!(
                "it has {} layers, and its configuration speaks of {}",
                manifest.layers.len(),
                diff_ids.len()
            )));
        }
        let mut facts = BTreeMap::new();
        let mut left = UNPACKED_LIMIT;
        for (descriptor, diff_id) in manifest.layers.iter().zip(diff_ids) {
            let reader = store.open_layer(descriptor, left).map_err(&whole)?;
            let mut reader = Watched::new(reader, watch);
            let read = Layer::read(&mut reader, &mut facts);
            // The reader's own reason comes first: a tar that ends early because time is up is not damaged.
            watch.check()?;
            let layer = read.map_err(|e| broken(format!("layer {}: {e}", descriptor.digest)))?;
            let (found, length, inner) = reader.finish();
            inner
                .finish()
                .map_err(|e| broken(format!("layer {}: {e}", descriptor.digest)))?;
            if found != *diff_id {
                return Err(broken(format!(
                    "layer {} unpacks to {found}, and the configuration says {diff_id}",
                    descriptor.digest
                )));
            }
            left = left.saturating_sub(length);
            layer.apply(&mut facts);
        }
        Ok(Self::of(image, manifest, facts))
    }

    fn of(image: Digest, manifest: Manifest, facts: BTreeMap<String, Fact>) -> Self {
        let mut survey = Self {
            image,
            manifest,
            system: None,
            packages: Vec::new(),
            not_covered: Vec::new(),
            unreadable: Vec::new(),
        };
        let mut os_release = None;
        let mut family = None;
        let mut repository = None;
        for (path, fact) in facts {
            match fact {
                // `etc` sorts before `usr`, as it is looked at first.
                Fact::OsRelease(id, _) if id.is_empty() => {}
                Fact::OsRelease(id, version) => {
                    os_release.get_or_insert((id, version));
                }
                Fact::DebianVersion(version) => {
                    family.get_or_insert(("debian", version));
                }
                Fact::AlpineRelease(version) => family = Some(("alpine", version)),
                Fact::ApkRepository(release) => repository = Some(release),
                Fact::Packages(packages) => survey.packages.extend(packages),
                Fact::NotCovered(what) => survey.not_covered.push((what, path)),
                Fact::Unreadable(why) => survey.unreadable.push((path, why)),
            }
        }
        survey.packages.sort_unstable();
        survey.packages.dedup();
        survey.system = match (os_release, family) {
            // What is made from Debian has its debian_version too: the name that it gives itself counts.
            (Some((id, _)), Some((family, release))) if id == family => Some((id, release)),
            (Some((id, version)), _) => Some((id, version)),
            (None, Some((family, release))) => Some((family.to_owned(), release)),
            (None, None) => None,
        }
        .map(|(family, release)| System {
            repository: repository.filter(|_| family == "alpine"),
            family,
            release,
        });
        survey
    }

    /// The packages of the system.
    pub fn system_packages(&self) -> impl Iterator<Item = &Package> {
        self.packages
            .iter()
            .filter(|package| is_system_package(package))
    }

    /// Whether every file that should say something does.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check_readable(&self) -> Result<(), ScanError> {
        match self.unreadable.first() {
            Some((path, why)) => Err(ScanError::Unreadable {
                path: path.clone(),
                why: why.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Whether the system's packages are listed.
    ///
    /// # Errors
    /// If the list is missing or empty.
    pub fn check_packages(&self, system: &System) -> Result<(), ScanError> {
        if self.system_packages().next().is_some() {
            return Ok(());
        }
        Err(ScanError::NoPackages {
            system: system.name(),
        })
    }

    /// Whether the image may pass without a system: the policy allows it, and there truly is none, neither its name nor
    /// a list of packages.
    ///
    /// # Errors
    /// [`ScanError::UnknownSystem`] if not.
    pub fn check_no_system(&self, policy: &ScanPolicy) -> Result<(), ScanError> {
        let others = |what: &str| what.ends_with(files::PACKAGES);
        let truly_none = self.system.is_none()
            && self.system_packages().next().is_none()
            && !self.not_covered.iter().any(|(what, _)| others(what));
        if truly_none && policy.allow_no_os {
            return Ok(());
        }
        Err(ScanError::UnknownSystem)
    }
}

fn is_system_package(package: &Package) -> bool {
    matches!(package.ecosystem.as_str(), "debian" | "alpine")
}

/// A reader that hashes and counts what goes through, and stops when it should.
struct Watched<'a, R> {
    inner: R,
    hash: Sha256,
    length: u64,
    watch: &'a Watch,
}

impl<'a, R: Read> Watched<'a, R> {
    fn new(inner: R, watch: &'a Watch) -> Self {
        Self {
            inner,
            hash: Sha256::new(),
            length: 0,
            watch,
        }
    }

    fn finish(self) -> (Digest, u64, R) {
        let digest = Digest::from_bytes(self.hash.finalize().into());
        (digest, self.length, self.inner)
    }
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.watch.check().map_err(io::Error::other)?;
        let n = self.inner.read(buffer)?;
        self.hash.update(&buffer[..n]);
        self.length += n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests;
