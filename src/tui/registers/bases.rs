//! Bases: what the cache holds, what may be used, and who stands on it.

use super::{Column, RegisterRow};
use crate::model::Timestamp;
use crate::pipeline::{BaseRow, BaseStory};
use crate::tui::desk::{Sheet, SheetEntry};
use crate::tui::figures::{age, bytes, count, date, vulnerability};
use crate::tui::ink::span;
use crate::tui::theme::Role;

pub(super) const COLUMNS: &[Column] = &[
    Column {
        title: "BASE",
        width: 0,
        from: 0,
    },
    Column {
        title: "STATE",
        width: 11,
        from: 0,
    },
    Column {
        title: "PINNED TO",
        width: 14,
        from: 48,
    },
    Column {
        title: "SIZE",
        width: 10,
        from: 60,
    },
    Column {
        title: "AGE",
        width: 6,
        from: 68,
    },
];

/// The row of a base.
pub fn row(base: &BaseRow, now: Timestamp) -> RegisterRow {
    let (state, role) = match (base.state, &base.held) {
        ("approved", Some(_)) => ("approved", Role::Good),
        ("approved", None) => ("missing", Role::Bad),
        _ => ("cached", Role::Warn),
    };
    let held = base.held.as_ref();
    let text = |of: Option<String>| of.unwrap_or_default();
    RegisterRow {
        key: base.reference.clone(),
        cells: vec![
            span(base.reference.clone(), Role::Strong),
            span(state, role),
            span(text(held.map(|base| base.digest.short())), Role::Text),
            span(text(held.map(|base| bytes(base.bytes))), Role::Text),
            span(text(held.map(|base| age(now, base.imported_at))), Role::Dim),
        ],
        copy: held.map(|base| base.digest.to_string()),
        about: None,
    }
}

/// Earlier pins, users and findings that are listed.
const LISTED: usize = 40;

/// What there is to know of a base.
pub fn sheet(story: &BaseStory, now: Timestamp) -> Sheet {
    let mut entries = Vec::new();
    let mut fact = |label: &str, text: &str, role| {
        entries.push(SheetEntry::new(&format!("{label:<9} {text}"), role));
    };
    if let Some(purpose) = &story.row.purpose {
        fact("for", purpose, Role::Text);
    }
    match &story.row.held {
        Some(base) => {
            fact("pinned to", &base.digest.to_string(), Role::Text);
            let when = format!(
                "{}, {} ago",
                date(base.imported_at),
                age(now, base.imported_at)
            );
            fact("since", &when, Role::Text);
            let layers = count(base.layers.into(), "layer");
            fact(
                "size",
                &format!("{} in {layers}", bytes(base.bytes)),
                Role::Text,
            );
            fact("from", &base.source, Role::Dim);
        }
        None => fact(
            "missing",
            "it may be used, and is not in the cache: `flareo base import` takes it in",
            Role::Bad,
        ),
    }
    if story.row.state != "approved" {
        fact(
            "state",
            "in the cache, but on no list: nobody may build on it",
            Role::Warn,
        );
    }
    match &story.findings {
        None if story.row.held.is_none() => {}
        None => fact("findings", "enter asks the scanner", Role::Dim),
        Some(Err(why)) => fact("findings", why, Role::Warn),
        Some(Ok(found)) => {
            let role = if found.is_empty() {
                Role::Good
            } else {
                Role::Warn
            };
            let fixable = found.iter().filter(|v| v.fixed.is_some()).count();
            let text = format!("{} today, {fixable} with a fix", found.len());
            fact("findings", &text, role);
            for found in found.iter().take(LISTED) {
                let text = format!("  {}", vulnerability(found));
                entries.push(SheetEntry::new(&text, Role::Text));
            }
        }
    }
    entries.push(SheetEntry::new(
        &format!("used by {}", count(story.used, "submission")),
        Role::Strong,
    ));
    entries.extend(
        story.users.iter().take(LISTED).map(|(id, slug, state)| {
            SheetEntry::new(&format!("  #{id} {slug}, {state}"), Role::Text)
        }),
    );
    if !story.before.is_empty() {
        entries.push(SheetEntry::new("pinned before to", Role::Strong));
        entries.extend(story.before.iter().take(LISTED).map(|base| {
            SheetEntry::new(
                &format!("  {} from {}", base.digest.short(), date(base.imported_at)),
                Role::Dim,
            )
        }));
    }
    Sheet {
        title: story.row.reference.clone(),
        entries,
    }
}
