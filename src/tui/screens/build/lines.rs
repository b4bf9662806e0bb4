//! How the log looks: its lines with gutter, time, colours and matches; wrapped where somebody wants that.

use ratatui::layout::Rect;

use super::log::{Gutter, LogLine};
use super::{Build, Pane, Parts};
use crate::logs::Sgr;
use crate::model::Timestamp;
use crate::tui::figures::bytes;
use crate::tui::ink::{Ink, after, below, columns, left_of, prefix, right_of, span, top_of};
use crate::tui::screens::Scene;
use crate::tui::theme::Role;

/// Columns before a line of the log.
const GUTTER: u16 = 7;

/// Rows that one line may be wrapped into: more is nothing that anybody reads so.
const MOST_ROWS: usize = 200;

/// Which times stand before the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Stamps {
    /// None.
    #[default]
    None,
    /// Since the build began.
    Elapsed,
    /// Of the day, in UTC.
    Clock,
}

impl Stamps {
    /// The next of them.
    pub(super) const fn next(self) -> Self {
        match self {
            Self::None => Self::Elapsed,
            Self::Elapsed => Self::Clock,
            Self::Clock => Self::None,
        }
    }

    const fn width(self) -> u16 {
        match self {
            Self::None => 0,
            Self::Elapsed | Self::Clock => 10,
        }
    }

    fn text(self, at: Timestamp, begun: Option<Timestamp>) -> String {
        match self {
            Self::None => String::new(),
            Self::Clock => at.strftime("%H:%M:%S").to_string(),
            Self::Elapsed => {
                let begun = begun.unwrap_or(at);
                let ms = u64::try_from(at.duration_since(begun).as_millis()).unwrap_or(0);
                format!("{:>4}.{:03}", ms / 1000, ms % 1000)
            }
        }
    }
}

impl Build {
    /// Columns that the text of a line has.
    fn text_width(&self, width: u16) -> usize {
        usize::from(width.saturating_sub(GUTTER + self.stamps.width())).max(1)
    }

    /// The highest line that may be the first that is shown: where the last one stands at the bottom.
    pub(super) fn last_top(&self, area: Rect) -> usize {
        let (length, height) = (self.log.lines().len(), usize::from(area.height));
        if !self.wrap {
            return length.saturating_sub(height);
        }
        let width = self.text_width(area.width);
        let mut rows = 0;
        for (n, line) in self.log.lines().iter().enumerate().rev() {
            rows += rows_of(&line.text, width).len();
            if rows > height {
                return (n + 1).min(length.saturating_sub(1));
            }
        }
        0
    }

    pub(super) fn draw_log(&self, ink: &mut Ink<'_>, parts: Parts, scene: Scene) {
        let role = if self.pane == Pane::Log {
            Role::Accent
        } else {
            Role::Dim
        };
        let mut title = vec![span("Log", role)];
        if self.outlined < self.seen && self.outlined > 0 {
            let percent = self.outlined * 100 / self.seen.max(1);
            title.push(span(format!("  reading its steps, {percent}%"), Role::Dim));
        }
        if let Some(search) = &self.search {
            let word = if self.only.is_some() { "  only " } else { "  " };
            title.push(span(word, Role::Dim));
            title.push(span(search.pattern.text(), Role::Match));
            let words = search.words(self.seen, scene.now);
            title.push(span(format!(" {words}"), Role::Dim));
        }
        ink.rule(parts.log_head, 0, &title);
        let head = left_of(parts.log_head, parts.log_head.width.saturating_sub(2));
        ink.right(head, 0, &[span(self.place(parts.log), Role::Dim)]);
        let mut row = 0;
        for n in 0.. {
            if row >= parts.log.height {
                break;
            }
            let line = match &self.only {
                Some(only) => {
                    let at = only.at.top + n;
                    if self.search.as_ref().is_none_or(|s| at >= s.places.len()) {
                        break;
                    }
                    only.rows.row(at)
                }
                None => match self.log.lines().get(self.at.top + n) {
                    Some(line) => Some(line),
                    None => break,
                },
            };
            let rest = below(parts.log, row);
            match line {
                Some(line) => row += self.draw_line(ink, rest, line),
                None => {
                    ink.put(
                        right_of(top_of(rest, 1), GUTTER),
                        0,
                        ink.glyphs().cut,
                        Role::Faint,
                    );
                    row += 1;
                }
            }
        }
    }

    /// Where in the log one is.
    fn place(&self, area: Rect) -> String {
        if let (Some(only), Some(search)) = (&self.only, &self.search) {
            let shown = only.at.top + usize::from(area.height);
            let rest = search.places.len().saturating_sub(shown);
            return match rest {
                0 => " the end ".to_owned(),
                n => format!(" {n} below "),
            };
        }
        match (self.follow, self.complete) {
            (true, true) => " the end ".to_owned(),
            (true, false) => " following ".to_owned(),
            (false, _) => {
                let unread = self.seen - self.log.end();
                let shown = self.at.top + usize::from(area.height);
                match (unread, self.log.lines().len().saturating_sub(shown)) {
                    (0, 0) => " the end ".to_owned(),
                    (0, rest) => format!(" {rest} below "),
                    (unread, _) => format!(" {} below ", bytes(unread)),
                }
            }
        }
    }

