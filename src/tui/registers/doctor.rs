//! What this host can do, check by check, and how things went lately, as small charts.

use super::{Column, RegisterRow};
use crate::model::figures::Figures;
use crate::model::view::{Check, CheckStatus};
use crate::tui::desk::{Sheet, SheetEntry};
use crate::tui::figures::{bytes, clock, count, took};
use crate::tui::ink::span;
use crate::tui::theme::Role;
use crate::tui::widgets::chart::Chart;

pub(super) const COLUMNS: &[Column] = &[
    Column {
        title: "",
        width: 11,
        from: 0,
    },
    Column {
        title: "WHAT",
        width: 19,
        from: 0,
    },
    Column {
        title: "FOUND",
        width: 0,
        from: 0,
    },
];

/// The charts by name, and what each shows.
pub const CHARTS: [(&str, &str); 5] = [
    ("queue", "how many submissions were open, day by day"),
    ("wait", "how long a decision took, day by day"),
    ("builds", "how long builds took, by slug"),
    ("disk by base", "what each base takes"),
    ("disk by module", "what the images of each slug take"),
];

/// The row of a check.
pub fn check_row(check: &Check) -> RegisterRow {
    let (word, role) = word(check.status);
    RegisterRow {
        key: format!("check {}", check.name),
        cells: vec![
            span(word, role),
            span(check.name.clone(), Role::Strong),
            span(check.found.clone(), Role::Text),
        ],
        copy: Some(check.found.clone()),
        about: None,
    }
}

const fn word(status: CheckStatus) -> (&'static str, Role) {
    match status {
        CheckStatus::Ok => ("ok", Role::Good),
        CheckStatus::Degraded => ("less", Role::Warn),
        CheckStatus::Missing => ("missing", Role::Bad),
    }
}

/// Everything that a check says.
pub fn check_sheet(check: &Check) -> Sheet {
    let (word, role) = word(check.status);
    let mut entries = vec![
        SheetEntry::new(word, role),
        SheetEntry::new(&check.found, Role::Text),
    ];
    if !check.help.is_empty() {
        entries.push(SheetEntry::new("", Role::Text));
        entries.extend(
            check
                .help
                .lines()
                .map(|line| SheetEntry::new(line, Role::Accent)),
        );
    }
    Sheet {
        title: check.name.clone(),
        entries,
    }
}

/// The rows of the charts.
pub fn chart_rows() -> Vec<RegisterRow> {
    let rows = CHARTS.iter().map(|(name, about)| RegisterRow {
        key: format!("chart {name}"),
        cells: vec![
            span("chart", Role::Busy),
            span(*name, Role::Strong),
            span(*about, Role::Text),
        ],
        copy: None,
        about: None,
    });
    rows.collect()
}

/// The chart called `name`, if there is one.
pub fn chart_sheet(name: &str, figures: &Figures) -> Option<Sheet> {
    let entries = match name {
        "queue" => days(figures, |day| Some(day.open), &|n| count(n, "submission")),
        "wait" => days(figures, |day| day.wait_seconds, &|n| clock(n)),
        "builds" => builds(figures),
        "disk by base" => sizes(&figures.bases),
        "disk by module" => sizes(&figures.modules),
        _ => return None,
    };
    let (_, about) = CHARTS.iter().find(|(known, _)| *known == name)?;
    Some(Sheet {
        title: format!("{name}: {about}"),
        entries,
    })
}

/// All days in one row of columns, then each day with its figure.
fn days(
    figures: &Figures,
    value: impl Fn(&crate::model::figures::Day) -> Option<u64>,
    words: &dyn Fn(u64) -> String,
) -> Vec<SheetEntry> {
    let values: Vec<Option<u64>> = figures.days.iter().map(&value).collect();
    let whole = values.iter().flatten().max().copied().unwrap_or_default();
    let last = values.iter().rev().flatten().next().copied();
    let all = Chart::Columns {
        figures: last.map_or_else(|| "nothing yet".to_owned(), words),
        values: values.clone(),
    };
    let title = count(figures.days.len() as u64, "day");
    let mut entries = vec![SheetEntry::new(&title, Role::Strong).chart(all)];
    entries.extend(figures.days.iter().zip(values).rev().map(|(day, value)| {
        let entry = SheetEntry::new(&day.date, Role::Dim);
        match value {
            Some(part) => entry.chart(Chart::Bar {
                part,
                whole,
                figures: words(part),
            }),
            None => entry,
        }
    }));
    entries
}

fn builds(figures: &Figures) -> Vec<SheetEntry> {
    if figures.builds.is_empty() {
        return vec![SheetEntry::new("nothing was built yet", Role::Dim)];
    }
    let rows = figures.builds.iter().map(|(slug, times)| {
        let last = times.last().copied().unwrap_or_default();
        let chart = Chart::Columns {
            values: times.iter().map(|ms| Some(*ms)).collect(),
            figures: format!("last {}", took(last)),
        };
        SheetEntry::new(slug.as_str(), Role::Text).chart(chart)
    });
    rows.collect()
}

fn sizes(of: &[(String, u64)]) -> Vec<SheetEntry> {
    if of.is_empty() {
        return vec![SheetEntry::new("nothing yet", Role::Dim)];
    }
    let whole = of.iter().map(|(_, bytes)| *bytes).max().unwrap_or_default();
    let all: u64 = of.iter().map(|(_, bytes)| *bytes).sum();
    let mut entries = vec![SheetEntry::new(
        &format!("{} in all", bytes(all)),
        Role::Strong,
    )];
    entries.extend(of.iter().map(|(name, part)| {
        SheetEntry::new(name, Role::Text).chart(Chart::Bar {
            part: *part,
            whole,
            figures: bytes(*part),
        })
    }));
    entries
}
