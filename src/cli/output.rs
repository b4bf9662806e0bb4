//! How an answer is written: for people, with tables and few colours, or as JSON. Foreign text is made harmless here.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::OnceLock;

use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use super::arguments::{Color, Format};
use crate::logs::sanitise;
pub use crate::model::size::words as size;
use crate::model::{State, Timestamp};
use crate::pipeline::SiteError;

/// A role that text plays; the only place that knows colours on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Nothing special.
    Plain,
    /// A heading, a key.
    Strong,
    /// Of less weight.
    Faint,
    /// It went well.
    Good,
    /// Somebody has to look.
    Warn,
    /// It did not go well.
    Bad,
}

/// Where and how answers are written.
pub struct Output {
    format: Format,
    colour: bool,
    lost: OnceLock<io::Error>,
}

impl Output {
    /// As the global options say.
    pub fn new(format: Format, color: Color) -> Self {
        let colour = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
                io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() && !dumb
            }
        };
        Self {
            format,
            colour: colour && format == Format::Human,
            lost: OnceLock::new(),
        }
    }

    /// Whether JSON was asked for.
    pub fn json(&self) -> bool {
        self.format == Format::Json
    }

    /// Whether SARIF was asked for.
    pub fn sarif(&self) -> bool {
        self.format == Format::Sarif
    }

    /// Whether colours are written.
    pub fn colour(&self) -> bool {
        self.colour
    }

    /// Text in a role.
    pub fn paint(&self, role: Role, text: &str) -> String {
        let code = match role {
            Role::Plain => return text.to_owned(),
            Role::Strong => "1",
            Role::Faint => "2",
            Role::Good => "32",
            Role::Warn => "33",
            Role::Bad => "31",
        };
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// Writes a line, or several. A reader that went away is no error; see [`lost`](Self::lost) for others.
    pub fn say(&self, text: &str) {
        let mut out = io::stdout().lock();
        if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush()) {
            // The first one says it.
            let _ = self.lost.set(error);
        }
    }

    /// Writes lines whose every byte counts. Only on a terminal are they made harmless.
    pub fn exactly(&self, text: &str) {
        if !io::stdout().is_terminal() {
            return self.say(text);
        }
        for line in text.split('\n') {
            self.say(&sanitise(line));
        }
    }

    /// Writes a line to standard error: what goes with an answer that a program reads.
    #[allow(clippy::unused_self, reason = "the one place that writes")]
    pub fn beside(&self, text: &str) {
        // Nobody to tell if this can't be written either.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Whether nothing can be written any more: whoever goes on for long should end.
    pub fn is_gone(&self) -> bool {
        self.lost.get().is_some()
    }

    /// Why a part of the answer could not be written, if so: whoever keeps it must not take it for whole.
    pub fn lost(&self) -> Option<SiteError> {
        let error = self.lost.get()?;
        let read = error.kind() == io::ErrorKind::BrokenPipe;
        (!read).then(|| SiteError::host(format!("cannot write the answer: {error}")))
    }

    /// Writes one JSON document.
    ///
    /// # Errors
    /// If it can't be written as JSON.
    pub fn document(&self, value: &impl Serialize) -> Result<(), SiteError> {
        self.say(&serde_json::to_string(value).map_err(SiteError::host)?);
        Ok(())
    }

    /// Writes an error to standard error: what happened, where, what to do.
    pub fn error(&self, error: &SiteError) {
        let failure = &error.failure;
        let mut text = String::new();
        if self.json() {
            let value = serde_json::json!({ "error": failure.message, "step": failure.step, "line": failure.line,
                "help": failure.help });
            text.push_str(&value.to_string());
        } else {
            let place = match (failure.step, failure.line) {
                (Some(step), Some(line)) => format!(" (step {step}, line {line})"),
                (Some(step), None) => format!(" (step {step})"),
                // A parse error says its line itself.
                (None, Some(line)) if !failure.message.contains(&format!("line {line}")) => {
                    format!(" (line {line})")
                }
                _ => String::new(),
            };
            let message: Vec<_> = failure
                .message
                .lines()
                .map(|line| sanitise(line).into_owned())
                .collect();
            let _ = write!(
                text,
                "{}: {}{place}",
                self.paint(Role::Bad, "error"),
                message.join("\n")
            );
            if !failure.help.is_empty() {
                let _ = write!(
                    text,
                    "\n{}: {}",
                    self.paint(Role::Strong, "help"),
                    sanitise(&failure.help)
                );
            }
        }
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// A table with a heading; cells are made harmless, the last column is not padded.
    pub fn table(&self, heading: &[&str], rows: &[Vec<(Role, String)>]) -> String {
        let clean: Vec<Vec<(Role, String)>> = rows
            .iter()
            .map(|row| {
                row.iter()
                    .map(|(role, cell)| (*role, sanitise(cell).into_owned()))
                    .collect()
            })
            .collect();
        let width = |column: usize| {
            let cells = clean
                .iter()
                .filter_map(|row| row.get(column))
                .map(|(_, cell)| cell.width());
            cells.chain([heading[column].width()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..heading.len()).map(width).collect();
        let line = |cells: &mut dyn Iterator<Item = (Role, &str)>| {
            let mut line = String::new();
            for (column, (role, cell)) in cells.enumerate() {
                let last = column + 1 == heading.len();
                let gap = if last {
                    0
                } else {
                    widths[column].saturating_sub(cell.width()) + 2
                };
                line.push_str(&self.paint(role, cell));
                line.push_str(&" ".repeat(gap));
            }
            line.trim_end().to_owned()
        };
        let mut lines = vec![line(&mut heading.iter().map(|cell| (Role::Faint, *cell)))];
        lines.extend(
            clean
                .iter()
                .map(|row| line(&mut row.iter().map(|(role, cell)| (*role, cell.as_str())))),
        );
        lines.join("\n")
    }
}

/// The role of a state.
pub const fn role_of(state: State) -> Role {
    match state {
        State::Published => Role::Good,
        State::Rejected | State::Failed => Role::Bad,
        State::Pending => Role::Warn,
        State::Withdrawn | State::Yanked => Role::Faint,
        State::Approved | State::Building | State::Scanning | State::Signing => Role::Strong,
    }
}

/// A time for people: the day and the minute, in UTC.
pub fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_lines_up_and_shows_no_escape_sequence() {
        let output = Output::new(Format::Human, Color::Never);
        let rows = vec![
            vec![(Role::Plain, "1".into()), (Role::Good, "a\x1b[31mb".into())],
            vec![(Role::Plain, "100".into()), (Role::Bad, "日本".into())],
        ];
        let table = output.table(&["ID", "SLUG"], &rows);
        assert!(!table.contains('\x1b'), "{table:?}");
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines[0], "ID   SLUG");
        assert!(lines[2].starts_with("100  日本"));
    }
}
