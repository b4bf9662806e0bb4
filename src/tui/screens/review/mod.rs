//! One submission, read before it is decided: the Dockerfile with its findings at their lines, and all that stands
//! beside it.

mod aside;
mod dossier;
mod draw;
mod facts;
mod source;

use std::collections::BTreeSet;

use ratatui::layout::Rect;

pub use dossier::Dossier;

use super::deciding::{Deciding, obstacles};
use super::popup::{Confirm, Popup, Yes};
use super::{Out, Scene, Screen};
use crate::model::decision::Verdict;
use crate::model::view::ReviewPage;
use crate::model::{Actor, State, SubmissionId, Timestamp};
use crate::tui::action::Action;
use crate::tui::desk::{Chosen, Look, Sheet};
use crate::tui::ink::Line;
use crate::tui::message::{Effect, Request};
use crate::tui::search::next_match;
use crate::tui::theme::Glyphs;
use crate::tui::widgets::cursor::{Cursor, Scroll};
use aside::Aside;
use source::{Row, Source};

/// The parts of the screen that keys can belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Pane {
    #[default]
    Source,
    Findings,
    Facts,
}

const PANES: [Pane; 3] = [Pane::Source, Pane::Findings, Pane::Facts];

/// The review of one submission.
#[derive(Debug, Default)]
pub struct Review {
    id: Option<SubmissionId>,
    dossier: Option<Box<Dossier>>,
    error: Option<String>,
    asked: bool,
    pane: Pane,
    diff: bool,
    source: Source,
    at: Scroll,
    finding: Cursor,
    stepped: bool,
    unfolded: BTreeSet<usize>,
    facts: Vec<Line<'static>>,
    facts_width: u16,
    facts_at: Scroll,
    search: String,
    glyphs: Option<&'static Glyphs>,
    me: Option<Actor>,
    now: Timestamp,
    /// What lies over the Dockerfile, the last one on top.
    asides: Vec<Aside>,
}

impl Review {
    /// What is reviewed.
    pub const fn id(&self) -> Option<SubmissionId> {
        self.id
    }

    /// Whether there is anything to be seen of it.
    pub const fn is_known(&self) -> bool {
        self.dossier.is_some()
    }

    /// Turns to another submission.
    pub fn open(&mut self, id: SubmissionId, me: &Actor, glyphs: &'static Glyphs) {
        if self.id != Some(id) {
            *self = Self {
                id: Some(id),
                ..Self::default()
            };
        }
        self.glyphs = Some(glyphs);
        self.me = Some(me.clone());
    }

    /// Takes an answer.
    pub fn answered(&mut self, id: SubmissionId, result: Result<Box<Dossier>, String>) {
        if self.id != Some(id) {
            return;
        }
        match result {
            Ok(dossier) => {
                let same = self.dossier.as_ref().is_some_and(|old| {
                    old.page.dockerfile == dossier.page.dockerfile
                        && old.page.findings == dossier.page.findings
                });
                if !same {
                    self.source.forget();
                }
                self.facts.clear();
                self.diff &= dossier.changes.is_some();
                self.dossier = Some(dossier);
                self.error = None;
            }
            Err(error) => self.error = Some(error),
        }
    }

    /// Takes what was looked into.
    pub fn looked(&mut self, id: SubmissionId, look: &Look, result: Result<Sheet, String>) {
        if self.id == Some(id)
            && let Some(aside) = self.asides.iter_mut().find(|aside| aside.look == *look)
        {
            aside.answered(look, result);
        }
    }

    /// The line that a comment would be about: that of the chosen finding, or the first that is shown.
    pub fn line(&self, scene: Scene) -> Option<(SubmissionId, u32)> {
        let dossier = self.dossier.as_ref()?;
        if dossier.page.submission.state != State::Pending || !self.asides.is_empty() {
            return None;
        }
        let of_finding = || {
            dossier
                .page
                .findings
                .get(self.finding.at)
                .map(|f| f.span.line)
        };
        let shown = || {
            let height = usize::from(self.parts(scene.body).source.height);
            let rows = self.source.rows.iter().skip(self.at.top).take(height);
            rows.filter_map(|row| match row {
                Row::Text { line, .. } => Some(*line),
                _ => None,
            })
            .next()
        };
        let line = match self.pane {
            Pane::Findings => of_finding(),
            Pane::Source | Pane::Facts => shown(),
        };
        Some((self.id?, line.filter(|line| *line > 0)?))
    }

