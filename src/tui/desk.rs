//! What the console asks of the rest of flareo: one trait, in the words of `model`.
//!
//! The console has no logic of its own. It reads through [`Desk`], and what a reviewer decides goes back through it.
//! Every method may take its time: none is called on the thread that reads keys and draws. An error is a text for
//! people, shown as it is.

use serde::{Deserialize, Serialize};

use super::registers::{Register, RegisterPage};
use super::screens::ScreenId;
use super::theme::Role;
use super::widgets::chart::Chart;
use crate::logs::{Pattern, Piece, sanitise};
use crate::model::arrangement::{Narrow, Order};
use crate::model::decision::{Grant, Pins, Verdict};
use crate::model::module::Module;
use crate::model::view::{ModuleRow, QueueRow, ReviewPage};
use crate::model::{Actor, Event, State, SubmissionId, Timestamp};

/// The site as the console sees it.
pub trait Desk: Send + Sync {
    /// Who sits at the keyboard.
    fn who(&self) -> Actor;

    /// The present, for the ages of things.
    fn now(&self) -> Timestamp;

    /// A number that is another one whenever any row, module or worker has changed since, here or in another process.
    ///
    /// Asked twice a second: it has to be cheap (`PRAGMA data_version` is), and it must not fail.
    fn changes(&self) -> u64;

    /// How the queue stands.
    ///
    /// # Errors
    /// A text for people.
    fn standing(&self) -> Result<Standing, String>;

    /// The rows that pass `filter`, from `offset` on, at most `limit`: open ones first, oldest first; then those that
    /// are done, the latest first.
    ///
    /// # Errors
    /// A text for people.
    fn queue(&self, filter: &QueueFilter, offset: u64, limit: usize) -> Result<QueuePage, String>;

    /// How who sits at the keyboard left the console; what can't be read is as good as nothing.
    fn recall(&self) -> Left;

    /// Remembers it.
    ///
    /// # Errors
    /// A text for people.
    fn remember(&self, left: &Left) -> Result<(), String>;

    /// Everything that a reviewer reads before deciding.
    ///
    /// # Errors
    /// A text for people.
    fn review(&self, id: SubmissionId) -> Result<ReviewPage, String>;

    /// What lies beside the page of a submission, as rows that are fit to be shown.
    ///
    /// # Errors
    /// A text for people.
    fn look(&self, id: SubmissionId, look: &Look) -> Result<Sheet, String>;

    /// Says that who sits at the keyboard reads a submission now, or no longer; with `steal`, also where somebody else does.
    /// Gives a sentence about what happened.
    ///
    /// # Errors
    /// A text for people.
    fn claim(&self, id: SubmissionId, steal: bool) -> Result<String, String>;

    /// Says something about a line of the Dockerfile.
    ///
    /// # Errors
    /// A text for people.
    fn comment(&self, id: SubmissionId, line: u32, text: &str) -> Result<String, String>;

    /// Ends the build of a submission, and gives a sentence about what happened.
    ///
    /// # Errors
    /// A text for people.
    fn stop_build(&self, id: SubmissionId) -> Result<String, String>;

    /// Submits once more what has failed, and gives a sentence about what happened.
    ///
    /// # Errors
    /// A text for people.
    fn retry(&self, id: SubmissionId) -> Result<String, String>;

    /// Decides as `ruling` says and gives a sentence about what happened.
    ///
    /// # Errors
    /// A text for people: who decided first, which rule forbids it, what has changed since it was read.
    fn decide(&self, ruling: &Ruling) -> Result<String, String>;

    /// At most about `limit` events of the latest attempt at `id`, from the place `from` of its spool on.
    ///
    /// # Errors
    /// A text for people. A build that has not begun has no events; that is no error.
    fn events(&self, id: SubmissionId, from: u64, limit: usize) -> Result<EventPage, String>;

