//! The gate: does what the scan found let the image pass (R23)?
//!
//! The message is the same whichever scanner found it. It must not know who asks or what happens next.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::model::policy::ScanPolicy;
use crate::model::scan::{
    Exception, GateVerdict, ScanReport, Vulnerability, VulnerabilitySeverity,
};
use crate::model::{Slug, Timestamp};

/// So many findings of one severity stand in the message; the rest is counted.
const NAMED: usize = 50;

/// Judges `report` for the module `slug` at `now`: the verdict, and the report with its exceptions marked.
///
/// A finding from the policy's severity on rejects, mended somewhere or not, unless an exception names its
/// vulnerability and its package (or the source package that it was made from), is for this module or all of them, and
/// has not ended.
pub fn gate(
    report: &ScanReport,
    exceptions: &[Exception],
    slug: &Slug,
    now: Timestamp,
    policy: &ScanPolicy,
) -> (GateVerdict, ScanReport) {
    let mut report = report.clone();
    let sources: BTreeSet<(&str, &str)> = report
        .packages
        .iter()
        .filter_map(|package| Some((package.name.as_str(), package.source.as_deref()?)))
        .collect();
    for found in &mut report.vulnerabilities {
        found.exception = exceptions
            .iter()
            .filter(|exception| {
                let package = exception.package.as_str();
                let names_package =
                    found.package == package || sources.contains(&(&found.package, package));
                let names_module = exception
                    .module
                    .as_ref()
                    .is_none_or(|module| module == slug);
                exception.vulnerability == found.id
                    && names_package
                    && names_module
                    && exception.expires_at > now
            })
            .map(|exception| exception.id)
            .min();
    }
    let verdict = match message(&report.vulnerabilities, policy.reject_from) {
        Some(message) => GateVerdict::Reject(message),
        None => GateVerdict::Pass,
    };
    (verdict, report)
}

