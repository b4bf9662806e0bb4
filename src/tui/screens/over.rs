//! A sheet that lies over a screen for a while, until esc or q closes it.

use ratatui::layout::Rect;

use super::Out;
use crate::model::SubmissionId;
use crate::tui::action::Action;
use crate::tui::desk::{Look, Sheet};
use crate::tui::ink::{Ink, below, span};
use crate::tui::message::{Effect, Request};
use crate::tui::theme::Role;
use crate::tui::widgets::sheet::SheetView;

/// The sheet, asked for and perhaps here.
#[derive(Debug)]
pub struct Over {
    id: SubmissionId,
    look: Look,
    view: SheetView,
}

impl Over {
    /// Asks for what `look` shows of `id`.
    pub fn ask(id: SubmissionId, look: Look, out: &mut Out) -> Self {
        out.effects
            .push(Effect::Ask(Request::Look(id, look.clone())));
        Self {
            id,
            look,
            view: SheetView::default(),
        }
    }

    /// Takes the answer, if it is one to this.
    pub fn answered(&mut self, id: SubmissionId, look: &Look, result: Result<Sheet, String>) {
        if (self.id, &self.look) == (id, look) {
            self.view.answered(result);
        }
    }

    /// Moves in it.
    pub fn act(&mut self, action: Action) {
        self.view.moved(action);
    }

    /// Keeps its place in sight.
    pub fn settle(&mut self, body: Rect) {
        self.view.settle(body.height.saturating_sub(1));
    }

    /// Chooses the row at this line of the terminal, if there is one; whether there is.
    pub fn click(&mut self, line: u16, body: Rect) -> bool {
        let first = body.y + 1;
        line.checked_sub(first)
            .is_some_and(|line| self.view.choose(line.into()))
    }

    /// Draws it over `body`; `subject` is what it is about.
    pub fn draw(&self, ink: &mut Ink<'_>, body: Rect, subject: &str) {
        let title = match self.view.sheet() {
            Some(sheet) => sheet.title.clone(),
            None => self.look.word(),
        };
        let title = [
            span(format!("{subject}  "), Role::Strong),
            span(title, Role::Dim),
        ];
        ink.rule(body, 0, &title);
        self.view.draw(ink, below(body, 1), true);
    }
}
