//! `flareo show` with a view: differences, files, the effective build, the forecast.

use std::process::ExitCode;

use serde_json::json;

use super::arguments::Show;
use super::output::{Output, Role, size};
use super::{forecast, show};
use crate::logs::sanitise;
use crate::model::SubmissionId;
use crate::model::changes::{Changes, PathChange};
use crate::model::view::{ContextFile, Previous, ReviewPage};
use crate::pipeline::{Site, SiteError};
use crate::review::{self, Change};

/// Prints what was asked for.
pub fn run(site: &Site, asked: &Show, output: &Output) -> Result<ExitCode, SiteError> {
    let id = asked.id;
    match (&asked.diff, &asked.file, &asked.files) {
        (Some(against), Some(path), _) => {
            let page = site.review_page(id)?;
            let other = earlier(site, &page, against)?.id;
            let text = site.file_diff(id, other, path)?;
            if output.json() {
                output
                    .document(&json!({"id": id, "against": other, "path": path, "diff": text}))?;
            } else if text.is_empty() {
                output.say(&format!("{} is as in #{other}", sanitise(path)));
            } else {
                text.lines().for_each(|line| output.say(&sanitise(line)));
            }
        }
        (Some(against), None, _) => differences(site, id, against, output)?,
        (None, Some(path), _) => file(site, id, path, output)?,
        (None, None, Some(text)) => files(site, id, text, output)?,
        (None, None, None) if asked.effective => {
            let effective = site.effective_build(id)?;
            if output.json() {
                output.document(&effective)?;
            } else {
                let lines = review::effective::text(&effective);
                lines.iter().for_each(|line| output.say(&sanitise(line)));
            }
        }
        (None, None, None) if asked.forecast => forecast::run(site, id, output)?,
        (None, None, None) => return show::run(site, id, output),
    }
    Ok(ExitCode::SUCCESS)
}

/// The earlier submission that is meant.
fn earlier(site: &Site, page: &ReviewPage, against: &str) -> Result<Previous, SiteError> {
    let row = &page.submission;
    match against {
        "previous" => page.previous.clone().ok_or_else(|| {
            SiteError::usage(format!("{} has no submission before #{}", row.slug, row.id))
        }),
        "published" => {
            let last = page.published.clone().or_else(|| {
                let previous = page.previous.clone();
                previous.filter(|p| p.state == crate::model::State::Published)
            });
            last.ok_or_else(|| {
                SiteError::usage(format!(
                    "nothing of {} was published before #{}",
                    row.slug, row.id
                ))
            })
        }
        number => {
            let other: SubmissionId = number.trim_start_matches('#').parse().map_err(|_| {
                SiteError::usage(format!(
                    "--diff takes previous, published or a number, not {}",
                    sanitise(number)
                ))
            })?;
            site.compared_with(row.id, other)
        }
    }
}

fn differences(
    site: &Site,
    id: SubmissionId,
    against: &str,
    output: &Output,
) -> Result<(), SiteError> {
    let page = site.review_page(id)?;
    let other = earlier(site, &page, against)?;
    if output.json() {
        let lines = review::diff(&other.dockerfile, &page.dockerfile);
        return output.document(&json!({
            "id": id, "against": other.id, "state": other.state, "dockerfile": lines, "changes": other.changes,
        }));
    }
    output.say(&format!("#{id} beside #{} ({})", other.id, other.state));
    tell(&page, &other, output);
    Ok(())
}

/// What differs: lines of the Dockerfile, findings, pins, files.
pub fn tell(page: &ReviewPage, other: &Previous, output: &Output) {
    let lines = review::diff(&other.dockerfile, &page.dockerfile);
    let changed: Vec<_> = lines
        .iter()
        .filter(|line| line.change != Change::Same)
        .collect();
    let word = if changed.len() == 1 { "line" } else { "lines" };
    output.say(&format!("Dockerfile: {} {word} changed", changed.len()));
    for line in changed {
        let (sign, role) = match line.change {
            Change::Added => ('+', Role::Good),
            _ => ('-', Role::Bad),
        };
        output.say(&output.paint(role, &format!("{sign} {}", sanitise(&line.text))));
    }
    let Some(changes) = &other.changes else {
        output.say(&format!(
            "the context of #{} is gone: its files can't be compared",
            other.id
        ));
        return;
    };
    tell_changes(changes, output);
}

