//! The page of help: the keys, made of the table of actions, and the topics of `flareo help`.

use ratatui::layout::Rect;

use super::ScreenId;
use crate::pipeline::help::TOPICS;
use crate::tui::action::{Action, Context, TABLE};
use crate::tui::figures::count;
use crate::tui::ink::{Ink, Line, below, columns, inset, span, top_of, wrap};
use crate::tui::keymap::Keymap;
use crate::tui::theme::Role;
use crate::tui::widgets::cursor::Scroll;

/// Wider is tiring to read, in columns.
const WIDEST: u16 = 100;

/// The page, open over a screen.
#[derive(Debug)]
pub struct Help {
    keys: Vec<Line<'static>>,
    /// 0 for the keys, else a topic, from 1.
    leaf: usize,
    topic: Vec<Line<'static>>,
    laid_out: (usize, u16),
    at: Scroll,
}

impl Help {
    /// The page for somebody who is at `screen`.
    pub fn over(screen: ScreenId, bound: &Keymap) -> Self {
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
                let keys = bound.keys(line.action).join(", ");
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
        for context in [
            Context::Deciding,
            Context::Confirm,
            Context::Prompt,
            Context::Palette,
        ] {
            section(context.title(), &|contexts| {
                contexts.contains(&context) && !general(contexts)
            });
        }
        Self {
            keys: lines,
            leaf: 0,
            topic: Vec::new(),
            laid_out: (0, 0),
            at: Scroll::default(),
        }
    }

    /// Moves, or turns to another leaf; whether it did.
    pub fn act(&mut self, action: Action, body: Rect) -> bool {
        let leaves = TOPICS.len() + 1;
        let by = match action {
            Action::NextPane => 1,
            Action::PreviousPane => leaves - 1,
            _ => return self.at.moved(action, self.lines().len(), self.height(body)),
        };
        self.leaf = (self.leaf + by) % leaves;
        self.at = Scroll::default();
        true
    }

    /// Lays out what is shown, and keeps it in sight.
    pub fn settle(&mut self, body: Rect) {
        let width = text_width(body);
        if self.laid_out != (self.leaf, width) {
            self.laid_out = (self.leaf, width);
            let text = self.leaf.checked_sub(1).and_then(|n| TOPICS.get(n));
            self.topic = text.map_or_else(Vec::new, |(_, text)| lay_out(text, width.into()));
        }
        self.at.settle(self.lines().len(), self.height(body));
    }

    fn lines(&self) -> &[Line<'static>] {
        if self.leaf == 0 {
            &self.keys
        } else {
            &self.topic
        }
    }

    /// Rows for lines: the last one says how many more there are, where there are more.
    fn height(&self, body: Rect) -> usize {
        let height = usize::from(body.height.saturating_sub(2));
        if self.lines().len() > height {
            height.saturating_sub(1)
        } else {
            height
        }
    }

    /// Draws it.
    pub fn draw(&self, ink: &mut Ink<'_>, body: Rect) {
        self.draw_leaves(ink, inset(body, 1, 0));
        let height = self.height(body);
        let area = inset(top_of(below(body, 2), height as u16), 2, 0);
        let lines = self.lines();
        for row in 0..area.height {
            if let Some(line) = lines.get(self.at.top + usize::from(row)) {
                ink.line(area, row, line);
            }
        }
        let shown = self.at.top + usize::from(area.height);
        if shown < lines.len() {
            let text = format!("{} below", count((lines.len() - shown) as u64, "line"));
            ink.rule(body, body.height - 1, &[span(text, Role::Dim)]);
        }
    }

    /// The names of the leaves; where there is no room for all, that of the open one.
    fn draw_leaves(&self, ink: &mut Ink<'_>, area: Rect) {
        let names = || std::iter::once("keys").chain(TOPICS.iter().map(|(name, _)| *name));
        let wide: usize = names().map(|name| columns(name) + 2).sum();
        let all = wide <= usize::from(area.width);
        let mut spans = Vec::new();
        for (n, name) in names().enumerate().filter(|(n, _)| all || *n == self.leaf) {
            let role = if n == self.leaf {
                Role::BarActive
            } else {
                Role::Dim
            };
            spans.push(span(format!(" {name} "), role));
        }
        if !all {
            let place = format!(" {} of {}", self.leaf + 1, TOPICS.len() + 1);
            spans.push(span(place, Role::Dim));
        }
        ink.line(area, 0, &spans);
    }
}

fn text_width(body: Rect) -> u16 {
    body.width.saturating_sub(4).min(WIDEST)
}

/// A topic's Markdown as lines of at most `width` columns: paragraphs are broken anew, what stands between fences is not.
fn lay_out(markdown: &str, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut paragraph = String::new();
    let mut fenced = false;
    for line in markdown.lines().chain([""]) {
        let fence = line.starts_with("```");
        let item = line.starts_with("- ");
        if fence || fenced || item || line.is_empty() || line.starts_with('#') {
            end_paragraph(&mut paragraph, width, &mut lines);
        }
        if fence {
            fenced = !fenced;
        } else if fenced {
            lines.push(vec![span(format!("  {line}"), Role::Strong)]);
        } else if let Some(title) = line.strip_prefix("# ") {
            lines.push(vec![span(title.to_owned(), Role::Accent)]);
        } else if line.is_empty() {
            lines.push(Vec::new());
        } else {
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(line.trim_start());
        }
    }
    while lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    lines
}

fn end_paragraph(paragraph: &mut String, width: usize, lines: &mut Vec<Line<'static>>) {
    if paragraph.is_empty() {
        return;
    }
    let (first, rest, text) = match paragraph.strip_prefix("- ") {
        Some(item) => ("- ", "  ", item),
        None => ("", "", paragraph.as_str()),
    };
    for (n, row) in wrap(text, width.saturating_sub(first.len()))
        .into_iter()
        .enumerate()
    {
        let before = if n == 0 { first } else { rest };
        lines.push(vec![span(format!("{before}{row}"), Role::Text)]);
    }
    paragraph.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(lines: &[Line<'_>]) -> Vec<String> {
        let whole = |line: &Line<'_>| line.iter().map(|s| s.text.as_ref()).collect();
        lines.iter().map(whole).collect()
    }

    #[test]
    fn paragraphs_are_broken_anew_and_commands_are_not() {
        let markdown = "# T\n\none two\nthree four\n\n```text\nflareo a b c d e f\n```\n- an item\n  of two lines\n";
        assert_eq!(
            text(&lay_out(markdown, 10)),
            [
                "T",
                "",
                "one two",
                "three four",
                "",
                "  flareo a b c d e f",
                "- an item",
                "  of two",
                "  lines"
            ]
        );
    }

    #[test]
    fn every_topic_fits_a_narrow_terminal() {
        for (_, markdown) in TOPICS {
            for line in text(&lay_out(markdown, 76)) {
                assert!(columns(&line) <= 100, "{line}");
            }
        }
    }
}