    /// Lays something over the Dockerfile, or takes it away again.
    fn aside(&mut self, look: Look, out: &mut Out) {
        let Some(id) = self.id else { return };
        self.pane = Pane::Source;
        if self.asides.last().is_some_and(|aside| aside.look == look) {
            self.asides.pop();
            return;
        }
        self.asides.retain(|aside| aside.look != look);
        out.effects
            .push(Effect::Ask(Request::Look(id, look.clone())));
        self.asides.push(Aside::of(look));
    }

    fn claim(&self, out: &mut Out) {
        let Some(dossier) = &self.dossier else { return };
        let row = &dossier.page.submission;
        let held = row.claim.as_ref().filter(|c| c.expires_at > self.now);
        let other = held.filter(|claim| self.me.as_ref().is_some_and(|me| me.0 != claim.holder));
        match other {
            None => {
                let (id, steal) = (row.id, false);
                out.effects.push(Effect::Ask(Request::Claim { id, steal }));
            }
            Some(claim) => {
                out.popup = Some(Popup::Confirm(Box::new(Confirm {
                    question: format!("Take #{} {} over?", row.id, row.slug),
                    words: format!("{} reads it", claim.holder),
                    consequence: format!(
                        "{} sees on the page that you read it now; the audit log keeps it.",
                        claim.holder
                    ),
                    yes: Yes::Steal(row.id),
                })));
            }
        }
    }

    /// Searches, and goes to the first match from here on.
    pub fn search_for(&mut self, needle: &str, scene: Scene, out: &mut Out) {
        needle.clone_into(&mut self.search);
        self.pane = Pane::Source;
        if needle.is_empty() {
            return;
        }
        if let Some(aside) = self.asides.last_mut() {
            if !aside.search(needle, true, true) {
                out.warn(format!("nothing holds \"{needle}\""));
            }
            return;
        }
        self.source.unfold();
        if let Some(dossier) = &self.dossier {
            let width = self.parts(scene.body).source.width;
            self.source.lay_out(dossier, width, self.diff);
        }
        let matches = self.matches();
        let found = matches
            .iter()
            .find(|&&row| row >= self.at.top)
            .or(matches.first());
        match found {
            Some(&row) => {
                self.at
                    .show(row, self.parts(scene.body).source.height.into());
                out.say(format!(
                    "{} of \"{needle}\"",
                    crate::tui::figures::count(matches.len() as u64, "line")
                ));
            }
            None => out.warn(format!("nothing holds \"{needle}\"")),
        }
    }

    fn matches(&self) -> Vec<usize> {
        match &self.dossier {
            Some(dossier) if !self.search.is_empty() => self.source.matching(dossier, &self.search),
            _ => Vec::new(),
        }
    }

    /// To the next match or finding after the top row, or the one before it.
    fn step(&mut self, forward: bool, scene: Scene, out: &mut Out) {
        if let (Some(aside), false) = (self.asides.last_mut(), self.search.is_empty()) {
            aside.search(&self.search, forward, false);
            return;
        }
        if self.search.is_empty() {
            let Some(dossier) = &self.dossier else { return };
            let findings = dossier.page.findings.len();
            if findings == 0 {
                out.say("lint found nothing");
                return;
            }
            // The first step goes to the first finding, not past it.
            let by = match (forward, self.stepped) {
                (true, false) => 0,
                (true, true) => 1,
                (false, _) => findings - 1,
            };
            self.stepped = true;
            self.finding.at = (self.finding.at + by) % findings;
            self.show_finding(self.parts(scene.body));
            return;
        }
        match next_match(&self.matches(), self.at.top, forward) {
            Some(row) => self.at.top = row,
            None => out.warn(format!("nothing holds \"{}\"", self.search)),
        }
    }

    fn show_finding(&mut self, parts: Parts) {
        self.asides.clear();
        let height = usize::from(parts.source.height);
        self.diff = false;
        if let Some(dossier) = &self.dossier {
            self.source.lay_out(dossier, parts.source.width, false);
        }
        if let Some(row) = self.source.row_of(self.finding.at) {
            self.at.top = row.saturating_sub(height / 3);
        }
    }