    /// Draws a line into the rows of `area`; gives how many it took.
    fn draw_line(&self, ink: &mut Ink<'_>, area: Rect, line: &LogLine) -> u16 {
        let glyphs = ink.glyphs();
        let (label, role) = match line.gutter {
            Gutter::Step(step) => (step.to_string(), Role::Dim),
            Gutter::Head(step) => (step.to_string(), Role::Strong),
            Gutter::Word(word) => (word.to_owned(), Role::Dim),
        };
        let first = top_of(area, 1);
        ink.put(first, 0, &format!("{label:>5}"), role);
        ink.put(right_of(first, 5), 0, glyphs.gutter, Role::Faint);
        let left = if self.only.is_some() { 0 } else { self.at.left };
        if left > 0 && columns(&line.text) > 0 && !self.wrap {
            ink.put(right_of(first, 6), 0, glyphs.cut, Role::Faint);
        }
        let stamp = self.stamps.text(line.when, self.begun);
        ink.put(right_of(first, GUTTER), 0, &stamp, Role::Dim);
        let indent = GUTTER + self.stamps.width();
        let rows = if self.wrap {
            rows_of(&line.text, self.text_width(area.width))
        } else {
            let skipped = line.text.len() - after(&line.text, left).len();
            std::iter::once(skipped..line.text.len()).collect()
        };
        let shown = rows.len().min(area.height.into());
        for (n, range) in rows.into_iter().take(shown).enumerate() {
            let row = top_of(below(area, n as u16), 1);
            if n > 0 {
                ink.put(right_of(row, 5), 0, glyphs.wrapped, Role::Faint);
            }
            self.draw_text(ink, right_of(row, indent), line, range);
        }
        if self
            .selection
            .is_some_and(|selection| selection.holds(line.at))
        {
            ink.tint(top_of(area, shown as u16), Role::Selected);
        }
        shown.max(1) as u16
    }

    /// The part `range` of a line: its colours, and over them what was searched for.
    fn draw_text(
        &self,
        ink: &mut Ink<'_>,
        area: Rect,
        line: &LogLine,
        range: std::ops::Range<usize>,
    ) {
        let text = &line.text[..];
        // No more is looked at than could be shown: a line may be long.
        let end = range.start + prefix(&text[range.start..range.end], usize::from(area.width) + 1);
        let matches: Vec<_> = match &self.search {
            Some(search) => {
                let seen = &text[..end];
                let places = search
                    .pattern
                    .places(if end < text.len() { seen } else { text });
                places.filter(|place| place.end > range.start).collect()
            }
            None => Vec::new(),
        };
        let mut cuts = vec![range.start, end];
        cuts.extend(matches.iter().flat_map(|place| [place.start, place.end]));
        cuts.extend(line.paint.iter().map(|(at, _)| *at));
        cuts.retain(|cut| (range.start..=end).contains(cut));
        cuts.sort_unstable();
        cuts.dedup();
        let mut used = 0;
        for pair in cuts.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let Some(part) = text.get(from..to) else {
                continue;
            };
            let place = right_of(area, used);
            let look = line.paint.partition_point(|(at, _)| *at <= from);
            let look = look
                .checked_sub(1)
                .map_or(Sgr::default(), |n| line.paint[n].1);
            let found = matches.iter().any(|m| m.start <= from && to <= m.end);
            used += if found {
                ink.put(place, 0, part, Role::Match)
            } else {
                ink.put_painted(place, 0, part, line.role, look)
            };
        }
    }
}

/// The parts of `text` that stand in one row each.
fn rows_of(text: &str, width: usize) -> Vec<std::ops::Range<usize>> {
    let mut rows = Vec::new();
    let mut start = 0;
    while start < text.len() && rows.len() < MOST_ROWS {
        let fits = prefix(&text[start..], width);
        // A character that is wider than the place sticks out rather than nothing moving on.
        let step = match fits {
            0 => text[start..].chars().next().map_or(1, char::len_utf8),
            fits => fits,
        };
        rows.push(start..start + step);
        start += step;
    }
    if rows.is_empty() {
        rows.push(0..0);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_hold_the_whole_line_in_order() {
        assert_eq!(rows_of("abcdef", 4), [0..4, 4..6]);
        assert_eq!(rows_of("", 4), vec![std::ops::Range { start: 0, end: 0 }]);
        assert_eq!(rows_of("漢字", 1), [0..3, 3..6]);
        assert_eq!(rows_of(&"x".repeat(100_000), 10).len(), MOST_ROWS);
    }

    #[test]
    fn times_are_told_from_the_beginning_or_of_the_day() {
        let begun: Timestamp = "2026-01-01T11:59:58.5Z".parse().unwrap();
        let at: Timestamp = "2026-01-01T12:00:00.75Z".parse().unwrap();
        assert_eq!(Stamps::Elapsed.text(at, Some(begun)), "   2.250");
        assert_eq!(Stamps::Clock.text(at, None), "12:00:00");
        assert_eq!(Stamps::None.next().next().next(), Stamps::None);
    }
}
