//! From one frame to the next with as few bytes as possible, in one write.
//!
//! A canvas remembers what the terminal shows. For the next frame it moves rows that only scrolled by a scrolling
//! region, writes the cells that differ, clears the ends of rows, and wraps it all in a synchronized update. It knows
//! cells and escape sequences, and nothing of the console.

use std::io::{self, Write};

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr as _;

/// So few unchanged columns are written again rather than jumped over.
const SHORT_GAP: u16 = 4;

/// How far rows may have scrolled to be found.
const FARTHEST: u16 = 24;

/// What going to another place costs, in bytes, more or less.
const WAY: usize = 5;

/// Scrolling has to spare at least so many bytes.
const WORTHWHILE: usize = 60;

/// What a terminal shows.
#[derive(Debug)]
pub struct Canvas<W> {
    out: W,
    shown: Buffer,
    known: bool,
    bytes: Vec<u8>,
    pen: Pen,
}

impl<W: Write> Canvas<W> {
    /// A canvas over a terminal that nothing is known of.
    pub fn new(out: W) -> Self {
        Self {
            out,
            shown: Buffer::empty(Rect::default()),
            known: false,
            bytes: Vec::new(),
            pen: Pen::default(),
        }
    }

    /// Forgets what the terminal shows: the next frame is drawn whole.
    pub const fn forget(&mut self) {
        self.known = false;
    }

    /// What it writes to.
    pub const fn out(&mut self) -> &mut W {
        &mut self.out
    }

    /// Makes the terminal show `next`, by one write, or none if it shows it already.
    ///
    /// # Errors
    /// If the terminal can't be written to.
    pub fn show(&mut self, next: &Buffer) -> io::Result<()> {
        let next = &plain_blanks(next);
        if self.known && self.shown == *next {
            return Ok(());
        }
        self.bytes.clear();
        self.bytes.extend_from_slice(b"\x1b[?2026h\x1b[m");
        self.pen = Pen::default();
        if !self.known || self.shown.area != next.area {
            self.bytes.extend_from_slice(b"\x1b[2J");
            self.shown = Buffer::empty(next.area);
        }
        if self.known {
            self.scroll(next);
        }
        for row in 0..next.area.height {
            self.row(next, row);
        }
        self.bytes.extend_from_slice(b"\x1b[m\x1b[?2026l");
        self.shown.clone_from(next);
        // Whatever a failed write left on the screen, it is not this frame.
        self.known = false;
        self.out.write_all(&self.bytes)?;
        self.out.flush()?;
        self.known = true;
        Ok(())
    }

