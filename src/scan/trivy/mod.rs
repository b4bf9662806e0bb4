//! Trivy, told nothing but what it needs and believed nothing that we did not check.
//!
//! Trivy passes in silence where it must not: images whose digests lie, systems that it does not know, releases that
//! its database says nothing about, package databases that were deleted. So the image is read and checked first
//! ([`Survey`]); Trivy gets a layout of its own that holds this image and nothing else, a database that can't change
//! under it, an empty environment and an empty folder to stand in; and its result counts only where system, packages
//! and advisories are there.

mod layout;
mod report;
mod run;

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Scanner;
use super::database::{Database, pin};
use super::detect::Detector;
use super::error::ScanError;
use super::survey::{Survey, System, Watch};
use crate::model::clock::Clock;
use crate::model::event::{Cancel, EventSink, Happening};
use crate::model::policy::ScanPolicy;
use crate::model::scan::ScanReport;
use crate::model::{Digest, scan};
use crate::oci::Store;
use report::Report;

/// Folders of scans that were killed are removed after so long.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);
/// How they begin.
const ASIDE: &str = ".scan-";

/// Trivy, by its program.
pub struct Trivy {
    program: PathBuf,
    cache: PathBuf,
    policy: ScanPolicy,
    clock: Arc<dyn Clock>,
}

impl Trivy {
    /// A scanner by the Trivy at `program`, with the database in `cache`, Trivy's cache folder.
    pub fn new(
        program: impl Into<PathBuf>,
        cache: impl Into<PathBuf>,
        policy: ScanPolicy,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            program: program.into(),
            cache: cache.into(),
            policy,
            clock,
        }
    }

    /// The first `trivy` in the folders of `path` (the variable PATH) that may be run.
    pub fn find(path: Option<&OsStr>) -> Option<PathBuf> {
        std::env::split_paths(path?)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join("trivy"))
            .find(|program| {
                program
                    .metadata()
                    .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
            })
    }
}

impl Scanner for Trivy {
    fn name(&self) -> &'static str {
        "trivy"
    }

    fn scan(
        &self,
        image: Digest,
        store: &Store,
        events: &dyn EventSink,
        cancel: &Cancel,
    ) -> Result<ScanReport, ScanError> {
        let say = |text: String| events.emit(Happening::Scan { text });
        let watch = Watch::start(cancel, self.policy.time_seconds);
        sweep(&self.cache);
        // Beside the database, so that both can be linked and not copied.
        let aside = tempfile::Builder::new()
            .prefix(ASIDE)
            .tempdir_in(&self.cache)
            .or_else(|_| tempfile::tempdir())
            .map_err(ScanError::host("make a folder for Trivy"))?;
        let place = run::Place::new(aside.path());
        pin(&self.cache, &place.cache)?;
        // Archives of Java are judged by a database of their own, where there is one.
        let java = self.cache.join("java-db");
        if let Ok(java) = std::fs::canonicalize(java) {
            std::os::unix::fs::symlink(java, place.cache.join("java-db"))
                .map_err(ScanError::host("link Trivy's Java database"))?;
        }
        let database = Database::open(&place.cache)?;
        database.check_age(self.clock.now(), &self.policy)?;
        say(format!(
            "Trivy, vulnerability database of {}",
            database.updated_at()
        ));

        let survey = Survey::take(store, image, &watch)?;
        survey.check_readable()?;
        layout::write(store, &survey, &place.layout)?;
        let code = run::run(&self.program, &place, events, &watch)?;
        let report = Report::read(&place.output)?;
        report.check_run(code, survey.manifest.config.digest)?;

        let packages = report.packages(&survey);
        let system = report.system(&survey);
        match &system {
            Some(system) => report.check_system(system, &database)?,
            None => survey.check_no_system(&self.policy)?,
        }
        report.check_ecosystems(&database)?;
        Detector::new(&database).check_versions(system.as_ref(), &packages)?;
        let vulnerabilities = report.vulnerabilities(&packages);
        say(format!(
            "{} packages, {} vulnerabilities",
            packages.len(),
            vulnerabilities.len()
        ));
        Ok(ScanReport {
            image,
            scanner: scan::Scanner {
                name: self.name().to_owned(),
                version: report.version().to_owned(),
                database: database.digest(),
                database_updated_at: database.updated_at(),
            },
            os: system.as_ref().map(System::name),
            packages,
            vulnerabilities,
        })
    }
}

/// Removes what scans left that were killed long ago.
fn sweep(cache: &Path) {
    let Ok(entries) = std::fs::read_dir(cache) else {
        return;
    };
    for entry in entries.flatten() {
        let abandoned = entry.file_name().to_string_lossy().starts_with(ASIDE)
            && entry
                .metadata()
                .and_then(|metadata| metadata.modified())
                .is_ok_and(|at| {
                    SystemTime::now()
                        .duration_since(at)
                        .is_ok_and(|age| age > ABANDONED)
                });
        if abandoned {
            // The next scan tries again.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
