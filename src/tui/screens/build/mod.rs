//! One build, live or past: its steps, what it uses of its limits, and its log as it grows.

mod draw;
mod lines;
mod log;
mod progress;
mod seek;
mod selection;
mod steps;
mod taking;

use ratatui::layout::Rect;

use super::over::Over;
use super::{Out, Scene, Screen};
use crate::logs::Pattern;
use crate::model::{SubmissionId, Timestamp};
use crate::tui::action::Action;
use crate::tui::desk::{Chosen, Look, Sheet};
use crate::tui::message::{Effect, LINES, Request, Toward};
use crate::tui::widgets::cursor::{Cursor, Scroll};
use lines::Stamps;
use log::Log;
pub use log::words_of;
use progress::{Ending, Progress};
use seek::{Only, Search};
use selection::Selection;
use steps::StepRow;

/// Lines before the end of what is in memory at which more is read back.
const AHEAD: usize = 200;

/// The parts of the screen that keys can belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Pane {
    #[default]
    Log,
    Steps,
}

/// A build.
#[derive(Debug)]
pub struct Build {
    id: Option<SubmissionId>,
    slug: String,
    attempt: u32,
    live: bool,
    complete: bool,
    outdated: bool,
    watched: Option<u64>,
    error: Option<String>,
    /// The place of the spool up to which its end is known.
    seen: u64,
    /// The place up to which the steps are known: behind `seen` where a long spool was opened at its end.
    outlined: u64,
    outlining: bool,
    progress: Progress,
    begun: Option<Timestamp>,
    log: Log,
    asked: Option<Toward>,
    pane: Pane,
    follow: bool,
    at: Scroll,
    step: Cursor,
    search: Option<Search>,
    /// Only what matches, if that is shown.
    only: Option<Only>,
    selection: Option<Selection>,
    wrap: bool,
    stamps: Stamps,
    /// What lies over it for a while.
    over: Option<Over>,
}

impl Default for Build {
    fn default() -> Self {
        Self {
            id: None,
            slug: String::new(),
            attempt: 0,
            live: false,
            complete: false,
            outdated: true,
            watched: None,
            error: None,
            seen: 0,
            outlined: 0,
            outlining: false,
            progress: Progress::default(),
            begun: None,
            log: Log::default(),
            asked: None,
            pane: Pane::Log,
            follow: true,
            at: Scroll::default(),
            step: Cursor::default(),
            search: None,
            only: None,
            selection: None,
            wrap: false,
            stamps: Stamps::None,
            over: None,
        }
    }
}

impl Build {
    /// What is shown.
    pub const fn id(&self) -> Option<SubmissionId> {
        self.id
    }

    /// Whether there is anything to be seen of it.
    pub const fn is_known(&self) -> bool {
        self.seen > 0
    }

    /// Takes what was looked into.
    pub fn looked(&mut self, id: SubmissionId, look: &Look, result: Result<Sheet, String>) {
        if let Some(over) = &mut self.over {
            over.answered(id, look, result);
        }
    }

    /// What is to be saved: the log, or what matches where only that is shown; and under which name.
    pub fn saving(&self) -> (String, Option<Pattern>) {
        let slug = match self.slug.as_str() {
            "" => "build",
            slug => slug,
        };
        let id = self.id.map_or(0, |id| id.0);
        let search = self.search.as_ref().filter(|_| self.only.is_some());
        (
            format!("{slug}-{id}.log"),
            search.map(|search| search.pattern.clone()),
        )
    }

    /// The slug, as far as it is known.
    pub fn slug(&self) -> &str {
        &self.slug
    }

    /// Turns to the build of another submission.
    pub fn open(&mut self, id: SubmissionId, slug: Option<&str>) {
        if self.id != Some(id) {
            *self = Self {
                id: Some(id),
                ..Self::default()
            };
        }
        if let Some(slug) = slug {
            slug.clone_into(&mut self.slug);
        }
        self.outdate();
    }

    /// Nobody looks any more.
    pub fn leave(&mut self, out: &mut Out) {
        if self.watched.take().is_some() {
            out.effects.push(Effect::Watch(None));
        }
        self.outdated = true;
    }

