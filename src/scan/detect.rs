//! From packages to vulnerabilities: which advisories of the database hold for what is installed.
//!
//! The rules are Trivy's, so that both scanners say the same; where Trivy passes over what it can't compare, this is
//! an error.

use std::collections::{BTreeMap, HashMap};

use super::database::{Advisory, Database, Details, rate};
use super::error::ScanError;
use super::survey::System;
use super::versions::{self, range, range::Dialect};
use crate::model::scan::{Package, Vulnerability};

/// What an ecosystem of libraries is called in the database, and how its versions compare.
struct Ecosystem {
    prefix: &'static str,
    dialect: Dialect,
}

fn ecosystem(name: &str) -> Option<Ecosystem> {
    let (prefix, dialect) = match name {
        "npm" => ("npm::", Dialect::Npm),
        "pypi" => ("pip::", Dialect::Python),
        "golang" => ("go::", Dialect::Go),
        _ => return None,
    };
    Some(Ecosystem { prefix, dialect })
}

/// Looks packages up in the database, each name once.
pub(super) struct Detector<'a> {
    database: &'a Database,
    advisories: HashMap<(String, String), Vec<Advisory>>,
    details: HashMap<String, Option<Details>>,
}

impl<'a> Detector<'a> {
    pub(super) fn new(database: &'a Database) -> Self {
        Self {
            database,
            advisories: HashMap::new(),
            details: HashMap::new(),
        }
    }

    /// Every vulnerability in `packages`, which are those of `system` and of libraries; in the report's order.
    pub(super) fn vulnerabilities(
        &mut self,
        system: Option<&System>,
        packages: &[Package],
    ) -> Result<Vec<Vulnerability>, ScanError> {
        let bucket = system.and_then(System::bucket);
        let mut found: BTreeMap<(String, String, String, String), Vulnerability> = BTreeMap::new();
        for package in packages {
            let hits = match ecosystem(&package.ecosystem) {
                Some(ecosystem) => self.library(&ecosystem, package)?,
                None => match &bucket {
                    Some(bucket) => self.system_package(bucket, package)?,
                    None => return Err(ScanError::UnknownSystem),
                },
            };
            for (advisory, fixed) in hits {
                let details = self.details(&advisory.id)?;
                let vulnerability = Vulnerability {
                    severity: rate(&advisory, details.as_ref()),
                    package: package.name.clone(),
                    installed: package.version.clone(),
                    fixed: Some(fixed).filter(|fixed| !fixed.is_empty()),
                    title: details.map(|details| details.title).unwrap_or_default(),
                    path: package.path.clone(),
                    exception: None,
                    id: advisory.id,
                };
                let key = (
                    vulnerability.id.clone(),
                    package.name.clone(),
                    package.version.clone(),
                    package.path.clone(),
                );
                // Two sources may say the same: the one that knows a mended version says more.
                let known = found.entry(key).or_insert_with(|| vulnerability.clone());
                if known.fixed.is_none() && vulnerability.fixed.is_some() {
                    *known = vulnerability;
                }
            }
        }
        let mut found: Vec<Vulnerability> = found.into_values().collect();
        sort(&mut found);
        Ok(found)
    }

    /// Whether every package on which there are advisories has a version that means something: Trivy passes over those
    /// that have none.
    pub(super) fn check_versions(
        &mut self,
        system: Option<&System>,
        packages: &[Package],
    ) -> Result<(), ScanError> {
        let judged: Vec<Package> = packages
            .iter()
            .filter(|package| {
                ecosystem(&package.ecosystem).is_some()
                    || matches!(package.ecosystem.as_str(), "debian" | "alpine")
            })
            .cloned()
            .collect();
        self.vulnerabilities(system, &judged).map(drop)
    }

    /// Whether the database says anything at all about what is installed.
    pub(super) fn check_coverage(
        &self,
        system: Option<&System>,
        packages: &[Package],
    ) -> Result<(), ScanError> {
        if let Some(bucket) = system.and_then(System::bucket)
            && !self.database.has_bucket(&bucket)?
        {
            return Err(ScanError::NoAdvisories { what: bucket });
        }
        for name in ["npm", "pypi", "golang"] {
            if let Some(ecosystem) = ecosystem(name)
                && packages.iter().any(|package| package.ecosystem == name)
                && !self.database.has_buckets(ecosystem.prefix)?
            {
                let what = format!("{name} packages");
                return Err(ScanError::NoAdvisories { what });
            }
        }
        Ok(())
    }

