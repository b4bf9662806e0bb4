//! The console's state and how it changes: `Event → Action → update → Effect`. It touches nothing outside.

mod acts;
mod answers;
mod draw;
mod mouse;

use crossterm::event::{KeyEvent, KeyEventKind};
use ratatui::layout::Rect;

use super::action::{Action, Context};
use super::chord::Chord;
use super::desk::{Left, QueueFilter};
use super::keymap::Keymap;
use super::message::{Effect, Event, Request};
use super::registers::Register;
use super::screens::build::Build;
use super::screens::catalog::Catalog;
use super::screens::help::Help;
use super::screens::popup::Popup;
use super::screens::queue::Queue;
use super::screens::register::Listing;
use super::screens::review::Review;
use super::screens::{Note, Out, Scene, Screen, ScreenId};
use super::theme::{Role, Theme, ThemeError};
use super::widgets::prompt::Prompt;
use crate::logs::Pattern;
use crate::model::{Actor, SubmissionId, Timestamp};

/// Below this there is nothing sensible to be shown, in columns and rows.
const SMALLEST: (u16, u16) = (40, 10);

/// Events may ask for more events' work, but not without end.
const ROUNDS: usize = 4;

/// What a line is written for.
#[derive(Debug, Clone, PartialEq)]
enum Asking {
    /// To filter or to search.
    Text,
    /// To comment on a line.
    Comment(SubmissionId, u32),
    /// To name a file for a log.
    Save(SubmissionId, Option<Pattern>),
}

/// Everything that the console knows.
#[derive(Debug)]
pub struct App {
    theme: Theme,
    keys: Keymap,
    who: Actor,
    now: Timestamp,
    size: (u16, u16),
    screen: ScreenId,
    back: Vec<ScreenId>,
    queue: Queue,
    review: Review,
    build: Build,
    catalog: Catalog,
    /// The registers, in the order of [`Register::ALL`].
    listings: [Listing; 4],
    help: Option<Help>,
    popups: Vec<Popup>,
    prompt: Option<Prompt>,
    /// What the prompt is for.
    asking: Asking,
    note: Option<Note>,
    standing_known: bool,
    /// Whether the mouse comes to us.
    mouse: bool,
    /// How the queue was arranged when it was remembered last.
    kept: QueueFilter,
}

impl App {
    /// A console for `who`, on a terminal of `size` columns and rows.
    pub fn new(who: Actor, now: Timestamp, theme: Theme, keys: Keymap, size: (u16, u16)) -> Self {
        Self {
            theme,
            keys,
            who,
            now,
            size,
            screen: ScreenId::Queue,
            back: Vec::new(),
            queue: Queue::default(),
            review: Review::default(),
            build: Build::default(),
            catalog: Catalog::default(),
            listings: Register::ALL.map(Listing::of),
            help: None,
            popups: Vec::new(),
            prompt: None,
            asking: Asking::Text,
            note: None,
            standing_known: false,
            mouse: false,
            kept: QueueFilter::default(),
        }
    }

    /// Where it was left: the same screen, and the same chosen on each.
    #[must_use]
    pub fn resumed(mut self, left: Left) -> Self {
        self.kept = left.queue.clone();
        self.queue.recalled(left.queue);
        for (screen, chosen) in &left.chosen {
            match (screen, chosen.key.parse()) {
                (ScreenId::Review, Ok(id)) => {
                    self.review.open(id, &self.who, self.theme.glyphs);
                }
                (ScreenId::Review | ScreenId::Build, Err(_)) => continue,
                _ => {}
            }
            self.screen_mut(*screen).choose(chosen);
        }
        let nothing_there = match left.screen {
            ScreenId::Review => self.review.id().is_none(),
            ScreenId::Build => self.build.id().is_none(),
            _ => false,
        };
        if left.screen != ScreenId::Queue && !nothing_there {
            self.screen = left.screen;
            self.back = vec![ScreenId::Queue];
        }
        self
    }

