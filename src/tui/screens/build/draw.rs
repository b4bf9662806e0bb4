//! How a build looks.

use ratatui::layout::Rect;

use super::progress::Ending;
use super::{Build, Pane, Parts, StepRow};
use crate::model::State;
use crate::model::event::StepOutcome;
use crate::model::reproduction::Reproduction;
use crate::tui::figures::{bytes, clock, count, state_glyph, state_role, took};
use crate::tui::ink::{Ink, below, inset, left_of, right_of, span, top_of, wrap};
use crate::tui::screens::{Scene, placard};
use crate::tui::theme::Role;
use crate::tui::widgets::gauge::Gauge;

/// Rows of the gauges.
const GAUGES: u16 = 4;

impl Build {
    /// Where the parts are. The log always has the whole width: so it scrolls by a few bytes.
    pub(super) fn parts(&self, body: Rect) -> Parts {
        let summary = top_of(body, 1 + self.ending_rows(body.width));
        let rest = below(body, summary.height);
        let rows = self.step_rows().len().max(1) as u16;
        if body.width >= 110 {
            let height = rows.max(GAUGES + 1).min(rest.height / 3).max(1);
            let upper = top_of(rest, height + 1);
            let width = (body.width - 62).min(100);
            let steps = left_of(upper, width);
            let gauges = right_of(upper, width + 2);
            let lower = below(rest, height + 1);
            return Parts {
                summary,
                gauges: inset(gauges, 1, 0),
                steps_head: top_of(steps, 1),
                steps: below(steps, 1),
                log_head: top_of(lower, 1),
                log: below(lower, 1),
            };
        }
        let gauges = if rest.height >= 14 { GAUGES } else { 0 };
        let below_gauges = below(rest, gauges);
        let height = rows.min(below_gauges.height / 3).max(1);
        let lower = below(below_gauges, height + 1);
        Parts {
            summary,
            gauges: inset(top_of(rest, gauges), 1, 0),
            steps_head: top_of(below_gauges, 1),
            steps: top_of(below(below_gauges, 1), height),
            log_head: top_of(lower, 1),
            log: below(lower, 1),
        }
    }

    /// Rows that a bad end needs in the summary, three at most.
    fn ending_rows(&self, width: u16) -> u16 {
        match &self.progress.ending {
            Some(Ending::Bad(error, help)) => {
                let room = usize::from(width.saturating_sub(4));
                let rows = |text: &str| wrap(&crate::logs::sanitise(text), room).len();
                let help = if help.is_empty() { 0 } else { rows(help) };
                (rows(error).min(2) + help.min(2)) as u16
            }
            _ => 0,
        }
    }

    pub(super) fn draw_all(&self, ink: &mut Ink<'_>, scene: Scene) {
        let Some(id) = self.id else {
            placard(
                ink,
                scene.body,
                "No build is chosen",
                Role::Strong,
                "Choose a submission in the queue (1) and press 3.",
            );
            return;
        };
        if let (Some(error), 0) = (&self.error, self.seen) {
            placard(
                ink,
                scene.body,
                &format!("The build of #{id} can't be read"),
                Role::Bad,
                error,
            );
            return;
        }
        if self.seen == 0 {
            let text = if self.live {
                "A worker will take it up; its steps and its log will appear here as they come."
            } else if self.complete {
                "A build begins once the submission is approved (2 shows the review)."
            } else {
                ""
            };
            let title = if self.complete || self.live {
                format!("#{id} has not been built")
            } else {
                format!("Reading the build of #{id}")
            };
            placard(ink, scene.body, &title, Role::Strong, text);
            return;
        }
        let parts = self.parts(scene.body);
        self.draw_summary(ink, parts.summary);
        self.draw_gauges(ink, parts.gauges);
        self.draw_steps(ink, parts);
        self.draw_log(ink, parts, scene);
    }

