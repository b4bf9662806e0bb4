//! Small charts for where people would rather look than read: a bar of a whole, a row of columns over time.

use ratatui::layout::Rect;

use crate::tui::ink::{Ink, columns, left_of, right_of};
use crate::tui::theme::Role;

/// What is drawn beside a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chart {
    /// How much of a whole it is.
    Bar {
        /// The part.
        part: u64,
        /// The whole: that of the longest bar, so that bars below one another compare.
        whole: u64,
        /// The figures for people, at the right.
        figures: String,
    },
    /// How it went over time, the oldest first.
    Columns {
        /// The values; none where nothing is known.
        values: Vec<Option<u64>>,
        /// The figures for people, at the right.
        figures: String,
    },
}

impl Chart {
    /// Draws it over `area`, which has one row: the text `label` takes at most a third, the figures what they need.
    pub fn draw(&self, ink: &mut Ink<'_>, area: Rect, label: &str, role: Role) {
        let third = (area.width / 3).clamp(8, 36).min(area.width);
        ink.put(left_of(area, third.saturating_sub(1)), 0, label, role);
        let rest = right_of(area, third);
        let figures = match self {
            Self::Bar { figures, .. } | Self::Columns { figures, .. } => figures,
        };
        // Figures below one another stand in one column as far as they are of one length.
        let wide = u16::try_from(columns(figures).max(18)).unwrap_or(u16::MAX);
        let room = rest.width.saturating_sub(wide + 1);
        if room < 4 {
            ink.put(rest, 0, figures, Role::Text);
            return;
        }
        match self {
            Self::Bar { part, whole, .. } => {
                let room = room.min(40);
                let filled = length(*part, *whole, room);
                let [full, empty] = ink.glyphs().gauge;
                let used = ink.put(rest, 0, &full.repeat(filled.into()), Role::Busy);
                let left = empty.repeat((room - filled).into());
                ink.put(right_of(rest, used), 0, &left, Role::Faint);
                ink.put(right_of(rest, room + 1), 0, figures, Role::Text);
            }
            Self::Columns { values, .. } => {
                let shown = values.len().min(room.into());
                let values = &values[values.len() - shown..];
                let text = heights(values, &ink.glyphs().columns);
                let used = ink.put(rest, 0, &text, Role::Busy);
                ink.put(right_of(rest, used + 1), 0, figures, Role::Text);
            }
        }
    }
}

/// A little shows, and no more than all does.
fn length(part: u64, whole: u64, room: u16) -> u16 {
    let of = u128::from(part.min(whole)) * u128::from(room);
    let filled = of.div_ceil(u128::from(whole.max(1)));
    u16::try_from(filled).unwrap_or(room).min(room)
}

/// One glyph a value, the highest as high as there is; a blank where nothing is known.
fn heights(values: &[Option<u64>], glyphs: &[&str; 8]) -> String {
    let highest = values.iter().flatten().max().copied().unwrap_or_default();
    let height = |value: u64| {
        let of = u128::from(value) * 7;
        usize::try_from(of.div_ceil(u128::from(highest.max(1)))).unwrap_or(7)
    };
    values
        .iter()
        .map(|value| value.map_or(" ", |value| glyphs[height(value).min(7)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_column_is_full_and_nothing_is_the_lowest() {
        let glyphs = ["0", "1", "2", "3", "4", "5", "6", "7"];
        assert_eq!(
            heights(&[Some(0), Some(1), None, Some(50), Some(100)], &glyphs),
            "01 47"
        );
        assert_eq!(heights(&[Some(0), Some(0)], &glyphs), "00");
        assert_eq!(heights(&[Some(u64::MAX), Some(1)], &glyphs), "71");
        assert_eq!(heights(&[], &glyphs), "");
    }

    #[test]
    fn a_bar_is_never_longer_than_its_room() {
        assert_eq!(length(0, 10, 20), 0);
        assert_eq!(length(1, u64::MAX, 20), 1);
        assert_eq!(length(u64::MAX, 1, 20), 20);
        assert_eq!(length(5, 0, 20), 0);
    }
}