    /// Writes bytes that change nothing on the screen.
    ///
    /// # Errors
    /// If the terminal can't be written to.
    pub fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.flush()
    }

    /// Scrolls the rows between the first and the last that differ, if that spares enough.
    fn scroll(&mut self, next: &Buffer) {
        let width = usize::from(next.area.width);
        let rows = |b: &Buffer, row: u16| -> std::ops::Range<usize> {
            let start = usize::from(row) * usize::from(b.area.width);
            start..start + usize::from(b.area.width)
        };
        // What it costs to write a row over another: its cells, and the way to each run of them.
        let differ = |old: u16, new: u16| -> usize {
            let old = &self.shown.content[rows(&self.shown, old)];
            let new = &next.content[rows(next, new)];
            let mut cost = 0;
            let mut running = false;
            for (old, new) in old.iter().zip(new) {
                let differs = old != new;
                cost += usize::from(differs) + if differs && !running { WAY } else { 0 };
                running = differs;
            }
            cost
        };
        let height = next.area.height;
        let Some(top) = (0..height).find(|&r| differ(r, r) > 0) else {
            return;
        };
        let Some(bottom) = (top..height).rfind(|&r| differ(r, r) > 0) else {
            return;
        };
        let stay: usize = (top..=bottom).map(|r| differ(r, r)).sum();
        let filled = |row: u16| {
            next.content[rows(next, row)]
                .iter()
                .filter(|c| **c != Cell::EMPTY)
                .count()
        };
        let mut best = (stay.saturating_sub(WORTHWHILE), 0i32);
        let span = bottom - top;
        for distance in 1..=FARTHEST.min(span.saturating_sub(1)) {
            for sign in [1, -1] {
                let by = sign * i32::from(distance);
                let mut cost = usize::from(distance) * 2;
                for row in top..=bottom {
                    let from = i32::from(row) + by;
                    cost += match u16::try_from(from) {
                        Ok(from) if from >= top && from <= bottom => differ(from, row),
                        _ => filled(row),
                    };
                    if cost >= best.0 {
                        break;
                    }
                }
                if cost < best.0 {
                    best = (cost, by);
                }
            }
        }
        let (_, by) = best;
        if by == 0 {
            return;
        }
        let distance = by.unsigned_abs() as usize;
        // Line feed at the lower margin and reverse index at the upper one: every terminal knows these.
        let (start, step): (u16, &[u8]) = if by > 0 {
            (bottom, b"\n")
        } else {
            (top, b"\x1bM")
        };
        let _ = write!(
            self.bytes,
            "\x1b[{};{}r\x1b[{};1H",
            top + 1,
            bottom + 1,
            start + 1
        );
        for _ in 0..distance {
            self.bytes.extend_from_slice(step);
        }
        self.bytes.extend_from_slice(b"\x1b[r");
        let region = usize::from(top) * width..(usize::from(bottom) + 1) * width;
        let cells = &mut self.shown.content[region];
        let moved = distance * width;
        if by > 0 {
            cells.rotate_left(moved);
            let from = cells.len() - moved;
            cells[from..].fill(Cell::EMPTY);
        } else {
            cells.rotate_right(moved);
            cells[..moved].fill(Cell::EMPTY);
        }
        self.pen.place = None;
    }

    fn row(&mut self, next: &Buffer, row: u16) {
        let width = next.area.width;
        let start = usize::from(row) * usize::from(width);
        let end = start + usize::from(width);
        let (old, new) = (&self.shown.content[start..end], &next.content[start..end]);
        if old == new {
            return;
        }
        // From here on the row ends in blanks; clearing them is three bytes.
        let blank = new
            .iter()
            .rposition(|c| *c != Cell::EMPTY)
            .map_or(0, |at| at + new[at].symbol().width().max(1))
            .min(new.len());
        let clears = old[blank..].iter().filter(|c| **c != Cell::EMPTY).count() > 3;
        let until = if clears { blank } else { new.len() };
        let mut stale = 0;
        let mut column = 0;
        while column < until {
            let cell = &new[column];
            let wide = cell.symbol().width().clamp(1, 2).min(new.len() - column);
            let covers = column..column + wide;
            if column < stale || old[covers.clone()] != new[covers.clone()] {
                for at in covers {
                    if old[at].symbol().width() > 1 {
                        stale = stale.max(at + 2);
                    }
                }
                self.pen.go(&mut self.bytes, new, row, column);
                self.pen.put(&mut self.bytes, cell, wide);
            }
            column += wide;
        }
        if clears {
            self.pen.go(&mut self.bytes, new, row, blank);
            self.pen.plain(&mut self.bytes);
            self.bytes.extend_from_slice(b"\x1b[K");
        }
    }
}

/// Whether one sees it where nothing is written.
const fn shows_on_blank(modifier: Modifier) -> bool {
    modifier.intersects(
        Modifier::UNDERLINED
            .union(Modifier::REVERSED)
            .union(Modifier::CROSSED_OUT),
    )
}

/// `next` with every blank that shows no colour made the same blank, whoever wrote it.
fn plain_blanks(next: &Buffer) -> Buffer {
    let mut plain = next.clone();
    for cell in &mut plain.content {
        if cell.symbol() == " " && cell.bg == Color::Reset && !shows_on_blank(cell.modifier) {
            cell.reset();
        }
    }
    plain
}

/// Where the terminal's cursor is, and how it would write.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Pen {
    place: Option<(u16, u16)>,
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

impl Default for Pen {
    fn default() -> Self {
        Self {
            place: None,
            fg: Color::Reset,
            bg: Color::Reset,
            modifier: Modifier::empty(),
        }
    }
}

impl Pen {
    /// Goes to a column of a row that comes to look like `cells`.
    fn go(&mut self, out: &mut Vec<u8>, cells: &[Cell], row: u16, column: usize) {
        let column = column as u16;
        if self.place == Some((row, column)) {
            return;
        }
        if let Some((at_row, at)) = self.place
            && at_row == row
            && at < column
        {
            let between = &cells[usize::from(at)..usize::from(column)];
            if column - at <= SHORT_GAP
                && between
                    .iter()
                    .all(|c| c.symbol().is_ascii() && self.writes(c))
            {
                for cell in between {
                    out.extend_from_slice(cell.symbol().as_bytes());
                }
            } else if column - at == 1 {
                out.extend_from_slice(b"\x1b[C");
            } else {
                let _ = write!(out, "\x1b[{}C", column - at);
            }
        } else if column == 0 {
            let _ = write!(out, "\x1b[{}H", row + 1);
        } else {
            let _ = write!(out, "\x1b[{};{}H", row + 1, column + 1);
        }
        self.place = Some((row, column));
    }

