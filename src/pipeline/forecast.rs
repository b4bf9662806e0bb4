//! What the scan will find, before anything is built: in the base of the final stage, and in what the context brings along.

use super::{Site, SiteError};
use crate::model::context::ContextSource;
use crate::model::event::{Cancel, Happening};
use crate::model::forecast::{Expected, Forecast, Origin};
use crate::model::scan::{ScanReport, Scanner as ScannedBy, Vulnerability};
use crate::model::view::BasePin;
use crate::model::{Digest, Slug, Submission, SubmissionId, Timestamp};
use crate::review;
use crate::scan::database::{self, Database};
use crate::scan::{self, ScanError};

impl Site {
    /// Forecasts the scan of a submission, by the database of today and the exceptions of today.
    ///
    /// # Errors
    /// If there is no such row, or there is no database: what could not be looked at is told, what could not be looked up is
    /// no forecast.
    pub fn forecast(&self, id: SubmissionId) -> Result<Forecast, SiteError> {
        let row = self.queue().submission(id)?;
        let context = self.context(&row)?;
        let cache = self.paths().vulnerabilities();
        let database = Database::open(&cache).map_err(no_forecast)?;
        let mut gaps = Vec::new();
        if let Err(error) = database.check_age(self.clock().now(), &self.policy().scan) {
            gaps.push(error.to_string());
        }
        let base = self.final_base(&row, &context, &mut gaps)?;
        let inherited = match &base {
            Some((name, digest)) => self.scanned(name, *digest, &mut gaps),
            None => None,
        };
        let vendored = scan::Vendored::of(&context);
        let brought = vendored.vulnerabilities(&database).map_err(no_forecast)?;
        gaps.extend(vendored.gaps.iter().cloned());
        let packages =
            vendored.packages.len() + inherited.as_ref().map_or(0, |report| report.packages.len());
        let mut expected = Vec::new();
        if let Some(report) = inherited {
            expected.extend(self.judged(&report, Origin::Inherited, &row.slug)?);
        }
        let report = ScanReport {
            // There is no image yet: the packages are those of the context.
            image: row.context,
            scanner: ScannedBy {
                name: "flareo".into(),
                version: env!("CARGO_PKG_VERSION").into(),
                database: database.digest(),
                database_updated_at: database.updated_at(),
            },
            os: None,
            packages: vendored.packages,
            vulnerabilities: brought,
        };
        expected.extend(self.judged(&report, Origin::Brought, &row.slug)?);
        expected.sort_by(|a, b| {
            let key = |e: &Expected| (std::cmp::Reverse(e.finding.severity), e.finding.id.clone());
            key(a).cmp(&key(b))
        });
        Ok(Forecast {
            base,
            database_updated_at: database.updated_at(),
            expected,
            packages: packages as u64,
            gaps,
        })
    }

    /// Of when the vulnerability database is, and whether that is too old for the policy; none if there is none.
    pub fn database_date(&self) -> Option<(Timestamp, bool)> {
        let at = database::date_in(&self.paths().vulnerabilities()).ok()?;
        let age = self.clock().now().duration_since(at).as_hours();
        let most = self.policy().scan.database_max_age_hours;
        Some((at, u64::try_from(age).is_ok_and(|age| age >= most)))
    }

    /// The base that the final stage stands on in the end, where it is pinned.
    fn final_base(
        &self,
        row: &Submission,
        context: &dyn ContextSource,
        gaps: &mut Vec<String>,
    ) -> Result<Option<(String, Digest)>, SiteError> {
        let read = self.dockerfile_of(row, context)?;
        let Ok(file) = &read.parsed else {
            gaps.push("the base: the Dockerfile can't be read".into());
            return Ok(None);
        };
        let Some(from) = review::final_base(file) else {
            return Ok(None);
        };
        let pins = self.pins(file, &std::collections::BTreeMap::new())?;
        let held = pins.iter().find(|pin: &&BasePin| pin.written == from);
        match held.and_then(|pin| pin.digest) {
            Some(digest) => Ok(Some((from, digest))),
            None => {
                gaps.push(format!("the base {from}: it is not in the cache"));
                Ok(None)
            }
        }
    }

    /// What the scanner of the policy says of an image in the store.
    pub(super) fn scan_quietly(&self, image: Digest) -> Result<ScanReport, ScanError> {
        let path = std::env::var_os("PATH");
        let cache = self.paths().vulnerabilities();
        let scanner = scan::choose(
            &self.policy().scan,
            &cache,
            path.as_deref(),
            self.clock().clone(),
        )?;
        let quiet = |_: Happening| {};
        scanner.scan(image, self.store(), &quiet, &Cancel::default())
    }

    fn scanned(&self, name: &str, base: Digest, gaps: &mut Vec<String>) -> Option<ScanReport> {
        self.scan_quietly(base)
            .map_err(|error| gaps.push(format!("the base {name}: {error}")))
            .ok()
    }

    /// The findings of a report, with the exceptions that cover them.
    fn judged(
        &self,
        report: &ScanReport,
        origin: Origin,
        slug: &Slug,
    ) -> Result<Vec<Expected>, SiteError> {
        let policy = &self.policy().scan;
        let exceptions = self.queue().exceptions()?;
        let (_, marked) = scan::gate(report, &exceptions, slug, self.clock().now(), policy);
        let rejects = |finding: &Vulnerability| {
            finding.severity >= policy.reject_from && finding.exception.is_none()
        };
        Ok(marked
            .vulnerabilities
            .into_iter()
            .map(|finding| Expected {
                origin,
                rejects: rejects(&finding),
                finding,
            })
            .collect())
    }
}

fn no_forecast(error: impl Into<ScanError>) -> SiteError {
    SiteError::host(error.into().to_string())
        .help("`flareo help scanning` tells where the database comes from")
}
