//! A stretch of a log in memory. What lies before and after it stays in the spool and is read back when it is wanted.

use std::collections::VecDeque;

use crate::logs::{Painted, painted, sanitise_log};
use crate::model::event::{Happening, StepOutcome, Stream};
use crate::model::ledger::Passage;
use crate::model::reproduction::Reproduction;
use crate::model::{Event, State, Timestamp};
use crate::tui::figures::{bytes, count, took};
use crate::tui::theme::Role;

/// Lines that are kept in memory.
pub const KEPT: usize = 20_000;

/// Bytes that are kept in memory.
const KEPT_BYTES: usize = 8 << 20;

/// One line to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Its place in the spool.
    pub at: u64,
    /// What stands in the gutter.
    pub gutter: Gutter,
    /// When it came.
    pub when: Timestamp,
    /// The text, harmless.
    pub text: String,
    /// What it is.
    pub role: Role,
    /// The colours that it came with.
    pub paint: Painted,
}

/// What stands before a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gutter {
    /// Output of a step.
    Step(u32),
    /// The head of a step.
    Head(u32),
    /// Something of ours.
    Word(&'static str),
}

/// The stretch.
#[derive(Debug, Default)]
pub struct Log {
    lines: VecDeque<LogLine>,
    bytes: usize,
    /// The place in the spool where the stretch begins: everything to be shown from here to `end` is in it.
    begin: u64,
    /// The place after its end.
    end: u64,
}

impl Log {
    /// The lines.
    pub fn lines(&self) -> &VecDeque<LogLine> {
        &self.lines
    }

    /// The place where it begins.
    pub const fn begin(&self) -> u64 {
        self.begin
    }

    /// The place after its end.
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// Forgets all and begins at the place `at` of the spool.
    pub fn restart(&mut self, at: u64) {
        *self = Self {
            begin: at,
            end: at,
            ..Self::default()
        };
    }

    /// Adds events after its end; gives how many lines had to go at the beginning.
    pub fn append(&mut self, events: &[(u64, Event)], next: u64) -> usize {
        for (at, event) in events {
            if *at >= self.end
                && let Some(line) = shown(*at, event)
            {
                self.bytes += line.text.len();
                self.lines.push_back(line);
            }
        }
        self.end = self.end.max(next);
        let mut gone = 0;
        while self.is_over() {
            self.bytes -= self.lines.pop_front().map_or(0, |line| line.text.len());
            gone += 1;
        }
        if gone > 0 {
            self.begin = self.lines.front().map_or(self.end, |line| line.at);
        }
        gone
    }

    /// Adds events before its beginning, those from the place `from` on; gives how many lines that made.
    pub fn prepend(&mut self, events: &[(u64, Event)], from: u64) -> usize {
        let mut added = 0;
        for (at, event) in events.iter().rev() {
            if *at < self.begin
                && let Some(line) = shown(*at, event)
            {
                self.bytes += line.text.len();
                self.lines.push_front(line);
                added += 1;
            }
        }
        self.begin = self.begin.min(from);
        while self.is_over() {
            if let Some(line) = self.lines.pop_back() {
                self.bytes -= line.text.len();
                self.end = line.at;
            }
        }
        added.min(self.lines.len())
    }

    fn is_over(&self) -> bool {
        self.lines.len() > KEPT || (self.bytes > KEPT_BYTES && self.lines.len() > 1)
    }
}

