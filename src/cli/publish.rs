//! `flareo publish`: a context goes in, a row and what lint says come out.

use std::fs::File;
use std::process::ExitCode;

use serde_json::json;

use super::arguments::Publish;
use super::output::{Output, Role};
use crate::model::Severity;
use crate::model::submission::Wishes;
use crate::pipeline::{Site, SiteError, Source};

/// Publishes and says what would fail.
pub fn run(site: &Site, publish: &Publish, output: &Output) -> Result<ExitCode, SiteError> {
    let wishes = Wishes {
        notes: publish.notes.clone(),
        email: publish.email.clone(),
        requires_network: publish.requires_network,
        time_limit_minutes: publish.time_limit,
        base: publish.base.clone(),
    };
    let slug = publish.slug.clone();
    let source = &publish.source;
    let published = if source.as_os_str() == "-" {
        site.publish(Source::Archive(&mut std::io::stdin().lock()), slug, wishes)?
    } else if source.is_dir() {
        site.publish(Source::Folder(source), slug, wishes)?
    } else {
        let mut file = File::open(source)
            .map_err(|e| SiteError::usage(format!("can't read {}: {e}", source.display())))?;
        site.publish(Source::Archive(&mut file), slug, wishes)?
    };
    let row = &published.submission;
    if output.json() {
        output.document(&json!({
            "id": row.id, "slug": row.slug, "state": row.state, "position": published.position,
            "context": row.context, "lint": published.report.json(),
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    if !published.report.findings.is_empty() {
        output.say(published.report.human(output.colour()).trim_end());
    }
    let blocks = published.report.count(Severity::Block);
    output.say(&format!(
        "{} is submission {}, at place {} in the review queue",
        output.paint(Role::Strong, row.slug.as_str()),
        output.paint(Role::Strong, &format!("#{}", row.id)),
        published.position
    ));
    if blocks > 0 {
        output.say(&format!(
            "{}: as it stands it can't be approved ({blocks} blocking); to mend it, `flareo review {} withdraw` and publish again",
            output.paint(Role::Warn, "warning"),
            row.id
        ));
    }
    Ok(ExitCode::SUCCESS)
}
