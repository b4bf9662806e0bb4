//! `flareo lint`: what would be refused, before anything is sent.

use std::process::ExitCode;

use super::arguments::Lint;
use super::output::Output;
use crate::lint;
use crate::model::Severity;
use crate::pipeline::{Site, SiteError};

/// Lints every path. 1 if anything blocks.
pub fn run(site: &Site, lint: &Lint, output: &Output) -> Result<ExitCode, SiteError> {
    let mut blocked = false;
    let mut all = Vec::new();
    for path in &lint.paths {
        let linted = site.lint_path(path)?;
        blocked |= linted.findings.iter().any(|f| f.severity == Severity::Block);
        if output.json() {
            all.extend(linted.findings);
        } else if linted.findings.is_empty() {
            output.say(&format!("{}: nothing to say", path.display()));
        } else {
            output.say(&lint::report::human(&linted.read.text, &linted.findings));
        }
    }
    if output.json() {
        output.document(&lint::report::json(&all))?;
    }
    Ok(ExitCode::from(u8::from(blocked)))
}
