//! `flareo module`: the catalog.

use std::process::ExitCode;

use super::arguments::Module as Verb;
use super::output::{Output, Role, role_of, size, time};
use crate::logs::sanitise;
use crate::model::module::Module;
use crate::model::reproduction::Reproduction;
use crate::pipeline::{Site, SiteError};

/// Lists, shows, exports or yanks modules.
pub fn run(site: &Site, verb: &Verb, output: &Output) -> Result<ExitCode, SiteError> {
    match verb {
        Verb::List => list(site, output)?,
        Verb::Show { slug } => show(site, &site.module(slug)?, output)?,
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
