//! What a terminal makes of it.

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