    /// Whether a cell written now would look as it should.
    fn writes(&self, cell: &Cell) -> bool {
        let alike = cell.bg == self.bg && cell.modifier == self.modifier;
        alike && cell.fg == self.fg
            || *cell == Cell::EMPTY && self.bg == Color::Reset && !shows_on_blank(self.modifier)
    }

    fn put(&mut self, out: &mut Vec<u8>, cell: &Cell, wide: usize) {
        if !self.writes(cell) {
            self.change(out, cell);
        }
        out.extend_from_slice(cell.symbol().as_bytes());
        // In the last column a terminal's cursor stays where it is: nobody knows where that is.
        self.place = self
            .place
            .and_then(|(row, at)| Some((row, at.checked_add(wide as u16)?)));
    }

    /// Makes what is erased come out without a ground.
    fn plain(&mut self, out: &mut Vec<u8>) {
        if !self.writes(&Cell::EMPTY) {
            out.extend_from_slice(b"\x1b[m");
            *self = Self {
                place: self.place,
                ..Self::default()
            };
        }
    }

    fn change(&mut self, out: &mut Vec<u8>, cell: &Cell) {
        let mut codes = Codes::default();
        // What is on can only be put off all together.
        if !(self.modifier - cell.modifier).is_empty()
            || (cell.fg == Color::Reset && cell.bg == Color::Reset)
        {
            codes.push("0");
            (self.fg, self.bg, self.modifier) = (Color::Reset, Color::Reset, Modifier::empty());
        }
        for (modifier, code) in [
            (Modifier::BOLD, "1"),
            (Modifier::DIM, "2"),
            (Modifier::ITALIC, "3"),
            (Modifier::UNDERLINED, "4"),
            (Modifier::REVERSED, "7"),
            (Modifier::CROSSED_OUT, "9"),
        ] {
            if cell.modifier.contains(modifier) && !self.modifier.contains(modifier) {
                codes.push(code);
            }
        }
        if cell.fg != self.fg {
            codes.colour(cell.fg, 30);
        }
        if cell.bg != self.bg {
            codes.colour(cell.bg, 40);
        }
        (self.fg, self.bg, self.modifier) = (cell.fg, cell.bg, cell.modifier);
        if codes.0 == "0" {
            codes.0.clear();
        }
        let _ = write!(out, "\x1b[{}m", codes.0);
    }
}

/// The parameters of "select graphic rendition".
#[derive(Default)]
struct Codes(String);

impl Codes {
    fn push(&mut self, code: &str) {
        if !self.0.is_empty() {
            self.0.push(';');
        }
        self.0.push_str(code);
    }

