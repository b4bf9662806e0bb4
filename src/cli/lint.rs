//! `flareo lint`: what would be refused, before anything is sent.

use std::process::ExitCode;

use super::arguments::Lint;
use super::output::Output;
use crate::lint;
use crate::pipeline::{Site, SiteError};

/// Lints every path. 1 if anything blocks.
pub fn run(site: &Site, lint: &Lint, output: &Output) -> Result<ExitCode, SiteError> {
    let mut blocked = false;
    let mut all = Vec::new();
    for path in &lint.paths {
        let report = site.lint_path(path)?;
        blocked |= report.blocked();
        if output.json() {
            all.push(report);
        } else {
            output.say(report.human(output.colour()).trim_end());
        }
    }
    if output.json() {
        output.document(&lint::json(&all))?;
    }
    Ok(ExitCode::from(u8::from(blocked)))
}
