//! The mouse: a click chooses, a second one opens, the wheel scrolls. No motion is asked for.

use super::App;
use crate::tui::action::Action;
use crate::tui::screens::{Out, ScreenId};

/// Rows that a notch of the wheel is worth.
const NOTCH: usize = 3;

impl App {
    /// A button was pressed at this column and row.
    pub(super) fn click(&mut self, column: u16, line: u16, out: &mut Out) {
        self.note = None;
        let (width, height) = self.size;
        if line == 0 {
            if let Some(screen) = self.tab_at(column, width) {
                self.popups.clear();
                self.prompt = None;
                let subject = match screen {
                    ScreenId::Review | ScreenId::Build => self.subject(),
                    _ => None,
                };
                out.go = Some((screen, subject));
            }
            return;
        }
        if line + 1 == height {
            if let Some(action) = self.hint_at(column, width) {
                self.act(action, out);
            }
            return;
        }
        if !self.popups.is_empty() || self.help.is_some() {
            return;
        }
        let scene = self.scene();
        let before = self.shown().chosen();
        if self.shown_mut().click(column, line, scene) && self.shown().chosen() == before {
            self.act(Action::Open, out);
        }
    }

    /// The wheel was turned.
    pub(super) fn wheel(&mut self, down: bool, out: &mut Out) {
        let action = if down { Action::Down } else { Action::Up };
        let scene = self.scene();
        for _ in 0..NOTCH {
            match (&mut self.help, self.popups.is_empty()) {
                (_, false) => {}
                (Some(help), _) => {
                    help.act(action, scene.body);
                }
                (None, true) => self.shown_mut().act(action, scene, out),
            }
        }
    }
}