    fn draw_summary(&self, ink: &mut Ink<'_>, area: Rect) {
        let Some(id) = self.id else { return };
        let area = inset(area, 1, 0);
        let glyphs = ink.glyphs();
        let progress = &self.progress;
        let state = match (progress.state, &progress.ending) {
            (Some(State::Approved | State::Building), Some(Ending::Bad(..))) => Some(State::Failed),
            (state, _) => state,
        };
        let mut right = Vec::new();
        if self.attempt > 1 {
            right.push(span(format!("attempt {}   ", self.attempt), Role::Dim));
        }
        if let Some(state) = state {
            right.push(span(
                format!("{} {state}", state_glyph(glyphs, state)),
                state_role(state),
            ));
        }
        let used = ink.right(area, 0, &right);
        let mut left = vec![
            span(format!("#{id} "), Role::Dim),
            span(self.slug.as_str(), Role::Strong),
        ];
        if let Some(Ending::Good(Some(digest))) = &progress.ending {
            left.push(span(format!("  {digest}"), Role::Dim));
        }
        ink.line(left_of(area, area.width.saturating_sub(used + 1)), 0, &left);
        if let Some(Ending::Bad(error, help)) = &progress.ending {
            let text = right_of(area, 2);
            ink.put(area, 1, glyphs.bad, Role::Bad);
            let mut line = 1;
            for (what, role) in [(error, Role::Bad), (help, Role::Text)] {
                if what.is_empty() {
                    continue;
                }
                let clean = crate::logs::sanitise(what);
                for row in wrap(&clean, text.width.into()).iter().take(2) {
                    ink.put(text, line, row, role);
                    line += 1;
                }
            }
        }
    }

    fn draw_gauges(&self, ink: &mut Ink<'_>, area: Rect) {
        let (usage, ceiling) = (&self.progress.usage, &self.progress.ceiling);
        let of = |used: String, limit: u64, words: String| {
            if limit == 0 {
                used
            } else {
                format!("{used} of {words}")
            }
        };
        let seconds = usage.elapsed_ms / 1000;
        // COPY and ADD fill the disk too, and measure nothing while they do.
        let disk = usage.layer_bytes.max(self.progress.layer_bytes());
        let mut memory = of(
            bytes(usage.memory_bytes),
            ceiling.memory,
            bytes(ceiling.memory),
        );
        let most = bytes(usage.memory_peak_bytes);
        if usage.memory_peak_bytes > usage.memory_bytes && most != bytes(usage.memory_bytes) {
            memory += &format!(", {most} at most");
        }
        let gauges = [
            Gauge {
                label: "time",
                used: seconds,
                limit: ceiling.time,
                figures: of(clock(seconds), ceiling.time, clock(ceiling.time)),
            },
            Gauge {
                label: "memory",
                used: usage.memory_bytes,
                limit: ceiling.memory,
                figures: memory,
            },
            Gauge {
                label: "disk",
                used: disk,
                limit: ceiling.layers,
                figures: of(bytes(disk), ceiling.layers, bytes(ceiling.layers)),
            },
            Gauge {
                label: "output",
                used: usage.log_bytes,
                limit: ceiling.log,
                figures: of(bytes(usage.log_bytes), ceiling.log, bytes(ceiling.log)),
            },
        ];
        let area = below(area, u16::from(area.height > GAUGES));
        Gauge::draw_all(&gauges, ink, area);
        if area.height > GAUGES {
            ink.put(area, GAUGES, "cpu", Role::Dim);
            let text = format!(
                "{} in this step, {}",
                took(usage.cpu_ms),
                count_processes(usage.pids)
            );
            ink.put(right_of(area, 8), GAUGES, &text, Role::Text);
        }
    }

    fn draw_steps(&self, ink: &mut Ink<'_>, parts: Parts) {
        let steps = &self.progress.steps;
        let done = steps
            .iter()
            .filter(|s| s.outcome.is_some_and(|o| o != StepOutcome::Failed))
            .count();
        let total = (self.progress.total as usize).max(steps.len());
        let cached = match self.progress.cached() {
            0 => String::new(),
            n => format!(", {n} from the cache"),
        };
        let role = if self.pane == Pane::Steps {
            Role::Accent
        } else {
            Role::Dim
        };
        ink.rule(
            parts.steps_head,
            0,
            &[
                span("Steps", role),
                span(format!("  {done} of {total}{cached}"), Role::Dim),
            ],
        );
        let rows = self.step_rows();
        for line in 0..parts.steps.height {
            let index = self.step.top + usize::from(line);
            let Some(&row) = rows.get(index) else { break };
            let area = below(top_of(parts.steps, line + 1), line);
            self.draw_step(ink, inset(area, 1, 0), row);
            if index == self.step.at && self.pane == Pane::Steps {
                ink.tint(area, Role::Selected);
            }
        }
    }

