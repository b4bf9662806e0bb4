//! A throw-away site, ready to be played on.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::host::{self, HostBaseError};
use super::samples::{BASE, REVIEWER, SAMPLES, Sample};
use crate::config::Paths;
use crate::model::clock::FixedClock;
use crate::model::policy::ScannerChoice;
use crate::model::submission::Wishes;
use crate::model::{Actor, Clock, Policy, Reference, SystemClock, Timestamp};
use crate::pipeline::{Settings, Site, SiteError, Source};
use crate::scan::database::{Draft, DraftError};

/// Why the demo can't be set up here.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The base image.
    #[error(transparent)]
    Base(#[from] HostBaseError),
    /// The vulnerability database.
    #[error("the demo's vulnerability database: {0}")]
    Database(#[from] DraftError),
    /// The folder.
    #[error("the demo's folder {path}: {source}", path = path.display())]
    Folder {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The site said no.
    #[error(transparent)]
    Site(#[from] SiteError),
}

/// A site of its own in a folder that goes with it.
pub struct Stage {
    site: Site,
    clock: Option<Arc<FixedClock>>,
    // Dropped last: the site stands in it.
    _folder: Option<tempfile::TempDir>,
}

/// The instant at which every scripted run begins.
const BEGINNING: &str = "2026-01-05T09:00:00Z";

impl Stage {
    /// Seeds a stage in a temporary folder. `scripted` stops the clock, so that a run repeats to the byte; else the
    /// present is the host's. `program` becomes the inside of a sandbox.
    ///
    /// # Errors
    /// If the host lacks a shell or a package list, or the site can't be made.
    pub fn seed(scripted: bool, program: PathBuf) -> Result<Self, DemoError> {
        let folder = tempfile::Builder::new()
            .prefix("flareo-demo-")
            .tempdir()
            .map_err(|source| DemoError::Folder {
                path: std::env::temp_dir(),
                source,
            })?;
        let path = folder.path().to_owned();
        let mut stage = Self::seed_in(&path, scripted, program)?;
        stage._folder = Some(folder);
        Ok(stage)
    }

    /// The same in a folder of the caller's.
    ///
    /// # Errors
    /// As [`seed`](Self::seed).
    pub fn seed_in(folder: &Path, scripted: bool, program: PathBuf) -> Result<Self, DemoError> {
        let clock = scripted
            .then(|| BEGINNING.parse::<Timestamp>().ok())
            .flatten()
            .map(|beginning| Arc::new(FixedClock::at(beginning)));
        let present: Arc<dyn Clock> = match &clock {
            Some(clock) => clock.clone(),
            None => Arc::new(SystemClock),
        };
        let mut policy = Policy::default();
        // The same scanner everywhere, whatever else the host has.
        policy.scan.scanner = ScannerChoice::Embedded;
        let paths = Paths::at(folder.join("state"));
        let settings = Settings {
            clock: present.clone(),
            program,
            key_seed: Some("flareo demo".into()),
            steady: scripted,
            ..Settings::new(paths, policy, Actor::new(REVIEWER))
        };
        let site = Site::open(settings)?;
        let stage = Self {
            site,
            clock,
            _folder: None,
        };
        stage.make_base(&folder.join("base"))?;
        stage.make_database(&present)?;
        for sample in SAMPLES {
            stage.submit(sample, &folder.join("samples"))?;
        }
        Ok(stage)
    }

    /// The site, asked by the demo's reviewer.
    pub const fn site(&self) -> &Site {
        &self.site
    }

    /// Lets time pass on a scripted stage.
    pub fn pass(&self, minutes: u64) {
        if let Some(clock) = &self.clock {
            clock.advance(Duration::from_secs(minutes * 60));
        }
    }

    fn make_base(&self, root: &Path) -> Result<(), DemoError> {
        fs::create_dir_all(root).map_err(|source| DemoError::Folder {
            path: root.to_owned(),
            source,
        })?;
        host::make(root)?;
        let reference: Reference = BASE.parse().map_err(SiteError::host)?;
        // The folder is another one each time, and the audit log holds what it is told.
        let source = format!("rootfs:{}", root.display());
        self.site
            .import_base_as(&reference, &source, "rootfs:tools of this host")?;
        Ok(())
    }

    fn make_database(&self, clock: &Arc<dyn Clock>) -> Result<(), DemoError> {
        let mut draft = Draft::from_toml(include_str!("../../data/advisories.toml"))?;
        draft.cover(&host::release()?);
        draft.write(&self.site.paths().vulnerabilities(), clock.now())?;
        Ok(())
    }

    fn submit(&self, sample: &Sample, samples: &Path) -> Result<(), DemoError> {
        let folder = samples.join(sample.slug);
        for (name, text) in sample.files {
            write(&folder.join(name), text)?;
        }
        let wishes = Wishes {
            notes: sample.notes.into(),
            email: Some(format!("{}@example.org", sample.submitter)),
            ..Wishes::default()
        };
        let slug = sample.slug.parse().map_err(SiteError::host)?;
        self.site.asked_by(sample.submitter).publish(
            Source::Folder(&folder, &|_, _| {}),
            slug,
            wishes,
        )?;
        self.pass(7);
        Ok(())
    }
}

fn write(path: &Path, text: &str) -> Result<(), DemoError> {
    let failed = |source| DemoError::Folder {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(path, text).map_err(failed)?;
    // Whatever the umask is: modes are part of a context's digest.
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).map_err(failed)
}
