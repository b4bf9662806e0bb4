//! The records of the database, as JSON has them.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::scan::VulnerabilitySeverity;

/// What a source says of one package and one vulnerability.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Advisory {
    /// The vulnerability.
    #[serde(skip)]
    pub id: String,
    /// Whose word it is, as `debian` or `ghsa`.
    #[serde(skip)]
    pub data_source: String,
    /// The version that mends it; empty if none does.
    pub fixed_version: String,
    /// The version that brought it, where known.
    pub affected_version: String,
    /// The source's severity for this very package: 0 (unknown) to 4 (critical).
    pub severity: u8,
    /// Version ranges that have it.
    pub vulnerable_versions: Vec<String>,
    /// Version ranges that do not have it any more.
    pub patched_versions: Vec<String>,
    /// Version ranges that never had it.
    pub unaffected_versions: Vec<String>,
}

/// What is known of a vulnerability, whatever the package.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Details {
    /// One line.
    pub title: String,
    /// The severity where no source rates it.
    pub severity: String,
    /// The sources' severities, 0 to 4.
    pub vendor_severity: BTreeMap<String, u8>,
}

/// A severity from its number in the database.
pub(in crate::scan) const fn severity(number: u8) -> VulnerabilitySeverity {
    match number {
        1 => VulnerabilitySeverity::Low,
        2 => VulnerabilitySeverity::Medium,
        3 => VulnerabilitySeverity::High,
        4 => VulnerabilitySeverity::Critical,
        _ => VulnerabilitySeverity::Unknown,
    }
}

/// A severity from its word.
pub(in crate::scan) fn severity_word(word: &str) -> VulnerabilitySeverity {
    (0..=4)
        .map(severity)
        .find(|severity| severity.word() == word)
        .unwrap_or(VulnerabilitySeverity::Unknown)
}

/// How bad `advisory` is, by Trivy's rule: the source's word on this package, the source's word on the vulnerability,
/// GitHub's on its own ids, NVD's, and then whatever there is.
pub(in crate::scan) fn rate(
    advisory: &Advisory,
    details: Option<&Details>,
) -> VulnerabilitySeverity {
    if advisory.severity != 0 {
        return severity(advisory.severity);
    }
    let Some(details) = details else {
        return VulnerabilitySeverity::Unknown;
    };
    let by = |source: &str| details.vendor_severity.get(source).copied();
    by(&advisory.data_source)
        .or_else(|| by("ghsa").filter(|_| advisory.id.starts_with("GHSA-")))
        .or_else(|| by("nvd"))
        .map_or_else(|| severity_word(&details.severity), severity)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(vendors: &[(&str, u8)], word: &str) -> Details {
        Details {
            title: String::new(),
            severity: word.into(),
            vendor_severity: vendors.iter().map(|(v, n)| ((*v).to_owned(), *n)).collect(),
        }
    }

    #[test]
    fn the_nearest_word_on_a_severity_counts() {
        use VulnerabilitySeverity::{Critical, High, Low, Medium, Unknown};
        let mut advisory = Advisory {
            id: "CVE-1".into(),
            data_source: "debian".into(),
            ..Advisory::default()
        };
        let all = details(&[("debian", 1), ("nvd", 4), ("ghsa", 2)], "HIGH");
        assert_eq!(rate(&advisory, Some(&all)), Low);
        advisory.severity = 3;
        assert_eq!(rate(&advisory, Some(&all)), High);
        advisory.severity = 0;
        advisory.data_source = "alpine".into();
        assert_eq!(rate(&advisory, Some(&all)), Critical);
        advisory.id = "GHSA-1".into();
        assert_eq!(rate(&advisory, Some(&all)), Medium);
        assert_eq!(
            rate(&advisory, Some(&details(&[("redhat", 1)], "HIGH"))),
            High
        );
        assert_eq!(rate(&advisory, Some(&details(&[], ""))), Unknown);
        assert_eq!(rate(&advisory, None), Unknown);
    }
}
