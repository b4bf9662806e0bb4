//! The console.
//!
//! Elm at its core: an [`Event`](message::Event) comes in, the keymap makes an action of it, [`App::update`](app::App)
//! changes the state and says which [`Effect`](message::Effect)s are to be carried out, and what is shown follows from
//! the state alone. The core runs without a terminal ([`Session`]), which is how it is tested and how the demo plays
//! its script.
//!
//! | file | what it is for |
//! |---|---|
//! | [`desk`] | what the console asks of the rest: one trait |
//! | [`action`], [`chord`], [`keymap`] | every action declared once; keys |
//! | [`message`] | events, effects, questions and answers |
//! | [`app`] | the state and how it changes |
//! | [`screens`], [`widgets`] | one struct a screen, and what they are made of |
//! | [`registers`], [`build_sheets`], [`module_sheets`] | what the model says, as rows and sheets |
//! | [`theme`], [`glyphs`], [`ink`] | looks by role; text put in its place, made harmless |
//! | [`mod@frame`], [`session`] | frames without a terminal |
//! | `canvas`, `terminal`, `crew`, `reload`, `run` | frames on a terminal, with as few bytes as possible |
//! | [`site`] | the desk over a real site |
//!
//! It must not know SQL, files or the engine: all of it lies behind [`Desk`].

pub mod action;
pub mod app;
pub mod build_sheets;
mod canvas;
pub mod chord;
mod crew;
pub mod desk;
mod figures;
pub mod frame;
pub mod glyphs;
pub mod ink;
pub mod keymap;
pub mod message;
pub mod module_sheets;
pub mod registers;
mod reload;
mod run;
pub mod screens;
mod search;
pub mod session;
mod sheets;
pub mod site;
mod terminal;
pub mod theme;
pub mod widgets;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

pub use desk::Desk;
pub use frame::{Frame, frame};
pub use message::ExitReason;
pub use run::run;
pub use session::{Session, Written};
pub use site::SiteDesk;

use action::TABLE;
use app::App;
use keymap::{Keymap, KeymapError};
use theme::{Theme, ThemeError};

use crate::config::ConsoleSettings;

/// Why the console could not be opened, or ended badly.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// Standard input or output is no terminal.
    #[error(
        "the console needs a terminal; `flareo queue`, `flareo show ID` and `flareo --batch` do without one"
    )]
    NoTerminal,
    /// The terminal failed.
    #[error("the terminal: {0}")]
    Terminal(#[from] io::Error),
    /// The theme can't be used.
    #[error(transparent)]
    Theme(#[from] ThemeError),
    /// The keys can't be used.
    #[error(transparent)]
    Keymap(#[from] KeymapError),
    /// A thread of the console panicked.
    #[error(
        "the console broke down in {0}; builds are not touched by it: open it again, and please report this"
    )]
    Panicked(String),
}

/// How the console looks and what its keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The theme's name.
    pub theme: String,
    /// Marks and lines of ASCII only.
    pub ascii: bool,
    /// Whether the mouse comes to us from the start.
    pub mouse: bool,
    /// Other keys for actions, by the action's name.
    pub keys: BTreeMap<String, Vec<String>>,
    /// Where themes of somebody's own stand.
    pub themes: Vec<PathBuf>,
}

impl Default for Options {
    /// What a snapshot wants: no colour, all marks.
    fn default() -> Self {
        Self {
            theme: "mono".into(),
            ascii: false,
            mouse: false,
            keys: BTreeMap::new(),
            themes: Vec::new(),
        }
    }
}

impl Options {
    /// What suits the terminal that the environment describes.
    pub fn suited(variable: impl Fn(&str) -> Option<String>) -> Self {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .iter()
            .find_map(|name| variable(name).filter(|value| !value.is_empty()))
            .map(|locale| locale.to_lowercase());
        // Where nothing is said, a terminal of today is taken for one.
        let utf8 = locale.is_none_or(|l| l.contains("utf-8") || l.contains("utf8"));
        let console = variable("TERM").is_some_and(|term| term == "linux" || term == "dumb");
        Self {
            theme: Theme::suited(&variable).into(),
            ascii: !utf8 || console,
            ..Self::default()
        }
    }

    /// As somebody wants it: `FLAREO_THEME` overrules their settings, and those what suits the terminal. Where no colour
    /// is wanted or known, only `FLAREO_THEME` brings one.
    #[must_use]
    pub fn wanted(
        self,
        settings: ConsoleSettings,
        themes: Vec<PathBuf>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let overruled = variable("FLAREO_THEME").filter(|name| !name.is_empty());
        let set = settings.theme.filter(|_| self.theme != "mono");
        Self {
            theme: overruled.or(set).unwrap_or(self.theme),
            ascii: settings.ascii.unwrap_or(self.ascii),
            mouse: settings.mouse,
            keys: settings.keys,
            themes,
        }
    }

    fn app(&self, desk: &dyn Desk, size: (u16, u16)) -> Result<App, ConsoleError> {
        let mut theme = Theme::find(&self.theme, &self.themes)?;
        if self.ascii {
            theme = theme.ascii();
        }
        let keys = Keymap::of(TABLE, &self.keys)?;
        let app = App::new(desk.who(), desk.now(), theme, keys, size);
        Ok(app.with_mouse(self.mouse).resumed(desk.recall()))
    }
}
