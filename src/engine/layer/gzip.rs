//! Gzip in blocks that know nothing of each other: compressed side by side, and the same bytes on one core or many.
//!
//! Each block is a gzip member of its own; members one after the other are one gzip file (RFC 1952, 2.2). What goes in
//! is hashed on the way, by a thread of its own where there is more than one block, and another thread writes.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use sha2::{Digest as _, Sha256};

use super::block::{Block, Blocks};
use super::deflate::Deflater;
use crate::model::Digest;

/// More compressing threads than this are not worth their memory.
const THREADS: usize = 8;
/// So many blocks for each compressing thread are on their way at most.
const AHEAD: usize = 3;

/// Compresses what is written to it into `out`.
pub struct BlockGzip<W> {
    block: Block,
    blocks: Blocks,
    threads: usize,
    way: Way<W>,
}

/// How blocks go: here, as long as there is but one; then on threads.
enum Way<W> {
    Here {
        out: W,
        hasher: Sha256,
        watchers: Vec<Box<dyn Write + Send>>,
    },
    Threads(Threads<W>),
    /// Something failed; nothing can be written any more.
    Broken,
}

struct Job {
    block: Arc<Block>,
    done: SyncSender<Vec<u8>>,
}

struct Threads<W> {
    compressors: Line<Job, ()>,
    hasher: Line<Arc<Block>, Sha256>,
    watchers: Vec<Line<Arc<Block>, ()>>,
    writer: Line<Receiver<Vec<u8>>, io::Result<W>>,
}

/// Threads that work on what is sent to them, until nothing is.
struct Line<T, R> {
    send: Option<SyncSender<T>>,
    threads: VecDeque<JoinHandle<R>>,
}

impl<T: Send + 'static, R: Send + 'static> Line<T, R> {
    fn start(length: usize, work: impl FnOnce(Receiver<T>) -> R + Send + 'static) -> Self {
        let (send, receive) = sync_channel(length);
        Self {
            send: Some(send),
            threads: [std::thread::spawn(move || work(receive))].into(),
        }
    }

    /// False if nobody receives any more.
    fn send(&self, what: T) -> bool {
        self.send.as_ref().is_some_and(|s| s.send(what).is_ok())
    }
}

impl<T, R> Line<T, R> {
    /// What the first thread came to; none if it panicked.
    fn end(&mut self) -> Option<R> {
        self.send = None;
        let first = self.threads.pop_front().map(JoinHandle::join);
        for other in self.threads.drain(..) {
            // One that panicked shows as a missing block.
            let _ = other.join();
        }
        first.and_then(Result::ok)
    }
}

impl<T, R> Drop for Line<T, R> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<W: Write + Send + 'static> BlockGzip<W> {
    /// Starts a gzip file in `out`, with as many threads as there are cores. Each of `watchers` is given everything
    /// that goes in; one that fails is left alone.
    pub fn new(out: W, watchers: Vec<Box<dyn Write + Send>>) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self::with_threads(out, watchers, threads.min(THREADS))
    }

    /// Starts a gzip file in `out`, with `threads` compressing threads.
    pub fn with_threads(out: W, watchers: Vec<Box<dyn Write + Send>>, threads: usize) -> Self {
        let blocks = Blocks::default();
        Self {
            block: blocks.get(),
            blocks,
            threads,
            way: Way::Here {
                out,
                hasher: Sha256::new(),
                watchers,
            },
        }
    }

    /// What is free in the block that is being filled: never nothing.
    pub fn room(&mut self) -> &mut [u8] {
        self.block.room()
    }

    /// Takes in what was put at the beginning of [`room`](Self::room), and gives it to `look`.
    ///
    /// # Errors
    /// If `out` fails.
    pub fn take(&mut self, length: usize, look: impl FnOnce(&[u8])) -> io::Result<()> {
        look(self.block.take(length));
        if self.block.room().is_empty() {
            return self.cut();
        }
        Ok(())
    }

    /// How many bytes are in the block that is being filled.
    pub const fn filled(&self) -> usize {
        self.block.filled()
    }

    /// Ends the block that is being filled.
    ///
    /// # Errors
    /// If `out` fails.
    pub fn cut(&mut self) -> io::Result<()> {
        if self.block.filled() == 0 {
            return Ok(());
        }
        let full = Arc::new(std::mem::replace(&mut self.block, self.blocks.get()));
        if !matches!(self.way, Way::Threads(_)) {
            let Way::Here {
                out,
                hasher,
                watchers,
            } = std::mem::replace(&mut self.way, Way::Broken)
            else {
                return Err(gone());
            };
            self.way = Way::Threads(Threads::start(out, hasher, watchers, self.threads));
        }
        if let Way::Threads(threads) = &self.way
            && threads.send(&full)
        {
            return Ok(());
        }
        // The writer knows why.
        match std::mem::replace(&mut self.way, Way::Broken) {
            Way::Threads(mut threads) => Err(threads.why()),
            _ => Err(gone()),
        }
    }

    /// Compresses the rest and ends the file. Gives `out` and the digest of what went in.
    ///
    /// # Errors
    /// If `out` fails.
    pub fn finish(mut self) -> io::Result<(W, Digest)> {
        if let Way::Threads(_) = &self.way {
            self.cut()?;
        }
        match self.way {
            Way::Here {
                mut out,
                mut hasher,
                mut watchers,
            } => {
                let bytes = self.block.bytes();
                hasher.update(bytes);
                for watcher in &mut watchers {
                    // Its reader says what went wrong.
                    let _ = watcher.write_all(bytes);
                }
                drop(watchers);
                out.write_all(&Deflater::new().member(bytes))?;
                Ok((out, Digest::from_bytes(hasher.finalize().into())))
            }
            Way::Threads(mut threads) => {
                threads.compressors.send = None;
                let out = threads.writer.end().unwrap_or_else(|| Err(gone()))?;
                let hasher = threads.hasher.end().ok_or_else(gone)?;
                Ok((out, Digest::from_bytes(hasher.finalize().into())))
            }
            Way::Broken => Err(gone()),
        }
    }
}

