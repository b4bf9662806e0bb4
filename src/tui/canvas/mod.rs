//! From one frame to the next with as few bytes as possible, in one write.
//!
//! A canvas remembers what the terminal shows. For the next frame it moves rows that only scrolled by a scrolling
//! region, writes the cells that differ, clears the ends of rows, and wraps it all in a synchronized update. It knows
//! cells and escape sequences, and nothing of the console.

mod pen;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr as _;

use pen::Pen;

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
