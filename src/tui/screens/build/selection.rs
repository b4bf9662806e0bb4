//! Lines of the log that are chosen to be copied.

use super::Build;
use crate::tui::action::Action;
use crate::tui::screens::Out;

/// Longer is nothing for a clipboard behind a terminal: many take no more than 100,000 bytes of base64.
const LONGEST: usize = 74_000;

/// From the line where it began to the line that moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Selection {
    anchor: u64,
    head: u64,
}

impl Selection {
    /// Whether the line at `place` belongs to it.
    pub(super) fn holds(self, place: u64) -> bool {
        let (first, last) = (self.anchor.min(self.head), self.anchor.max(self.head));
        (first..=last).contains(&place)
    }
}

impl Build {
    /// Begins with the first line that is shown, or gives it up.
    pub(super) fn toggle_selection(&mut self, out: &mut Out) {
        if self.selection.take().is_some() {
            return;
        }
        if self.only.is_some() {
            out.warn("lines are chosen where all of them are shown: & brings them back");
            return;
        }
        if let Some(line) = self.log.lines().get(self.at.top) {
            self.follow = false;
            self.selection = Some(Selection {
                anchor: line.at,
                head: line.at,
            });
            out.say("j and k choose lines, y copies them, esc drops them");
        }
    }

    /// Moves its end; whether there is a selection and it was a movement.
    pub(super) fn extend(&mut self, action: Action, height: usize) -> bool {
        let Some(selection) = &mut self.selection else {
            return false;
        };
        let lines = self.log.lines();
        let at = lines.partition_point(|line| line.at < selection.head);
        let mut cursor = crate::tui::widgets::cursor::Cursor {
            at,
            top: self.at.top,
        };
        if !cursor.moved(action, lines.len(), height) {
            return false;
        }
        if let Some(line) = lines.get(cursor.at) {
            selection.head = line.at;
        }
        self.at.top = cursor.top;
        true
    }

    /// Copies what is chosen.
    pub(super) fn copy_selection(&mut self, out: &mut Out) {
        let Some(selection) = self.selection else {
            return;
        };
        let lines = self.log.lines().iter();
        let chosen: Vec<&str> = lines
            .filter(|line| selection.holds(line.at))
            .map(|line| line.text.as_str())
            .collect();
        let text = chosen.join("\n");
        if text.len() > LONGEST {
            out.warn("that is more than a terminal's clipboard takes: S saves the log to a file");
            return;
        }
        let said = crate::tui::figures::count(chosen.len() as u64, "line");
        self.selection = None;
        out.copy(text);
        out.say(format!("copied {said}"));
    }
}
