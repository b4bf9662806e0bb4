//! `flareo show`: one submission, as its reviewer reads it.

use std::process::ExitCode;

use super::output::{Output, Role, role_of, size, time};
use super::{examine, network};
use crate::lint::Report;
use crate::logs::sanitise;
use crate::model::decision::{Grant, Verdict};
use crate::model::{State, SubmissionId};
use crate::pipeline::{Site, SiteError};

/// Prints the review page.
pub fn run(site: &Site, id: SubmissionId, output: &Output) -> Result<ExitCode, SiteError> {
    let page = site.review_page(id)?;
    if output.json() {
        let mut document = serde_json::to_value(&page).map_err(SiteError::host)?;
        let connections = site.connections(id)?;
        if !connections.is_empty() {
            document["connections"] = serde_json::to_value(connections).map_err(SiteError::host)?;
        }
        output.document(&document)?;
        return Ok(ExitCode::SUCCESS);
    }
    let row = &page.submission;
    output.say(&format!(
        "{} {} from {} since {}",
        output.paint(Role::Strong, &format!("#{} {}", row.id, row.slug)),
        output.paint(role_of(row.state), row.state.word()),
        sanitise(&row.submitter.0),
        time(row.created_at)
    ));
    let fact = |name: &str, value: String| {
        output.say(&format!(
            "{} {value}",
            output.paint(Role::Faint, &format!("{name:>10}"))
        ));
    };
    fact(
        "context",
        format!(
            "{} ({} entries, {})",
            row.context,
            row.context_entries,
            size(row.context_bytes)
        ),
    );
    for pin in &page.pins {
        let held = pin
            .digest
            .map_or_else(|| "not in the cache".to_owned(), |d| d.to_string());
        let approved = if pin.approved { "" } else { ", not approved" };
        fact(
            "base",
            format!(
                "{} line {}: {held}{approved}",
                sanitise(&pin.written),
                pin.line
            ),
        );
    }
    if !row.wishes.notes.is_empty() {
        fact("notes", sanitise(&row.wishes.notes).into_owned());
    }
    if row.wishes.requires_network {
        let how = match row.state {
            State::Pending => format!(
                " (granted with `flareo review {} approve --grant-network GROUP --reason …`; `flareo help network`)",
                row.id
            ),
            _ => String::new(),
        };
        fact("asks for", format!("network{how}"));
    }
    if let Some(minutes) = row.wishes.time_limit_minutes {
        fact("asks for", format!("{minutes} minutes"));
    }
    if let Some(base) = &row.wishes.base {
        fact("asks for", format!("base {}", sanitise(&base.familiar())));
    }
    if let Some(image) = row.image {
        fact("image", image.to_string());
    }
    if let Some(report) = &page.reproduction {
        // Several lines, set in under the first. Its parts were made harmless when it was written.
        let lines = report.to_string().replace('\n', "\n           ");
        fact("rebuilt", lines);
    }
    if let Some(failure) = &row.failure {
        fact(
            "error",
            output.paint(Role::Bad, &sanitise(&failure.message)),
        );
    }
    for decision in &page.decisions {
        let groups = decision.binding.as_ref().map(|b| Grant::groups(&b.grants));
        if let Some(groups) = groups.filter(|groups| !groups.is_empty()) {
            fact("granted", format!("network: {}", groups.join(", ")));
        }
        let verdict = match decision.verdict {
            Verdict::Approve => "approved",
            Verdict::Reject => "rejected",
        };
        let reason = if decision.reason.is_empty() {
            String::new()
        } else {
            format!(": {}", sanitise(&decision.reason))
        };
        fact(
            verdict,
            format!(
                "by {} at {}{reason}",
                sanitise(&decision.by.0),
                time(decision.at)
            ),
        );
    }
    if let Some(view) = &page.network {
        for (name, text) in network::lines(view, &site.connections(id)?) {
            fact(name, sanitise(&text).into_owned());
        }
    }
    if row.state == State::Pending {
        let approvals = &page.approvals;
        for lapsed in &approvals.lapsed {
            fact(
                "void",
                format!(
                    "what {} approved has changed since: {}; a reviewer decides again",
                    sanitise(&lapsed.by.0),
                    sanitise(&lapsed.changed.join(", "))
                ),
            );
        }
        if !approvals.by.is_empty() && approvals.by.len() >= approvals.needed as usize {
            fact(
                "void",
                format!(
                    "what was approved could not be built as it was: a reviewer decides again (`flareo audit log --submission {}` says why)",
                    row.id
                ),
            );
        }
        if approvals.needed > 1 {
            let by: Vec<_> = approvals.by.iter().map(|by| sanitise(&by.0)).collect();
            let by = if by.is_empty() {
                "nobody yet".to_owned()
            } else {
                by.join(", ")
            };
            fact(
                "approvals",
                format!("{} of {}: {by}", approvals.by.len(), approvals.needed),
            );
        }
    }
    for (rule, switch) in &page.switches {
        let until = switch
            .until
            .map(|until| format!(" until {until}"))
            .unwrap_or_default();
        fact(
            "policy",
            format!(
                "{rule} is {}{until}: {}",
                switch.severity.word(),
                sanitise(&switch.reason)
            ),
        );
    }
    output.say("");
    for (index, line) in page.dockerfile.lines().enumerate() {
        let number = output.paint(Role::Faint, &format!("{:>5}", index + 1));
        output.say(&format!("{number}  {}", sanitise(line)));
    }
    for comment in &page.comments {
        output.say(&format!(
            "{} {}:{}: {}",
            output.paint(Role::Strong, &sanitise(&comment.by.0)),
            sanitise(&comment.file),
            comment.line,
            sanitise(&comment.text)
        ));
    }
    if !page.findings.is_empty() {
        let report = Report {
            name: row.detection.dockerfile.clone().unwrap_or_default(),
            text: page.dockerfile.clone(),
            findings: page.findings.clone(),
            scripts: Vec::new(),
        };
        output.say(&format!("\n{}", report.human(output.colour()).trim_end()));
    }
    for precedent in &page.precedents {
        output.say(&format!(
            "\n#{} {} was rejected by {} with {}: {}",
            precedent.id,
            precedent.slug,
            sanitise(&precedent.by.0),
            precedent.rules.join(", "),
            sanitise(&precedent.reason)
        ));
    }
    for (what, other) in [("", &page.previous), (" published", &page.published)] {
        let Some(other) = other else { continue };
        output.say(&format!("\nsince{what} #{} ({})", other.id, other.state));
        examine::tell(&page, other, output);
    }
    Ok(ExitCode::SUCCESS)
}
