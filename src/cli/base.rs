//! `flareo base`: the cache and the approved list.

use std::process::ExitCode;

use super::arguments::Base;
use super::doctor::text_of;
use super::output::{Output, Role, size, time};
use crate::model::Reference;
use crate::pipeline::{Site, SiteError};
use crate::tui::registers::bases;

/// Lists or changes bases.
pub fn run(site: &Site, base: &Base, output: &Output) -> Result<ExitCode, SiteError> {
    match base {
        Base::List => list(site, output)?,
        Base::Show { reference } => {
            let story = site.base_story(reference, true)?;
            if output.json() {
                output.document(&story)?;
            } else {
                output.say(&text_of(&bases::sheet(&story, site.clock().now())));
            }
        }
        Base::Import { reference, source } => {
            let base = site.import_base(reference, source)?;
            if output.json() {
                output.document(&base)?;
            } else {
                let (name, digest) = (base.reference.familiar(), base.digest);
                output.say(&format!(
                    "{name} is {digest} ({} layers, {})",
                    base.layers,
                    size(base.bytes)
                ));
            }
        }
        Base::Add { reference, purpose } => {
            site.approve_base(reference, purpose)?;
            listed(reference, true, output)?;
        }
        Base::Remove { reference } => {
            site.remove_base(reference)?;
            listed(reference, false, output)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn listed(reference: &Reference, approved: bool, output: &Output) -> Result<(), SiteError> {
    let name = reference.without_digest().familiar();
    if output.json() {
        return output.document(&serde_json::json!({ "reference": name, "approved": approved }));
    }
    let place = if approved { "on" } else { "off" };
    output.say(&format!("{name} is {place} the approved list"));
    Ok(())
}

fn list(site: &Site, output: &Output) -> Result<(), SiteError> {
    let rows = site.base_rows()?;
    if output.json() {
        return output.document(&rows);
    }
    let lines: Vec<_> = rows
        .into_iter()
        .map(|row| {
            let role = if row.state == "approved" {
                Role::Good
            } else {
                Role::Warn
            };
            let (digest, bytes, since) = match &row.held {
                Some(base) => (
                    base.digest.short(),
                    size(base.bytes),
                    time(base.imported_at),
                ),
                None => ("not in the cache".into(), String::new(), String::new()),
            };
            vec![
                (Role::Strong, row.reference),
                (role, row.state.to_owned()),
                (Role::Plain, digest),
                (Role::Plain, bytes),
                (Role::Faint, since),
                (Role::Plain, row.purpose.unwrap_or_default()),
            ]
        })
        .collect();
    output.say(&output.table(
        &["REFERENCE", "STATE", "DIGEST", "SIZE", "IMPORTED", "FOR"],
        &lines,
    ));
    Ok(())
}
