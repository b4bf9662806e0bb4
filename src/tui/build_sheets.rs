//! What a build has left beside its log, as rows: what the scanner found, and what was said over the network.

use super::desk::{Sheet, SheetEntry};
use super::figures::{bytes, count, took, vulnerability};
use super::theme::Role;
use crate::model::ledger::{LedgerEntry, Passage};
use crate::model::scan::ScanReport;

/// What the scanner found in the image, the worst first.
pub fn scan(report: &ScanReport) -> Sheet {
    let mut found: Vec<_> = report.vulnerabilities.iter().collect();
    found.sort_by_key(|found| std::cmp::Reverse(found.severity));
    let mut entries = vec![SheetEntry::new(
        &format!(
            "{} in {}, by {} {} with the data of {}",
            count(found.len() as u64, "finding"),
            count(report.packages.len() as u64, "package"),
            report.scanner.name,
            report.scanner.version,
            report.scanner.database_updated_at,
        ),
        Role::Strong,
    )];
    entries.extend(found.into_iter().map(|found| {
        let (passes, role) = match found.exception {
            Some(exception) => (format!(", exception {exception}"), Role::Warn),
            None => (String::new(), Role::Text),
        };
        let text = format!("{}{passes}  {}", vulnerability(found), found.title);
        SheetEntry::new(text.trim_end(), role)
    }));
    Sheet {
        title: "Scan of the image".into(),
        entries,
    }
}

/// Every connection of a build that was granted the network, as they came.
pub fn network(ledger: &[LedgerEntry]) -> Sheet {
    let rows = ledger.iter().map(|entry| {
        let connection = &entry.connection;
        let role = match connection.verdict {
            Passage::Allowed => Role::Text,
            Passage::Failed => Role::Warn,
            Passage::Refused | Passage::Cut => Role::Bad,
        };
        let text = format!(
            "{:<8} step {:<3} {}  {} up, {} down, {}  {}",
            connection.verdict.word(),
            connection.step,
            connection.target(),
            bytes(connection.up),
            bytes(connection.down),
            took(connection.took_ms),
            connection.reason
        );
        SheetEntry::new(text.trim_end(), role)
    });
    Sheet {
        title: format!("Network, {}", count(ledger.len() as u64, "connection")),
        entries: rows.collect(),
    }
}
