//! What lies on top of a screen: a decision with its reason, a question, a message.

use ratatui::layout::Rect;

use super::deciding::Deciding;
use super::palette::Palette;
use crate::logs::sanitise;
use crate::model::SubmissionId;
use crate::tui::action::Context;
use crate::tui::desk::Ruling;
use crate::tui::ink::{Ink, left_of, span, top_of, wrap};
use crate::tui::keymap::Keymap;
use crate::tui::theme::Role;

/// Something on top.
#[derive(Debug)]
pub enum Popup {
    /// A decision that is being made.
    Deciding(Box<Deciding>),
    /// A question before something that can't be taken back.
    Confirm(Box<Confirm>),
    /// Something that has to be read.
    Message(Message),
    /// Everything that can be done.
    Palette(Box<Palette>),
}

/// A question, and what yes means.
#[derive(Debug)]
pub struct Confirm {
    /// The question, naming what it is about.
    pub question: String,
    /// What follows from yes.
    pub consequence: String,
    /// What it is about, in its own words.
    pub words: String,
    /// What yes does.
    pub yes: Yes,
}

/// What a yes does.
#[derive(Debug)]
pub enum Yes {
    /// Decides.
    Decide(Ruling),
    /// Takes a claim over.
    Steal(SubmissionId),
    /// Ends a build.
    StopBuild(SubmissionId),
}

/// A text with a heading.
#[derive(Debug)]
pub struct Message {
    /// The heading.
    pub title: String,
    /// The text.
    pub text: String,
    /// What it is.
    pub role: Role,
}

impl Popup {
    /// What the keys belong to.
    pub const fn context(&self) -> Context {
        match self {
            Self::Deciding(_) => Context::Deciding,
            Self::Confirm(_) => Context::Confirm,
            Self::Message(_) => Context::Message,
            Self::Palette(_) => Context::Palette,
        }
    }

    /// Draws it in the middle of `body`.
    pub fn draw(&self, ink: &mut Ink<'_>, body: Rect, keys: &Keymap) {
        match self {
            Self::Palette(palette) => palette.draw(ink, body, keys),
            Self::Deciding(deciding) => deciding.draw(ink, body),
            Self::Confirm(confirm) => draw_text(
                ink,
                body,
                &confirm.question,
                Role::Bad,
                &[
                    (&confirm.words, Role::Strong),
                    ("", Role::Text),
                    (&confirm.consequence, Role::Text),
                    ("", Role::Text),
                    ("y  yes     n  no", Role::Key),
                ],
            ),
            Self::Message(message) => {
                draw_text(
                    ink,
                    body,
                    &message.title,
                    message.role,
                    &[(&message.text, Role::Text)],
                );
            }
        }
    }
}

fn draw_text(ink: &mut Ink<'_>, body: Rect, title: &str, role: Role, parts: &[(&str, Role)]) {
    let width = body.width.min(70);
    let inner = usize::from(width.saturating_sub(4));
    let mut rows: Vec<(String, Role)> = Vec::new();
    for (text, role) in parts {
        for line in text.split('\n') {
            rows.extend(
                wrap(&sanitise(line), inner)
                    .iter()
                    .map(|r| ((*r).to_owned(), *role)),
            );
        }
    }
    // Where not all fits, the end is what one has to know.
    let room = usize::from(body.height.saturating_sub(2));
    if rows.len() > room {
        rows.drain(..rows.len() - room);
    }
    let height = (rows.len() as u16 + 2).min(body.height);
    let area = ink.frame(
        middle(body, width, height),
        &[span(title, role)],
        Role::Frame,
    );
    for (line, (text, role)) in rows.iter().take(area.height.into()).enumerate() {
        ink.put(area, line as u16, text, *role);
    }
}

/// A place of this size in the middle of `body`, a little above it.
pub(super) fn middle(body: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(body.width), height.min(body.height));
    let area = Rect {
        x: body.x + (body.width - width) / 2,
        y: body.y + (body.height - height) / 3,
        ..body
    };
    top_of(left_of(area, width), height)
}
