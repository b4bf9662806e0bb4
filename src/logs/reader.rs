//! The reading end of a spool: its growing end, its last page, or any stretch of it, without ever holding the whole.
//!
//! A place in a spool is the offset of a line's first byte. So there is nothing to count and no index to keep: the end of
//! a spool of gigabytes is as near as its beginning. It must not know who writes, nor what the events mean.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use memchr::{memchr, memchr_iter, memrchr};

use super::SpoolError;
use crate::model::Event;

/// Read at once for a page, in bytes.
const CHUNK: usize = 64 * 1024;

/// Read at once where much is walked through, in bytes.
const STRETCH: usize = 1 << 20;

/// The longest line that is taken for an event: a text of the longest kind with every byte escaped, and room.
const LONGEST: usize = 6 * super::spool::LONGEST_TEXT + 4096;

/// A page ends once it has so much, in bytes.
const PAGE: usize = 1 << 20;

/// A stretch of a spool.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// The events, each with its place.
    pub events: Vec<(u64, Event)>,
    /// The place where the page begins.
    pub begin: u64,
    /// The place after its last line: where the next page begins.
    pub next: u64,
    /// Whether the spool had no more whole lines.
    pub end: bool,
}

/// Follows a spool that may not be there yet, and reads back any stretch of it.
#[derive(Debug)]
pub struct SpoolReader {
    path: PathBuf,
    file: Option<File>,
}

impl SpoolReader {
    /// A reader of the spool at `path`. Opens nothing yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            file: None,
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How long the spool is, in bytes; 0 while it is not there.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn size(&mut self) -> Result<u64, SpoolError> {
        let size = self.open().and_then(|file| match file {
            Some(file) => Ok(file.metadata()?.len()),
            None => Ok(0),
        });
        self.located(size)
    }

    /// At most `limit` lines from the place `from` on. Lines that hold no event (torn, foreign, too long) are passed over.
    ///
    /// # Errors
    /// If the spool can't be read. A spool that is not there yet is empty.
    pub fn page(&mut self, from: u64, limit: usize) -> Result<Page, SpoolError> {
        let mut page = Page {
            begin: from,
            next: from,
            ..Page::default()
        };
        let mut lines = 0;
        let mut each = |at: u64, chunk: &[u8]| {
            let mut start = 0;
            for end in memchr_iter(b'\n', chunk) {
                if lines >= limit || page.next - from >= PAGE as u64 {
                    return false;
                }
                take(&mut page.events, at + start as u64, &chunk[start..end]);
                start = end + 1;
                page.next = at + start as u64;
                lines += 1;
            }
            true
        };
        let walked = self.walk(from, u64::MAX, CHUNK, &mut each);
        let (next, end) = self.located(walked)?;
        // The walk comes to an end only where every line of it was taken.
        if end {
            (page.next, page.end) = (next, true);
        }
        Ok(page)
    }

    /// At most `limit` lines before the place `before`; before the end of the spool, if that is none.
    ///
    /// # Errors
    /// As [`page`](Self::page).
    pub fn page_before(&mut self, before: Option<u64>, limit: usize) -> Result<Page, SpoolError> {
        let page = self.read_back(before, limit);
        self.located(page)
    }

    fn read_back(&mut self, before: Option<u64>, limit: usize) -> io::Result<Page> {
        let Some(file) = self.open()? else {
            return Ok(Page {
                end: true,
                ..Page::default()
            });
        };
        let size = file.metadata()?.len();
        let before = match before {
            Some(before) => before.min(size),
            None => last_line_end(file, size)?,
        };
        // As much before it as has the lines that are wanted, or is a page.
        let mut begin = before;
        let mut tail: Vec<u8> = Vec::new();
        let mut breaks = 0;
        while begin > 0 && breaks <= limit && (tail.len() < PAGE || breaks < 2) {
            let step = (CHUNK as u64).min(begin);
            let mut part = vec![0; usize::try_from(step).unwrap_or(CHUNK)];
            file.read_exact_at(&mut part, begin - step)?;
            breaks += memchr_iter(b'\n', &part).count();
            begin -= step;
            part.append(&mut tail);
            tail = part;
            if tail.len() > LONGEST + PAGE && breaks < 2 {
                // One line that nobody could have written: what matters of it is where it begins.
                begin = last_line_end(file, begin)?;
                return Ok(Page {
                    begin,
                    next: before,
                    end: before >= size,
                    ..Page::default()
                });
            }
        }
        let mut starts = vec![0];
        starts.extend(memchr_iter(b'\n', &tail).map(|at| at + 1));
        starts.pop();
        if begin > 0 && !starts.is_empty() {
            // The first is only the end of a line.
            starts.remove(0);
        }
        let first = starts.len().saturating_sub(limit);
        let starts = &starts[first..];
        let mut page = Page {
            begin: starts.first().map_or(before, |at| begin + *at as u64),
            next: before,
            end: before >= size,
            events: Vec::with_capacity(starts.len()),
        };
        for &start in starts {
            let line = &tail[start..];
            let line = &line[..memchr(b'\n', line).unwrap_or(line.len())];
            take(&mut page.events, begin + start as u64, line);
        }
        Ok(page)
    }