    fn decide(&self, verdict: Verdict, out: &mut Out) {
        let Some(dossier) = &self.dossier else { return };
        let row = &dossier.page.submission;
        if row.state != State::Pending {
            let by = decided_by(&dossier.page).map_or_else(String::new, |by| format!(", by {by}"));
            out.warn(format!(
                "#{} is {}{by}: there is nothing to decide",
                row.id, row.state
            ));
            return;
        }
        let in_the_way = match verdict {
            Verdict::Approve => obstacles(&dossier.page),
            Verdict::Reject => None,
        };
        out.popup = Some(match in_the_way {
            Some(message) => Popup::Message(message),
            None => Popup::Deciding(Box::new(Deciding::new(&dossier.page, verdict))),
        });
    }

    /// What somebody else has decided since `before`, in a sentence.
    pub fn decided_elsewhere(&self, before: State, me: &Actor) -> Option<String> {
        let page = &self.dossier.as_ref()?.page;
        let row = &page.submission;
        if before != State::Pending || row.state == State::Pending {
            return None;
        }
        let last = page.decisions.last().filter(|last| last.by != *me)?;
        Some(format!(
            "{} {} #{} meanwhile",
            last.by,
            last.verdict.past(),
            row.id
        ))
    }

    /// Where the submission stands, as far as is known.
    pub fn state(&self) -> Option<State> {
        self.dossier.as_ref().map(|d| d.page.submission.state)
    }

    fn move_in_pane(&mut self, action: Action, scene: Scene) -> bool {
        let parts = self.parts(scene.body);
        match self.pane {
            // Lines are broken, not cut: there is nothing at the side.
            Pane::Source if matches!(action, Action::Left | Action::Right) => false,
            Pane::Source if !self.asides.is_empty() => self
                .asides
                .last_mut()
                .is_some_and(|aside| aside.moved(action)),
            Pane::Source => {
                self.at
                    .moved(action, self.source.rows.len(), parts.source.height.into())
            }
            Pane::Findings => {
                let findings = self.dossier.as_ref().map_or(0, |d| d.page.findings.len());
                self.finding
                    .moved(action, findings, parts.findings.height.into())
            }
            Pane::Facts if matches!(action, Action::Left | Action::Right) => false,
            Pane::Facts => self
                .facts_at
                .moved(action, self.facts.len(), parts.facts.height.into()),
        }
    }
}

/// Who decided last.
fn decided_by(page: &ReviewPage) -> Option<&Actor> {
    page.decisions.last().map(|last| &last.by)
}

impl Screen for Review {
    fn act(&mut self, action: Action, scene: Scene, out: &mut Out) {
        if self.dossier.is_none() || self.move_in_pane(action, scene) {
            return;
        }
        let pane = PANES
            .iter()
            .position(|p| *p == self.pane)
            .unwrap_or_default();
        match action {
            Action::NextPane => self.pane = PANES[(pane + 1) % PANES.len()],
            Action::PreviousPane => self.pane = PANES[(pane + PANES.len() - 1) % PANES.len()],
            Action::Approve => self.decide(Verdict::Approve, out),
            Action::Reject => self.decide(Verdict::Reject, out),
            Action::Diff => {
                self.asides.clear();
                self.toggle_diff(out);
            }
            Action::Files => self.aside(Look::Files, out),
            Action::Effective => self.aside(Look::Build, out),
            Action::Forecast => self.aside(Look::Forecast, out),
            Action::Claim => self.claim(out),
            Action::Jump if self.pane == Pane::Source => {
                let chosen = self
                    .asides
                    .last()
                    .and_then(Aside::chosen)
                    .map(str::to_owned);
                if let Some(path) = chosen {
                    self.aside(Look::File(path), out);
                }
            }
            Action::Cancel if !self.asides.is_empty() => {
                self.asides.pop();
            }
            Action::Fold if self.pane == Pane::Findings => self.toggle_fold(),
            Action::Fold if self.pane == Pane::Source => self.source.toggle_folds(),
            Action::Jump if self.pane == Pane::Findings => {
                self.pane = Pane::Source;
                self.show_finding(self.parts(scene.body));
            }
            Action::NextMatch => self.step(true, scene, out),
            Action::PreviousMatch => self.step(false, scene, out),
            Action::Cancel => self.search.clear(),
            Action::Copy => {
                if let Some(dossier) = &self.dossier {
                    let row = &dossier.page.submission;
                    out.copy(row.image.unwrap_or(row.context).to_string());
                }
            }
            _ => {}
        }
    }

