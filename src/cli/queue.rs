//! `flareo queue`: submissions, a line each.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;

use super::arguments::Queue;
use super::interrupt;
use super::output::{Output, Role, role_of, time};
use crate::logs::sanitise;
use crate::model::event::Cancel;
use crate::pipeline::{Site, SiteError};
use crate::store::{AuditFilter, QueueFilter};

/// How often it is looked whether anything happened.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Lists submissions, newest first; with `--watch` also a line for whatever happens from then on.
pub fn run(site: &Site, queue: &Queue, output: &Output) -> Result<ExitCode, SiteError> {
    if !queue.watch {
        return list(site, queue, output);
    }
    // What happens while the list is printed is told after it.
    let mut last = last_entry(site)?;
    let mut changes = site.queue().changes()?;
    list(site, queue, output)?;
    let cancel = Cancel::default();
    interrupt::on_signal(&cancel).map_err(SiteError::host)?;
    while !cancel.is_cancelled() && !output.is_gone() {
        if changes.any()? {
            last = tell(site, queue, output, last)?;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(ExitCode::SUCCESS)
}

fn last_entry(site: &Site) -> Result<i64, SiteError> {
    let newest = AuditFilter {
        limit: 1,
        newest: true,
        ..AuditFilter::default()
    };
    let entries = site.queue().audit(&newest)?;
    Ok(entries.last().map_or(0, |entry| entry.number))
}

/// Says what happened to submissions after entry `last`; gives the last entry that there is.
fn tell(site: &Site, queue: &Queue, output: &Output, last: i64) -> Result<i64, SiteError> {
    let filter = AuditFilter {
        after: last,
        ..AuditFilter::default()
    };
    let mut told = last;
    for entry in site.queue().audit(&filter)? {
        told = entry.number;
        let Some(id) = entry.submission else { continue };
        let row = site.queue().submission(id)?;
        let state = entry.facts["to"].as_str().unwrap_or_default();
        let of_slug = queue.slug.as_ref().is_none_or(|slug| *slug == row.slug);
        let of_state = queue.state.is_none_or(|wanted| wanted.word() == state);
        if !of_slug || !of_state {
            continue;
        }
        if output.json() {
            let line = json!({
                "at": entry.at, "id": id, "slug": row.slug, "action": entry.action,
                "by": entry.actor, "state": state,
            });
            output.say(&line.to_string());
            continue;
        }
        let reason = entry.facts["reason"].as_str().unwrap_or_default();
        let mut text = format!(
            "{} #{id} {}: {} by {}",
            time(entry.at),
            row.slug,
            entry.action,
            entry.actor
        );
        if !state.is_empty() {
            text += &format!(", now {state}");
        }
        if let Some(line) = reason.lines().next().filter(|line| !line.is_empty()) {
            text += &format!(" ({line})");
        }
        output.say(&sanitise(&text));
    }
    Ok(told)
}

fn list(site: &Site, queue: &Queue, output: &Output) -> Result<ExitCode, SiteError> {
    let filter = QueueFilter {
        states: queue.state.into_iter().collect(),
        slug: queue.slug.clone(),
        ..QueueFilter::default()
    };
    let rows = site.queue().rows(&filter, 0, queue.limit)?;
    if output.json() {
        output.document(&rows)?;
        return Ok(ExitCode::SUCCESS);
    }
    if rows.is_empty() {
        output.say("no submissions (`flareo publish DIR --slug NAME` makes one)");
        return Ok(ExitCode::SUCCESS);
    }
    let lines: Vec<_> = rows
        .iter()
        .map(|row| {
            let about = match (&row.error, &row.digest, row.position, row.blocks) {
                (Some(error), ..) => error.lines().next().unwrap_or_default().to_owned(),
                (None, Some(digest), ..) => digest.to_string(),
                (None, None, Some(place), _) => format!("place {place} in the line"),
                (None, None, None, 0) => row
                    .claimed_by
                    .as_ref()
                    .map(|by| format!("read by {by}"))
                    .unwrap_or_default(),
                (None, None, None, blocks) => format!("{blocks} blocking"),
            };
            vec![
                (Role::Strong, row.id.to_string()),
                (Role::Plain, row.slug.to_string()),
                (role_of(row.state), row.state.word().to_owned()),
                (Role::Plain, row.submitter.clone()),
                (Role::Faint, time(row.created_at)),
                (Role::Plain, about),
            ]
        })
        .collect();
    output.say(&output.table(&["ID", "SLUG", "STATE", "FROM", "SINCE", ""], &lines));
    Ok(ExitCode::SUCCESS)
}
