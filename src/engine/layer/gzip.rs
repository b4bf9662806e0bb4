//! Gzip in blocks that know nothing of each other: compressed side by side, and the same bytes on one core or many.
//!
//! The result is one ordinary gzip member. Each block of [`BLOCK`] bytes ends with a full flush, so it begins at a whole
//! byte and refers to nothing before it. A block that does not get smaller is stored as it is.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// The size of a block. Another one makes other digests.
pub const BLOCK: usize = 512 << 10;
/// The level. Another one makes other digests.
const LEVEL: u32 = 6;
/// More threads than this are not worth their memory.
const THREADS: usize = 8;
/// A gzip header without name and time, of an unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// An empty last block.
const LAST: [u8; 2] = [3, 0];
/// The longest stored block of deflate.
const STORED: usize = 65_535;
/// How much of a block is tried before it is compressed, and in how many places.
const SAMPLE: usize = 8 << 10;
const SAMPLES: usize = 4;

struct Job {
    input: Vec<u8>,
    done: SyncSender<Done>,
}

struct Done {
    input: Vec<u8>,
    output: Vec<u8>,
    crc: Crc,
}

/// Compresses what is written to it into `out`.
pub struct BlockGzip<W: Write> {
    out: W,
    block: Vec<u8>,
    crc: Crc,
    size: u64,
    pool: Option<Pool>,
    under_way: VecDeque<Receiver<Done>>,
    spare: Vec<Vec<u8>>,
    threads: usize,
}

struct Pool {
    jobs: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // A worker that panicked shows as a missing block.
            let _ = thread.join();
        }
    }
}

impl<W: Write> BlockGzip<W> {
    /// Starts a gzip member in `out`, with as many threads as there are cores.
    ///
    /// # Errors
    /// If `out` fails.
    pub fn new(out: W) -> io::Result<Self> {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self::with_threads(out, threads.min(THREADS))
    }

    /// Starts a gzip member in `out`, with `threads` threads.
    ///
    /// # Errors
    /// If `out` fails.
    pub fn with_threads(mut out: W, threads: usize) -> io::Result<Self> {
        out.write_all(&HEADER)?;
        Ok(Self {
            out,
            block: Vec::new(),
            crc: Crc::new(),
            size: 0,
            pool: None,
            under_way: VecDeque::new(),
            spare: Vec::new(),
            threads,
        })
    }

    /// Compresses the rest and ends the member.
    ///
    /// # Errors
    /// If `out` fails.
    pub fn finish(mut self) -> io::Result<W> {
        let block = std::mem::take(&mut self.block);
        if !block.is_empty() {
            if self.pool.is_some() {
                self.submit(block)?;
            } else {
                let done = Worker::new().compress(block);
                self.write_out(&done)?;
            }
        }
        while let Some(next) = self.under_way.pop_front() {
            self.collect(&next)?;
        }
        self.out.write_all(&LAST)?;
        self.out.write_all(&self.crc.sum().to_le_bytes())?;
        // Gzip keeps the length modulo 2^32.
        #[expect(clippy::cast_possible_truncation, reason = "the format says so")]
        self.out.write_all(&(self.size as u32).to_le_bytes())?;
        Ok(self.out)
    }

    fn submit(&mut self, block: Vec<u8>) -> io::Result<()> {
        let threads = self.threads;
        let pool = self.pool.get_or_insert_with(|| Pool::start(threads));
        let (done, receiver) = sync_channel(1);
        let sent = pool
            .jobs
            .as_ref()
            .map(|jobs| jobs.send(Job { input: block, done }));
        if !matches!(sent, Some(Ok(()))) {
            return Err(gone());
        }
        self.under_way.push_back(receiver);
        if self.under_way.len() > threads
            && let Some(next) = self.under_way.pop_front()
        {
            self.collect(&next)?;
        }
        Ok(())
    }

    fn collect(&mut self, next: &Receiver<Done>) -> io::Result<()> {
        let done = next.recv().map_err(|_| gone())?;
        self.write_out(&done)?;
        self.spare.push(done.input);
        Ok(())
    }

