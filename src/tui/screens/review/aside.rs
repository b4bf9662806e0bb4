//! What lies over the Dockerfile for a while: the files of the context, one of them, the build that it comes to.

use ratatui::layout::Rect;

use crate::tui::action::Action;
use crate::tui::desk::{Look, Sheet};
use crate::tui::ink::Ink;
use crate::tui::widgets::sheet::SheetView;

/// One sheet, and the place in it.
#[derive(Debug)]
pub(super) struct Aside {
    pub(super) look: Look,
    view: SheetView,
}

impl Aside {
    pub(super) fn of(look: Look) -> Self {
        Self {
            look,
            view: SheetView::default(),
        }
    }

    /// Takes the answer, if it is one to this.
    pub(super) fn answered(&mut self, look: &Look, result: Result<Sheet, String>) {
        if self.look == *look {
            self.view.answered(result);
        }
    }

    pub(super) fn moved(&mut self, action: Action) -> bool {
        self.view.moved(action)
    }

    /// The file that the chosen row stands for.
    pub(super) fn chosen(&self) -> Option<&str> {
        self.view.chosen()?.path.as_deref()
    }

    /// To the next row that holds `needle`, or the one before; whether there is one.
    pub(super) fn search(&mut self, needle: &str, forward: bool, from_here: bool) -> bool {
        self.view.search(needle, forward, from_here)
    }

    pub(super) fn settle(&mut self, height: u16) {
        self.view.settle(height);
    }

    /// The words for the tab.
    pub(super) fn title(&self) -> String {
        match self.view.sheet() {
            Some(sheet) => sheet.title.clone(),
            None => self.look.word(),
        }
    }

    pub(super) fn draw(&self, ink: &mut Ink<'_>, area: Rect) {
        self.view.draw(ink, area, true);
    }
}
