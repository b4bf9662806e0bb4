//! What a build's events add up to: steps, limits, what is used, how it ended.

use crate::model::event::{Happening, StepOutcome, Usage};
use crate::model::reproduction::Reproduction;
use crate::model::{Digest, State};

/// Steps that are kept. A Dockerfile of a megabyte has fewer.
const MOST_STEPS: usize = 20_000;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// From 1.
    pub number: u32,
    /// The stage.
    pub stage: String,
    /// The Dockerfile's line.
    pub line: u32,
    /// The instruction.
    pub text: String,
    /// How it ended, if it did.
    pub outcome: Option<StepOutcome>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Its layer, in bytes.
    pub layer_bytes: u64,
    /// The spool's line where it begins.
    pub at: u64,
}

/// The limits in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ceiling {
    /// In bytes.
    pub memory: u64,
    /// In seconds.
    pub time: u64,
    /// In bytes.
    pub layers: u64,
    /// Of a step's output, in bytes.
    pub log: u64,
}

/// How a build ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Well.
    Good(Option<Digest>),
    /// With this error, and what to do about it.
    Bad(String, String),
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Progress {
    /// The steps so far.
    pub steps: Vec<Step>,
    /// How many there will be.
    pub total: u32,
    /// The limits.
    pub ceiling: Ceiling,
    /// What is used.
    pub usage: Usage,
    /// The last state that was told.
    pub state: Option<State>,
    /// What the second build says, or what came of it, and where that begins.
    pub again: Option<(u64, String)>,
    /// What came of it.
    pub label: Option<Reproduction>,
    /// Lines of the scanner, the last of them, and where they begin.
    pub scan: Option<(u64, String)>,
    /// The same for signing.
    pub sign: Option<(u64, String)>,
    /// How it ended.
    pub ending: Option<Ending>,
}

impl Progress {
    /// Takes what happened at line `at` of the spool.
    pub fn take(&mut self, at: u64, what: &Happening) {
        match what {
            Happening::State { state } => self.state = Some(*state),
            Happening::Build {
                steps,
                memory_limit,
                time_limit,
                layer_limit,
                log_limit,
            } => {
                self.total = *steps;
                self.ceiling = Ceiling {
                    memory: *memory_limit,
                    time: *time_limit,
                    layers: *layer_limit,
                    log: *log_limit,
                };
            }
            Happening::Step {
                step,
                stage,
                line,
                text,
            } if self.steps.len() < MOST_STEPS => self.steps.push(Step {
                number: *step,
                stage: stage.clone(),
                line: *line,
                text: text.clone(),
                outcome: None,
                took_ms: 0,
                layer_bytes: 0,
                at,
            }),
            Happening::Step { .. } | Happening::Log { .. } | Happening::Connection(_) => {}
            Happening::StepEnd {
                step,
                outcome,
                took_ms,
                layer_bytes,
            } => {
                if let Some(known) = self.steps.iter_mut().rev().find(|s| s.number == *step) {
                    known.outcome = Some(*outcome);
                    known.took_ms = *took_ms;
                    known.layer_bytes = *layer_bytes;
                }
            }
            Happening::Usage(usage) => self.usage = *usage,
            Happening::Again { text, .. } => {
                let (at, _) = self.again.take().unwrap_or((at, String::new()));
                self.again = Some((at, text.clone()));
            }
            Happening::Reproduction { label, .. } => {
                let (at, _) = self.again.take().unwrap_or((at, String::new()));
                self.again = Some((at, label.to_string()));
                self.label = Some(label.clone());
            }
            Happening::Scan { text } => {
                let (at, _) = self.scan.take().unwrap_or((at, String::new()));
                self.scan = Some((at, text.clone()));
            }
            Happening::Sign { text } => {
                let (at, _) = self.sign.take().unwrap_or((at, String::new()));
                self.sign = Some((at, text.clone()));
            }
            Happening::Result {
                ok,
                digest,
                error,
                help,
                ..
            } => {
                self.ending = Some(if *ok {
                    Ending::Good(*digest)
                } else {
                    Ending::Bad(error.clone().unwrap_or_default(), help.clone())
                });
                if !ok && let Some(last) = self.steps.iter_mut().rev().find(|s| s.outcome.is_none())
                {
                    last.outcome = Some(StepOutcome::Failed);
                }
            }
        }
    }

    /// What the layers of all steps so far weigh, in bytes.
    pub fn layer_bytes(&self) -> u64 {
        self.steps
            .iter()
            .fold(0, |sum, step| sum.saturating_add(step.layer_bytes))
    }

    /// How many steps the cache answered.
    pub fn cached(&self) -> usize {
        self.steps
            .iter()
            .filter(|s| s.outcome == Some(StepOutcome::Cached))
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_was_running_when_the_build_failed_has_failed() {
        let mut progress = Progress::default();
        progress.take(
            0,
            &Happening::Step {
                step: 1,
                stage: "0".into(),
                line: 3,
                text: "RUN x".into(),
            },
        );
        progress.take(1, &Happening::failed(&crate::model::Failure::new("no")));
        assert_eq!(progress.steps[0].outcome, Some(StepOutcome::Failed));
        assert_eq!(
            progress.ending,
            Some(Ending::Bad("no".into(), String::new()))
        );
    }
}
