//! Puts text with roles into a frame: measured, cut to its place, and sanitised.
//!
//! Every text of the console goes through [`Ink`], whoever wrote it, so nothing that a terminal would obey can be
//! forgotten on the way. It knows themes and columns, and no screen.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

use super::theme::{Glyphs, Role, Theme};
use crate::logs::{Sgr, sanitise};

/// A text and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span<'a> {
    /// The text.
    pub text: Cow<'a, str>,
    /// What it is.
    pub role: Role,
}

/// A text that plays `role`.
pub fn span<'a>(text: impl Into<Cow<'a, str>>, role: Role) -> Span<'a> {
    Span {
        text: text.into(),
        role,
    }
}

/// A line of such texts.
pub type Line<'a> = Vec<Span<'a>>;

/// How many columns `text` takes.
pub fn columns(text: &str) -> usize {
    text.width()
}

/// `text`, or as much of its beginning as fits `width` columns with `cut` after it.
pub fn fit<'a>(text: &'a str, width: usize, cut: &str) -> Cow<'a, str> {
    // Only as much is measured as could be shown: a line of a log may be long.
    if prefix(text, width) == text.len() {
        return Cow::Borrowed(text);
    }
    let room = width.saturating_sub(cut.width());
    let kept = &text[..prefix(text, room)];
    if width < cut.width() {
        return Cow::Borrowed(kept);
    }
    Cow::Owned(format!("{kept}{cut}"))
}

/// How many bytes of `text` fit `width` columns, whole characters only.
pub fn prefix(text: &str, width: usize) -> usize {
    let mut used = 0;
    for (at, cluster) in text.grapheme_indices(true) {
        used += cluster.width();
        if used > width {
            return at;
        }
    }
    text.len()
}

/// As much of `text` as is more than enough for `width` columns: a column takes 16 bytes at the most.
fn beginning(text: &str, width: u16) -> &str {
    let mut end = (usize::from(width) + 4) * 16;
    if end >= text.len() {
        return text;
    }
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// `text` without its first `skip` columns.
pub fn after(text: &str, skip: usize) -> &str {
    let mut passed = 0;
    for (at, cluster) in text.grapheme_indices(true) {
        if passed >= skip {
            return &text[at..];
        }
        passed += cluster.width();
    }
    ""
}

/// Splits `text` into rows of at most `width` columns, between words where that is possible.
pub fn wrap(text: &str, width: usize) -> Vec<&str> {
    let width = width.max(1);
    let mut rows = Vec::new();
    let mut rest = text;
    while rest.width() > width {
        let hard = match prefix(rest, width) {
            // Nothing fits: one character sticks out rather than nothing moving on.
            0 => rest.graphemes(true).next().map_or(rest.len(), str::len),
            fits => fits,
        };
        let soft = if rest[hard..].starts_with(' ') {
            Some(hard)
        } else {
            rest[..hard].rfind(' ').map(|at| at + 1)
        };
        // A row of one tiny word would look worse than a broken word.
        let at = soft.filter(|&at| at * 3 > hard).unwrap_or(hard);
        rows.push(rest[..at].trim_end());
        rest = rest[at..].trim_start_matches(' ');
    }
    if !rest.is_empty() || rows.is_empty() {
        rows.push(rest);
    }
    rows
}

/// A pen over one frame.
pub struct Ink<'a> {
    buffer: &'a mut Buffer,
    theme: &'a Theme,
}

impl<'a> Ink<'a> {
    /// A pen over `buffer`.
    pub const fn new(buffer: &'a mut Buffer, theme: &'a Theme) -> Self {
        Self { buffer, theme }
    }