    /// The event at exactly this place, if there is one.
    ///
    /// # Errors
    /// If the spool can't be read.
    pub fn at(&mut self, place: u64) -> Result<Option<Event>, SpoolError> {
        let page = self.page(place, 1)?;
        let found = page.events.into_iter().next();
        Ok(found.filter(|(at, _)| *at == place).map(|(_, event)| event))
    }

    /// Goes through whole lines from the place `from` on, in stretches, until about `bytes` were read or `each` says
    /// false; gives the place after the last whole line that was gone through, and whether there are no more. `each` gets
    /// the place of a stretch and its bytes, which end with a line's end.
    ///
    /// # Errors
    /// If the spool can't be read.
    pub fn stretches(
        &mut self,
        from: u64,
        bytes: u64,
        each: &mut dyn FnMut(u64, &[u8]) -> bool,
    ) -> Result<(u64, bool), SpoolError> {
        let walked = self.walk(from, bytes, STRETCH, each);
        self.located(walked)
    }

    fn walk(
        &mut self,
        from: u64,
        bytes: u64,
        chunk: usize,
        each: &mut dyn FnMut(u64, &[u8]) -> bool,
    ) -> io::Result<(u64, bool)> {
        let Some(file) = self.open()? else {
            return Ok((from, true));
        };
        let mut buffer = vec![0; chunk];
        let mut place = from;
        loop {
            if place - from >= bytes {
                return Ok((place, false));
            }
            let length = read_some(file, &mut buffer, place)?;
            let Some(last) = memrchr(b'\n', &buffer[..length]) else {
                if length < buffer.len() {
                    return Ok((place, true));
                }
                if buffer.len() <= LONGEST {
                    buffer.resize(buffer.len() * 2, 0);
                    continue;
                }
                match after_long_line(file, place)? {
                    Some(next) => place = next,
                    None => return Ok((place, true)),
                }
                continue;
            };
            let go_on = each(place, &buffer[..=last]);
            place += last as u64 + 1;
            if !go_on {
                return Ok((place, false));
            }
        }
    }

    fn open(&mut self) -> io::Result<Option<&File>> {
        if self.file.is_none() {
            match File::open(&self.path) {
                Ok(file) => self.file = Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(self.file.as_ref())
    }

    fn located<T>(&self, result: io::Result<T>) -> Result<T, SpoolError> {
        result.map_err(|source| SpoolError {
            path: self.path.clone(),
            source,
        })
    }
}

fn take(events: &mut Vec<(u64, Event)>, at: u64, line: &[u8]) {
    if line.len() <= LONGEST
        && let Ok(event) = serde_json::from_slice(line)
    {
        events.push((at, event));
    }
}

/// The place after the last whole line.
fn last_line_end(file: &File, size: u64) -> io::Result<u64> {
    let mut end = size;
    while end > 0 {
        let step = (CHUNK as u64).min(end);
        let mut part = vec![0; usize::try_from(step).unwrap_or(CHUNK)];
        file.read_exact_at(&mut part, end - step)?;
        if let Some(at) = memrchr(b'\n', &part) {
            return Ok(end - step + at as u64 + 1);
        }
        end -= step;
    }
    Ok(0)
}

/// The place after the line that begins at `place`; none if it has no end yet.
fn after_long_line(file: &File, mut place: u64) -> io::Result<Option<u64>> {
    let mut buffer = vec![0; STRETCH];
    loop {
        let length = read_some(file, &mut buffer, place)?;
        if length == 0 {
            return Ok(None);
        }
        if let Some(at) = memchr(b'\n', &buffer[..length]) {
            return Ok(Some(place + at as u64 + 1));
        }
        place += length as u64;
    }
}

/// Fills `buffer` from `offset` on, as far as there is something.
fn read_some(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
