//! The console without a terminal: keys in, frames out. For tests, and for the demo's scripted run.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::app::App;
use super::canvas::Canvas;
use super::chord::{Chord, UnknownKey};
use super::crew::News;
use super::desk::Desk;
use super::frame::{Frame, picture};
use super::message::{Effect, Event, ExitReason, LINES, Request, Toward, ask};
use super::theme::Theme;
use super::{ConsoleError, Options};
use crate::model::SubmissionId;

/// Effects that may follow from one another before a session counts as settled.
const MOST_EFFECTS: usize = 100_000;

/// A console that somebody drives by program.
pub struct Session {
    app: App,
    desk: Arc<dyn Desk>,
    size: (u16, u16),
    canvas: Canvas<Counter>,
    copied: Vec<String>,
    left: Option<ExitReason>,
    changes: u64,
    waiting: VecDeque<Effect>,
    news: News,
    watched: Option<(SubmissionId, u64)>,
    /// Whether the desk answers.
    answered: bool,
}

/// What it would cost to show frames on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Bytes.
    pub bytes: usize,
    /// Calls of write.
    pub writes: usize,
}

#[derive(Debug, Default)]
struct Counter {
    written: Written,
    /// What was written since it was taken last.
    bytes: Vec<u8>,
}

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.bytes += bytes.len();
        self.written.writes += 1;
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Session {
    /// A console of `width` columns and `height` rows over `desk`, settled.
    ///
    /// # Errors
    /// If the theme that `options` name does not exist.
    pub fn new(
        desk: Arc<dyn Desk>,
        options: &Options,
        width: u16,
        height: u16,
    ) -> Result<Self, ConsoleError> {
        let mut session = Self::unsettled(desk, options, width, height)?;
        session.answered = true;
        session.settle();
        Ok(session)
    }

    /// The same where the desk never answers: what is shown while one waits.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn unsettled(
        desk: Arc<dyn Desk>,
        options: &Options,
        width: u16,
        height: u16,
    ) -> Result<Self, ConsoleError> {
        let mut app = options.app(&*desk, (width, height))?;
        let waiting = app.start().into();
        Ok(Self {
            app,
            changes: desk.changes(),
            desk,
            size: (width, height),
            canvas: Canvas::new(Counter::default()),
            copied: Vec::new(),
            left: None,
            waiting,
            news: News::default(),
            watched: None,
            answered: false,
        })
    }

    /// Presses keys, named and separated by blanks (`j j enter`), and settles after each.
    ///
    /// # Errors
    /// If one of them names no key.
    pub fn press(&mut self, keys: &str) -> Result<(), UnknownKey> {
        for key in keys.split_whitespace() {
            self.key(key.parse()?);
        }
        Ok(())
    }

    /// Presses one key and settles.
    pub fn key(&mut self, key: Chord) {
        self.send(Event::Key(key.event()));
        self.settle();
    }

    /// Types a text, character by character, and settles.
    pub fn write(&mut self, text: &str) {
        for c in text.chars() {
            if let Ok(key) = c.to_string().parse::<Chord>() {
                self.send(Event::Key(key.event()));
            }
        }
        self.settle();
    }

    /// Presses the left button of the mouse at this column and row, and settles.
    pub fn click(&mut self, column: u16, line: u16) {
        self.send(Event::Click(column, line));
        self.settle();
    }

    /// The file of the theme called `name` holds this now.
    pub fn theme(&mut self, name: &str, text: &str) {
        let theme = Theme::parse(name, text).map(Box::new);
        self.send(Event::Theme(theme));
        self.settle();
    }

    /// Turns the wheel and settles.
    pub fn wheel(&mut self, down: bool) {
        self.send(Event::Wheel(0, 0, down));
        self.settle();
    }

    /// Pastes a text and settles.
    pub fn paste(&mut self, text: &str) {
        self.send(Event::Paste(text.to_owned()));
        self.settle();
    }

    /// Gives the terminal another size and settles.
    pub fn resize(&mut self, width: u16, height: u16) {
        self.size = (width, height);
        self.send(Event::Resize(width, height));
        self.settle();
    }

    /// Does what is to be done until there is nothing more: asks the desk, follows the spool, looks for changes.
    pub fn settle(&mut self) {
        let changes = self.desk.changes();
        if changes != self.changes {
            self.changes = changes;
            self.send(Event::Changed);
        }
        let mut looked = false;
        for _ in 0..MOST_EFFECTS {
            let Some(effect) = self.waiting.pop_front() else {
                // Before there is nothing more to do, one look at the spool that is followed.
                if looked || !self.answered || !self.look() {
                    return;
                }
                looked = true;
                continue;
            };
            match effect {
                Effect::Ask(_) if !self.answered => {}
                Effect::Ask(request) => {
                    let reply = ask(&*self.desk, request);
                    self.send(Event::Reply(Box::new(reply)));
                }
                Effect::Watch(what) => {
                    self.watched = what;
                    looked = false;
                }
                Effect::Suspend | Effect::Mouse(_) => {}
                Effect::Redraw => self.canvas.forget(),
                Effect::Copy(text) => self.copied.push(text),
                Effect::Leave(reason) => {
                    let _ = self.desk.remember(&self.app.left());
                    self.left = Some(reason);
                }
            }
        }
    }

    /// Looks at the end of the spool that is followed; whether there was news.
    fn look(&mut self) -> bool {
        let Some((id, from)) = self.watched else {
            return false;
        };
        let request = Request::Events {
            id,
            from,
            limit: LINES,
            toward: Toward::New,
        };
        let reply = ask(&*self.desk, request);
        let news = self.news.is(&reply, id, from);
        if news {
            self.watched = None;
            self.send(Event::Reply(Box::new(reply)));
        }
        news
    }

    fn send(&mut self, event: Event) {
        self.waiting.extend(self.app.update(event));
    }

    /// What the console looks like.
    pub fn frame(&self) -> Frame {
        picture(&self.buffer())
    }

    fn buffer(&self) -> Buffer {
        let (width, height) = self.size;
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        self.app.draw(&mut buffer);
        buffer
    }

    /// What it costs to bring a terminal from the frame of the last call to the present one.
    pub fn cost(&mut self) -> Written {
        let before = self.canvas.out().written;
        let buffer = self.buffer();
        // A counter takes everything.
        let _ = self.canvas.show(&buffer);
        self.canvas.out().bytes.clear();
        let after = self.canvas.out().written;
        Written {
            bytes: after.bytes - before.bytes,
            writes: after.writes - before.writes,
        }
    }

    /// What brings a terminal from the frame of the last call to the present one.
    pub fn shown(&mut self) -> Vec<u8> {
        let buffer = self.buffer();
        // A counter takes everything.
        let _ = self.canvas.show(&buffer);
        std::mem::take(&mut self.canvas.out().bytes)
    }

    /// What was put on the clipboard so far.
    pub fn copied(&self) -> &[String] {
        &self.copied
    }

    /// Why it ended, if it did.
    pub const fn left(&self) -> Option<ExitReason> {
        self.left
    }

    /// The console's state.
    pub const fn app(&self) -> &App {
        &self.app
    }
}