    fn colour(&mut self, colour: Color, base: u8) {
        let code = match colour {
            Color::Reset => format!("{}", base + 9),
            Color::Black => format!("{base}"),
            Color::Red => format!("{}", base + 1),
            Color::Green => format!("{}", base + 2),
            Color::Yellow => format!("{}", base + 3),
            Color::Blue => format!("{}", base + 4),
            Color::Magenta => format!("{}", base + 5),
            Color::Cyan => format!("{}", base + 6),
            Color::Gray => format!("{}", base + 7),
            Color::DarkGray => format!("{}", base + 60),
            Color::LightRed => format!("{}", base + 61),
            Color::LightGreen => format!("{}", base + 62),
            Color::LightYellow => format!("{}", base + 63),
            Color::LightBlue => format!("{}", base + 64),
            Color::LightMagenta => format!("{}", base + 65),
            Color::LightCyan => format!("{}", base + 66),
            Color::White => format!("{}", base + 67),
            Color::Indexed(index) => format!("{};5;{index}", base + 8),
            Color::Rgb(r, g, b) => format!("{};2;{r};{g};{b}", base + 8),
        };
        self.push(&code);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ratatui::style::Style;

    /// Counts writes, and shows what a terminal makes of them.
    struct Screen {
        parser: vt100::Parser,
        writes: usize,
        bytes: usize,
    }

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.writes += 1;
            self.bytes += bytes.len();
            self.parser.process(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn canvas(width: u16, height: u16) -> Canvas<Screen> {
        Canvas::new(Screen {
            parser: vt100::Parser::new(height, width, 0),
            writes: 0,
            bytes: 0,
        })
    }

    fn seen(canvas: &Canvas<Screen>, width: u16) -> Vec<String> {
        let screen = canvas.out.parser.screen();
        screen
            .rows(0, width)
            .map(|r| r.trim_end().to_owned())
            .collect()
    }

    fn meant(buffer: &Buffer) -> Vec<String> {
        let width = usize::from(buffer.area.width);
        let mut rows = Vec::new();
        for cells in buffer.content.chunks(width) {
            let mut row = String::new();
            let mut at = 0;
            while at < width {
                row.push_str(cells[at].symbol());
                at += cells[at].symbol().width().max(1);
            }
            rows.push(row.trim_end().to_owned());
        }
        rows
    }

    fn frame(width: u16, lines: &[String], style: Style) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, lines.len() as u16));
        for (row, line) in lines.iter().enumerate() {
            let style = if row % 3 == 0 {
                style
            } else {
                Style::default()
            };
            buffer.set_stringn(0, row as u16, line, width.into(), style);
        }
        buffer
    }

    #[test]
    fn the_same_frame_again_writes_nothing() {
        let mut canvas = canvas(20, 3);
        let buffer = frame(20, &["a".into(), "b".into(), "c".into()], Style::default());
        canvas.show(&buffer).unwrap();
        let before = (canvas.out.writes, canvas.out.bytes);
        assert_eq!(before.0, 1);
        canvas.show(&buffer).unwrap();
        assert_eq!((canvas.out.writes, canvas.out.bytes), before);
    }

    #[test]
    fn scrolling_dense_text_costs_one_row() {
        let line = |n: usize| format!("{n:04} {}", "x".repeat(180 + n % 7));
        let lines = |from: usize| -> Vec<String> { (from..from + 50).map(line).collect() };
        for step in [1i64, 3, -1, -3] {
            let mut canvas = canvas(200, 50);
            canvas
                .show(&frame(200, &lines(100), Style::default()))
                .unwrap();
            let before = canvas.out.bytes;
            let next = frame(200, &lines((100 + step) as usize), Style::default());
            canvas.show(&next).unwrap();
            assert_eq!(seen(&canvas, 200), meant(&next));
            let bytes = canvas.out.bytes - before;
            assert!(
                bytes < 300 * step.unsigned_abs() as usize,
                "{step}: {bytes}"
            );
        }
    }

    #[test]
    fn a_failed_write_makes_the_next_frame_whole() {
        struct Broken(usize, Vec<u8>);
        impl Write for Broken {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0 += 1;
                if self.0 == 2 {
                    return Err(io::Error::other("gone"));
                }
                self.1 = bytes.to_vec();
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut canvas = Canvas::new(Broken(0, Vec::new()));
        canvas
            .show(&frame(5, &["one".into()], Style::default()))
            .unwrap();
        let two = frame(5, &["onx".into()], Style::default());
        assert!(canvas.show(&two).is_err());
        canvas.show(&two).unwrap();
        assert!(String::from_utf8_lossy(&canvas.out.1).contains("onx"));
    }

    proptest! {
        #[test]
        fn a_terminal_shows_what_was_meant(
            frames in proptest::collection::vec(
                (proptest::collection::vec("[ab漢é ]{0,12}", 6), any::<bool>(), 0usize..4), 1..8),
        ) {
            let mut canvas = canvas(12, 6);
            let mut kept: Vec<String> = Vec::new();
            for (fresh, bold, scroll) in frames {
                let mut lines = fresh.clone();
                if scroll > 0 && !kept.is_empty() {
                    lines = kept[scroll..].to_vec();
                    lines.extend(fresh.into_iter().take(scroll));
                }
                let style = if bold { Style::new().bold().fg(Color::Red).bg(Color::Rgb(1, 2, 3)) } else { Style::new() };
                let buffer = frame(12, &lines, style);
                canvas.show(&buffer).unwrap();
                prop_assert_eq!(seen(&canvas, 12), meant(&buffer));
                for (at, cell) in buffer.content.iter().enumerate() {
                    let (row, column) = (at as u16 / 12, at as u16 % 12);
                    let shown = canvas.out.parser.screen().cell(row, column).unwrap();
                    if !shown.is_wide_continuation() && cell.symbol() != " " {
                        prop_assert_eq!(shown.bold(), cell.modifier.contains(Modifier::BOLD));
                    }
                    if !shown.is_wide_continuation() {
                        prop_assert_eq!(shown.bgcolor() == vt100::Color::Rgb(1, 2, 3), cell.bg != Color::Reset);
                    }
                }
                kept = lines;
            }
        }
    }
}
