//! A frame as text and runs of style: what snapshots and the demo show.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr as _;

use super::app::App;

/// A picture of the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What can be read, row by row.
    pub text: String,
    /// How it looks: for each row its runs of cells that are not plain, as `row: from-to style`.
    pub styles: String,
}

impl std::fmt::Display for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// What `app` looks like at a size.
pub fn frame(app: &App, width: u16, height: u16) -> Frame {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    app.draw(&mut buffer);
    picture(&buffer)
}

/// The picture that a buffer holds.
pub(super) fn picture(buffer: &Buffer) -> Frame {
    let width = usize::from(buffer.area.width);
    let mut text = String::new();
    let mut styles = String::new();
    if width == 0 {
        return Frame { text, styles };
    }
    for (row, cells) in buffer.content.chunks(width).enumerate() {
        let mut line = String::new();
        let mut at = 0;
        while at < width {
            line.push_str(cells[at].symbol());
            at += cells[at].symbol().width().max(1);
        }
        text.push_str(line.trim_end());
        text.push('\n');

        let look = |at: usize| (cells[at].fg, cells[at].bg, cells[at].modifier);
        let plain = (Color::Reset, Color::Reset, Modifier::empty());
        let mut runs = Vec::new();
        let mut from = 0;
        for at in 1..=width {
            if at == width || look(at) != look(from) {
                if look(from) != plain {
                    runs.push(format!("{from}-{} {}", at - 1, named(look(from))));
                }
                from = at;
            }
        }
        if !runs.is_empty() {
            styles.push_str(&format!("{row:>2}: {}\n", runs.join("; ")));
        }
    }
    Frame { text, styles }
}

fn named((fg, bg, modifier): (Color, Color, Modifier)) -> String {
    let mut parts = Vec::new();
    if fg != Color::Reset {
        parts.push(fg.to_string().to_lowercase());
    }
    if bg != Color::Reset {
        parts.push(format!("on {}", bg.to_string().to_lowercase()));
    }
    for (flag, name) in [
        (Modifier::BOLD, "bold"),
        (Modifier::DIM, "dim"),
        (Modifier::ITALIC, "italic"),
        (Modifier::UNDERLINED, "underlined"),
        (Modifier::REVERSED, "reversed"),
    ] {
        if modifier.contains(flag) {
            parts.push(name.to_owned());
        }
    }
    parts.join(" ")
}
