//! `flareo module`: the catalog.

use std::process::ExitCode;

use serde::Serialize;

use super::arguments::Module as Verb;
use super::doctor::text_of;
use super::output::{Output, Role, role_of, size, time};
use crate::attest::Verified;
use crate::logs::sanitise;
use crate::model::module::Module;
use crate::model::reproduction::Reproduction;
use crate::pipeline::{Site, SiteError, Target};
use crate::tui::desk::Sheet;
use crate::tui::module_sheets;

/// Lists, shows, exports or yanks modules.
pub fn run(site: &Site, verb: &Verb, output: &Output) -> Result<ExitCode, SiteError> {
    match verb {
        Verb::List => list(site, output)?,
        Verb::Show {
            slug,
            packages,
            provenance,
            layers,
            findings,
        } => {
            let module = site.module(slug)?;
            match (*packages, *provenance, *layers, *findings) {
                (false, false, false, false) => show(site, &module, output)?,
                (true, ..) => {
                    let sbom = verified(site, &module)?.sbom;
                    told(&sbom, &module_sheets::packages(&sbom), output)?;
                }
                (_, true, ..) => {
                    let provenance = verified(site, &module)?.provenance;
                    told(&provenance, &module_sheets::provenance(&provenance), output)?;
                }
                (_, _, true, _) => {
                    let layers = site.module_layers(&module)?;
                    told(&layers, &module_sheets::layers(&layers), output)?;
                }
                _ => {
                    let findings = site.module_findings(&module)?;
                    told(&findings, &module_sheets::findings(&findings), output)?;
                }
            }
        }
        Verb::Export {
            slug,
            output: destination,
        } => {
            let module = site.module(slug)?;
            let written = site.export(&module, destination)?;
            if output.json() {
                output.document(
                    &serde_json::json!({ "digest": written.digest, "to": destination }),
                )?;
            } else {
                output.say(&format!("{} is at {destination}", written.digest));
            }
        }
        Verb::Yank { slug, reason } => {
            let module = site.yank(slug, reason)?;
            if output.json() {
                return output.document(&module).map(|()| ExitCode::SUCCESS);
            }
            output.say(&format!("{slug} {} is out of the catalog", module.digest));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What is said in a signed document is shown once the signature was verified, and not before.
fn verified(site: &Site, module: &Module) -> Result<Verified, SiteError> {
    let all = site.verify(&Target::Image(module.digest), None)?;
    let first = all.into_iter().next();
    first.ok_or_else(|| SiteError::host("nothing is kept beside the image"))
}

/// What a screen of the console shows, in its words or as data.
fn told(data: &impl Serialize, sheet: &Sheet, output: &Output) -> Result<(), SiteError> {
    if output.json() {
        return output.document(data);
    }
    output.say(&output.paint(Role::Strong, &sheet.title));
    output.say(&text_of(sheet));
    Ok(())
}

/// The colour of a label: only what was tried and failed wants to be looked at.
const fn role_of_label(label: &Reproduction) -> Role {
    match label {
        Reproduction::Reproduced => Role::Good,
        Reproduction::NotReproduced { .. } => Role::Warn,
        Reproduction::NotTried => Role::Faint,
    }
}

fn list(site: &Site, output: &Output) -> Result<(), SiteError> {
    let rows = site.queue().modules(0, u32::MAX)?;
    if output.json() {
        return output.document(&rows);
    }
    if rows.is_empty() {
        output.say("the catalog is empty: nothing was published yet");
        return Ok(());
    }
    let lines: Vec<_> = rows
        .into_iter()
        .map(|row| {
            vec![
                (Role::Strong, row.slug.to_string()),
                (role_of(row.state), row.state.word().to_owned()),
                (Role::Plain, row.digest.to_string()),
                (Role::Plain, size(row.bytes)),
                (Role::Plain, row.packages.to_string()),
                (
                    if row.signed { Role::Good } else { Role::Bad },
                    if row.signed { "signed" } else { "unsigned" }.into(),
                ),
                (
                    role_of_label(&row.reproduction),
                    row.reproduction.word().into(),
                ),
                (Role::Faint, time(row.published_at)),
            ]
        })
        .collect();
    output.say(&output.table(
        &[
            "SLUG",
            "STATE",
            "DIGEST",
            "SIZE",
            "PACKAGES",
            "SIGNATURE",
            "REBUILT",
            "PUBLISHED",
        ],
        &lines,
    ));
    Ok(())
}

fn show(site: &Site, module: &Module, output: &Output) -> Result<(), SiteError> {
    if output.json() {
        return output.document(module);
    }
    let fact = |name: &str, value: &str| {
        output.say(&format!(
            "{} {value}",
            output.paint(Role::Faint, &format!("{name:>12}"))
        ));
    };
    output.say(&output.paint(Role::Strong, module.slug.as_str()));
    if module.yanked {
        fact(
            "state",
            &output.paint(Role::Bad, "yanked: out of the catalog, not to be used"),
        );
    }
    fact("digest", &module.digest.to_string());
    fact(
        "pull",
        &format!(
            "{}/{}@{}",
            site.policy().catalog.prefix,
            module.slug,
            module.digest
        ),
    );
    fact("submission", &format!("#{}", module.submission));
    fact("published", &time(module.published_at));
    fact(
        "size",
        &format!("{} in {} layers", size(module.bytes), module.layers),
    );
    fact("packages", &module.packages.to_string());
    if module.excepted > 0 {
        fact(
            "excepted",
            &format!("{} findings let through by an exception", module.excepted),
        );
    }
    fact(
        "rebuilt",
        &output.paint(
            role_of_label(&module.reproduction),
            &sanitise(&module.reproduction.to_string()),
        ),
    );
    for attachment in &module.attachments {
        let tag = attachment.tag.as_deref().unwrap_or("referrer");
        fact(
            attachment.kind.word(),
            &format!("{} ({tag})", attachment.manifest),
        );
    }
    Ok(())
}