    fn settle(&mut self, scene: Scene, out: &mut Out) {
        let Some(id) = self.id else { return };
        if !self.asked {
            self.asked = true;
            out.effects.push(Effect::Ask(Request::Review(id)));
        }
        self.now = scene.now;
        let parts = self.parts(scene.body);
        if let Some(aside) = self.asides.last_mut() {
            aside.settle(parts.source.height);
        }
        let Some(dossier) = &self.dossier else { return };
        self.source.lay_out(dossier, parts.source.width, self.diff);
        self.at
            .settle(self.source.rows.len(), parts.source.height.into());
        self.finding
            .settle(dossier.page.findings.len(), parts.findings.height.into());
        self.show_chosen_finding(parts);
        let Some(dossier) = &self.dossier else { return };
        if let Some(glyphs) = self.glyphs
            && (self.facts.is_empty() || self.facts_width != parts.facts.width)
        {
            self.facts_width = parts.facts.width;
            self.facts = facts::facts(&dossier.page, glyphs, parts.facts.width.saturating_sub(1));
        }
        self.facts_at
            .settle(self.facts.len(), parts.facts.height.into());
    }

    fn close(&mut self) -> bool {
        self.asides.pop().is_some()
    }

    fn outdate(&mut self) {
        self.asked = false;
    }

    fn search_for(&mut self, text: &str, scene: Scene, out: &mut Out) {
        Self::search_for(self, text, scene, out);
    }

    fn chosen(&self) -> Option<Chosen> {
        self.id.map(|id| Chosen {
            key: id.to_string(),
            at: self.at.top,
        })
    }

    fn choose(&mut self, chosen: &Chosen) {
        self.id = chosen.key.parse().ok();
        self.at.top = chosen.at;
    }

    fn offers(&self, action: Action) -> bool {
        let Some(dossier) = &self.dossier else {
            return matches!(action, Action::Help | Action::Back);
        };
        match action {
            Action::Approve | Action::Reject | Action::Claim | Action::Comment => {
                dossier.page.submission.state == State::Pending
            }
            Action::Diff => dossier.changes.is_some(),
            Action::Jump if self.pane == Pane::Source => self
                .asides
                .last()
                .is_some_and(|aside| aside.chosen().is_some()),
            Action::Fold if self.pane == Pane::Source => {
                self.asides.is_empty() && Source::is_long(dossier)
            }
            Action::Jump | Action::Fold => {
                self.pane == Pane::Findings && !dossier.page.findings.is_empty()
            }
            _ => true,
        }
    }

    fn draw(&self, ink: &mut crate::tui::ink::Ink<'_>, scene: Scene) {
        self.draw_all(ink, scene);
    }
}

impl Review {
    /// What is unfolded above the chosen finding must not push it out of sight.
    fn show_chosen_finding(&mut self, parts: Parts) {
        let Some(dossier) = &self.dossier else { return };
        let findings = &dossier.page.findings;
        let rows = |n: usize| {
            self.finding_rows(n, &findings[n], parts.findings.width)
                .len()
        };
        let chosen = self.finding.at;
        let mut above: usize = (self.finding.top..chosen).map(rows).sum();
        let mut top = self.finding.top;
        while top < chosen && above + rows(chosen) > usize::from(parts.findings.height) {
            above -= rows(top);
            top += 1;
        }
        self.finding.top = top;
    }

    fn toggle_fold(&mut self) {
        if !self.unfolded.remove(&self.finding.at) {
            self.unfolded.insert(self.finding.at);
        }
    }

    fn toggle_diff(&mut self, out: &mut Out) {
        let Some(dossier) = &self.dossier else { return };
        match &dossier.page.previous {
            None => out.say(format!(
                "{} has no submission before this one",
                dossier.page.submission.slug
            )),
            Some(previous) => {
                if dossier.page.dockerfile == previous.dockerfile {
                    out.say(format!("the Dockerfile is the same as in #{}", previous.id));
                    return;
                }
                self.diff = !self.diff;
                self.pane = Pane::Source;
                self.at = Scroll::default();
            }
        }
    }
}

/// Where the parts are.
#[derive(Debug, Clone, Copy, Default)]
struct Parts {
    summary: Rect,
    tabs: Rect,
    source: Rect,
    findings_head: Rect,
    findings: Rect,
    facts_head: Rect,
    facts: Rect,
    wide: bool,
}
