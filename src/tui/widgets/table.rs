//! Heads and cells of a list with columns: each in its place, cut to it.

use ratatui::layout::Rect;

use super::cursor::Cursor;
use super::window::Window;
use crate::tui::ink::{Ink, Span, below, left_of, right_of, span, top_of};
use crate::tui::theme::Role;

/// Columns before the first cell: the mark of the chosen row.
const MARK: u16 = 2;

/// Writes the heads of the columns, and what the rows have to hold at the right; a column without width is left out.
pub fn heads<'a>(
    ink: &mut Ink<'_>,
    area: Rect,
    columns: impl Iterator<Item = (&'a str, u16)>,
    holding: &str,
) {
    let mut at = right_of(area, MARK);
    for (title, width) in columns {
        ink.put(left_of(at, width.saturating_sub(1)), 0, title, Role::Dim);
        at = right_of(at, width);
    }
    if !holding.is_empty() {
        let holding = [
            span(" holding ", Role::Dim),
            span(holding, Role::Match),
            span(" ", Role::Dim),
        ];
        ink.right(area, 0, &holding);
    }
}

/// Writes the cells of a row.
pub fn cells<'a>(
    ink: &mut Ink<'_>,
    area: Rect,
    cells: impl Iterator<Item = (&'a Span<'static>, u16)>,
) {
    let mut at = right_of(area, MARK);
    for (cell, width) in cells {
        ink.put(
            left_of(at, width.saturating_sub(1)),
            0,
            &cell.text,
            cell.role,
        );
        at = right_of(at, width);
    }
}

/// Draws the rows of `window` from the first that is shown on, each by `draw`; where one is not here yet, a mark for it.
/// The chosen one looks like `chosen`.
pub fn rows<T>(
    ink: &mut Ink<'_>,
    area: Rect,
    window: &Window<T>,
    cursor: Cursor,
    chosen: Role,
    draw: &mut dyn FnMut(&mut Ink<'_>, Rect, &T),
) {
    for line in 0..area.height {
        let index = cursor.top + usize::from(line);
        if index >= window.length() {
            break;
        }
        let place = below(top_of(area, line + 1), line);
        match window.row(index) {
            Some(row) => draw(ink, place, row),
            None => {
                ink.put(right_of(place, MARK), 0, ink.glyphs().cut, Role::Faint);
            }
        }
        if index == cursor.at {
            ink.tint(place, chosen);
            ink.put(place, 0, ink.glyphs().chosen, chosen);
        }
    }
}