    fn draw_step(&self, ink: &mut Ink<'_>, area: Rect, row: StepRow) {
        let glyphs = ink.glyphs();
        let several = self
            .progress
            .steps
            .iter()
            .any(|step| step.stage != self.progress.steps[0].stage);
        let indent = if several { "  " } else { "" };
        match row {
            StepRow::Stage(n) => {
                ink.line(
                    area,
                    0,
                    &[
                        span("stage ", Role::Dim),
                        span(self.progress.steps[n].stage.as_str(), Role::Strong),
                    ],
                );
            }
            StepRow::Step(n) => {
                let step = &self.progress.steps[n];
                let (mark, role) = match step.outcome {
                    Some(StepOutcome::Done) => (glyphs.good, Role::Good),
                    Some(StepOutcome::Cached) => (glyphs.cached, Role::Dim),
                    Some(StepOutcome::Failed) => (glyphs.bad, Role::Bad),
                    None => (glyphs.busy, Role::Busy),
                };
                let mut facts = match step.outcome {
                    Some(StepOutcome::Cached) => "cached".to_owned(),
                    Some(StepOutcome::Failed) => "failed".to_owned(),
                    Some(StepOutcome::Done) => took(step.took_ms),
                    None => "runs".to_owned(),
                };
                if step.layer_bytes > 0 {
                    facts = format!("{:>8}  {facts}", bytes(step.layer_bytes));
                }
                let used = ink.right(
                    area,
                    0,
                    &[span(
                        facts,
                        if step.outcome.is_some() {
                            Role::Dim
                        } else {
                            role
                        },
                    )],
                );
                let text_role = if step.outcome.is_none() {
                    Role::Strong
                } else {
                    Role::Text
                };
                ink.line(
                    left_of(area, area.width.saturating_sub(used + 2)),
                    0,
                    &[
                        span(format!("{indent}{mark} "), role),
                        span(format!("{:>2}  ", step.number), Role::Dim),
                        span(step.text.as_str(), text_role),
                    ],
                );
            }
            StepRow::Rest(n) => {
                ink.put(
                    area,
                    0,
                    &format!(
                        "{indent}{}     {} to come",
                        glyphs.waiting,
                        count(u64::from(n), "step")
                    ),
                    Role::Dim,
                );
            }
            StepRow::Again => {
                let (mark, role) = match &self.progress.label {
                    Some(Reproduction::Reproduced) => (glyphs.good, Role::Good),
                    Some(_) => (glyphs.bad, Role::Warn),
                    None if self.progress.state == Some(State::Building) => {
                        (glyphs.busy, Role::Busy)
                    }
                    None => (glyphs.bad, Role::Bad),
                };
                let text = self.progress.again.as_ref();
                draw_word(ink, area, (mark, role), "again", text);
            }
            StepRow::Scan => self.draw_phase(
                ink,
                area,
                "scan",
                self.progress.scan.as_ref(),
                State::Scanning,
            ),
            StepRow::Sign => self.draw_phase(
                ink,
                area,
                "sign",
                self.progress.sign.as_ref(),
                State::Signing,
            ),
        }
    }

    fn draw_phase(
        &self,
        ink: &mut Ink<'_>,
        area: Rect,
        name: &str,
        said: Option<&(u64, String)>,
        state: State,
    ) {
        let glyphs = ink.glyphs();
        let now = self.progress.state;
        let (mark, role) = match now {
            Some(now) if now == state => (glyphs.busy, Role::Busy),
            Some(State::Failed) if state == State::Signing || self.progress.sign.is_none() => {
                (glyphs.bad, Role::Bad)
            }
            _ => (glyphs.good, Role::Good),
        };
        draw_word(ink, area, (mark, role), name, said);
    }
}

fn count_processes(n: u64) -> String {
    if n == 1 {
        "1 process".into()
    } else {
        format!("{n} processes")
    }
}

/// The last word of what comes after the steps.
fn draw_word(
    ink: &mut Ink<'_>,
    area: Rect,
    (mark, role): (&str, Role),
    name: &str,
    said: Option<&(u64, String)>,
) {
    let text = said.map_or("", |(_, text)| text.as_str());
    ink.line(
        area,
        0,
        &[
            span(format!("{mark} "), role),
            span(format!("{name}  "), Role::Dim),
            span(text, Role::Text),
        ],
    );
}
