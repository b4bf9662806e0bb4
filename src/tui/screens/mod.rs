//! One struct a screen, and what all of them share.

pub mod build;
pub mod catalog;
pub mod deciding;
pub mod help;
pub mod over;
pub mod palette;
pub mod popup;
pub mod queue;
pub mod register;
pub mod review;

use ratatui::layout::Rect;
use serde::{Deserialize, Serialize};

use super::action::{Action, Context};
use super::desk::Chosen;
use super::ink::{Ink, inset, wrap};
use super::message::Effect;
use super::registers::Register;
use super::theme::Role;
use crate::model::{SubmissionId, Timestamp};
use popup::Popup;

/// The screens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScreenId {
    /// The queue.
    #[default]
    Queue,
    /// A submission under review.
    Review,
    /// A build.
    Build,
    /// The catalog.
    Catalog,
    /// The bases.
    Bases,
    /// The audit log.
    Audit,
    /// The outbox.
    Outbox,
    /// What this host can do.
    Doctor,
}

impl ScreenId {
    /// All of them, in the order of their keys.
    pub const ALL: [Self; 8] = [
        Self::Queue,
        Self::Review,
        Self::Build,
        Self::Catalog,
        Self::Bases,
        Self::Audit,
        Self::Outbox,
        Self::Doctor,
    ];

    /// What the keys belong to there.
    pub const fn context(self) -> Context {
        match self {
            Self::Queue => Context::Queue,
            Self::Review => Context::Review,
            Self::Build => Context::Build,
            Self::Catalog => Context::Catalog,
            Self::Bases | Self::Audit | Self::Outbox | Self::Doctor => Context::Register,
        }
    }

    /// The register that it shows, if it is one of them.
    pub const fn register(self) -> Option<Register> {
        match self {
            Self::Queue | Self::Review | Self::Build | Self::Catalog => None,
            Self::Bases => Some(Register::Bases),
            Self::Audit => Some(Register::Audit),
            Self::Outbox => Some(Register::Outbox),
            Self::Doctor => Some(Register::Doctor),
        }
    }

    /// Its name.
    pub const fn title(self) -> &'static str {
        match self.register() {
            Some(register) => register.title(),
            None => self.context().title(),
        }
    }
}

/// What a screen has to know of its surroundings.
#[derive(Debug, Clone, Copy)]
pub struct Scene {
    /// Where it is drawn.
    pub body: Rect,
    /// The present.
    pub now: Timestamp,
}

/// A line for the status line, until the next key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What it says.
    pub text: String,
    /// What it is.
    pub role: Role,
}

/// What a screen wants after an action.
#[derive(Debug, Default)]
pub struct Out {
    /// To be done outside.
    pub effects: Vec<Effect>,
    /// To be said.
    pub note: Option<Note>,
    /// To be shown.
    pub go: Option<(ScreenId, Option<SubmissionId>)>,
    /// To be put on top.
    pub popup: Option<Popup>,
}

impl Out {
    /// Says that all is well.
    pub fn say(&mut self, text: impl Into<String>) {
        self.note = Some(Note {
            text: text.into(),
            role: Role::Text,
        });
    }

    /// Says that something is not so well.
    pub fn warn(&mut self, text: impl Into<String>) {
        self.note = Some(Note {
            text: text.into(),
            role: Role::Warn,
        });
    }

    /// Copies a text and says so.
    pub fn copy(&mut self, text: String) {
        self.say(format!("copied {text}"));
        self.effects.push(Effect::Copy(text));
    }
}

/// A screen.
pub trait Screen {
    /// Does what a key asks for.
    fn act(&mut self, action: Action, scene: Scene, out: &mut Out);

    /// Brings itself in order after anything: keeps what is chosen in sight, asks for what is missing.
    fn settle(&mut self, scene: Scene, out: &mut Out);

    /// Whether `action` would do anything now; the footer shows no others.
    fn offers(&self, action: Action) -> bool;

    /// Closes what lies over it, if anything does; whether it did.
    fn close(&mut self) -> bool {
        false
    }

    /// Asks for everything again.
    fn outdate(&mut self);

    /// Shows only what holds `text`, in a list.
    fn filter_by(&mut self, _text: &str) {}

    /// Searches for `text`, where there is a text to be searched.
    fn search_for(&mut self, _text: &str, _scene: Scene, _out: &mut Out) {}

    /// What is chosen.
    fn chosen(&self) -> Option<Chosen>;

    /// Turns to what was chosen when the console was left.
    fn choose(&mut self, chosen: &Chosen);

    /// Chooses what is drawn at `column` and `line` of the terminal, if there is something; whether there is.
    fn click(&mut self, _column: u16, _line: u16, _scene: Scene) -> bool {
        false
    }

    /// Draws itself.
    fn draw(&self, ink: &mut Ink<'_>, scene: Scene);
}

/// A few words in the middle of an area that has nothing else to show.
pub fn placard(ink: &mut Ink<'_>, area: Rect, title: &str, role: Role, text: &str) {
    let inner = inset(area, 2, 0);
    let width = usize::from(inner.width).min(64);
    let clean = crate::logs::sanitise(text);
    let rows: Vec<&str> = wrap(&clean, width);
    let shown = rows.len().min(usize::from(inner.height.saturating_sub(2)));
    let top = (usize::from(inner.height).saturating_sub(shown + 2) / 3) as u16;
    let column = Rect {
        x: inner.x + (inner.width.saturating_sub(width as u16)) / 2,
        width: width as u16,
        ..inner
    };
    ink.put(column, top, title, role);
    for (row, text) in rows.iter().take(shown).enumerate() {
        ink.put(column, top + 2 + row as u16, text, Role::Dim);
    }
}