    /// How it stands, to be found again.
    pub fn left(&self) -> Left {
        let chosen = |screen| Some((screen, self.screen_ref(screen).chosen()?));
        Left {
            queue: self.queue.arranged(),
            screen: self.screen,
            chosen: ScreenId::ALL.into_iter().filter_map(chosen).collect(),
        }
    }

    /// What is to be done at the start.
    pub fn start(&mut self) -> Vec<Effect> {
        let mut out = Out::default();
        out.effects.push(Effect::Ask(Request::Standing));
        if self.mouse {
            out.effects.push(Effect::Mouse(true));
        }
        self.finish(out)
    }

    /// With the mouse coming to us from the start, or not.
    #[must_use]
    pub const fn with_mouse(mut self, ours: bool) -> Self {
        self.mouse = ours;
        self
    }

    /// Takes an event and says what is to be done.
    pub fn update(&mut self, event: Event) -> Vec<Effect> {
        let mut out = Out::default();
        match event {
            Event::Key(key) => self.key(key, &mut out),
            Event::Paste(text) => self.paste(&text),
            Event::Resize(width, height) => self.size = (width, height),
            Event::Reply(reply) => self.answered(*reply, &mut out),
            Event::Tick(now) => self.now = now,
            Event::Click(column, line) => self.click(column, line, &mut out),
            Event::Wheel(_, _, down) => self.wheel(down, &mut out),
            Event::Theme(theme) => self.take_theme(theme.map(|theme| *theme)),
            Event::Changed => {
                for screen in ScreenId::ALL {
                    self.screen_mut(screen).outdate();
                }
                out.effects.push(Effect::Ask(Request::Standing));
            }
        }
        self.finish(out)
    }

    /// Whose keys they are.
    pub fn context(&self) -> Context {
        if let Some(popup) = self.popups.last() {
            popup.context()
        } else if self.prompt.is_some() {
            Context::Prompt
        } else if self.help.is_some() {
            Context::Help
        } else {
            self.screen.context()
        }
    }

    /// Which screen is shown.
    pub const fn screen(&self) -> ScreenId {
        self.screen
    }

    fn scene(&self) -> Scene {
        let (width, height) = self.size;
        Scene {
            body: Rect::new(0, 1, width.max(SMALLEST.0), height.max(SMALLEST.1) - 3),
            now: self.now,
        }
    }

    fn screen_ref(&self, screen: ScreenId) -> &dyn Screen {
        match screen {
            ScreenId::Queue => &self.queue,
            ScreenId::Review => &self.review,
            ScreenId::Build => &self.build,
            ScreenId::Catalog => &self.catalog,
            ScreenId::Bases => &self.listings[Register::Bases as usize],
            ScreenId::Audit => &self.listings[Register::Audit as usize],
            ScreenId::Outbox => &self.listings[Register::Outbox as usize],
            ScreenId::Doctor => &self.listings[Register::Doctor as usize],
        }
    }

    fn screen_mut(&mut self, screen: ScreenId) -> &mut dyn Screen {
        match screen {
            ScreenId::Queue => &mut self.queue,
            ScreenId::Review => &mut self.review,
            ScreenId::Build => &mut self.build,
            ScreenId::Catalog => &mut self.catalog,
            ScreenId::Bases => &mut self.listings[Register::Bases as usize],
            ScreenId::Audit => &mut self.listings[Register::Audit as usize],
            ScreenId::Outbox => &mut self.listings[Register::Outbox as usize],
            ScreenId::Doctor => &mut self.listings[Register::Doctor as usize],
        }
    }

    fn shown(&self) -> &dyn Screen {
        self.screen_ref(self.screen)
    }

    fn shown_mut(&mut self) -> &mut dyn Screen {
        self.screen_mut(self.screen)
    }

    /// The register that is shown, if it is one.
    fn listing(&self) -> Option<&Listing> {
        let register = self.screen.register()?;
        self.listings.get(register as usize)
    }