    fn write_out(&mut self, done: &Done) -> io::Result<()> {
        self.crc.combine(&done.crc);
        self.out.write_all(&done.output)
    }
}

fn gone() -> io::Error {
    io::Error::other("a compressing thread ended too early")
}

impl<W: Write> Write for BlockGzip<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&bytes[..n]);
        self.size += n as u64;
        if self.block.len() == BLOCK {
            let mut empty = self.spare.pop().unwrap_or_default();
            empty.clear();
            let full = std::mem::replace(&mut self.block, empty);
            self.submit(full)?;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        // A flush would leave its mark in the bytes.
        Ok(())
    }
}

impl<W: Write> std::fmt::Debug for BlockGzip<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockGzip")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl Pool {
    fn start(threads: usize) -> Self {
        let (jobs, queue) = sync_channel::<Job>(threads);
        let queue = Arc::new(Mutex::new(queue));
        let threads = (0..threads.max(1))
            .map(|_| {
                let queue = Arc::clone(&queue);
                std::thread::spawn(move || {
                    let mut worker = Worker::new();
                    loop {
                        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                        let Ok(job) = job else { return };
                        // Nobody waits any more if the layer was given up.
                        let _ = job.done.send(worker.compress(job.input));
                    }
                })
            })
            .collect();
        Self {
            jobs: Some(jobs),
            threads,
        }
    }
}

struct Worker {
    deflate: Compress,
    sampler: Compress,
    scratch: Vec<u8>,
}

impl Worker {
    fn new() -> Self {
        Self {
            deflate: Compress::new(Compression::new(LEVEL), false),
            sampler: Compress::new(Compression::new(1), false),
            scratch: Vec::new(),
        }
    }

    fn compress(&mut self, input: Vec<u8>) -> Done {
        let mut crc = Crc::new();
        crc.update(&input);
        let mut output = Vec::with_capacity(input.len() / 2 + 64);
        if self.is_dense(&input) || !deflate(&mut self.deflate, &input, &mut output) {
            output.clear();
            store(&input, &mut output);
        }
        Done { input, output, crc }
    }

    /// Whether trying is not worth it: no sample of the block got smaller.
    fn is_dense(&mut self, input: &[u8]) -> bool {
        if input.len() < BLOCK {
            return false;
        }
        (0..SAMPLES).all(|i| {
            let start = i * (BLOCK / SAMPLES);
            self.scratch.clear();
            let sample = &input[start..start + SAMPLE];
            deflate(&mut self.sampler, sample, &mut self.scratch);
            self.scratch.len() + SAMPLE / 64 > SAMPLE
        })
    }
}

/// Deflates `input` as one block that ends with a full flush; false if it did not get smaller.
fn deflate(compress: &mut Compress, input: &[u8], output: &mut Vec<u8>) -> bool {
    compress.reset();
    let mut done = 0;
    loop {
        if output.len() == output.capacity() {
            output.reserve(64 << 10);
        }
        let before = compress.total_in();
        let status = compress.compress_vec(&input[done..], output, FlushCompress::Full);
        done += usize::try_from(compress.total_in() - before).unwrap_or(0);
        match status {
            Ok(Status::Ok | Status::BufError) if output.len() == output.capacity() => {
                if output.len() > input.len() {
                    return false;
                }
            }
            Ok(_) if done == input.len() => return output.len() < input.len(),
            Ok(Status::Ok) => {}
            // Deflating memory to memory can't fail; if it does, the block is stored.
            _ => return false,
        }
    }
}

fn store(input: &[u8], output: &mut Vec<u8>) {
    for chunk in input.chunks(STORED) {
        let length = u16::try_from(chunk.len()).unwrap_or(u16::MAX);
        output.push(0);
        output.extend(length.to_le_bytes());
        output.extend((!length).to_le_bytes());
        output.extend(chunk);
    }
}