    /// Advisories that hold for a package of the system, each with the mended version.
    fn system_package(
        &mut self,
        bucket: &str,
        package: &Package,
    ) -> Result<Vec<(Advisory, String)>, ScanError> {
        let source = package.source.as_deref().unwrap_or(&package.name);
        let version = package
            .source_version
            .as_deref()
            .unwrap_or(&package.version);
        let compare = match package.ecosystem.as_str() {
            "debian" => versions::debian,
            _ => versions::apk::compare,
        };
        let mut hits = Vec::new();
        for advisory in self.of(bucket, source, false)? {
            let uncomparable = || uncomparable(package, version);
            if compare(version, version).is_none() {
                return Err(uncomparable());
            }
            let not_yet = !advisory.affected_version.is_empty()
                && compare(version, &advisory.affected_version)
                    .is_some_and(std::cmp::Ordering::is_lt);
            // Without a mended version every one has it; one that can't be compared does not count as mended.
            let mended = !advisory.fixed_version.is_empty()
                && compare(version, &advisory.fixed_version).is_some_and(std::cmp::Ordering::is_ge);
            if !not_yet && !mended {
                let fixed = advisory.fixed_version.clone();
                hits.push((advisory, fixed));
            }
        }
        Ok(hits)
    }

    /// Advisories that hold for a library, each with the mended versions.
    fn library(
        &mut self,
        ecosystem: &Ecosystem,
        package: &Package,
    ) -> Result<Vec<(Advisory, String)>, ScanError> {
        let mut advisories = Vec::new();
        for name in names(ecosystem.dialect, &package.name) {
            advisories.extend(self.of(ecosystem.prefix, &name, true)?);
        }
        let mut hits = Vec::new();
        for advisory in advisories {
            if !range::is_version(ecosystem.dialect, &package.version) {
                return Err(uncomparable(package, &package.version));
            }
            if is_vulnerable(ecosystem.dialect, &advisory, &package.version) {
                let fixed = fixed_versions(&advisory);
                hits.push((advisory, fixed));
            }
        }
        Ok(hits)
    }

    fn of(&mut self, bucket: &str, package: &str, all: bool) -> Result<Vec<Advisory>, ScanError> {
        let key = (bucket.to_owned(), package.to_owned());
        if let Some(known) = self.advisories.get(&key) {
            return Ok(known.clone());
        }
        let found = if all {
            self.database.advisories_of_all(bucket, package)?
        } else {
            self.database.advisories(bucket, package)?
        };
        self.advisories.insert(key, found.clone());
        Ok(found)
    }

    fn details(&mut self, id: &str) -> Result<Option<Details>, ScanError> {
        if let Some(known) = self.details.get(id) {
            return Ok(known.clone());
        }
        let found = self.database.details(id)?;
        self.details.insert(id.to_owned(), found.clone());
        Ok(found)
    }
}

/// Worst first, then by id, package and place.
pub(super) fn sort(found: &mut [Vulnerability]) {
    found.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then_with(|| a.id.cmp(&b.id))
            .then_with(|| a.package.cmp(&b.package))
            .then_with(|| a.path.cmp(&b.path))
            .then_with(|| a.installed.cmp(&b.installed))
    });
}

fn uncomparable(package: &Package, version: &str) -> ScanError {
    ScanError::Version {
        package: package.name.clone(),
        version: version.to_owned(),
        path: package.path.clone(),
    }
}

/// The names under which a library may stand in the database.
fn names(dialect: Dialect, name: &str) -> Vec<String> {
    let mut names = match dialect {
        Dialect::Npm => vec![name.to_lowercase(), name.to_owned()],
        Dialect::Go => vec![name.to_owned(), name.to_lowercase()],
        Dialect::Python => {
            let dashed = name.to_lowercase().replace('_', "-");
            vec![dashed.replace('.', "-"), dashed]
        }
    };
    names.sort_unstable();
    names.dedup();
    names
}

fn is_vulnerable(dialect: Dialect, advisory: &Advisory, version: &str) -> bool {
    let secure: Vec<String> = advisory
        .patched_versions
        .iter()
        .chain(&advisory.unaffected_versions)
        .cloned()
        .collect();
    // An empty range says that every version has it.
    if advisory
        .vulnerable_versions
        .iter()
        .chain(&secure)
        .any(String::is_empty)
    {
        return true;
    }
    // A range that means nothing to us does not let a version pass.
    let affected = advisory.vulnerable_versions.is_empty()
        || range::contains(dialect, &advisory.vulnerable_versions, version).unwrap_or(true);
    if !affected {
        return false;
    }
    if secure.is_empty() {
        return !advisory.vulnerable_versions.is_empty();
    }
    !range::contains(dialect, &secure, version).unwrap_or(false)
}

/// The mended versions, for people: as the advisory has them, or the ends of its ranges.
fn fixed_versions(advisory: &Advisory) -> String {
    if !advisory.patched_versions.is_empty() {
        return advisory.patched_versions.join(", ");
    }
    let ends: Vec<&str> = advisory
        .vulnerable_versions
        .iter()
        .flat_map(|range| range.split(','))
        .filter_map(|bound| bound.trim().strip_prefix('<'))
        .filter(|bound| !bound.starts_with('='))
        .map(str::trim)
        .collect();
    ends.join(", ")
}
