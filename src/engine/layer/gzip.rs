//! Gzip in blocks that know nothing of each other: compressed side by side, and the same bytes on one core or many.
//!
//! Each block is a gzip member of its own; members one after the other are one gzip file (RFC 1952, 2.2). What goes in
//! is hashed on the way, by a thread of its own where there is more than one block, and another thread writes.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::block::{Block, Blocks};
use super::deflate::Deflater;
use super::earlier::{Known, Place};
use super::members::Packed;
use super::midstate::{Midstate, TarHash};
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
    known: Option<Known>,
    cuts: usize,
    way: Way<W>,
}

/// What a gzip file came to.
#[derive(Debug)]
pub struct Finished<W> {
    /// Where it was written.
    pub out: W,
    /// The digest of what went in.
    pub digest: Digest,
    /// Its members.
    pub members: Vec<Packed>,
}

/// How blocks go: here, as long as there is but one; then on threads.
enum Way<W> {
    Here {
        out: W,
        hasher: TarHash,
        watchers: Vec<Box<dyn Write + Send>>,
    },
    Threads(Threads<W>),
    /// Something failed; nothing can be written any more.
    Broken,
}

struct Job {
    block: Arc<Block>,
    /// Where the member is already.
    known: Option<(Arc<File>, Place)>,
    done: SyncSender<Vec<u8>>,
}

/// Length of a member in the file, and its CRC-32.
type Written = (u64, u32);
/// Length of a block, and the hash up to its end, where that can be told.
type Hashed = (u64, Option<Midstate>);

/// All members, once `W` has them.
type WrittenTo<W> = io::Result<(W, Vec<Written>)>;

struct Threads<W> {
    compressors: Line<Job, ()>,
    hasher: Line<Arc<Block>, (TarHash, Vec<Hashed>)>,
    watchers: Vec<Line<Arc<Block>, ()>>,
    writer: Line<Receiver<Vec<u8>>, WrittenTo<W>>,
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
            known: None,
            cuts: 0,
            way: Way::Here {
                out,
                hasher: TarHash::new(),
                watchers,
            },
        }
    }

    /// Goes on with a file of which some members are in `out` already: what is in them came to `hasher`. Those of the
    /// following ones that are `known` are not compressed.
    #[must_use]
    pub fn upon(mut self, already: TarHash, known: Known) -> Self {
        if let Way::Here { hasher, .. } = &mut self.way {
            *hasher = already;
        }
        self.known = Some(known);
        self
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
        let known = self.known.as_ref().and_then(|known| known.get(self.cuts));
        self.cuts += 1;
        if let Way::Threads(threads) = &self.way
            && threads.send(&full, known)
        {
            return Ok(());
        }
        // The writer knows why.
        match std::mem::replace(&mut self.way, Way::Broken) {
            Way::Threads(mut threads) => Err(threads.why()),
            _ => Err(gone()),
        }
    }

    /// Compresses the rest and ends the file.
    ///
    /// # Errors
    /// If `out` fails.
    pub fn finish(mut self) -> io::Result<Finished<W>> {
        if let Way::Threads(_) = &self.way {
            self.cut()?;
        }
        let (out, hasher, written, hashed) = match self.way {
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
                let member = Deflater::new().member(bytes);
                out.write_all(&member)?;
                let hashed = vec![hashed(&hasher, bytes)];
                (out, hasher, vec![written(&member)], hashed)
            }
            Way::Threads(mut threads) => {
                threads.compressors.send = None;
                let (out, written) = threads.writer.end().unwrap_or_else(|| Err(gone()))?;
                let (hasher, hashed) = threads.hasher.end().ok_or_else(gone)?;
                (out, hasher, written, hashed)
            }
            Way::Broken => return Err(gone()),
        };
        let packed = |((blob, crc), (tar, after)): (Written, Hashed)| {
            Some(Packed {
                tar,
                blob,
                crc,
                after: after?,
            })
        };
        let members = written.into_iter().zip(hashed).map_while(packed);
        Ok(Finished {
            out,
            members: members.collect(),
            digest: hasher.finish(),
        })
    }
}

fn written(member: &[u8]) -> Written {
    (member.len() as u64, libdeflater::crc32(member))
}

fn hashed(hasher: &TarHash, block: &[u8]) -> Hashed {
    (block.len() as u64, hasher.midstate())
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
        mut hasher: TarHash,
        watchers: Vec<Box<dyn Write + Send>>,
        threads: usize,
    ) -> Self {
        let ahead = threads.max(1) * AHEAD;
        let write = move |results: Receiver<Receiver<Vec<u8>>>| {
            let mut all = Vec::new();
            for result in results {
                let member = result.recv().map_err(|_| gone())?;
                out.write_all(&member)?;
                all.push(written(&member));
            }
            Ok((out, all))
        };
        let hash = move |blocks: Receiver<Arc<Block>>| {
            let mut all = Vec::new();
            for block in blocks {
                hasher.update(block.bytes());
                all.push(hashed(&hasher, block.bytes()));
            }
            (hasher, all)
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
    fn send(&self, block: &Arc<Block>, known: Option<(Arc<File>, Place)>) -> bool {
        let (done, result) = sync_channel(1);
        let job = Job {
            block: Arc::clone(block),
            known,
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
                let mut member = Vec::new();
                let known = job.known.as_ref();
                // One that was damaged is compressed again.
                if known.is_none_or(|(blob, place)| place.read(blob, &mut member).is_err()) {
                    member = deflater.member(job.block.bytes());
                }
                // Nobody waits any more if the layer was given up.
                let _ = job.done.send(member);
            }
        })
    };
    Line {
        send: Some(send),
        threads: (0..threads).map(work).collect(),
    }
}
