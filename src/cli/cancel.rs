//! `flareo cancel` and `flareo retry`: a build that is ended, a submission that is tried once more.

use std::process::ExitCode;

use super::output::Output;
use crate::model::{State, SubmissionId};
use crate::pipeline::{Site, SiteError};

/// Ends a build.
pub fn cancel(
    site: &Site,
    id: SubmissionId,
    reason: &str,
    output: &Output,
) -> Result<ExitCode, SiteError> {
    let row = site.cancel_build(id, reason)?;
    if output.json() {
        output.document(&row)?;
    } else if row.state == State::Failed {
        output.say(&format!("submission {id} is taken out of the line"));
    } else {
        output.say(&format!(
            "the worker that has submission {id} is told to end"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Submits again.
pub fn retry(site: &Site, id: SubmissionId, output: &Output) -> Result<ExitCode, SiteError> {
    let row = site.retry(id)?;
    if output.json() {
        output.document(&row)?;
    } else {
        output.say(&format!(
            "submission {} is {id} once more, and waits for a reviewer",
            row.id
        ));
    }
    Ok(ExitCode::SUCCESS)
}
