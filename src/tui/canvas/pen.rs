//! Where the terminal's cursor is and how it would write, and the shortest way to have it elsewhere and otherwise.

use std::io::Write as _;

use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};

use super::shows_on_blank;

/// So few unchanged columns are written again rather than jumped over.
const SHORT_GAP: u16 = 4;

/// Where the terminal's cursor is, and how it would write.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pen {
    pub(super) place: Option<(u16, u16)>,
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
    pub(super) fn go(&mut self, out: &mut Vec<u8>, cells: &[Cell], row: u16, column: usize) {
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

    pub(super) fn put(&mut self, out: &mut Vec<u8>, cell: &Cell, wide: usize) {
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
    pub(super) fn plain(&mut self, out: &mut Vec<u8>) {
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
