//! The marks beside words and colours: for eyes that see no colour, and for terminals that know ASCII only.

/// The marks beside words and colours.
#[derive(Debug)]
pub struct Glyphs {
    /// States in the order of [`State::ALL`](crate::model::State::ALL).
    pub states: [&'static str; 10],
    /// Went well.
    pub good: &'static str,
    /// Went wrong.
    pub bad: &'static str,
    /// Look at it.
    pub warn: &'static str,
    /// Advice.
    pub advice: &'static str,
    /// Is going on.
    pub busy: &'static str,
    /// Has not begun.
    pub waiting: &'static str,
    /// Answered by the cache.
    pub cached: &'static str,
    /// Before the chosen row.
    pub chosen: &'static str,
    /// Something folded, and unfolded.
    pub folds: [&'static str; 2],
    /// Filled and empty part of a gauge.
    pub gauge: [&'static str; 2],
    /// Columns of a small chart, from the lowest to the highest.
    pub columns: [&'static str; 8],
    /// Between gutter and text.
    pub gutter: &'static str,
    /// A line that goes on from the row above.
    pub wrapped: &'static str,
    /// Under a place.
    pub under: &'static str,
    /// A level line.
    pub level: &'static str,
    /// Corners and sides of a frame: top left, top right, bottom left, bottom right, upright.
    pub frame: [&'static str; 5],
    /// Something left out.
    pub cut: &'static str,
    /// Between facts on one line.
    pub dot: &'static str,
}

pub(super) static UNICODE: Glyphs = Glyphs {
    states: ["○", "◔", "◑", "◕", "●", "✓", "✕", "←", "✗", "⊘"],
    good: "✓",
    bad: "✗",
    warn: "!",
    advice: "i",
    busy: "▸",
    waiting: "·",
    cached: "≡",
    chosen: "▌",
    folds: ["▸", "▾"],
    gauge: ["█", "░"],
    columns: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    gutter: "│",
    wrapped: "↪",
    under: "▔",
    level: "─",
    frame: ["╭", "╮", "╰", "╯", "│"],
    cut: "…",
    dot: "·",
};

pub(super) static ASCII: Glyphs = Glyphs {
    states: ["o", "-", "=", "%", "#", "+", "x", "<", "X", "/"],
    good: "+",
    bad: "X",
    warn: "!",
    advice: "i",
    busy: ">",
    waiting: ".",
    cached: "=",
    chosen: ">",
    folds: ["+", "-"],
    gauge: ["#", "."],
    columns: ["_", ".", ":", "-", "=", "+", "*", "#"],
    gutter: "|",
    wrapped: "\\",
    under: "^",
    level: "-",
    frame: ["+", "+", "+", "+", "|"],
    cut: "~",
    dot: "-",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_is_one_column_wide() {
        use unicode_width::UnicodeWidthStr as _;
        for set in [&UNICODE, &ASCII] {
            let single = [
                set.good,
                set.bad,
                set.warn,
                set.advice,
                set.busy,
                set.waiting,
                set.cached,
                set.chosen,
                set.gutter,
                set.wrapped,
                set.under,
                set.level,
                set.cut,
                set.dot,
            ];
            let all = single
                .iter()
                .chain(&set.states)
                .chain(&set.folds)
                .chain(&set.gauge)
                .chain(&set.columns)
                .chain(&set.frame);
            for glyph in all {
                assert_eq!(glyph.width(), 1, "{glyph}");
            }
        }
        let ascii = [ASCII.good, ASCII.cut, ASCII.dot, ASCII.level];
        assert!(ascii.iter().chain(&ASCII.states).all(|g| g.is_ascii()));
    }
}
