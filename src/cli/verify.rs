//! `flareo verify`: does the image hold what its signature says?

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use super::output::{Output, Role};
use crate::logs::sanitise;
use crate::pipeline::{Site, SiteError, Target};

/// Verifies and says what was found.
pub fn run(
    site: &Site,
    target: &str,
    key: Option<&Path>,
    output: &Output,
) -> Result<ExitCode, SiteError> {
    let target: Target = target.parse()?;
    let verified = site.verify(&target, key)?;
    if output.json() {
        let documents: Vec<_> = verified
            .iter()
            .map(|one| {
                json!({ "image": one.image, "identity": one.identity, "key": one.key, "attachments": one.attachments,
                    "sbom": one.sbom, "provenance": one.provenance })
            })
            .collect();
        output.document(&documents)?;
        return Ok(ExitCode::SUCCESS);
    }
    for one in &verified {
        output.say(&format!(
            "{} {}",
            output.paint(Role::Good, "verified"),
            one.image
        ));
        let fact = |name: &str, value: &str| {
            output.say(&format!(
                "{} {value}",
                output.paint(Role::Faint, &format!("{name:>12}"))
            ));
        };
        fact("signed as", &sanitise(&one.identity));
        fact("by key", &one.key.to_string());
        for attachment in &one.attachments {
            fact(attachment.kind.word(), &attachment.manifest.to_string());
        }
    }
    // The signature holds all the same; whoever asks has to hear it.
    if let Target::Module(slug) = &target
        && site.module(slug)?.yanked
    {
        output.say(&format!(
            "{}: {slug} was yanked: it is out of the catalog and not to be used",
            output.paint(Role::Warn, "warning")
        ));
    }
    Ok(ExitCode::SUCCESS)
}
