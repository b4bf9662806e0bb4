//! `flareo` alone: the console.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;

use crate::config;
use crate::pipeline::{Site, SiteError};
use crate::tui::{self, ConsoleError, Desk, ExitReason, Options, SiteDesk};

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
    let desk: Arc<dyn Desk> = Arc::new(SiteDesk::new(site)?.scheduled(config::cron::tables()));
    let variable = |name: &str| std::env::var(name).ok();
    let settings =
        config::console::load(site.paths()).map_err(|e| SiteError::usage(e.to_string()))?;
    let options = Options::suited(variable).wanted(settings, site.paths().themes(), variable);
    let ended = tui::run(&desk, &options).map_err(|error| match error {
        ConsoleError::Theme(_) | ConsoleError::Keymap(_) => SiteError::usage(error.to_string())
            .help("console.toml has the look and the keys; `flareo help console` says how"),
        error => SiteError::host(error),
    });
    match ended? {
        ExitReason::Quit => Ok(ExitCode::SUCCESS),
        _ => Err(SiteError::interrupted()),
    }
}