    /// The same before the place `before`; before the end, if that is none.
    ///
    /// # Errors
    /// As [`events`](Self::events).
    fn events_before(
        &self,
        id: SubmissionId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<EventPage, String>;

    /// What a piece of a spool from the place `from` on has beside the output of steps.
    ///
    /// # Errors
    /// As [`events`](Self::events).
    fn outline(&self, id: SubmissionId, from: u64) -> Result<Piece<(u64, Event)>, String>;

    /// The places of a piece of a spool from the place `from` on whose lines match.
    ///
    /// # Errors
    /// As [`events`](Self::events).
    fn search(&self, id: SubmissionId, from: u64, pattern: &Pattern) -> Result<Piece<u64>, String>;

    /// The events at these places of a spool; one that is gone is left out.
    ///
    /// # Errors
    /// As [`events`](Self::events).
    fn events_at(&self, id: SubmissionId, places: &[u64]) -> Result<Vec<(u64, Event)>, String>;

    /// Writes the lines of a spool, or those that match, as plain text to the new file `name` of the folder in which the
    /// console was opened; gives a sentence about what happened.
    ///
    /// # Errors
    /// A text for people: there is such a file, or it can't be written.
    fn save(
        &self,
        id: SubmissionId,
        name: &str,
        pattern: Option<&Pattern>,
    ) -> Result<String, String>;

    /// The modules whose slug or digest holds `text`, by slug, from `offset` on, at most `limit`.
    ///
    /// # Errors
    /// A text for people.
    fn modules(&self, text: &str, offset: u64, limit: usize) -> Result<ModulePage, String>;

    /// One module with what is kept beside it, by the submission that it came from.
    ///
    /// # Errors
    /// A text for people.
    fn module(&self, id: SubmissionId) -> Result<ModuleDetail, String>;

    /// The rows of a register that hold `text`, from `offset` on, at most `limit`.
    ///
    /// # Errors
    /// A text for people.
    fn register(
        &self,
        register: Register,
        text: &str,
        offset: u64,
        limit: usize,
    ) -> Result<RegisterPage, String>;

    /// What there is to know of the row called `key` of a register.
    ///
    /// # Errors
    /// A text for people.
    fn entry(&self, register: Register, key: &str) -> Result<Sheet, String>;
}

/// What a reviewer looks into beside the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// The files of the context.
    Files,
    /// One of them.
    File(String),
    /// The build that it comes to.
    Build,
    /// What the scan will find.
    Forecast,
    /// The packages of a module.
    Packages,
    /// How a module was made.
    Provenance,
    /// The layers of a module.
    Layers,
    /// What the scanner says of a module today.
    Findings,
    /// What the scanner found in an image when it was built.
    Scan,
    /// What a build said over the network.
    Network,
}

impl Look {
    /// Whether it is about what was published, not about what is reviewed.
    pub const fn is_of_a_module(&self) -> bool {
        matches!(
            self,
            Self::Packages | Self::Provenance | Self::Layers | Self::Findings
        )
    }

    /// Whether it is about what a build has left.
    pub const fn is_of_a_build(&self) -> bool {
        matches!(self, Self::Scan | Self::Network)
    }

    /// The word for it, while it is on its way.
    pub fn word(&self) -> String {
        match self {
            Self::Files => "Files".into(),
            Self::File(path) => sanitise(path).into_owned(),
            Self::Build => "Build".into(),
            Self::Forecast => "Forecast".into(),
            Self::Packages => "Bill of materials".into(),
            Self::Provenance => "Provenance".into(),
            Self::Layers => "Layers".into(),
            Self::Findings => "Findings".into(),
            Self::Scan => "Scan".into(),
            Self::Network => "Network".into(),
        }
    }
}

/// Rows under a title.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sheet {
    /// The title.
    pub title: String,
    /// The rows.
    pub entries: Vec<SheetEntry>,
}

/// A row of a sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetEntry {
    /// Its text, harmless.
    pub text: String,
    /// What it is.
    pub role: Role,
    /// The file that it stands for; not sanitised.
    pub path: Option<String>,
    /// What is drawn beside the text.
    pub chart: Option<Chart>,
}

