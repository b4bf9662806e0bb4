//! `flareo` alone: the console.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;

use crate::pipeline::{Site, SiteError};
use crate::tui::{self, Desk, ExitReason, Options, SiteDesk};

/// Opens the console.
pub fn run(site: &Site) -> Result<ExitCode, SiteError> {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return Err(SiteError::usage("the console needs a terminal")
            .help("every screen has its command: flareo queue, show, review, module list; for cron, flareo --batch"));
    }
    show(site)
}

/// The console over `site`, in the look that suits the terminal.
pub fn show(site: &Site) -> Result<ExitCode, SiteError> {
    let desk: Arc<dyn Desk> = Arc::new(SiteDesk::new(site)?);
    let options = Options::suited(|name| std::env::var(name).ok());
    match tui::run(&desk, &options).map_err(SiteError::host)? {
        ExitReason::Quit => Ok(ExitCode::SUCCESS),
        _ => Err(SiteError::interrupted()),
    }
}
