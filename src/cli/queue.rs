//! `flareo queue`: submissions, a line each.

use std::process::ExitCode;

use super::arguments::Queue;
use super::output::{Output, Role, role_of, time};
use crate::pipeline::{Site, SiteError};
use crate::store::QueueFilter;

/// Lists submissions, newest first.
pub fn run(site: &Site, queue: &Queue, output: &Output) -> Result<ExitCode, SiteError> {
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