/// The line that an event makes, if it makes one.
pub(super) fn shown(at: u64, event: &Event) -> Option<LogLine> {
    let line = |gutter, text: String, role| {
        Some(LogLine {
            at,
            gutter,
            when: event.at,
            text,
            role,
            paint: Painted::new(),
        })
    };
    let clean = |text: &str| sanitise_log(text).into_owned();
    match &event.what {
        Happening::Build { .. } | Happening::Usage(_) => None,
        Happening::State { state } => {
            line(Gutter::Word("state"), clean(state_words(*state)), Role::Dim)
        }
        Happening::Step { step, text, .. } => line(Gutter::Head(*step), clean(text), Role::Strong),
        Happening::Log { step, stream, text } => {
            // Most tools write their chatter to standard error: it is no warning.
            let role = match stream {
                Stream::Stdout => Role::Text,
                Stream::Stderr => Role::Dim,
            };
            let (text, paint) = painted(text);
            let line = line(Gutter::Step(*step), text, role)?;
            Some(LogLine { paint, ..line })
        }
        Happening::StepEnd {
            step,
            outcome,
            took_ms,
            ..
        } => match outcome {
            StepOutcome::Done => line(
                Gutter::Step(*step),
                format!("done in {}", took(*took_ms)),
                Role::Good,
            ),
            StepOutcome::Cached => line(Gutter::Step(*step), "from the cache".into(), Role::Dim),
            StepOutcome::Failed => line(
                Gutter::Step(*step),
                format!("failed after {}", took(*took_ms)),
                Role::Bad,
            ),
        },
        // What was turned away the step's log says already.
        Happening::Connection(connection) if connection.verdict == Passage::Allowed => line(
            Gutter::Word("net"),
            clean(&format!(
                "{}, {} up, {} down",
                connection.target(),
                bytes(connection.up),
                bytes(connection.down)
            )),
            Role::Dim,
        ),
        Happening::Connection(_) => None,
        Happening::Again { text, .. } => line(Gutter::Word("again"), clean(text), Role::Dim),
        Happening::Reproduction { label, report } => {
            let role = match label {
                Reproduction::Reproduced => Role::Good,
                _ => Role::Warn,
            };
            line(Gutter::Word("again"), clean(&report.line()), role)
        }
        Happening::Scan { text } => line(Gutter::Word("scan"), clean(text), Role::Text),
        Happening::Sign { text } => line(Gutter::Word("sign"), clean(text), Role::Text),
        Happening::Result {
            ok: true,
            digest,
            steps,
            cached_steps,
            ..
        } => {
            let mut text = match digest {
                Some(digest) => format!("built {digest}"),
                None => "built".into(),
            };
            if let (Some(steps), Some(cached)) = (steps, cached_steps) {
                text += &format!(
                    ", {}, {cached} from the cache",
                    count(u64::from(*steps), "step")
                );
            }
            line(Gutter::Word("end"), text, Role::Good)
        }
        Happening::Result {
            error,
            line: place,
            help,
            ..
        } => {
            let mut text = error.clone().unwrap_or_else(|| "failed".into());
            if let Some(place) = place {
                text += &format!(" (line {place})");
            }
            if !help.is_empty() {
                text += &format!(". {help}");
            }
            line(Gutter::Word("end"), clean(&text), Role::Bad)
        }
    }
}

/// What an event is shown as in the log, without its gutter; none if it is not.
pub fn words_of(event: &Event) -> Option<String> {
    shown(0, event).map(|line| line.text)
}

const fn state_words(state: State) -> &'static str {
    match state {
        State::Building => "a worker builds it",
        State::Scanning => "the image is being scanned",
        State::Signing => "the image is being signed",
        State::Published => "published: it is in the catalog",
        other => other.word(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &str) -> Event {
        Event {
            at: "2026-01-01T00:00:00Z".parse().unwrap(),
            id: None,
            slug: None,
            what: Happening::Log {
                step: 1,
                stream: Stream::Stdout,
                text: text.into(),
            },
        }
    }

    fn events(from: u64, count: u64) -> Vec<(u64, Event)> {
        (from..from + count)
            .map(|n| (n, event(&n.to_string())))
            .collect()
    }

    #[test]
    fn memory_is_bounded_at_both_ends() {
        let mut log = Log::default();
        for page in 0..30 {
            log.append(&events(page * 1000, 1000), (page + 1) * 1000);
        }
        assert_eq!(
            (log.lines().len(), log.begin(), log.end()),
            (KEPT, 10_000, 30_000)
        );
        let added = log.prepend(&events(8000, 2000), 8000);
        assert_eq!((added, log.lines().len()), (2000, KEPT));
        assert_eq!((log.begin(), log.end()), (8000, 28_000));
        assert_eq!(log.lines()[0].text, "8000");
        log.append(&events(28_000, 1000), 29_000);
        assert_eq!((log.begin(), log.end()), (9000, 29_000));
    }

    #[test]
    fn long_lines_count_by_their_bytes() {
        let mut log = Log::default();
        let long = "x".repeat(1 << 16);
        let page: Vec<_> = (0..200).map(|n| (n, event(&long))).collect();
        log.append(&page, 200);
        assert!(log.lines().len() <= KEPT_BYTES >> 16);
    }

    #[test]
    fn what_came_already_does_not_come_twice() {
        let mut log = Log::default();
        log.append(&events(0, 10), 10);
        log.append(&events(5, 10), 15);
        let texts: Vec<_> = log
            .lines()
            .iter()
            .map(|l| l.text.parse::<u64>().unwrap())
            .collect();
        assert_eq!(texts, (0..15).collect::<Vec<_>>());
    }
}