impl SheetEntry {
    /// A row of text; whoever wrote it, a terminal obeys nothing of it.
    pub fn new(text: &str, role: Role) -> Self {
        Self {
            text: sanitise(text).into_owned(),
            role,
            path: None,
            chart: None,
        }
    }

    /// With a chart beside it.
    #[must_use]
    pub fn chart(mut self, chart: Chart) -> Self {
        self.chart = Some(chart);
        self
    }
}

/// Which rows of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Every row.
    #[default]
    All,
    /// Those that something still happens to.
    Open,
    /// Those that nothing happens to any more.
    Done,
}

impl Scope {
    /// Whether a row in `state` belongs to it.
    pub const fn holds(self, state: State) -> bool {
        match self {
            Self::All => true,
            Self::Open => !state.is_terminal(),
            Self::Done => state.is_terminal(),
        }
    }
}

/// What the queue shows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct QueueFilter {
    /// Which rows.
    pub scope: Scope,
    /// Text that slug, submitter, state or number must hold, without regard to case; empty for all.
    pub text: String,
    /// In which order.
    pub order: Order,
    /// Which of them beside that.
    pub narrow: Narrow,
}

/// How somebody left the console, and finds it again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Left {
    /// How the queue was arranged; a text that was written to filter it is not kept.
    #[serde(flatten)]
    pub queue: QueueFilter,
    /// The screen that was shown.
    pub screen: ScreenId,
    /// What was chosen on each.
    pub chosen: Vec<(ScreenId, Chosen)>,
}

/// A row that was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Chosen {
    /// What it is known by.
    pub key: String,
    /// Where it stood: there it is looked for.
    pub at: usize,
}

/// A stretch of the queue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueuePage {
    /// How many rows pass the filter in all.
    pub total: u64,
    /// The rows asked for.
    pub rows: Vec<QueueRow>,
}

/// How the queue stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// How many rows are in each state; a state without rows may be left out.
    pub counts: Vec<(State, u64)>,
    /// Workers that have shown a sign of life lately.
    pub workers: u32,
    /// Of when the vulnerability database is, and whether that is too old for the policy; none if there is none.
    pub database: Option<(Timestamp, bool)>,
    /// When cron runs a batch next, where a table of this host that can be read says so.
    pub next_batch: Option<Timestamp>,
}

impl Standing {
    /// How many rows are in `state`.
    pub fn count(&self, state: State) -> u64 {
        self.counts
            .iter()
            .filter(|(s, _)| *s == state)
            .map(|(_, n)| n)
            .sum()
    }

    /// How many rows belong to `scope`.
    pub fn count_of(&self, scope: Scope) -> u64 {
        self.counts
            .iter()
            .filter(|(s, _)| scope.holds(*s))
            .map(|(_, n)| n)
            .sum()
    }
}

/// A decision, with what the reviewer had before their eyes: if any of it is no longer so, it does not count (R28).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// Which submission.
    pub id: SubmissionId,
    /// The row's version when it was read.
    pub version: i64,
    /// The pins that were shown.
    pub pins: Pins,
    /// What is decided.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// What is granted with an approval, to this submission alone.
    pub grants: Vec<Grant>,
}

/// A stretch of a build's spool.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventPage {
    /// Which attempt this is, from 1; 0 if none has begun.
    pub attempt: u32,
    /// The events, each with its place in the spool.
    pub events: Vec<(u64, Event)>,
    /// Where the stretch begins.
    pub begin: u64,
    /// Where the next stretch begins.
    pub next: u64,
    /// Whether the spool has no more for now.
    pub end: bool,
    /// Whether a worker is at it, or will be: more may come.
    pub live: bool,
}

/// A stretch of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModulePage {
    /// How many modules match in all.
    pub total: u64,
    /// The rows asked for.
    pub rows: Vec<ModuleRow>,
}

/// A module with its surroundings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleDetail {
    /// The module.
    pub module: Module,
    /// What a client pulls: name and digest.
    pub pull: String,
    /// By which key the signature was verified just now, or why it does not hold.
    pub signature: Result<String, String>,
}