fn gone() -> io::Error {
    io::Error::other("a thread that writes a layer ended too early")
}

impl<W: Write + Send + 'static> Write for BlockGzip<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.room();
        let n = bytes.len().min(room.len());
        room[..n].copy_from_slice(&bytes[..n]);
        self.take(n, |_| ())?;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        // A flush would leave its mark in the bytes.
        Ok(())
    }
}

impl<W> std::fmt::Debug for BlockGzip<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockGzip").finish_non_exhaustive()
    }
}

impl<W: Write + Send + 'static> Threads<W> {
    fn start(
        mut out: W,
        mut hasher: Sha256,
        watchers: Vec<Box<dyn Write + Send>>,
        threads: usize,
    ) -> Self {
        let ahead = threads.max(1) * AHEAD;
        let write = move |results: Receiver<Receiver<Vec<u8>>>| {
            for result in results {
                let member = result.recv().map_err(|_| gone())?;
                out.write_all(&member)?;
            }
            Ok(out)
        };
        let hash = move |blocks: Receiver<Arc<Block>>| {
            for block in blocks {
                hasher.update(block.bytes());
            }
            hasher
        };
        let watch = |mut watcher: Box<dyn Write + Send>| {
            Line::start(ahead, move |blocks: Receiver<Arc<Block>>| {
                let mut well = true;
                for block in blocks {
                    // Its reader says what went wrong; the layer goes on without it.
                    well = well && watcher.write_all(block.bytes()).is_ok();
                }
            })
        };
        Self {
            compressors: compressors(threads.max(1)),
            hasher: Line::start(ahead, hash),
            watchers: watchers.into_iter().map(watch).collect(),
            writer: Line::start(ahead, write),
        }
    }

    /// False if the writer or another thread has ended.
    fn send(&self, block: &Arc<Block>) -> bool {
        let (done, result) = sync_channel(1);
        let job = Job {
            block: Arc::clone(block),
            done,
        };
        // The writer's place first: it is what keeps the blocks few.
        self.writer.send(result)
            && self.compressors.send(job)
            && self.hasher.send(Arc::clone(block))
            && self.watchers.iter().all(|w| w.send(Arc::clone(block)))
    }

    /// Why the writer has ended.
    fn why(&mut self) -> io::Error {
        self.compressors.send = None;
        match self.writer.end() {
            Some(Err(error)) => error,
            _ => gone(),
        }
    }
}

fn compressors(threads: usize) -> Line<Job, ()> {
    let (send, queue) = sync_channel::<Job>(threads * AHEAD);
    let queue = Arc::new(Mutex::new(queue));
    let work = |_| {
        let queue = Arc::clone(&queue);
        std::thread::spawn(move || {
            let mut deflater = Deflater::new();
            loop {
                let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok(job) = job else { return };
                // Nobody waits any more if the layer was given up.
                let _ = job.done.send(deflater.member(job.block.bytes()));
            }
        })
    };
    Line {
        send: Some(send),
        threads: (0..threads).map(work).collect(),
    }
}
