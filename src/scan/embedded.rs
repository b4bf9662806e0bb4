//! The embedded scanner: reads the image and Trivy's database itself, and needs nothing on the host.
//!
//! It covers Debian and Alpine, npm, Python and Go. Whatever else it sees, it names and refuses: a machine without
//! Trivy turns away what it can't judge.

use std::path::PathBuf;
use std::sync::Arc;

use super::Scanner;
use super::database::Database;
use super::detect::Detector;
use super::error::ScanError;
use super::survey::{Survey, System, Watch};
use crate::model::clock::Clock;
use crate::model::event::{Cancel, EventSink, Happening};
use crate::model::policy::ScanPolicy;
use crate::model::scan::ScanReport;
use crate::model::{Digest, scan};
use crate::oci::Store;

/// The embedded scanner.
pub struct Embedded {
    cache: PathBuf,
    policy: ScanPolicy,
    clock: Arc<dyn Clock>,
}

impl Embedded {
    /// A scanner with the database in `cache`, a cache folder as Trivy's.
    pub fn new(cache: impl Into<PathBuf>, policy: ScanPolicy, clock: Arc<dyn Clock>) -> Self {
        Self {
            cache: cache.into(),
            policy,
            clock,
        }
    }
}

impl Scanner for Embedded {
    fn name(&self) -> &'static str {
        "flareo"
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
        let database = Database::open(&self.cache)?;
        database.check_age(self.clock.now(), &self.policy)?;
        say(format!(
            "embedded scanner, vulnerability database of {}",
            database.updated_at()
        ));
        let survey = Survey::take(store, image, &watch)?;
        let name = survey.system.as_ref().map(System::name);
        say(format!(
            "{}, {} packages",
            name.as_deref().unwrap_or("no operating system"),
            survey.packages.len()
        ));
        check(&survey, &self.policy)?;
        let system = survey.system.as_ref();
        let mut detector = Detector::new(&database);
        detector.check_coverage(system, &survey.packages)?;
        let vulnerabilities = detector.vulnerabilities(system, &survey.packages)?;
        say(format!("{} vulnerabilities", vulnerabilities.len()));
        Ok(ScanReport {
            image,
            scanner: scan::Scanner {
                name: self.name().to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                database: database.digest(),
                database_updated_at: database.updated_at(),
            },
            os: name,
            packages: survey.packages,
            vulnerabilities,
        })
    }
}

/// Whether everything that is there is of a kind that we judge.
fn check(survey: &Survey, policy: &ScanPolicy) -> Result<(), ScanError> {
    survey.check_readable()?;
    if let Some((ecosystem, path)) = survey.not_covered.first() {
        return Err(ScanError::NotCovered {
            ecosystem: ecosystem.clone(),
            path: path.clone(),
        });
    }
    let Some(system) = &survey.system else {
        return survey.check_no_system(policy);
    };
    if system.bucket().is_none() {
        return Err(ScanError::NotCovered {
            ecosystem: format!("the operating system {}", system.name()),
            path: "etc/os-release".to_owned(),
        });
    }
    if let Some(stranger) = survey
        .system_packages()
        .find(|p| p.ecosystem != system.family)
    {
        return Err(ScanError::NotCovered {
            ecosystem: format!("packages of {} on {}", stranger.ecosystem, system.family),
            path: stranger.path.clone(),
        });
    }
    survey.check_packages(system)
}