    /// The marks in use.
    pub const fn glyphs(&self) -> &'static Glyphs {
        self.theme.glyphs
    }

    /// The theme.
    pub const fn theme(&self) -> &'a Theme {
        self.theme
    }

    /// The frame itself, for a widget that draws by its own.
    pub const fn buffer(&mut self) -> &mut Buffer {
        self.buffer
    }

    /// Writes `text` into the row `row` of `area`, cut to it; gives the columns that it took.
    pub fn put(&mut self, area: Rect, row: u16, text: &str, role: Role) -> u16 {
        if row >= area.height {
            return 0;
        }
        let clean = sanitise(beginning(text, area.width));
        let fitted = fit(&clean, area.width.into(), self.theme.glyphs.cut);
        let (end, _) = self.buffer.set_stringn(
            area.x,
            area.y + row,
            fitted.as_ref(),
            area.width.into(),
            self.theme.style(role),
        );
        end - area.x
    }

    /// Writes `text`, which is `role`, in the colours that it came with, as far as the theme has them.
    pub fn put_painted(&mut self, area: Rect, row: u16, text: &str, role: Role, look: Sgr) -> u16 {
        if look == Sgr::default() {
            return self.put(area, row, text, role);
        }
        let used = self.put(area, row, text, role);
        let place = top_of(below(left_of(area, used), row), 1);
        let style = self.theme.painted(role, look);
        self.buffer.set_style(place, style);
        used
    }

    /// Writes `spans` one after another; gives the columns that they took.
    pub fn line(&mut self, area: Rect, row: u16, spans: &[Span<'_>]) -> u16 {
        let mut used = 0;
        for span in spans {
            used += self.put(right_of(area, used), row, &span.text, span.role);
        }
        used
    }

    /// Writes `spans` so that they end at the right side of `area`, if they fit; gives the columns that they took.
    pub fn right(&mut self, area: Rect, row: u16, spans: &[Span<'_>]) -> u16 {
        let width: usize = spans.iter().map(|s| sanitise(&*s.text).width()).sum();
        match u16::try_from(width) {
            Ok(width) if width <= area.width => {
                self.line(right_of(area, area.width - width), row, spans);
                width
            }
            _ => 0,
        }
    }

    /// Makes everything in `area` look like `role`.
    pub fn tint(&mut self, area: Rect, role: Role) {
        self.buffer.set_style(area, self.theme.style(role));
    }

    /// Empties `area`.
    pub fn clear(&mut self, area: Rect) {
        let area = area.intersection(self.buffer.area);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                self.buffer[(x, y)].reset();
            }
        }
    }

    /// A level line over the whole row, with `title` in it.
    pub fn rule(&mut self, area: Rect, row: u16, title: &[Span<'_>]) {
        let level = self.theme.glyphs.level;
        self.put(area, row, &level.repeat(area.width.into()), Role::Faint);
        if !title.is_empty() && area.width > 6 {
            let inner = Rect {
                x: area.x + 1,
                width: area.width - 2,
                ..area
            };
            let used = self.put(inner, row, " ", Role::Faint);
            let used = used + self.line(right_of(inner, used), row, title);
            self.put(right_of(inner, used), row, " ", Role::Faint);
        }
    }

    /// A frame around `area` with `title` in its upper side, empty inside; gives the inside.
    pub fn frame(&mut self, area: Rect, title: &[Span<'_>], role: Role) -> Rect {
        // A column of nothing at both sides, so that what lies below does not run into the frame.
        self.clear(Rect {
            x: area.x.saturating_sub(1),
            width: area.width.saturating_add(2),
            ..area
        });
        if area.width < 4 || area.height < 3 {
            return Rect::default();
        }
        let glyphs = self.theme.glyphs;
        let [top_left, top_right, bottom_left, bottom_right, upright] = glyphs.frame;
        let level = glyphs.level.repeat(usize::from(area.width) - 2);
        self.put(area, 0, &format!("{top_left}{level}{top_right}"), role);
        self.put(
            area,
            area.height - 1,
            &format!("{bottom_left}{level}{bottom_right}"),
            role,
        );
        for row in 1..area.height - 1 {
            self.put(area, row, upright, role);
            self.put(right_of(area, area.width - 1), row, upright, role);
        }
        let inner = inset(area, 2, 1);
        if !title.is_empty() {
            let mut spans = vec![span(" ", role)];
            spans.extend_from_slice(title);
            spans.push(span(" ", role));
            self.line(
                Rect {
                    x: area.x + 1,
                    width: area.width - 2,
                    ..area
                },
                0,
                &spans,
            );
        }
        inner
    }
}

/// `area` without its first `by` columns.
pub const fn right_of(area: Rect, by: u16) -> Rect {
    let by = if by < area.width { by } else { area.width };
    Rect {
        x: area.x + by,
        width: area.width - by,
        ..area
    }
}

/// `area` without its first `by` rows.
pub const fn below(area: Rect, by: u16) -> Rect {
    let by = if by < area.height { by } else { area.height };
    Rect {
        y: area.y + by,
        height: area.height - by,
        ..area
    }
}

/// The first `height` rows of `area`.
pub const fn top_of(area: Rect, height: u16) -> Rect {
    Rect {
        height: if height < area.height {
            height
        } else {
            area.height
        },
        ..area
    }
}

/// The first `width` columns of `area`.
pub const fn left_of(area: Rect, width: u16) -> Rect {
    Rect {
        width: if width < area.width {
            width
        } else {
            area.width
        },
        ..area
    }
}

/// `area` without `x` columns at both sides and `y` rows above and below.
pub const fn inset(area: Rect, x: u16, y: u16) -> Rect {
    let x = if 2 * x <= area.width { x } else { 0 };
    let y = if 2 * y <= area.height { y } else { 0 };
    Rect {
        x: area.x + x,
        y: area.y + y,
        width: area.width - 2 * x,
        height: area.height - 2 * y,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_text_is_cut_where_its_place_ends() {
        assert_eq!(fit("abcdef", 6, "…"), "abcdef");
        assert_eq!(fit("abcdefg", 6, "…"), "abcde…");
        assert_eq!(fit("漢字漢字", 5, "…"), "漢字…");
        assert_eq!(fit("漢字漢字", 4, "…"), "漢…");
        assert_eq!(fit("abc", 0, "…"), "");
    }

    #[test]
    fn rows_break_between_words() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("", 4), [""]);
        assert_eq!(wrap("漢字漢", 1), ["漢", "字", "漢"]);
    }

    #[test]
    fn nothing_that_a_terminal_obeys_gets_into_a_frame() {
        let theme = Theme::named("mono").unwrap();
        let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 1));
        Ink::new(&mut buffer, &theme).put(
            Rect::new(0, 0, 20, 1),
            0,
            "a\x1b[2Jb\u{202e}c",
            Role::Text,
        );
        let text: String = buffer
            .content()
            .iter()
            .map(ratatui::buffer::Cell::symbol)
            .collect();
        assert_eq!(text.trim_end(), "a␛[2Jb<U+202E>c");
    }

    proptest! {
        #[test]
        fn a_fitted_text_fits(text in "[a漢é ☂\u{301}]{0,20}", width in 0usize..20) {
            prop_assert!(fit(&text, width, "…").width() <= width);
        }

        #[test]
        fn wrapping_loses_nothing_but_blanks(text in "[ab漢 ]{0,60}", width in 1usize..20) {
            let rows = wrap(&text, width);
            let squeeze = |t: &str| t.replace(' ', "");
            prop_assert_eq!(squeeze(&rows.concat()), squeeze(&text));
            prop_assert!(rows.iter().all(|r| r.width() <= width.max(2)));
        }
    }
}
