//! `flareo` alone: the console.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;

use crate::pipeline::{Site, SiteError};
use crate::tui;

/// Opens the console.
pub fn run(site: &Site) -> Result<ExitCode, SiteError> {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return Err(SiteError::usage("the console needs a terminal")
            .help("every screen has its command: flareo queue, show, review, module list; for cron, flareo --batch"));
    }
    tui::run(Arc::new(tui::SiteDesk::new(site)?), tui::Options::default()).map_err(SiteError::host)?;
    Ok(ExitCode::SUCCESS)
}
