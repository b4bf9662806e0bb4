//! `flareo exception`: vulnerabilities that may pass for a while.

use std::process::ExitCode;

use super::arguments::Exception as Verb;
use super::output::{Output, Role};
use crate::model::Actor;
use crate::pipeline::{Site, SiteError};
use crate::store::NewException;

/// Lists, adds or removes exceptions.
pub fn run(site: &Site, verb: &Verb, output: &Output) -> Result<ExitCode, SiteError> {
    match verb {
        Verb::List => list(site, output)?,
        Verb::Add {
            vulnerability,
            package,
            module,
            owner,
            reason,
            expires,
        } => {
            let expires_at = expires
                .to_zoned(jiff::tz::TimeZone::UTC)
                .map_err(|e| SiteError::usage(format!("`{expires}` is no date to end at: {e}")))?
                .timestamp();
            let new = NewException {
                vulnerability: vulnerability.clone(),
                package: package.clone(),
                module: module.clone(),
                owner: owner
                    .as_deref()
                    .map_or_else(|| site.actor().clone(), Actor::new),
                reason: reason.clone(),
                expires_at,
            };
            let added = site.queue().add_exception(&new, site.actor())?;
            if output.json() {
                output.document(&added)?;
            } else {
                output.say(&format!(
                    "exception {}: {vulnerability} in {package} may pass until {expires}",
                    added.id
                ));
            }
        }
        Verb::Remove { number } => {
            site.queue().remove_exception(*number, site.actor())?;
            if output.json() {
                output.document(&serde_json::json!({ "id": number, "removed": true }))?;
            } else {
                output.say(&format!("exception {number} ends now"));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(site: &Site, output: &Output) -> Result<(), SiteError> {
    let all = site.queue().exceptions()?;
    if output.json() {
        return output.document(&all);
    }
    if all.is_empty() {
        output.say("no exceptions");
        return Ok(());
    }
    let now = site.clock().now();
    let lines: Vec<_> = all
        .into_iter()
        .map(|e| {
            let over = e.expires_at <= now;
            let until = e.expires_at.strftime("%Y-%m-%d").to_string();
            vec![
                (Role::Strong, e.id.to_string()),
                (Role::Plain, e.vulnerability),
                (Role::Plain, e.package),
                (
                    Role::Plain,
                    e.module
                        .map_or_else(|| "all modules".to_owned(), |slug| slug.to_string()),
                ),
                (
                    if over { Role::Bad } else { Role::Plain },
                    if over {
                        format!("{until} (over)")
                    } else {
                        until
                    },
                ),
                (Role::Plain, e.owner.0),
                (Role::Plain, e.reason),
            ]
        })
        .collect();
    output.say(&output.table(
        &[
            "NO",
            "VULNERABILITY",
            "PACKAGE",
            "MODULE",
            "UNTIL",
            "OWNER",
            "REASON",
        ],
        &lines,
    ));
    Ok(())
}
