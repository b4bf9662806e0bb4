//! `flareo --batch` and `flareo worker`: what is approved, to its end.

use std::process::ExitCode;

use super::interrupt;
use super::output::{Output, Role, size};
use crate::logs::sanitise;
use crate::model::event::{Cancel, Happening, StepOutcome};
use crate::model::ledger::Passage;
use crate::model::reproduction::Reproduction;
use crate::model::{Event, Policy, State};
use crate::pipeline::{Site, SiteError};

/// One pass, then the end. 1 if anything failed.
pub fn pass(site: &Site, output: &Output) -> Result<ExitCode, SiteError> {
    let cancel = Cancel::default();
    interrupt::on_signal(&cancel).map_err(SiteError::host)?;
    let pass = site.work_pass(&|event: &Event| print(event, output), &cancel)?;
    if !output.json() {
        let voided = match pass.voided {
            0 => String::new(),
            n => format!(", {n} back to the reviewers"),
        };
        output.say(&format!(
            "{} published, {} failed{voided}",
            pass.published, pass.failed
        ));
    }
    Ok(ExitCode::from(u8::from(pass.failed > 0)))
}

/// Stays until a signal comes, by the policy of the day: where `policy` reads another one than the site has, `open`
/// opens it anew. One that can't be read changes nothing.
pub fn stay(
    mut site: Site,
    policy: &dyn Fn() -> Result<Policy, SiteError>,
    open: &dyn Fn() -> Result<Site, SiteError>,
    output: &Output,
) -> Result<ExitCode, SiteError> {
    let cancel = Cancel::default();
    interrupt::on_signal(&cancel).map_err(SiteError::host)?;
    loop {
        let current = || policy().map_or(true, |read| &read == site.policy());
        site.work(&current, &|event: &Event| print(event, output), &cancel)?;
        if cancel.is_cancelled() {
            return Ok(ExitCode::SUCCESS);
        }
        site = open()?;
    }
}

/// One event as one line.
pub fn print(event: &Event, output: &Output) {
    if output.json() {
        // An event is plain data: it always has a JSON form.
        if let Ok(line) = serde_json::to_string(event) {
            output.say(&line);
        }
        return;
    }
    let Some(text) = sentence(&event.what, output) else {
        return;
    };
    let of = match (&event.id, &event.slug) {
        (Some(id), Some(slug)) => output.paint(Role::Faint, &format!("#{id} {slug} ")),
        _ => String::new(),
    };
    output.say(&format!("{of}{text}"));
}

fn sentence(what: &Happening, output: &Output) -> Option<String> {
    Some(match what {
        Happening::State {
            state: State::Published | State::Failed,
        }
        | Happening::Usage(_) => return None,
        Happening::Connection(connection) => {
            if connection.verdict != Passage::Allowed {
                // Said in the log already.
                return None;
            }
            output.paint(
                Role::Faint,
                &format!(
                    "    network gate — {}, {} up, {} down",
                    sanitise(&connection.target()),
                    size(connection.up),
                    size(connection.down)
                ),
            )
        }
        Happening::State { state } => output.paint(Role::Strong, state.word()),
        Happening::Build { steps, .. } => format!("{steps} steps"),
        Happening::Step {
            step, stage, text, ..
        } => {
            let number = output.paint(Role::Strong, &format!("[{step}]"));
            format!(
                "{number} {} {}",
                output.paint(Role::Faint, &sanitise(stage)),
                sanitise(text)
            )
        }
        Happening::Log { text, .. } => format!("    {}", sanitise(text)),
        Happening::StepEnd {
            step,
            outcome,
            took_ms,
            ..
        } => match outcome {
            StepOutcome::Done => format!("[{step}] done in {took_ms} ms"),
            StepOutcome::Cached => format!("[{step}] {}", output.paint(Role::Faint, "cached")),
            StepOutcome::Failed => format!("[{step}] {}", output.paint(Role::Bad, "failed")),
        },
        Happening::Again { text, .. } => format!("again: {}", sanitise(text)),
        Happening::Reproduction { label, report } => {
            let role = match label {
                Reproduction::Reproduced => Role::Good,
                _ => Role::Warn,
            };
            // Lines of our own, whose parts were made harmless when the report was.
            output.paint(role, &report.to_string())
        }
        Happening::Scan { text } => format!("scan: {}", sanitise(text)),
        Happening::Sign { text } => format!("sign: {}", sanitise(text)),
        Happening::Result {
            ok: true,
            digest,
            cached_steps,
            steps,
            ..
        } => {
            let digest = digest.map(|d| d.to_string()).unwrap_or_default();
            let cached = match (cached_steps, steps) {
                (Some(cached), Some(steps)) => format!(" ({cached} of {steps} steps cached)"),
                _ => String::new(),
            };
            format!("{} {digest}{cached}", output.paint(Role::Good, "ok"))
        }
        Happening::Result {
            error,
            step,
            line,
            help,
            ..
        } => {
            let mut text = output.paint(Role::Bad, "failed");
            text.push_str(&format!(
                ": {}",
                sanitise(error.as_deref().unwrap_or("unknown error"))
            ));
            match (step, line) {
                (Some(step), Some(line)) => text.push_str(&format!(" (step {step}, line {line})")),
                (None, Some(line)) => text.push_str(&format!(" (line {line})")),
                _ => {}
            }
            if !help.is_empty() {
                text.push_str(&format!("\n  {}", sanitise(help)));
            }
            text
        }
    })
}
