//! `flareo doctor`: what this host can do.

use std::process::ExitCode;

use super::output::{Output, Role};
use crate::model::view::CheckStatus;
use crate::pipeline::{Site, SiteError};
use crate::tui::desk::Sheet;
use crate::tui::registers::doctor::{CHARTS, chart_sheet};
use crate::tui::widgets::chart::Chart;

/// Prints every check. 3 if something is missing.
pub fn run(site: &Site, output: &Output) -> Result<ExitCode, SiteError> {
    let checks = site.doctor();
    let missing = checks
        .iter()
        .any(|check| check.status == CheckStatus::Missing);
    if output.json() {
        output.document(&checks)?;
    } else {
        let lines: Vec<_> = checks
            .iter()
            .map(|check| {
                let (role, word) = match check.status {
                    CheckStatus::Ok => (Role::Good, "✓ ok"),
                    CheckStatus::Degraded => (Role::Warn, "! less"),
                    CheckStatus::Missing => (Role::Bad, "✗ missing"),
                };
                let help = if check.help.is_empty() {
                    String::new()
                } else {
                    format!(" — {}", check.help)
                };
                vec![
                    (role, word.to_owned()),
                    (Role::Strong, check.name.clone()),
                    (Role::Plain, format!("{}{help}", check.found)),
                ]
            })
            .collect();
        output.say(&output.table(&["", "WHAT", "FOUND"], &lines));
    }
    Ok(ExitCode::from(if missing { 3 } else { 0 }))
}

/// Prints how things went lately.
pub fn figures(site: &Site, output: &Output) -> Result<ExitCode, SiteError> {
    let figures = site.queue().figures()?;
    if output.json() {
        output.document(&figures)?;
        return Ok(ExitCode::SUCCESS);
    }
    let parts: Vec<String> = CHARTS
        .iter()
        .filter_map(|(name, _)| chart_sheet(name, &figures))
        .map(|sheet| format!("{}\n{}", sheet.title, text_of(&sheet)))
        .collect();
    output.say(&parts.join("\n\n"));
    Ok(ExitCode::SUCCESS)
}

/// A sheet of the console as plain text, its charts as figures.
pub(super) fn text_of(sheet: &Sheet) -> String {
    let rows = sheet.entries.iter().map(|entry| match &entry.chart {
        None => format!("  {}", entry.text),
        Some(Chart::Bar { figures, .. } | Chart::Columns { figures, .. }) => {
            format!("  {:<32} {figures}", entry.text)
        }
    });
    let rows: Vec<String> = rows.map(|row| row.trim_end().to_owned()).collect();
    rows.join("\n")
}
