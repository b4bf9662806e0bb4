//! `flareo lint`: what would be refused, before anything is sent, and the patches for it.

use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use super::arguments::Lint;
use super::output::Output;
use crate::durable;
use crate::lint::{self, Mended, Report};
use crate::logs::sanitise;
use crate::pipeline::{Linter, SiteError};

/// Lints every path. 1 if anything blocks; with `--diff` and `--fix`, if anything still does afterwards.
pub fn run(linter: &Linter<'_>, lint: &Lint, output: &Output) -> Result<ExitCode, SiteError> {
    let blocked = match (lint.diff, lint.fix) {
        (false, false) => read(linter, lint, output)?,
        (true, _) => diff(linter, lint, output)?,
        (_, true) => fix(linter, lint, output)?,
    };
    Ok(ExitCode::from(u8::from(blocked)))
}

fn read(linter: &Linter<'_>, lint: &Lint, output: &Output) -> Result<bool, SiteError> {
    let reports = linter.check_paths(&lint.paths)?;
    let blocked = reports.iter().any(Report::blocked);
    if output.sarif() {
        let folders = lint.paths.iter().map(|path| folder_of(path));
        let named = reports.into_iter().zip(folders);
        let named: Vec<Report> = named
            .map(|(report, folder)| report.under(&folder))
            .collect();
        output.document(&lint::sarif(&named))?;
    } else if output.json() {
        output.document(&lint::json(&reports))?;
    } else {
        for report in &reports {
            output.say(report.human(output.colour()).trim_end());
        }
    }
    Ok(blocked)
}

/// Prints one diff for all paths, and beside it what it does.
fn diff(linter: &Linter<'_>, lint: &Lint, output: &Output) -> Result<bool, SiteError> {
    let mut blocked = false;
    let mut whole = String::new();
    for path in &lint.paths {
        let (_, mended) = linter.mend_path(path)?;
        blocked |= mended.report.blocked();
        let folder = folder_of(path);
        whole.push_str(&lint::unified(&mended.files, &|file| {
            format!("{folder}{file}")
        }));
        output.beside(&summary(&mended));
    }
    if output.json() {
        output.document(&json!({"blocked": blocked, "diff": whole}))?;
    } else if !whole.is_empty() {
        output.exactly(whole.trim_end_matches('\n'));
    }
    Ok(blocked)
}

/// Writes the patches, and prints what is left.
fn fix(linter: &Linter<'_>, lint: &Lint, output: &Output) -> Result<bool, SiteError> {
    let mut blocked = false;
    let mut left = Vec::new();
    for path in &lint.paths {
        let (_, mended) = linter.mend_path(path)?;
        blocked |= mended.report.blocked();
        write_all(path, &mended)?;
        if output.json() {
            left.push(mended.report);
        } else {
            if !mended.report.findings.is_empty() {
                output.say(mended.report.human(output.colour()).trim_end());
            }
            output.say(&summary(&mended));
        }
    }
    if output.json() {
        output.document(&lint::json(&left))?;
    }
    Ok(blocked)
}

/// The patches of what stands at `path` as a diff, with names as they are seen from here.
pub fn diff_of(path: &Path, mended: &Mended) -> String {
    let folder = folder_of(path);
    lint::unified(&mended.files, &|file| format!("{folder}{file}"))
}

/// Writes the patches of what stands at `path`.
pub fn write_all(path: &Path, mended: &Mended) -> Result<(), SiteError> {
    let folder = if path.is_dir() { path } else { Path::new("") };
    mended
        .files
        .iter()
        .try_for_each(|file| write(&folder.join(&file.path), &file.after))
}

/// Writes a file where it is, also where it is a link, with the permissions that it has.
fn write(path: &Path, text: &str) -> Result<(), SiteError> {
    use std::os::unix::fs::PermissionsExt as _;
    let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mode = place
        .metadata()
        .map_or(0o644, |there| there.permissions().mode() & 0o777);
    durable::write(&place, text.as_bytes(), mode)
        .map_err(|e| SiteError::usage(format!("can't write {}: {e}", place.display())))
}

/// What the patches do, in a sentence for each.
pub fn summary(mended: &Mended) -> String {
    let mut out = String::new();
    for finding in &mended.resolved {
        let title = finding
            .patch
            .as_ref()
            .map_or("", |patch| patch.title.as_str());
        out.push_str(&format!("{}: {title}: {}\n", finding.rule, finding.help));
    }
    let count = mended.resolved.len();
    let word = if count == 1 {
        "finding is"
    } else {
        "findings are"
    };
    let left = left(&mended.report);
    out.push_str(&format!("{count} {word} resolved, {left}"));
    out.lines()
        .map(|line| sanitise(line).into_owned())
        .collect::<Vec<_>>()
        .join("\n")
}

fn left(report: &Report) -> String {
    match (report.findings.len(), report.blocked()) {
        (0, _) => "none is left".into(),
        (1, false) => "1 is left, which does not block".into(),
        (count, false) => format!("{count} are left, none of which blocks"),
        (1, true) => "1 is left, and it blocks".into(),
        (count, true) => format!("{count} are left, and some of them block"),
    }
}

/// What stands before the name of a file of `path` in a diff: its folder, seen from here, where it lies below here.
fn folder_of(path: &Path) -> String {
    if !path.is_dir() {
        return String::new();
    }
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    let below = match (path.canonicalize(), here) {
        (Ok(path), Ok(here)) => path
            .strip_prefix(here)
            .map(Path::to_owned)
            .unwrap_or_default(),
        _ => PathBuf::new(),
    };
    let parts = below.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy()),
        _ => None,
    });
    parts.map(|part| format!("{part}/")).collect()
}