    /// Looks otherwise from now on, or says why not.
    fn take_theme(&mut self, theme: Result<Theme, ThemeError>) {
        match theme {
            Ok(mut theme) => {
                theme.glyphs = self.theme.glyphs;
                self.theme = theme;
                self.note = Some(Note {
                    text: format!("theme {}", self.theme.name()),
                    role: Role::Text,
                });
            }
            Err(error) => {
                // The parser's error has a picture of the line: on one line it still names the place.
                let text = error.to_string();
                let lines: Vec<&str> = text
                    .lines()
                    .map(str::trim)
                    .filter(|l| !l.is_empty())
                    .collect();
                self.note = Some(Note {
                    text: format!("the old look stays: {}", lines.join(" ")),
                    role: Role::Warn,
                });
            }
        }
    }

    /// Carries out what a screen wants, and brings what is shown in order.
    fn finish(&mut self, mut out: Out) -> Vec<Effect> {
        for _ in 0..ROUNDS {
            if let Some(note) = out.note.take() {
                self.note = Some(note);
            }
            if let Some(popup) = out.popup.take() {
                self.popups.push(popup);
            }
            if let Some((screen, id)) = out.go.take() {
                self.go(screen, id, &mut out);
            }
            let scene = self.scene();
            if let Some(help) = &mut self.help {
                help.settle(scene.body);
            }
            self.shown_mut().settle(scene, &mut out);
            if out.note.is_none() && out.popup.is_none() && out.go.is_none() {
                break;
            }
        }
        let arranged = self.queue.arranged();
        if arranged != self.kept {
            self.kept = arranged;
            out.effects
                .push(Effect::Ask(Request::Remember(self.left())));
        }
        out.effects
    }

    fn go(&mut self, screen: ScreenId, id: Option<SubmissionId>, out: &mut Out) {
        if let Some(id) = id {
            match screen {
                ScreenId::Review => self.review.open(id, &self.who, self.theme.glyphs),
                ScreenId::Build => {
                    let slug = self
                        .queue
                        .row()
                        .filter(|row| row.id == id)
                        .map(|row| row.slug.to_string());
                    self.build.open(id, slug.as_deref());
                }
                _ => {}
            }
        }
        if self.screen == ScreenId::Build && screen != ScreenId::Build {
            self.build.leave(out);
        }
        if self.screen != screen {
            self.back.retain(|s| *s != screen);
            if screen != ScreenId::Queue {
                self.back.push(self.screen);
            } else {
                self.back.clear();
            }
            self.screen = screen;
        }
        self.help = None;
    }

    /// The submission that a screen of one submission should turn to, coming from here.
    fn subject(&self) -> Option<SubmissionId> {
        match self.screen {
            ScreenId::Queue => self.queue.row().map(|row| row.id),
            ScreenId::Review => self.review.id(),
            ScreenId::Build => self.build.id(),
            ScreenId::Catalog => self.catalog.row().map(|row| row.submission),
            _ => self.listing().and_then(Listing::about),
        }
    }

    fn key(&mut self, key: KeyEvent, out: &mut Out) {
        if key.kind == KeyEventKind::Release {
            return;
        }
        let context = self.context();
        match self.keys.find(context, Chord::from(key)) {
            Some(action) => {
                if action != Action::Redraw {
                    self.note = None;
                }
                self.act(action, out);
            }
            None => match (self.popups.last_mut(), &mut self.prompt) {
                (Some(Popup::Deciding(deciding)), _) => deciding.key(key),
                (Some(Popup::Palette(palette)), _) => palette.key(key),
                (None, Some(prompt)) => {
                    let changed = prompt.key(key);
                    self.prompt_changed(changed);
                }
                _ => {}
            },
        }
    }

    fn paste(&mut self, text: &str) {
        match (self.popups.last_mut(), &mut self.prompt) {
            (Some(Popup::Deciding(deciding)), _) => deciding.insert(text),
            (Some(Popup::Palette(palette)), _) => {
                palette.prompt.insert(text);
                palette.written();
            }
            (None, Some(prompt)) => {
                prompt.insert(text);
                self.prompt_changed(true);
            }
            // Pasted text is no keys: nothing else takes it.
            _ => {}
        }
    }
}
