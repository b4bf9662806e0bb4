//! `flareo policy`: the policy's own tests, and what another policy would have decided.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use super::arguments::Policy as Asked;
use super::output::{Output, Role, time};
use crate::config;
use crate::logs::sanitise;
use crate::model::Policy;
use crate::model::replay::Turn;
use crate::pipeline::{Site, SiteError, known_rules};

/// Does what was asked.
pub fn run(site: &Site, asked: &Asked, output: &Output) -> Result<ExitCode, SiteError> {
    match asked {
        Asked::Check { file } => check(site, file.as_deref(), output),
        Asked::Replay { against, since } => {
            let policy = read(against)?;
            let since = since.map(|day| day.to_zoned(jiff::tz::TimeZone::UTC));
            let since = since
                .transpose()
                .map_err(|e| SiteError::usage(e.to_string()))?;
            let replay = site.replay(&policy, since.map(|zoned| zoned.timestamp()))?;
            if output.json() {
                output.document(&replay)?;
                return Ok(ExitCode::SUCCESS);
            }
            for flip in &replay.flips {
                let (role, now) = match &flip.turn {
                    Turn::NoLonger(why) => (Role::Bad, format!("not any more: {why}")),
                    Turn::NowApprovable => {
                        (Role::Good, "nothing would stand in its way".to_owned())
                    }
                };
                output.say(&format!(
                    "#{} {} ({}), {} by {} at {}: {}",
                    flip.submission,
                    flip.slug,
                    flip.state,
                    flip.then.past(),
                    sanitise(&flip.by.0),
                    time(flip.at),
                    output.paint(role, &sanitise(&now))
                ));
            }
            for (id, why) in &replay.unknown {
                output.say(&format!("#{id} can't be told: {}", sanitise(why)));
            }
            output.say(&format!(
                "{} of {} decisions would flip{}",
                replay.flips.len(),
                replay.decisions,
                match replay.unknown.len() {
                    0 => String::new(),
                    n => format!(", {n} can't be told"),
                }
            ));
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn read(file: &Path) -> Result<Policy, SiteError> {
    let policy = config::read(file).map_err(|e| SiteError::usage(e.to_string()))?;
    known_rules(&policy)?;
    Ok(policy)
}

/// Reads a policy, and runs its examples. 1 if one does not come out as expected.
fn check(site: &Site, file: Option<&Path>, output: &Output) -> Result<ExitCode, SiteError> {
    let site = match file {
        Some(file) => site.under(read(file)?),
        None => site.clone(),
    };
    let policy = site.policy();
    let examples = site.examples()?;
    let failed = examples.iter().filter(|e| e.otherwise.is_some()).count();
    let now = site.clock().now();
    let lapsed: Vec<&String> = policy
        .lint
        .rules
        .iter()
        .filter(|(_, switch)| !switch.counts(now))
        .map(|(rule, _)| rule)
        .collect();
    if output.json() {
        let told = examples
            .iter()
            .map(|e| json!({"name": e.name, "ok": e.otherwise.is_none(), "found": e.otherwise}));
        output.document(&json!({
            "ok": failed == 0, "digest": policy.digest(), "examples": told.collect::<Vec<_>>(), "lapsed": lapsed,
        }))?;
        return Ok(ExitCode::from(u8::from(failed > 0)));
    }
    for example in &examples {
        let name = sanitise(&example.name);
        output.say(&match &example.otherwise {
            None => format!("{} {name}", output.paint(Role::Good, "ok    ")),
            Some(found) => format!(
                "{} {name}: {}",
                output.paint(Role::Bad, "FAILED"),
                sanitise(found)
            ),
        });
    }
    for (rule, switch) in &policy.lint.rules {
        let word = match (switch.counts(now), switch.until) {
            (false, Some(until)) => format!("lapsed on {until}: it weighs what it did"),
            (_, Some(until)) => format!("{} until {until}", switch.severity.word()),
            (_, None) => switch.severity.word().to_owned(),
        };
        output.say(&format!(
            "switch {rule}: {word} ({})",
            sanitise(&switch.reason)
        ));
    }
    output.say(&format!(
        "the policy can be read; {} of {} examples come out as expected",
        examples.len() - failed,
        examples.len()
    ));
    Ok(ExitCode::from(u8::from(failed > 0)))
}