fn tell_changes(changes: &Changes, output: &Output) {
    for (sign, role, word, findings) in [
        ('-', Role::Good, "resolved", &changes.resolved),
        ('+', Role::Bad, "new", &changes.new),
    ] {
        for finding in findings {
            let text = format!(
                "{sign} {word}: {} {} (line {}): {}",
                finding.severity.word(),
                finding.rule,
                finding.span.line,
                sanitise(&finding.message)
            );
            output.say(&output.paint(role, &text));
        }
    }
    for pin in &changes.pins {
        let show = |digest: Option<crate::model::Digest>| {
            digest.map_or_else(|| "nothing".to_owned(), |digest| digest.to_string())
        };
        output.say(&format!(
            "~ pin: {}: {} -> {}",
            sanitise(&pin.reference.familiar()),
            show(pin.old),
            show(pin.new)
        ));
    }
    let files = &changes.files;
    output.say(&format!(
        "files: {} added, {} removed, {} changed{}",
        files.added,
        files.removed,
        files.changed,
        match files.not_compared {
            0 => String::new(),
            n => format!(", {n} of the same length not compared"),
        }
    ));
    for file in &files.list {
        let length = |side: &Option<crate::model::changes::Listed>| {
            side.as_ref()
                .map(|listed| size(listed.size))
                .unwrap_or_default()
        };
        let sizes = match file.change {
            PathChange::Added => length(&file.new),
            PathChange::Removed => length(&file.old),
            _ => format!("{} -> {}", length(&file.old), length(&file.new)),
        };
        let modes = match (&file.old, &file.new) {
            (Some(old), Some(new)) if old.mode != new.mode => {
                format!(", {} -> {}", old.permissions(), new.permissions())
            }
            _ => String::new(),
        };
        let kind = match file.text {
            Some(true) => ", text",
            Some(false) => ", binary",
            None => "",
        };
        output.say(&format!(
            "{} {} ({sizes}{modes}{kind})",
            file.change.sign(),
            sanitise(&file.path)
        ));
    }
    let left = files.count().saturating_sub(files.list.len() as u64);
    if left > 0 {
        output.say(&format!("  and {left} more"));
    }
}

fn files(site: &Site, id: SubmissionId, text: &str, output: &Output) -> Result<(), SiteError> {
    let listing = site.context_files(id, text)?;
    if output.json() {
        return output.document(&listing);
    }
    for file in &listing.files {
        output.say(&entry(file, output));
    }
    output.say(&format!(
        "{} of {} entries, {}",
        listing.matching,
        listing.total,
        size(listing.bytes)
    ));
    Ok(())
}

fn entry(file: &ContextFile, output: &Output) -> String {
    let flags = match file.flags.as_slice() {
        [] => String::new(),
        flags => {
            let text = format!("  [{}]", sanitise(&flags.join("; ")));
            output.paint(Role::Warn, &text)
        }
    };
    format!(
        "{} {:>9}  {}{flags}",
        file.listed.permissions(),
        size(file.listed.size),
        sanitise(&file.path)
    )
}

fn file(site: &Site, id: SubmissionId, path: &str, output: &Output) -> Result<(), SiteError> {
    let file = site.context_file(id, path)?;
    if output.json() {
        return output.document(&file);
    }
    if !file.flags.is_empty() {
        output.beside(&format!(
            "{}: {}",
            sanitise(path),
            sanitise(&file.flags.join("; "))
        ));
    }
    if !file.is_text {
        output.say(&format!(
            "{} is no text ({})",
            sanitise(path),
            size(file.size)
        ));
    }
    file.lines.iter().for_each(|line| output.say(line));
    if file.cut {
        output.beside(&format!("… it has {}", size(file.size)));
    }
    Ok(())
}
