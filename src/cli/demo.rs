//! `flareo demo`: a tour in a throw-away state.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::console;
use super::output::{Output, Role};
use crate::demo::{self, Ending, Stage};
use crate::durable;
use crate::model::Event;
use crate::model::event::Cancel;
use crate::pipeline::SiteError;

/// The size of the console that the script drives.
const SIZE: (u16, u16) = (120, 40);

/// The size of a recording: that of a terminal that nobody has made larger.
const CAST: (u16, u16) = (80, 24);

/// Lets a person drive, or plays the script where there is no terminal.
pub fn run(headless: bool, cast: Option<&Path>, output: &Output) -> Result<ExitCode, SiteError> {
    let program = PathBuf::from("/proc/self/exe");
    if let Some(path) = cast {
        return record(program, path, output);
    }
    if headless || !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return play(program, output);
    }
    let stage = Stage::seed(false, program).map_err(SiteError::host)?;
    let cancel = Cancel::default();
    let worker = {
        let (site, cancel) = (stage.site().clone(), cancel.clone());
        std::thread::Builder::new()
            .name("worker".into())
            .spawn(move || site.work(&|| true, &|_: &Event| {}, &cancel))
            .map_err(SiteError::host)?
    };
    let left = console::show(stage.site());
    cancel.cancel();
    // A worker that panicked has left its row for the next; the folder goes either way.
    let _ = worker.join();
    left
}

fn play(program: PathBuf, output: &Output) -> Result<ExitCode, SiteError> {
    let stage = Stage::seed(true, program).map_err(SiteError::host)?;
    let endings = demo::play(&stage, SIZE.0, SIZE.1, &mut |_| {})?;
    tell(endings, output)
}

fn record(program: PathBuf, path: &Path, output: &Output) -> Result<ExitCode, SiteError> {
    let stage = Stage::seed(true, program).map_err(SiteError::host)?;
    let (cast, endings) = demo::cast::record(&stage, CAST.0, CAST.1)?;
    durable::write(path, cast.as_bytes(), 0o644)
        .map_err(|e| SiteError::host(format!("cannot write {}: {e}", path.display())))?;
    tell(endings, output)
}

fn tell(endings: Vec<Ending>, output: &Output) -> Result<ExitCode, SiteError> {
    if output.json() {
        output.document(&endings)?;
        return Ok(ExitCode::SUCCESS);
    }
    let lines: Vec<_> = endings
        .into_iter()
        .map(|ending| {
            let role = if ending.digest.is_some() {
                Role::Good
            } else {
                Role::Bad
            };
            let what = ending
                .digest
                .map(|d| d.to_string())
                .or(ending.error)
                .unwrap_or_default();
            vec![
                (Role::Strong, ending.id.to_string()),
                (Role::Plain, ending.slug),
                (role, ending.state),
                (Role::Plain, what),
            ]
        })
        .collect();
    output.say(&output.table(&["ID", "SLUG", "STATE", "DIGEST OR ERROR"], &lines));
    Ok(ExitCode::SUCCESS)
}
