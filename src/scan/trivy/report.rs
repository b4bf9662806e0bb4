//! Trivy's report: what of it we read, and what has to be in it for it to count.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use serde::Deserialize;

use super::run::FOUND;
use crate::model::Digest;
use crate::model::scan::{self, Vulnerability};
use crate::scan::database::{Database, severity_word};
use crate::scan::detect;
use crate::scan::error::ScanError;
use crate::scan::survey::{Survey, System};

/// A longer report is refused.
const REPORT_LIMIT: u64 = 512 << 20;
const SCHEMA: u64 = 2;

/// The parts of Trivy's report that we read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Report {
    schema_version: u64,
    #[serde(default)]
    trivy: Program,
    metadata: Metadata,
    #[serde(default)]
    results: Vec<Found>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Program {
    version: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    #[serde(rename = "OS", default)]
    os: Option<Os>,
    #[serde(rename = "ImageID", default)]
    image_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct Os {
    family: String,
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Found {
    target: String,
    class: String,
    #[serde(rename = "Type")]
    kind: String,
    packages: Vec<Package>,
    vulnerabilities: Vec<Finding>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Package {
    name: String,
    version: String,
    release: String,
    epoch: u64,
    src_name: String,
    src_version: String,
    src_release: String,
    src_epoch: u64,
    file_path: String,
    licenses: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Finding {
    #[serde(rename = "VulnerabilityID")]
    vulnerability_id: String,
    pkg_name: String,
    pkg_path: String,
    installed_version: String,
    fixed_version: String,
    severity: String,
    title: String,
}

impl Report {
    /// Reads the report that Trivy left at `path`.
    pub(super) fn read(path: &Path) -> Result<Self, ScanError> {
        let wrong = |why: String| ScanError::Trivy {
            how: "left a report that cannot be used".to_owned(),
            said: why,
        };
        let file = File::open(path).map_err(|e| wrong(e.to_string()))?;
        let length = file.metadata().map_err(|e| wrong(e.to_string()))?.len();
        if length > REPORT_LIMIT {
            return Err(wrong(format!("it is {length} bytes long")));
        }
        let report: Self =
            serde_json::from_reader(BufReader::new(file)).map_err(|e| wrong(e.to_string()))?;
        if report.schema_version != SCHEMA {
            return Err(wrong(format!(
                "its schema is version {}",
                report.schema_version
            )));
        }
        Ok(report)
    }

    /// Trivy's version.
    pub(super) fn version(&self) -> &str {
        &self.trivy.version
    }

    /// Whether the report is about this image and says what the exit code says.
    pub(super) fn check_run(&self, code: i32, config: Digest) -> Result<(), ScanError> {
        let wrong = |said: String| ScanError::Trivy {
            how: "cannot be believed".to_owned(),
            said,
        };
        if self.metadata.image_id != config.to_string() {
            return Err(wrong(format!(
                "its report is about the image {}, not {config}",
                self.metadata.image_id.chars().take(80).collect::<String>()
            )));
        }
        let found = self
            .results
            .iter()
            .any(|result| !result.vulnerabilities.is_empty());
        if found != (code == FOUND) {
            return Err(wrong(
                "its report and its exit code contradict each other".to_owned(),
            ));
        }
        Ok(())
    }

    /// The system that Trivy saw, if it saw one.
    pub(super) fn system(&self, survey: &Survey) -> Option<System> {
        // `none` is what Trivy calls packages of a system without a name.
        let os = self.metadata.os.as_ref()?;
        if os.family.is_empty() || os.family == "none" {
            return None;
        }
        let repository = survey
            .system
            .as_ref()
            .and_then(|system| system.repository.clone());
        Some(System {
            family: os.family.clone(),
            release: os.name.clone(),
            repository: repository.filter(|_| os.family == "alpine"),
        })
    }

    /// Whether the system's packages were found, and the database has advisories for its release.
    pub(super) fn check_system(
        &self,
        system: &System,
        database: &Database,
    ) -> Result<(), ScanError> {
        let listed = self
            .results
            .iter()
            .any(|result| result.is_system() && !result.packages.is_empty());
        if !listed {
            return Err(ScanError::NoPackages {
                system: system.name(),
            });
        }
        match bucket(system) {
            Some(bucket) if database.has_bucket(&bucket)? => Ok(()),
            Some(what) => Err(ScanError::NoAdvisories { what }),
            None => Err(ScanError::NoAdvisories {
                what: system.name(),
            }),
        }
    }

    /// Whether the database has advisories for every ecosystem of libraries that was found.
    pub(super) fn check_ecosystems(&self, database: &Database) -> Result<(), ScanError> {
        for result in &self.results {
            if result.is_system() || result.packages.is_empty() {
                continue;
            }
            let known = match ecosystem(&result.kind) {
                Some((_, prefix)) => database.has_buckets(prefix)?,
                None => false,
            };
            if !known {
                let what = format!("{} at {}", result.kind, result.target);
                return Err(ScanError::NoAdvisories { what });
            }
        }
        Ok(())
    }

    /// Every package, sorted.
    pub(super) fn packages(&self, survey: &Survey) -> Vec<scan::Package> {
        // Trivy does not say which file a system's package stands in.
        let paths: HashMap<(&str, &str), &str> = survey
            .system_packages()
            .map(|p| ((p.name.as_str(), p.version.as_str()), p.path.as_str()))
            .collect();
        let mut packages = Vec::new();
        for result in &self.results {
            for package in &result.packages {
                if package.name.is_empty() || package.version.is_empty() {
                    continue;
                }
                packages.push(if result.is_system() {
                    system_package(result, package, &paths)
                } else {
                    library(result, package)
                });
            }
        }
        packages.sort_unstable();
        packages.dedup();
        packages
    }

    /// Every vulnerability, in the report's order.
    pub(super) fn vulnerabilities(&self, packages: &[scan::Package]) -> Vec<Vulnerability> {
        let paths: HashMap<(&str, &str), &str> = packages
            .iter()
            .map(|p| ((p.name.as_str(), p.version.as_str()), p.path.as_str()))
            .collect();
        let mut found = BTreeMap::new();
        for result in &self.results {
            for finding in &result.vulnerabilities {
                let name = (
                    finding.pkg_name.as_str(),
                    finding.installed_version.as_str(),
                );
                let path = if !finding.pkg_path.is_empty() {
                    finding.pkg_path.clone()
                } else if result.is_system() {
                    paths.get(&name).copied().unwrap_or_default().to_owned()
                } else {
                    result.target.clone()
                };
                let key = (
                    finding.vulnerability_id.clone(),
                    finding.pkg_name.clone(),
                    finding.installed_version.clone(),
                    path.clone(),
                );
                found.entry(key).or_insert_with(|| Vulnerability {
                    id: finding.vulnerability_id.clone(),
                    severity: severity_word(&finding.severity),
                    package: finding.pkg_name.clone(),
                    installed: finding.installed_version.clone(),
                    fixed: Some(finding.fixed_version.clone()).filter(|fixed| !fixed.is_empty()),
                    title: finding.title.clone(),
                    path,
                    exception: None,
                });
            }
        }
        let mut found: Vec<Vulnerability> = found.into_values().collect();
        detect::sort(&mut found);
        found
    }
}

impl Found {
    fn is_system(&self) -> bool {
        self.class == "os-pkgs"
    }
}

fn system_package(
    result: &Found,
    package: &Package,
    paths: &HashMap<(&str, &str), &str>,
) -> scan::Package {
    let version = evr(package.epoch, &package.version, &package.release);
    let source_version = evr(
        package.src_epoch,
        &package.src_version,
        &package.src_release,
    );
    let differs = |value: &str, from: &str| {
        Some(value.to_owned()).filter(|value| !value.is_empty() && value != from)
    };
    scan::Package {
        ecosystem: result.kind.clone(),
        source: differs(&package.src_name, &package.name),
        source_version: differs(&source_version, &version),
        path: paths
            .get(&(package.name.as_str(), version.as_str()))
            .copied()
            .unwrap_or_default()
            .to_owned(),
        name: package.name.clone(),
        version,
        licenses: package.licenses.clone(),
    }
}

fn library(result: &Found, package: &Package) -> scan::Package {
    let path = if package.file_path.is_empty() {
        &result.target
    } else {
        &package.file_path
    };
    scan::Package {
        ecosystem: ecosystem(&result.kind)
            .map_or(result.kind.as_str(), |(name, _)| name)
            .to_owned(),
        name: package.name.clone(),
        version: package.version.clone(),
        source: None,
        source_version: None,
        path: path.clone(),
        licenses: package.licenses.clone(),
    }
}

/// `epoch:version-release`, with the parts that are there.
fn evr(epoch: u64, version: &str, release: &str) -> String {
    let mut text = String::new();
    if epoch != 0 {
        text.push_str(&format!("{epoch}:"));
    }
    text.push_str(version);
    if !release.is_empty() {
        text.push('-');
        text.push_str(release);
    }
    text
}

/// What we call an ecosystem of Trivy's, and how its buckets begin.
fn ecosystem(kind: &str) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        "node-pkg" => ("npm", "npm::"),
        "python-pkg" => ("pypi", "pip::"),
        "gobinary" => ("golang", "go::"),
        "jar" => ("maven", "maven::"),
        "gemspec" => ("gem", "rubygems::"),
        "rustbinary" => ("cargo", "cargo::"),
        "composer-vendor" => ("composer", "composer::"),
        "dotnet-core" => ("nuget", "nuget::"),
        _ => return None,
    })
}

/// The bucket with a release's advisories. A family that is not named here has to be looked up in Trivy first.
fn bucket(system: &System) -> Option<String> {
    let major = || system.release.split('.').next().unwrap_or_default();
    match system.family.as_str() {
        "ubuntu" => Some(format!("ubuntu {}", system.release)),
        "rocky" => Some(format!("rocky {}", major())),
        "alma" => Some(format!("alma {}", major())),
        "oracle" => Some(format!("Oracle Linux {}", major())),
        "wolfi" => Some("wolfi".to_owned()),
        "chainguard" => Some("chainguard".to_owned()),
        _ => system.bucket(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(json: &str) -> Result<Report, ScanError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), json).unwrap();
        Report::read(file.path())
    }

    #[test]
    fn a_report_of_another_image_or_schema_or_that_contradicts_its_exit_is_not_believed() {
        let config = Digest::of(b"config");
        let of = |results: &str| {
            report(&format!(
                r#"{{"SchemaVersion":2,"Metadata":{{"ImageID":"{config}"}},"Results":[{results}]}}"#
            ))
            .unwrap()
        };
        let found = r#"{"Class":"os-pkgs","Type":"debian","Vulnerabilities":[{"VulnerabilityID":"CVE-1"}]}"#;
        assert!(of("").check_run(0, config).is_ok());
        assert!(of(found).check_run(FOUND, config).is_ok());
        assert!(of(found).check_run(0, config).is_err());
        assert!(of("").check_run(FOUND, config).is_err());
        assert!(of("").check_run(0, Digest::of(b"other")).is_err());
        assert!(report(r#"{"SchemaVersion":3,"Metadata":{}}"#).is_err());
        assert!(report("").is_err());
        assert!(report("[]").is_err());
    }

    #[test]
    fn versions_are_put_together_from_their_parts() {
        assert_eq!(evr(1, "1.2.13.dfsg", "1"), "1:1.2.13.dfsg-1");
        assert_eq!(evr(0, "3.134", ""), "3.134");
    }
}
