//! A database of a few advisories, given as data: for the demo and the tests. Trivy reads it as its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::tree::Tree;
use crate::durable;
use crate::model::Timestamp;
use crate::model::scan::VulnerabilitySeverity;

/// Why a draft could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// The text is not in the expected form.
    #[error("cannot read the advisories: {0}")]
    Text(#[from] toml::de::Error),
    /// The host refused.
    #[error("cannot write the vulnerability database: {0}")]
    Io(#[from] std::io::Error),
}

/// Advisories, as TOML has them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Draft {
    /// Where advisories come from, by bucket: `debian 12`, `npm::GitHub Security Advisory npm`.
    pub source: BTreeMap<String, Source>,
    /// The vulnerabilities, by id.
    pub vulnerability: BTreeMap<String, Vulnerability>,
    /// What they are found in.
    pub advisory: Vec<Entry>,
}

/// A bucket's source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// As `debian`, `ghsa`, `alpine`.
    pub id: String,
    /// For people.
    pub name: String,
}

/// A vulnerability.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vulnerability {
    /// One line.
    pub title: String,
    /// The sources' severities.
    pub severity: BTreeMap<String, VulnerabilitySeverity>,
}

/// What one bucket says of one package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The bucket.
    pub bucket: String,
    /// The package: for Debian and Alpine the source package.
    pub package: String,
    /// The vulnerability.
    pub id: String,
    /// The version that mends it, for Debian and Alpine; left out where none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<String>,
    /// Version ranges that have it, for the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vulnerable: Vec<String>,
    /// Version ranges that do not have it any more, for the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patched: Vec<String>,
}

impl Draft {
    /// Reads advisories from TOML.
    ///
    /// # Errors
    /// If the text has another form.
    pub fn from_toml(text: &str) -> Result<Self, DraftError> {
        Ok(toml::from_str(text)?)
    }

    /// Makes sure that a system's release (`debian 13`) counts as covered, with or without advisories of its own.
    pub fn cover(&mut self, release: &str) {
        let id = release.split(' ').next().unwrap_or(release);
        let source = Source {
            id: id.to_owned(),
            name: release.to_owned(),
        };
        self.source.entry(release.to_owned()).or_insert(source);
    }

    /// The database's file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut tree = Tree::default();
        tree.bucket("vulnerability");
        let sources = tree.bucket("data-source");
        for (bucket, source) in &self.source {
            let record = json!({ "ID": source.id, "Name": source.name, "URL": "" });
            sources.put(bucket, record.to_string());
        }
        for bucket in self.source.keys() {
            tree.bucket(bucket);
        }
        for (id, vulnerability) in &self.vulnerability {
            let numbers: BTreeMap<&str, u8> = vulnerability
                .severity
                .iter()
                .map(|(source, severity)| (source.as_str(), *severity as u8))
                .collect();
            let worst = vulnerability.severity.values().max();
            let record = json!({
                "Title": vulnerability.title,
                "Severity": worst.map_or("UNKNOWN", |severity| severity.word()),
                "VendorSeverity": numbers,
            });
            tree.bucket("vulnerability").put(id, record.to_string());
        }
        for entry in &self.advisory {
            let record = if !entry.vulnerable.is_empty() || !entry.patched.is_empty() {
                json!({
                    "PatchedVersions": entry.patched,
                    "VulnerableVersions": entry.vulnerable,
                })
            } else if let Some(fixed) = &entry.fixed {
                json!({ "FixedVersion": fixed })
            } else {
                // Trivy's number for "will not be fixed".
                json!({ "Status": 5 })
            };
            tree.bucket(&entry.bucket)
                .bucket(&entry.package)
                .put(&entry.id, record.to_string());
        }
        tree.to_bytes()
    }

    /// Writes the database as of `updated_at` into `cache`, Trivy's cache folder.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn write(&self, cache: &Path, updated_at: Timestamp) -> Result<(), DraftError> {
        let folder = cache.join("db");
        fs::create_dir_all(&folder)?;
        let metadata = json!({
            "Version": super::SCHEMA,
            "NextUpdate": updated_at,
            "UpdatedAt": updated_at,
            "DownloadedAt": updated_at,
        });
        durable::write(&folder.join(super::DATABASE_FILE), &self.to_bytes(), 0o600)?;
        durable::write(
            &folder.join(super::METADATA_FILE),
            metadata.to_string().as_bytes(),
            0o600,
        )?;
        Ok(())
    }
}
