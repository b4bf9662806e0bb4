//! A place in something long, of which a few rows are shown.

use ratatui::layout::Rect;

use crate::tui::action::Action;

/// A chosen row and the first row that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cursor {
    /// The chosen row.
    pub at: usize,
    /// The first row that is shown.
    pub top: usize,
}

impl Cursor {
    /// At row `at`, a little below the first that is shown.
    pub const fn at(at: usize) -> Self {
        Self {
            at,
            top: at.saturating_sub(8),
        }
    }

    /// Chooses the row at `column` and `line` of the terminal, where `area` shows `length` rows; whether there is one.
    pub fn click(&mut self, area: Rect, column: u16, line: u16, length: usize) -> bool {
        if !area.contains((column, line).into()) {
            return false;
        }
        let at = self.top + usize::from(line - area.y);
        if at < length {
            self.at = at;
        }
        at < length
    }

    /// Moves as `action` says within `length` rows of which `height` are shown; whether it was a movement.
    pub fn moved(&mut self, action: Action, length: usize, height: usize) -> bool {
        let last = length.saturating_sub(1);
        let Some(to) = target(action, self.at, last, height) else {
            return false;
        };
        self.at = to;
        self.settle(length, height);
        true
    }

    /// Keeps the chosen row among the rows there are, and in sight.
    pub fn settle(&mut self, length: usize, height: usize) {
        self.at = self.at.min(length.saturating_sub(1));
        let height = height.max(1);
        self.top = self
            .top
            .min(self.at)
            .max((self.at + 1).saturating_sub(height))
            .min(length.saturating_sub(height));
    }
}

/// The first row that is shown of a text without a chosen row, and the first column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scroll {
    /// The first row.
    pub top: usize,
    /// The first column.
    pub left: usize,
}

/// How far a step to the side goes, in columns.
const SIDEWAYS: usize = 8;

/// No line is read beyond this column.
const FARTHEST: usize = 100_000;

impl Scroll {
    /// Moves as `action` says within `length` rows of which `height` are shown; whether it was a movement.
    pub fn moved(&mut self, action: Action, length: usize, height: usize) -> bool {
        match action {
            Action::Left => self.left = self.left.saturating_sub(SIDEWAYS),
            Action::Right => self.left = (self.left + SIDEWAYS).min(FARTHEST),
            _ => match target(action, self.top, length.saturating_sub(height), height) {
                Some(to) => self.top = to,
                None => return false,
            },
        }
        true
    }

    /// Keeps the last row at the bottom at the highest.
    pub fn settle(&mut self, length: usize, height: usize) {
        self.top = self.top.min(length.saturating_sub(height));
    }

    /// Brings `row` into sight, a third from the top, if it is not.
    pub const fn show(&mut self, row: usize, height: usize) {
        if row < self.top || row >= self.top + height {
            self.top = row.saturating_sub(height / 3);
        }
    }
}

/// Where a movement from `from` leads, if it is one.
fn target(action: Action, from: usize, last: usize, height: usize) -> Option<usize> {
    let page = height.saturating_sub(1).max(1);
    let half = (height / 2).max(1);
    let down = |by: usize| Some((from + by).min(last));
    let up = |by: usize| Some(from.saturating_sub(by));
    match action {
        Action::Down => down(1),
        Action::Up => up(1),
        Action::HalfDown => down(half),
        Action::HalfUp => up(half),
        Action::PageDown => down(page),
        Action::PageUp => up(page),
        Action::Top => Some(0),
        Action::Bottom => Some(last),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_chosen_row_exists_and_is_in_sight(
            steps in proptest::collection::vec((0usize..8, 0usize..40, 1usize..12), 0..40),
        ) {
            let actions = [
                Action::Down, Action::Up, Action::HalfDown, Action::HalfUp,
                Action::PageDown, Action::PageUp, Action::Top, Action::Bottom,
            ];
            let mut cursor = Cursor::default();
            for (action, length, height) in steps {
                prop_assert!(cursor.moved(actions[action], length, height));
                prop_assert!(cursor.at < length.max(1));
                prop_assert!(cursor.top <= cursor.at && cursor.at < cursor.top + height);
            }
        }
    }

    #[test]
    fn a_place_comes_into_sight_with_room_above_it() {
        let mut scroll = Scroll::default();
        scroll.show(50, 9);
        assert_eq!(scroll.top, 47);
        scroll.show(49, 9);
        assert_eq!(scroll.top, 47);
    }
}
