//! Rows under a title, with a place among them.

use std::cell::Cell;

use ratatui::layout::Rect;

use super::cursor::Cursor;
use crate::tui::action::Action;
use crate::tui::desk::{Sheet, SheetEntry};
use crate::tui::ink::{Ink, below, columns, prefix, right_of, top_of};
use crate::tui::search::contains;
use crate::tui::theme::Role;

/// A sheet that is on its way or here, and the place in it.
#[derive(Debug, Default)]
pub struct SheetView {
    sheet: Option<Result<Sheet, String>>,
    at: Cursor,
    height: Cell<usize>,
}

impl SheetView {
    /// Takes the sheet.
    pub fn answered(&mut self, result: Result<Sheet, String>) {
        self.sheet = Some(result);
    }

    /// The sheet, if it is here and whole.
    pub fn sheet(&self) -> Option<&Sheet> {
        self.sheet.as_ref()?.as_ref().ok()
    }

    fn entries(&self) -> &[SheetEntry] {
        self.sheet().map_or(&[], |sheet| &sheet.entries)
    }

    /// Moves as `action` says; whether it was a movement.
    pub fn moved(&mut self, action: Action) -> bool {
        let (length, height) = (self.entries().len(), self.height.get().max(1));
        self.at.moved(action, length, height)
    }

    /// The chosen row.
    pub fn chosen(&self) -> Option<&SheetEntry> {
        self.entries().get(self.at.at)
    }

    /// To the next row that holds `needle`, or the one before; whether there is one.
    pub fn search(&mut self, needle: &str, forward: bool, from_here: bool) -> bool {
        let entries = self.entries();
        let all: Vec<usize> = (0..entries.len())
            .filter(|n| contains(&entries[*n].text, needle))
            .collect();
        let here = self.at.at;
        let next = match (forward, from_here) {
            (true, true) => all.iter().find(|n| **n >= here).or(all.first()),
            (true, false) => all.iter().find(|n| **n > here).or(all.first()),
            (false, _) => all.iter().rev().find(|n| **n < here).or(all.last()),
        };
        if let Some(next) = next {
            self.at.at = *next;
            let (length, height) = (self.entries().len(), self.height.get().max(1));
            self.at.settle(length, height);
        }
        next.is_some()
    }

    /// Keeps the place in sight where `height` rows are shown.
    pub fn settle(&mut self, height: u16) {
        self.height.set(usize::from(height.max(1)));
        self.at.settle(self.entries().len(), self.height.get());
    }

    /// Chooses the row at line `line` of what is shown, if there is one; whether there is.
    pub fn choose(&mut self, line: usize) -> bool {
        let at = self.at.top + line;
        let there = at < self.entries().len();
        if there {
            self.at.at = at;
        }
        there
    }

    /// Draws it; with `marked`, the chosen row stands out.
    pub fn draw(&self, ink: &mut Ink<'_>, area: Rect, marked: bool) {
        let sheet = match &self.sheet {
            None => {
                ink.put(area, 0, "one moment", Role::Dim);
                return;
            }
            Some(Err(error)) => {
                ink.put(area, 0, &crate::logs::sanitise(error), Role::Bad);
                return;
            }
            Some(Ok(sheet)) => sheet,
        };
        if sheet.entries.is_empty() {
            ink.put(area, 0, "nothing", Role::Dim);
        }
        for line in 0..area.height {
            let n = self.at.top + usize::from(line);
            let Some(entry) = sheet.entries.get(n) else {
                break;
            };
            let row = below(top_of(area, line + 1), line);
            draw_entry(ink, row, entry);
            if marked && n == self.at.at {
                ink.tint(row, Role::Selected);
            }
        }
    }
}

fn draw_entry(ink: &mut Ink<'_>, row: Rect, entry: &SheetEntry) {
    if let Some(chart) = &entry.chart {
        chart.draw(ink, right_of(row, 1), &entry.text, entry.role);
        return;
    }
    let width = usize::from(row.width.saturating_sub(1));
    let text = &entry.text[..prefix(&entry.text, width)];
    ink.put(right_of(row, 1), 0, text, entry.role);
    if columns(&entry.text) > width {
        let cut = ink.glyphs().cut;
        ink.put(
            right_of(row, row.width.saturating_sub(1)),
            0,
            cut,
            Role::Faint,
        );
    }
}
