//! The audit log: who did what, the latest first.

use super::{Column, RegisterRow};
use crate::model::Slug;
use crate::model::audit::AuditEntry;
use crate::tui::desk::{Sheet, SheetEntry};
use crate::tui::figures::date;
use crate::tui::ink::span;
use crate::tui::theme::Role;

pub(super) const COLUMNS: &[Column] = &[
    Column {
        title: "NO",
        width: 8,
        from: 0,
    },
    Column {
        title: "AT",
        width: 18,
        from: 78,
    },
    Column {
        title: "WHO",
        width: 12,
        from: 40,
    },
    Column {
        title: "WHAT",
        width: 0,
        from: 0,
    },
    Column {
        title: "ABOUT",
        width: 18,
        from: 60,
    },
];

/// The row of an entry; `slug` is that of the submission it is about.
pub fn row(entry: &AuditEntry, slug: Option<&Slug>) -> RegisterRow {
    let about = match (entry.submission, slug) {
        (Some(id), Some(slug)) => format!("#{id} {slug}"),
        (Some(id), None) => format!("#{id}"),
        (None, _) => String::new(),
    };
    let at = entry.at.strftime("%Y-%m-%d %H:%M").to_string();
    RegisterRow {
        key: entry.number.to_string(),
        cells: vec![
            span(entry.number.to_string(), Role::Dim),
            span(at, Role::Dim),
            span(entry.actor.0.clone(), Role::Strong),
            span(entry.action.clone(), Role::Text),
            span(about, Role::Text),
        ],
        copy: Some(entry.hash.to_string()),
        about: entry.submission,
    }
}

/// Everything that an entry says. `chain` says how the chain stands as a whole.
pub fn sheet(entry: &AuditEntry, chain: &Result<String, String>) -> Sheet {
    let mut entries = Vec::new();
    let mut fact = |label: &str, text: &str, role| {
        entries.push(SheetEntry::new(&format!("{label:<9} {text}"), role));
    };
    match chain {
        Ok(text) => fact("chain", text, Role::Good),
        Err(text) => fact("chain", text, Role::Bad),
    }
    fact("at", &date(entry.at), Role::Text);
    fact("who", &entry.actor.0, Role::Text);
    fact("what", &entry.action, Role::Text);
    fact("hash", &entry.hash.to_string(), Role::Dim);
    fact("previous", &entry.previous.to_string(), Role::Dim);
    // As JSON indents it: every fact on a line of its own.
    let facts = serde_json::to_string_pretty(&entry.facts).unwrap_or_default();
    entries.extend(facts.lines().map(|line| SheetEntry::new(line, Role::Text)));
    Sheet {
        title: format!("Entry {}", entry.number),
        entries,
    }
}