/// `Trivy found CRITICAL CVEs: CVE-… in …, CVE-… in …; HIGH CVEs: CVE-… in …`.
fn message(found: &[Vulnerability], from: VulnerabilitySeverity) -> Option<String> {
    use VulnerabilitySeverity::{Critical, High, Low, Medium, Unknown};
    let mut message = String::new();
    for severity in [Critical, High, Medium, Low, Unknown] {
        if severity < from {
            break;
        }
        let named: BTreeSet<(&str, &str)> = found
            .iter()
            .filter(|found| found.severity == severity && found.exception.is_none())
            .map(|found| (found.id.as_str(), found.package.as_str()))
            .collect();
        if named.is_empty() {
            continue;
        }
        let begin = if message.is_empty() {
            "Trivy found"
        } else {
            ";"
        };
        let _ = write!(message, "{begin} {} CVEs: ", severity.word());
        for (index, (id, package)) in named.iter().take(NAMED).enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let _ = write!(message, "{comma}{id} in {package}");
        }
        if named.len() > NAMED {
            let _ = write!(message, " and {} more", named.len() - NAMED);
        }
    }
    (!message.is_empty()).then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::scan::{Package, Scanner};
    use crate::model::{Actor, Digest};
    use VulnerabilitySeverity::{Critical, High, Medium, Unknown};

    const NOW: &str = "2025-06-01T00:00:00Z";

    fn report(found: &[(&str, &str, VulnerabilitySeverity)]) -> ScanReport {
        ScanReport {
            image: Digest::of(b""),
            scanner: Scanner {
                name: "flareo".into(),
                version: "0".into(),
                database: Digest::of(b""),
                database_updated_at: Timestamp::UNIX_EPOCH,
            },
            os: None,
            packages: vec![Package {
                ecosystem: "debian".into(),
                name: "zlib1g".into(),
                version: "1".into(),
                source: Some("zlib".into()),
                source_version: None,
                path: String::new(),
                licenses: Vec::new(),
            }],
            vulnerabilities: found
                .iter()
                .map(|(id, package, severity)| Vulnerability {
                    id: (*id).into(),
                    severity: *severity,
                    package: (*package).into(),
                    installed: "1".into(),
                    fixed: None,
                    title: String::new(),
                    path: String::new(),
                    exception: None,
                })
                .collect(),
        }
    }

    fn exception(id: i64, package: &str, module: Option<&str>, until: &str) -> Exception {
        Exception {
            id,
            vulnerability: "CVE-2023-45853".into(),
            package: package.into(),
            module: module.map(|m| m.parse().unwrap()),
            owner: Actor::new("ann"),
            reason: "not reachable".into(),
            expires_at: until.parse().unwrap(),
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn judge(report: &ScanReport, exceptions: &[Exception]) -> (GateVerdict, ScanReport) {
        let slug = "web".parse().unwrap();
        gate(
            report,
            exceptions,
            &slug,
            NOW.parse().unwrap(),
            &ScanPolicy::default(),
        )
    }

    fn rejected(found: &[(&str, &str, VulnerabilitySeverity)]) -> String {
        match judge(&report(found), &[]).0 {
            GateVerdict::Reject(message) => message,
            GateVerdict::Pass => "passed".into(),
        }
    }

    #[test]
    fn the_message_is_the_one_that_submitters_know() {
        assert_eq!(
            rejected(&[("CVE-2024-12345", "lib-foo", Critical)]),
            "Trivy found CRITICAL CVEs: CVE-2024-12345 in lib-foo"
        );
        assert_eq!(
            rejected(&[("CVE-2024-12345", "lib-foo", High)]),
            "Trivy found HIGH CVEs: CVE-2024-12345 in lib-foo"
        );
        assert_eq!(
            rejected(&[
                ("CVE-3", "c", High),
                ("CVE-2", "b", Critical),
                ("CVE-1", "a", Critical),
                ("CVE-1", "a", Critical)
            ]),
            "Trivy found CRITICAL CVEs: CVE-1 in a, CVE-2 in b; HIGH CVEs: CVE-3 in c"
        );
        assert_eq!(
            rejected(&[("CVE-1", "a", Medium), ("CVE-2", "b", Unknown)]),
            "passed"
        );
    }

    #[test]
    fn a_flood_of_findings_does_not_flood_the_message() {
        let ids: Vec<String> = (0..500).map(|n| format!("CVE-{n}")).collect();
        let found: Vec<_> = ids.iter().map(|id| (id.as_str(), "a", Critical)).collect();
        let message = rejected(&found);
        assert!(message.ends_with(" and 450 more"), "{message}");
    }

    #[test]
    fn an_exception_lets_its_finding_pass_and_is_marked() {
        let report = report(&[("CVE-2023-45853", "zlib1g", Critical)]);
        for package in ["zlib1g", "zlib"] {
            for module in [None, Some("web")] {
                let (verdict, marked) = judge(
                    &report,
                    &[exception(4, package, module, "2025-06-02T00:00:00Z")],
                );
                assert_eq!(verdict, GateVerdict::Pass);
                assert_eq!(marked.vulnerabilities[0].exception, Some(4));
            }
        }
    }

    #[test]
    fn an_exception_for_another_module_package_or_time_does_not() {
        let report = report(&[("CVE-2023-45853", "zlib1g", Critical)]);
        for exception in [
            exception(1, "zlib1g", Some("other"), "2025-06-02T00:00:00Z"),
            exception(1, "openssl", None, "2025-06-02T00:00:00Z"),
            exception(1, "zlib1g", None, NOW),
            exception(1, "zlib1g", None, "2025-05-01T00:00:00Z"),
            Exception {
                vulnerability: "CVE-1".into(),
                ..exception(1, "zlib1g", None, "2025-06-02T00:00:00Z")
            },
        ] {
            let (verdict, marked) = judge(&report, &[exception]);
            assert!(matches!(verdict, GateVerdict::Reject(_)));
            assert_eq!(marked.vulnerabilities[0].exception, None);
        }
    }

    #[test]
    fn marks_that_a_report_brings_along_do_not_count() {
        let mut report = report(&[("CVE-2023-45853", "zlib1g", Critical)]);
        report.vulnerabilities[0].exception = Some(1);
        assert!(matches!(judge(&report, &[]).0, GateVerdict::Reject(_)));
    }
}
