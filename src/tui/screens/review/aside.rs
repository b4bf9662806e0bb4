//! What lies over the Dockerfile for a while: the files of the context, one of them, the build that it comes to.

use std::cell::Cell;

use ratatui::layout::Rect;

use crate::tui::action::Action;
use crate::tui::desk::{Look, Sheet};
use crate::tui::ink::{Ink, below, columns, prefix, right_of, top_of};
use crate::tui::search::contains;
use crate::tui::theme::Role;
use crate::tui::widgets::cursor::Cursor;

/// One sheet, and the place in it.
#[derive(Debug)]
pub(super) struct Aside {
    pub(super) look: Look,
    sheet: Option<Result<Sheet, String>>,
    at: Cursor,
    height: Cell<usize>,
}

impl Aside {
    pub(super) const fn of(look: Look) -> Self {
        Self {
            look,
            sheet: None,
            at: Cursor { at: 0, top: 0 },
            height: Cell::new(1),
        }
    }

    /// Takes the answer, if it is one to this.
    pub(super) fn answered(&mut self, look: &Look, result: Result<Sheet, String>) {
        if self.look == *look {
            self.sheet = Some(result);
        }
    }

    fn entries(&self) -> usize {
        match &self.sheet {
            Some(Ok(sheet)) => sheet.entries.len(),
            _ => 0,
        }
    }

    pub(super) fn moved(&mut self, action: Action) -> bool {
        self.at.moved(action, self.entries(), self.height.get())
    }

    /// The file that the chosen row stands for.
    pub(super) fn chosen(&self) -> Option<&str> {
        let Some(Ok(sheet)) = &self.sheet else {
            return None;
        };
        sheet.entries.get(self.at.at)?.path.as_deref()
    }

    /// To the next row that holds `needle`, or the one before; whether there is one.
    pub(super) fn search(&mut self, needle: &str, forward: bool, from_here: bool) -> bool {
        let Some(Ok(sheet)) = &self.sheet else {
            return false;
        };
        let all: Vec<usize> = (0..sheet.entries.len())
            .filter(|n| contains(&sheet.entries[*n].text, needle))
            .collect();
        let here = self.at.at;
        let next = match (forward, from_here) {
            (true, true) => all.iter().find(|n| **n >= here).or(all.first()),
            (true, false) => all.iter().find(|n| **n > here).or(all.first()),
            (false, _) => all.iter().rev().find(|n| **n < here).or(all.last()),
        };
        if let Some(next) = next {
            self.at.at = *next;
            self.at.settle(self.entries(), self.height.get());
        }
        next.is_some()
    }

    pub(super) fn settle(&mut self, height: u16) {
        self.height.set(usize::from(height.max(1)));
        self.at.settle(self.entries(), self.height.get());
    }

    /// The words for the tab.
    pub(super) fn title(&self) -> String {
        match (&self.sheet, &self.look) {
            (Some(Ok(sheet)), _) => sheet.title.clone(),
            (_, Look::Files) => "Files".into(),
            (_, Look::Build) => "Build".into(),
            (_, Look::File(path)) => crate::logs::sanitise(path).into_owned(),
            (_, Look::Forecast) => "Forecast".into(),
        }
    }

    pub(super) fn draw(&self, ink: &mut Ink<'_>, area: Rect) {
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
        let width = usize::from(area.width.saturating_sub(1));
        for line in 0..area.height {
            let n = self.at.top + usize::from(line);
            let Some(entry) = sheet.entries.get(n) else {
                break;
            };
            let row = below(top_of(area, line + 1), line);
            let text = &entry.text[..prefix(&entry.text, width)];
            ink.put(right_of(row, 1), 0, text, entry.role);
            if columns(&entry.text) > width {
                let cut = ink.glyphs().cut;
                ink.put(
                    right_of(row, area.width.saturating_sub(1)),
                    0,
                    cut,
                    Role::Faint,
                );
            }
            if n == self.at.at {
                ink.tint(row, Role::Selected);
            }
        }
    }
}
