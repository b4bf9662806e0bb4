//! The page of keys, made of the table of actions.

use ratatui::layout::Rect;

use super::ScreenId;
use crate::tui::action::{Action, Context, TABLE};
use crate::tui::figures::count;
use crate::tui::ink::{Ink, Line, columns, inset, span, top_of};
use crate::tui::theme::Role;
use crate::tui::widgets::cursor::Scroll;

/// The page, open over a screen.
#[derive(Debug)]
pub struct Help {
    lines: Vec<Line<'static>>,
    at: Scroll,
}

impl Help {
    /// The page for somebody who is at `screen`.
    pub fn over(screen: ScreenId) -> Self {
        let mut lines = Vec::new();
        let here = screen.context();
        let general = |contexts: &[Context]| {
            ScreenId::ALL
                .iter()
                .all(|s| contexts.contains(&s.context()))
        };
        let mut section = |title: &str, holds: &dyn Fn(&[Context]) -> bool| {
            let chosen: Vec<_> = TABLE.iter().filter(|line| holds(line.contexts)).collect();
            if chosen.is_empty() {
                return;
            }
            if !lines.is_empty() {
                lines.push(Vec::new());
            }
            lines.push(vec![span(title.to_owned(), Role::Strong)]);
            for line in chosen {
                let keys = line.keys.join(", ");
                let gap = 16usize.saturating_sub(columns(&keys)).max(1);
                lines.push(vec![
                    span("  ", Role::Text),
                    span(keys, Role::Key),
                    span(" ".repeat(gap), Role::Text),
                    span(line.help, Role::Text),
                ]);
            }
        };
        section(here.title(), &|contexts| {
            contexts.contains(&here) && !general(contexts)
        });
        section("Everywhere", &general);
        for context in [Context::Deciding, Context::Confirm, Context::Prompt] {
            section(context.title(), &|contexts| {
                contexts.contains(&context) && !general(contexts)
            });
        }
        Self {
            lines,
            at: Scroll::default(),
        }
    }

    /// Moves; whether it was a movement.
    pub fn act(&mut self, action: Action, body: Rect) -> bool {
        self.at.moved(action, self.lines.len(), self.height(body))
    }

    /// Keeps the page in sight.
    pub fn settle(&mut self, body: Rect) {
        self.at.settle(self.lines.len(), self.height(body));
    }

    /// Rows for lines: the last one says how many more there are, where there are more.
    fn height(&self, body: Rect) -> usize {
        let height = usize::from(body.height);
        if self.lines.len() > height {
            height - 1
        } else {
            height
        }
    }

    /// Draws it.
    pub fn draw(&self, ink: &mut Ink<'_>, body: Rect) {
        let height = self.height(body);
        let area = inset(top_of(body, height as u16), 2, 0);
        let more = self.at.top + height < self.lines.len();
        for row in 0..area.height {
            if let Some(line) = self.lines.get(self.at.top + usize::from(row)) {
                ink.line(area, row, line);
            }
        }
        if more {
            let rest = self.lines.len() - self.at.top - usize::from(area.height);
            let text = format!("{} below", count(rest as u64, "line"));
            ink.rule(body, body.height - 1, &[span(text, Role::Dim)]);
        }
    }
}
