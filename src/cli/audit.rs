//! `flareo audit`: the record of everything that was decided.

use std::process::ExitCode;

use serde_json::json;

use super::arguments::Audit;
use super::output::{Output, Role, time};
use crate::model::Failure;
use crate::pipeline::{Site, SiteError};
use crate::store::{AuditCheck, AuditFilter};

/// Prints or recomputes the chain.
pub fn run(site: &Site, audit: &Audit, output: &Output) -> Result<ExitCode, SiteError> {
    match audit {
        Audit::Log { submission, limit } => {
            let filter = AuditFilter {
                submission: *submission,
                limit: usize::try_from(*limit).unwrap_or(usize::MAX),
                newest: true,
                ..AuditFilter::default()
            };
            let entries = site.queue().audit(&filter)?;
            if output.json() {
                output.document(&entries)?;
                return Ok(ExitCode::SUCCESS);
            }
            let lines: Vec<_> = entries
                .into_iter()
                .map(|entry| {
                    vec![
                        (Role::Faint, entry.number.to_string()),
                        (Role::Faint, time(entry.at)),
                        (Role::Strong, entry.actor.0),
                        (Role::Plain, entry.action),
                        (
                            Role::Plain,
                            entry
                                .submission
                                .map(|id| format!("#{id}"))
                                .unwrap_or_default(),
                        ),
                        (Role::Faint, entry.hash.short()),
                        (
                            Role::Plain,
                            entry.facts["reason"]
                                .as_str()
                                .unwrap_or_default()
                                .to_owned(),
                        ),
                    ]
                })
                .collect();
            output.say(&output.table(&["NO", "AT", "WHO", "WHAT", "ABOUT", "HASH", "WHY"], &lines));
        }
        Audit::Verify => match site.queue().verify_audit()? {
            AuditCheck::Intact { entries, head } if output.json() => {
                output.document(&json!({ "intact": true, "entries": entries, "head": head }))?;
            }
            AuditCheck::Intact { entries, head } => {
                output.say(&format!(
                    "{entries} entries, unbroken; the last one is {head}"
                ));
            }
            AuditCheck::Broken { number, why } => {
                let message = format!("the audit chain is broken at entry {number}: {why}");
                return Err(SiteError::refused(Failure::new(message))
                    .help("somebody changed the database by hand: compare it with a backup"));
            }
        },
    }
    Ok(ExitCode::SUCCESS)
}
