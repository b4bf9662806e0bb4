//! `flareo doctor`: what this host can do.

use std::process::ExitCode;

use super::output::{Output, Role};
use crate::model::view::CheckStatus;
use crate::pipeline::{Site, SiteError};

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