    /// Rows of the log.
    fn log_height(&self, scene: Scene) -> usize {
        self.parts(scene.body).log.height.into()
    }

    /// Shows the log from the spool's line `at` on.
    fn jump(&mut self, at: u64, height: usize) {
        self.follow = false;
        if at < self.log.begin() || (at >= self.log.end() && at < self.seen) {
            self.log.restart(at);
            self.at.top = 0;
            self.asked = None;
        } else {
            let row = self.log.lines().partition_point(|line| line.at < at);
            self.at.show(row, height);
        }
    }

    fn follow_end(&mut self) {
        self.follow = true;
        if self.log.end() < self.seen {
            self.log.restart(self.seen);
            self.asked = None;
        }
    }

    fn settle_log(&mut self, scene: Scene) {
        let last = self.last_top(self.parts(scene.body).log);
        self.at.top = if self.follow {
            last
        } else {
            self.at.top.min(last)
        };
    }

    fn move_in_log(&mut self, action: Action, area: Rect) -> bool {
        let height = usize::from(area.height);
        if let (Some(only), Some(search)) = (&mut self.only, &self.search) {
            return only.at.moved(action, search.places.len(), height);
        }
        if self.extend(action, height) {
            return true;
        }
        let last = self.last_top(area);
        match action {
            Action::Top if self.log.begin() > 0 => {
                self.log.restart(0);
                self.at.top = 0;
                self.asked = None;
            }
            Action::Bottom => self.follow_end(),
            _ => {
                if !self.at.moved(action, last + height, height) {
                    return false;
                }
            }
        }
        if !matches!(action, Action::Left | Action::Right | Action::Bottom) {
            let at_end = self.log.end() == self.seen && self.at.top >= last;
            // Whoever scrolls down to the end wants to stay there, whoever scrolls up does not.
            self.follow =
                at_end && matches!(action, Action::Down | Action::HalfDown | Action::PageDown);
        }
        true
    }
}

impl Screen for Build {
    fn act(&mut self, action: Action, scene: Scene, out: &mut Out) {
        let Some(id) = self.id else { return };
        let look = match action {
            Action::ScanTable => Some(Look::Scan),
            Action::Network => Some(Look::Network),
            _ => None,
        };
        if let Some(look) = look {
            self.over = Some(Over::ask(id, look, out));
            return;
        }
        match (&mut self.over, action) {
            (Some(_), Action::Cancel) => {
                self.over = None;
                return;
            }
            (Some(over), _) => return over.act(action),
            (None, _) => {}
        }
        let parts = self.parts(scene.body);
        let height = usize::from(parts.log.height);
        let moved = match self.pane {
            Pane::Log => self.move_in_log(action, parts.log),
            Pane::Steps => {
                self.step
                    .moved(action, self.step_rows().len(), parts.steps.height.into())
            }
        };
        if moved {
            return;
        }
        match action {
            Action::NextPane | Action::PreviousPane => {
                self.pane = match self.pane {
                    Pane::Log => Pane::Steps,
                    Pane::Steps => Pane::Log,
                };
            }
            Action::Follow if self.follow => self.follow = false,
            Action::Follow => self.follow_end(),
            Action::Jump if self.pane == Pane::Steps => {
                let at = match self.step_rows().get(self.step.at) {
                    Some(StepRow::Stage(n) | StepRow::Step(n)) => Some(self.progress.steps[*n].at),
                    Some(StepRow::Again) => self.progress.again.as_ref().map(|(at, _)| *at),
                    Some(StepRow::Scan) => self.progress.scan.as_ref().map(|(at, _)| *at),
                    Some(StepRow::Sign) => self.progress.sign.as_ref().map(|(at, _)| *at),
                    Some(StepRow::Rest(_)) | None => None,
                };
                if let Some(at) = at {
                    self.jump(at, height);
                    self.pane = Pane::Log;
                }
            }
            Action::NextMatch => self.step_match(true, scene, out),
            Action::PreviousMatch => self.step_match(false, scene, out),
            Action::FailedStep => self.show_failed_step(scene, out),
            Action::Only => self.toggle_only(scene, out),
            Action::Select => self.toggle_selection(out),
            Action::Wrap => self.wrap = !self.wrap,
            Action::Stamps => self.stamps = self.stamps.next(),
            Action::Cancel if self.selection.is_some() => self.selection = None,
            Action::Cancel if self.only.is_some() => self.toggle_only(scene, out),
            Action::Cancel => self.search = None,
            Action::Copy if self.selection.is_some() => self.copy_selection(out),
            Action::Copy => match &self.progress.ending {
                Some(Ending::Good(Some(digest))) => out.copy(digest.to_string()),
                _ => out.warn(format!(
                    "the build of #{id} has made no image, so there is no digest to copy"
                )),
            },
            _ => {}
        }
    }

