//! Going through a whole spool, piece by piece: for what is not output of a step, and for what matches.
//!
//! A piece is so small that whoever waits for it may think better of it, and so large that asking for the next one costs
//! nothing beside it.

use memchr::memmem::Finder;
use memchr::{memchr, memchr_iter, memrchr};

use super::pattern::Pattern;
use super::{SpoolError, SpoolReader};
use crate::model::Event;

/// How much is gone through at once, in bytes.
pub const PIECE: u64 = 32 << 20;

/// How far into a line its kind stands: after its time, number and slug, in bytes.
const KIND: usize = 512;

/// What an event is shown as; none if it is not.
pub type Shown<'a> = &'a dyn Fn(&Event) -> Option<String>;

/// What a piece held.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece<T> {
    /// What was found.
    pub found: Vec<T>,
    /// Where the next piece begins.
    pub next: u64,
    /// Whether the spool has no more for now.
    pub end: bool,
}

impl<T> Piece<T> {
    /// Nothing, where there is no spool.
    pub const fn nothing(at: u64) -> Self {
        Self {
            found: Vec::new(),
            next: at,
            end: true,
        }
    }
}

impl SpoolReader {
    /// Every event of a piece from the place `from` on that is no output of a step, with its place.
    ///
    /// # Errors
    /// If the spool can't be read.
    pub fn outline(&mut self, from: u64) -> Result<Piece<(u64, Event)>, SpoolError> {
        let output = Finder::new("\"event\":\"log\"");
        let mut found = Vec::new();
        let (next, end) = self.stretches(from, PIECE, &mut |at, stretch| {
            let mut start = 0;
            for end in memchr_iter(b'\n', stretch) {
                let line = &stretch[start..end];
                let head = &line[..line.len().min(KIND)];
                // In a text the quotes would stand after backslashes.
                if output.find(head).is_none()
                    && let Ok(event) = serde_json::from_slice(line)
                {
                    found.push((at + start as u64, event));
                }
                start = end + 1;
            }
            true
        })?;
        Ok(Piece { found, next, end })
    }

    /// The places of the lines of a piece from the place `from` on that match, by what they are shown as.
    ///
    /// # Errors
    /// If the spool can't be read.
    pub fn search(
        &mut self,
        from: u64,
        pattern: &Pattern,
        shown: Shown<'_>,
    ) -> Result<Piece<u64>, SpoolError> {
        let marks = Finder::new(",\"text\":\"");
        let mut found = Vec::new();
        let (next, end) = self.stretches(from, PIECE, &mut |at, stretch| {
            match pattern.raw() {
                Some(raw) => candidates(stretch, raw, pattern.has_blank(), &mut |start, line| {
                    if confirmed(line, &marks, pattern, shown) {
                        found.push(at + start as u64);
                    }
                }),
                None => {
                    let mut start = 0;
                    for end in memchr_iter(b'\n', stretch) {
                        if confirmed(&stretch[start..end], &marks, pattern, shown) {
                            found.push(at + start as u64);
                        }
                        start = end + 1;
                    }
                }
            }
            true
        })?;
        Ok(Piece { found, next, end })
    }
}

/// Each line of `stretch` that may match, once: those in whose bytes `raw` finds something, and those where colours or
/// tabs may stand between what is shown together.
fn candidates(
    stretch: &[u8],
    raw: &regex::bytes::Regex,
    tabs: bool,
    each: &mut dyn FnMut(usize, &[u8]),
) {
    let (escape, tab) = (Finder::new("\\u"), Finder::new("\\t"));
    let mut place = 0;
    // The next of each kind, found anew only when it lies behind.
    let mut ahead = [Some(0); 3];
    while place < stretch.len() {
        for (kind, next) in ahead.iter_mut().enumerate() {
            let behind = next.is_some_and(|at| at < place || place == 0);
            if behind {
                let rest = &stretch[place..];
                let found = match kind {
                    0 => raw.find(rest).map(|found| found.start()),
                    1 => escape.find(rest),
                    _ if tabs => tab.find(rest),
                    _ => None,
                };
                *next = found.map(|at| place + at);
            }
        }
        let Some(hit) = ahead.iter().flatten().min().copied() else {
            return;
        };
        let start = memrchr(b'\n', &stretch[..hit]).map_or(0, |at| at + 1);
        let end = memchr(b'\n', &stretch[hit..]).map_or(stretch.len(), |at| hit + at);
        each(start, &stretch[start..end]);
        place = end + 1;
    }
}

fn confirmed(line: &[u8], marks: &Finder<'_>, pattern: &Pattern, shown: Shown<'_>) -> bool {
    // Whether it is an event at all is asked of the few that match.
    if plain_text(line, marks).is_some_and(|text| !pattern.matches(text)) {
        return false;
    }
    let Ok(event) = serde_json::from_slice::<Event>(line) else {
        return false;
    };
    shown(&event).is_some_and(|text| pattern.matches(&text))
}

/// The text of a line of output that is shown as it stands in the spool: most of them. `marks` finds where a text begins.
fn plain_text<'a>(line: &'a [u8], marks: &Finder<'_>) -> Option<&'a str> {
    let head = &line[..line.len().min(KIND)];
    let at = marks.find(head)?;
    // Nothing but output has a stream before its text.
    let (before, text) = (&line[..at], &line[at + marks.needle().len()..]);
    if !before.ends_with(b"\"stdout\"") && !before.ends_with(b"\"stderr\"") {
        return None;
    }
    let text = text.strip_suffix(b"\"}")?;
    let plain = text.is_ascii() && memchr::memchr3(b'\\', 0x7f, b'"', text).is_none();
    plain.then(|| std::str::from_utf8(text).ok()).flatten()
}
