//! What lies beside a submission, as rows: files, a file, the build that it comes to, the forecast.

use super::desk::{Sheet, SheetEntry};
use super::figures::{bytes, vulnerability};
use super::theme::Role;
use crate::logs::sanitise;
use crate::model::effective::Effective;
use crate::model::forecast::{Forecast, Origin};
use crate::model::view::{ContextListing, FileText};
use crate::review;

fn entry(text: &str, role: Role, path: Option<&str>) -> SheetEntry {
    SheetEntry {
        path: path.map(str::to_owned),
        ..SheetEntry::new(text, role)
    }
}

/// The files of a context; those with something remarkable stand out.
pub(super) fn files(listing: &ContextListing) -> Sheet {
    let rows = listing.files.iter().map(|file| {
        let flags = match file.flags.as_slice() {
            [] => String::new(),
            flags => format!("  [{}]", flags.join("; ")),
        };
        let role = if file.flags.is_empty() {
            Role::Text
        } else {
            Role::Warn
        };
        let text = format!(
            "{} {:>9}  {}{flags}",
            file.listed.permissions(),
            bytes(file.listed.size),
            file.path
        );
        let path = (file.listed.what == "file").then_some(file.path.as_str());
        entry(&text, role, path)
    });
    Sheet {
        title: format!("Files {}, {}", listing.total, bytes(listing.bytes)),
        entries: rows.collect(),
    }
}

/// A file with the numbers of its lines.
pub(super) fn file(file: &FileText) -> Sheet {
    let mut entries: Vec<SheetEntry> = Vec::new();
    if !file.flags.is_empty() {
        entries.push(entry(&file.flags.join("; "), Role::Warn, None));
    }
    if !file.is_text {
        entries.push(entry("not text", Role::Dim, None));
    }
    let lines = file.lines.iter().enumerate();
    entries
        .extend(lines.map(|(n, line)| entry(&format!("{:>5}  {line}", n + 1), Role::Text, None)));
    if file.cut {
        entries.push(entry("and more", Role::Dim, None));
    }
    Sheet {
        title: sanitise(&format!("{} {}", file.path, bytes(file.size))).into_owned(),
        entries,
    }
}

/// The build that a submission comes to.
pub(super) fn build(effective: &Effective) -> Sheet {
    let lines = review::effective::text(effective);
    let rows = lines.iter().map(|line| match line.starts_with(' ') {
        // The scripts can be opened where they stand in the context.
        true => {
            let script = effective
                .scripts
                .iter()
                .find(|s| line.ends_with(&format!(" {}", s.path)));
            entry(line, Role::Text, script.map(|s| s.path.as_str()))
        }
        false => entry(line, Role::Strong, None),
    });
    Sheet {
        title: "Build".into(),
        entries: rows.collect(),
    }
}

/// What the scan will find.
pub(super) fn forecast(forecast: &Forecast) -> Sheet {
    let mut entries = vec![match forecast.rejecting() {
        0 => entry("nothing of this would stop the image", Role::Good, None),
        n => entry(
            &format!("{n} would stop the image at the gate"),
            Role::Bad,
            None,
        ),
    }];
    for (origin, title) in [
        (Origin::Inherited, "Inherited from the base"),
        (Origin::Brought, "Brought by the context"),
    ] {
        let of_it: Vec<_> = forecast
            .expected
            .iter()
            .filter(|e| e.origin == origin)
            .collect();
        entries.push(entry(
            &format!("{title}: {}", of_it.len()),
            Role::Strong,
            None,
        ));
        entries.extend(of_it.into_iter().map(|expected| {
            let finding = &expected.finding;
            let covered = match finding.exception {
                Some(exception) => format!(", exception {exception}"),
                None => String::new(),
            };
            let text = format!("  {}{covered}", vulnerability(finding));
            let role = if expected.rejects {
                Role::Bad
            } else {
                Role::Text
            };
            entry(&text, role, None)
        }));
    }
    entries.extend(
        forecast
            .gaps
            .iter()
            .map(|gap| entry(&format!("not looked at: {gap}"), Role::Warn, None)),
    );
    Sheet {
        title: format!("Forecast, {} packages", forecast.packages),
        entries,
    }
}