    fn settle(&mut self, scene: Scene, out: &mut Out) {
        let Some(id) = self.id else { return };
        if let Some(over) = &mut self.over {
            over.settle(scene.body);
        }
        self.settle_log(scene);
        let rows = self.step_rows().len();
        self.step
            .settle(rows, self.parts(scene.body).steps.height.into());
        if self.seen == 0 && self.outdated && self.error.is_none() {
            // The end first, however long it is.
            if self.asked.is_none() && self.attempt == 0 {
                self.asked = Some(Toward::End);
                out.effects.push(Effect::Ask(Request::Events {
                    id,
                    from: 0,
                    limit: LINES,
                    toward: Toward::End,
                }));
            }
            return;
        }
        if self.outlined < self.seen && !self.outlining && self.error.is_none() {
            self.outlining = true;
            let question = Request::Outline(id, self.outlined);
            out.effects.push(Effect::Ask(question));
        }
        self.seek_on(id, self.log_height(scene), out);
        let done = self.complete && !self.outdated;
        if !done && self.watched != Some(self.seen) && self.error.is_none() {
            self.watched = Some(self.seen);
            out.effects.push(Effect::Watch(Some((id, self.seen))));
        }
        self.read_back(id, scene, out);
    }

    fn close(&mut self) -> bool {
        self.over.take().is_some()
    }

    fn click(&mut self, _column: u16, line: u16, scene: Scene) -> bool {
        self.over
            .as_mut()
            .is_some_and(|over| over.click(line, scene.body))
    }

    /// The build may have gone on, and what failed may work.
    fn outdate(&mut self) {
        self.outdated = true;
        self.error = None;
    }

    fn search_for(&mut self, text: &str, scene: Scene, out: &mut Out) {
        Self::search_for(self, text, scene, out);
    }

    fn chosen(&self) -> Option<Chosen> {
        self.id.map(|id| Chosen {
            key: id.to_string(),
            at: 0,
        })
    }

    fn choose(&mut self, chosen: &Chosen) {
        if let Ok(id) = chosen.key.parse() {
            self.open(id, None);
        }
    }

    fn offers(&self, action: Action) -> bool {
        match action {
            Action::Jump => self.pane == Pane::Steps,
            Action::Copy => {
                self.selection.is_some()
                    || matches!(self.progress.ending, Some(Ending::Good(Some(_))))
            }
            Action::StopBuild => self.live,
            Action::ScanTable => self.progress.scan.is_some(),
            Action::Network => self.seen > 0,
            Action::Retry => matches!(self.progress.ending, Some(Ending::Bad(..))),
            Action::Follow => !self.complete && self.seen > 0,
            Action::Only => self.search.is_some(),
            Action::Search
            | Action::NextPane
            | Action::Wrap
            | Action::Stamps
            | Action::Select
            | Action::Save => self.seen > 0,
            _ => true,
        }
    }

    fn draw(&self, ink: &mut crate::tui::ink::Ink<'_>, scene: Scene) {
        if let Some(over) = &self.over {
            return over.draw(ink, scene.body, &self.slug);
        }
        self.draw_all(ink, scene);
    }
}

/// Where the parts are.
#[derive(Debug, Clone, Copy, Default)]
struct Parts {
    summary: Rect,
    gauges: Rect,
    steps_head: Rect,
    steps: Rect,
    log_head: Rect,
    log: Rect,
}
