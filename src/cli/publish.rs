//! `flareo publish`: lint first, then a question where something blocks; a context goes in, a row and what lint says come
//! out.

use std::fs::File;
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use super::arguments::Publish;
use super::output::{Output, Role};
use super::progress::Bar;
use super::{ask, batch, interrupt, lint};
use crate::model::event::{Cancel, Happening};
use crate::model::submission::Wishes;
use crate::model::{Digest, Event, Failure, Severity, State, Submission};
use crate::pipeline::{LocalBuild, Published, Site, SiteError, Source};

/// Publishes and says what would fail.
pub fn run(site: &Site, publish: &Publish, output: &Output) -> Result<ExitCode, SiteError> {
    let source = publish.source.as_path();
    let asks = !publish.yes && !output.json() && source.is_dir() && ask::possible();
    if asks && !agreed(site, source, output)? {
        output.say("nothing was sent");
        return Ok(ExitCode::from(1));
    }
    let checked = match publish.check {
        true => Some(check(site, publish, output)?),
        false => None,
    };
    let published = send(site, publish)?;
    if output.json() {
        tell_programs(&published, checked, output)?;
    } else {
        tell_people(&published, checked, asks, output);
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows what lint finds, offers its patches, and asks whether what still blocks is to be sent all the same.
fn agreed(site: &Site, folder: &Path, output: &Output) -> Result<bool, SiteError> {
    // What can't be read at all, publishing says with its reason.
    let Ok((mut report, mended)) = site.linter(&[])?.mend_path(folder) else {
        return Ok(true);
    };
    if !report.findings.is_empty() {
        output.say(report.human(output.colour()).trim_end());
    }
    if report.blocked() && !mended.resolved.is_empty() {
        output.say(&lint::diff_of(folder, &mended));
        output.say(&lint::summary(&mended));
        if ask::yes("Write these patches?") {
            lint::write_all(folder, &mended)?;
            report = mended.report;
        }
    }
    let blocks = report.count(Severity::Block);
    let word = if blocks == 1 {
        "finding blocks"
    } else {
        "findings block"
    };
    Ok(blocks == 0
        || ask::yes(&format!(
            "{blocks} {word}: it can't be approved like this. Send it all the same?"
        )))
}

/// Builds as the worker will, and says which digest it will get.
fn check(site: &Site, publish: &Publish, output: &Output) -> Result<Digest, SiteError> {
    if !publish.source.is_dir() {
        return Err(SiteError::usage(
            "--check builds a folder: unpack the archive, and publish what is in it",
        ));
    }
    let cancel = Cancel::default();
    interrupt::on_signal(&cancel).map_err(SiteError::host)?;
    let network = match publish.requires_network {
        true => site.policy().network.groups.keys().cloned().collect(),
        false => Vec::new(),
    };
    let request = LocalBuild {
        context: publish.source.clone(),
        network,
        ..LocalBuild::default()
    };
    // One document is promised to programs: the build's own events are for people, and its end is told below.
    let watcher = |event: &Event| {
        if !output.json() && !matches!(event.what, Happening::Result { .. }) {
            batch::print(event, output);
        }
    };
    let built = site
        .build_local(&request, &watcher, &cancel)
        .map_err(|mut error| {
            let help = &mut error.failure.help;
            *help = format!(
                "{help}{}nothing was sent",
                if help.is_empty() { "" } else { "; " }
            );
            error
        })?;
    Ok(built.digest)
}

fn send(site: &Site, publish: &Publish) -> Result<Published, SiteError> {
    let wishes = Wishes {
        notes: publish.notes.clone(),
        email: publish.email.clone(),
        requires_network: publish.requires_network,
        time_limit_minutes: publish.time_limit,
        base: publish.base.clone(),
    };
    let slug = publish.slug.clone();
    let source = &publish.source;
    if source.as_os_str() == "-" {
        return site.publish(Source::Archive(&mut std::io::stdin().lock()), slug, wishes);
    }
    if source.is_dir() {
        let bar = Bar::new("packing");
        let progress = |done, whole| bar.at(done, whole);
        return site.publish(Source::Folder(source, &progress), slug, wishes);
    }
    let mut file = File::open(source)
        .map_err(|e| SiteError::usage(format!("can't read {}: {e}", source.display())))?;
    site.publish(Source::Archive(&mut file), slug, wishes)
}

fn tell_programs(
    published: &Published,
    checked: Option<Digest>,
    output: &Output,
) -> Result<(), SiteError> {
    let row = &published.submission;
    output.document(&json!({
        "id": row.id, "slug": row.slug, "state": row.state, "position": published.position,
        "context": row.context, "lint": published.report.json(),
        "previous": published.previous.as_ref().map(|row| json!({"id": row.id, "state": row.state})),
        "digest": checked,
    }))
}

fn tell_people(published: &Published, checked: Option<Digest>, was_shown: bool, output: &Output) {
    let row = &published.submission;
    if !was_shown && !published.report.findings.is_empty() {
        output.say(published.report.human(output.colour()).trim_end());
    }
    let blocks = published.report.count(Severity::Block);
    output.say(&format!(
        "{} is submission {}, at place {} in the review queue",
        output.paint(Role::Strong, row.slug.as_str()),
        output.paint(Role::Strong, &format!("#{}", row.id)),
        published.position
    ));
    if let Some(previous) = &published.previous {
        output.say(&before(previous));
    }
    if let Some(digest) = checked {
        output.say(&format!(
            "it builds to {digest}, as it will for the worker while base and policy stay the same"
        ));
    }
    if blocks > 0 {
        output.say(&format!(
            "{}: as it stands it can't be approved ({blocks} blocking); to mend it, `flareo review {} withdraw` and publish again",
            output.paint(Role::Warn, "warning"),
            row.id
        ));
    }
}

/// What became of the one before.
fn before(previous: &Submission) -> String {
    let why = previous
        .failure
        .as_ref()
        .map(|failure: &Failure| &failure.message);
    match (previous.state, why) {
        (State::Published, _) => format!("it is to follow #{}, which is published", previous.id),
        (state, Some(why)) => format!(
            "the one before it is #{}, {state}: {}",
            previous.id,
            crate::logs::sanitise(why)
        ),
        (state, None) => format!("the one before it is #{}, {state}", previous.id),
    }
}
