//! The reading end of a spool: any stretch of it, or its growing end, without ever holding the whole.
//!
//! Lines are found by a sparse index, the byte offset of every 64th line, that grows as far as has been read. It must
//! not know who writes, nor what the events mean.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::SpoolError;
use crate::model::Event;

/// Lines between two entries of the index.
const STRIDE: u64 = 64;

/// Read at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// The longest line that is taken for an event: a text of the longest kind with every byte escaped, and room.
const LONGEST: usize = 6 * super::spool::LONGEST_TEXT + 4096;

/// A page ends once it has read so much, in bytes.
const PAGE: usize = 1 << 20;

/// A stretch of a spool.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// The events, each with the number of its line, from 0.
    pub events: Vec<(u64, Event)>,
    /// The line after the last one that was read: where the next page begins.
    pub next: u64,
    /// Whether the spool had no more whole lines.
    pub end: bool,
}

/// Follows a spool that may not be there yet, and reads back any stretch of it.
#[derive(Debug)]
pub struct SpoolReader {
    path: PathBuf,
    file: Option<File>,
    /// The offset of each line whose number is a multiple of `STRIDE`, as far as lines are known.
    index: Vec<u64>,
    /// Whole lines known.
    lines: u64,
    /// Bytes of the whole lines known: where line `lines` begins.
    known: u64,
}

impl SpoolReader {
    /// A reader of the spool at `path`. Opens nothing yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            file: None,
            index: vec![0],
            lines: 0,
            known: 0,
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Finds every whole line that the spool has now and says how many there are.
    ///
    /// # Errors
    /// If the spool can't be read.
    pub fn count(&mut self) -> Result<u64, SpoolError> {
        self.walk(u64::MAX, usize::MAX, &mut |_, _| {})?;
        Ok(self.lines)
    }

    /// At most `limit` lines from line `from` on. Lines that hold no event (torn, foreign, too long) are passed over.
    ///
    /// # Errors
    /// If the spool can't be read. A spool that is not there yet is empty.
    pub fn page(&mut self, from: u64, limit: usize) -> Result<Page, SpoolError> {
        let mut events = Vec::new();
        let (next, end) = self.walk(from, limit, &mut |number, line| {
            if let Ok(event) = serde_json::from_slice(line) {
                events.push((number, event));
            }
        })?;
        Ok(Page { events, next, end })
    }

    /// Goes through at most `limit` whole lines from line `from`; gives the line after the last and whether the spool
    /// ended. Every line on the way is added to the index.
    fn walk(
        &mut self,
        from: u64,
        limit: usize,
        each: &mut dyn FnMut(u64, &[u8]),
    ) -> Result<(u64, bool), SpoolError> {
        self.try_walk(from, limit, each)
            .map_err(|source| SpoolError {
                path: self.path.clone(),
                source,
            })
    }

    fn try_walk(
        &mut self,
        from: u64,
        limit: usize,
        each: &mut dyn FnMut(u64, &[u8]),
    ) -> io::Result<(u64, bool)> {
        self.open_again_if_needed()?;
        let Some(file) = &self.file else {
            return Ok((0, true));
        };
        // The last place that is known to begin a line and lies at or before `from`.
        let (mut number, mut offset) = if from >= self.lines {
            (self.lines, self.known)
        } else {
            let entry = usize::try_from(from / STRIDE).unwrap_or(usize::MAX);
            (from / STRIDE * STRIDE, self.index[entry])
        };
        let mut chunk = vec![0; CHUNK];
        let mut line = Growing::default();
        let mut given = 0;
        let mut bytes = 0;
        loop {
            if given >= limit {
                return Ok((number, false));
            }
            let length = read_some(file, &mut chunk, offset)?;
            if length == 0 {
                return Ok((number, true));
            }
            let mut begin = 0;
            while let Some(at) = chunk[begin..length].iter().position(|&b| b == b'\n') {
                if number >= from {
                    if let Some(whole) = line.ended_by(&chunk[begin..begin + at]) {
                        each(number, whole);
                    }
                    given += 1;
                    bytes += at + 1;
                }
                line.clear();
                begin += at + 1;
                number += 1;
                if number > self.lines {
                    self.lines = number;
                    self.known = offset + begin as u64;
                    if number.is_multiple_of(STRIDE) {
                        self.index.push(self.known);
                    }
                }
                if given >= limit || bytes >= PAGE {
                    return Ok((number, false));
                }
            }
            if number >= from {
                line.goes_on(&chunk[begin..length]);
                bytes += length - begin;
            }
            offset += length as u64;
        }
    }

    /// Opens the file if that has not worked yet, and begins anew if it has become shorter.
    fn open_again_if_needed(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            match File::open(&self.path) {
                Ok(file) => self.file = Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        if let Some(file) = &self.file
            && file.metadata()?.len() < self.known
        {
            self.index.truncate(1);
            self.lines = 0;
            self.known = 0;
        }
        Ok(())
    }
}

/// A line that may come in several chunks.
#[derive(Default)]
struct Growing {
    begun: Vec<u8>,
    too_long: bool,
}

impl Growing {
    fn goes_on(&mut self, part: &[u8]) {
        self.too_long |= self.begun.len() + part.len() > LONGEST;
        if self.too_long {
            self.begun.clear();
        } else {
            self.begun.extend_from_slice(part);
        }
    }

    fn ended_by<'a>(&'a mut self, part: &'a [u8]) -> Option<&'a [u8]> {
        if self.begun.is_empty() && !self.too_long {
            return Some(part);
        }
        self.goes_on(part);
        (!self.too_long).then_some(&self.begun)
    }

    fn clear(&mut self) {
        self.begun.clear();
        self.too_long = false;
    }
}

fn read_some(file: &File, chunk: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(chunk, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
