//! `flareo review`: decisions.

use std::process::ExitCode;

use serde_json::json;

use super::arguments::Review;
use super::output::{Output, time};
use crate::model::decision::Grant;
use crate::model::{State, SubmissionId};
use crate::pipeline::{Site, SiteError};

/// Decides and says what happens next.
pub fn run(
    site: &Site,
    id: SubmissionId,
    verdict: &Review,
    output: &Output,
) -> Result<ExitCode, SiteError> {
    let (row, next) = match verdict {
        Review::Approve {
            reason,
            grant_base,
            grant_time,
            grant_network,
        } => {
            let bases = grant_base.iter().map(|reference| Grant::Base {
                reference: reference.without_digest(),
            });
            let times = grant_time
                .iter()
                .map(|minutes| Grant::Time { minutes: *minutes });
            let network = (!grant_network.is_empty()).then(|| Grant::network(grant_network));
            let grants: Vec<_> = bases.chain(times).chain(network).collect();
            let row = site.approve(id, None, reason, &grants)?;
            let next = match row.state {
                State::Pending => {
                    "you are for it; another reviewer has to be as well (`flareo show` says who is)"
                }
                _ => "a worker builds it next (`flareo --batch`, or a running `flareo worker`)",
            };
            (row, next)
        }
        Review::Reject { reason } => (site.reject(id, None, reason)?, "its submitter is told why"),
        Review::Withdraw => (site.withdraw(id)?, "its slug is free again"),
        Review::Comment { line, file, text } => {
            let comment = site.comment(id, file.as_deref(), *line, text)?;
            if output.json() {
                output.document(&comment)?;
            } else {
                output.say(&format!(
                    "noted at line {line}; its submitter reads it with your decision"
                ));
            }
            return Ok(ExitCode::SUCCESS);
        }
        Review::Claim { steal } => {
            let lease = match steal {
                true => site.steal_claim(id)?,
                false => site.claim(id)?,
            };
            if output.json() {
                output.document(&lease)?;
            } else {
                output.say(&format!("#{id} is yours until {}", time(lease.expires_at)));
            }
            return Ok(ExitCode::SUCCESS);
        }
        Review::Release => {
            site.release(id)?;
            if output.json() {
                output.document(&json!({ "id": id, "claim": null }))?;
            } else {
                output.say(&format!("#{id} is free for others to read"));
            }
            return Ok(ExitCode::SUCCESS);
        }
    };
    if output.json() {
        let position = site.queue().position(id)?;
        output.document(
            &json!({ "id": row.id, "slug": row.slug, "state": row.state, "approval": row.approval,
            "position": position }),
        )?;
    } else {
        output.say(&format!(
            "#{} {} is {}: {next}",
            row.id, row.slug, row.state
        ));
    }
    Ok(ExitCode::SUCCESS)
}
