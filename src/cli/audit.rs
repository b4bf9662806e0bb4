//! `flareo audit`: the record of everything that was decided.

use std::process::ExitCode;

use super::arguments::Audit;
use super::output::{Output, Role, time};
use crate::model::Failure;
use crate::pipeline::{Site, SiteError};
use crate::store::AuditFilter;

/// Prints or recomputes the chain.
pub fn run(site: &Site, audit: &Audit, output: &Output) -> Result<ExitCode, SiteError> {
    match audit {
        Audit::Log { submission, limit } => {
            let filter = AuditFilter { submission: *submission, limit: *limit, ..AuditFilter::default() };
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
                        (Role::Plain, entry.submission.map(|id| format!("#{id}")).unwrap_or_default()),
                        (Role::Faint, entry.hash.short()),
                    ]
                })
                .collect();
            output.say(&output.table(&["NO", "AT", "WHO", "WHAT", "ABOUT", "HASH"], &lines));
        }
        Audit::Verify => {
            let check = site.queue().verify_audit()?;
            if output.json() {
                output.document(&serde_json::json!({ "entries": check.entries, "broken": check.broken }))?;
            }
            match check.broken {
                None if output.json() => {}
                None => output.say(&format!("{} entries, unbroken", check.entries)),
                Some(at) => {
                    return Err(SiteError::refused(Failure::new(format!("the audit chain is broken at entry {at}")))
                        .help("somebody changed the database by hand: compare it with a backup"));
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
