//! A context that tells how much of it was read: what a bar of progress needs, without the reader knowing of it.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::context::{ContextEntry, ContextSource, EntryKind};

/// Told the bytes that were read and those that there are.
pub type Progress<'a> = dyn Fn(u64, u64) + Send + Sync + 'a;

/// A context, and who is told.
pub(super) struct Watched<'a> {
    inner: &'a dyn ContextSource,
    progress: &'a Progress<'a>,
    read: AtomicU64,
    whole: u64,
}

impl<'a> Watched<'a> {
    pub(super) fn new(inner: &'a dyn ContextSource, progress: &'a Progress<'a>) -> Self {
        let sizes = inner.entries().iter().map(|entry| match entry.kind {
            EntryKind::File { size } => size,
            _ => 0,
        });
        Self {
            inner,
            progress,
            read: AtomicU64::new(0),
            whole: sizes.fold(0, u64::saturating_add),
        }
    }
}

impl ContextSource for Watched<'_> {
    fn entries(&self) -> &[ContextEntry] {
        self.inner.entries()
    }

    fn open(&self, index: usize) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(Counted {
            inner: self.inner.open(index)?,
            of: self,
        }))
    }
}

/// A file of it.
struct Counted<'a> {
    inner: Box<dyn Read + Send + 'a>,
    of: &'a Watched<'a>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        let read = self.of.read.fetch_add(n as u64, Ordering::Relaxed) + n as u64;
        (self.of.progress)(read, self.of.whole);
        Ok(n)
    }
}
