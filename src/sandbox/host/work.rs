//! Jobs, from the host's side: starts the process, moves the data, waits for the answer.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::pipe::PipeFlags;

use super::launch::Inside;
use super::maps;
use crate::model::event::Cancel;
use crate::sandbox::Sandbox;
use crate::sandbox::error::SandboxError;
use crate::sandbox::job::{Input, Output, Work};
use crate::sandbox::wire::{self, Order, Report, WorkOrder};

/// What a pipe holds, where the host allows.
const PIPE: usize = 1 << 20;
/// The longest answer of a job.
const LONGEST_ANSWER: u64 = 64 << 20;
/// How much of what a job said before it died is worth reading.
const LAST_WORDS: u64 = 16 << 10;

/// Does a job.
pub fn work(sandbox: &Sandbox, work: Work<'_>, cancel: &Cancel) -> Result<Vec<u8>, SandboxError> {
    let order = Order::Work(WorkOrder {
        ids: sandbox.ids(),
        job: work.job.to_owned(),
        views: work.views.to_vec(),
    });
    let order = wire::pack(&order, &sandbox.filters().for_job(), work.arguments)
        .map_err(SandboxError::host("write the order"))?;
    let mut answer = memory_file("flareo-answer")?;
    let mut last_words = memory_file("flareo-stderr")?;
    let stderr = last_words
        .try_clone()
        .map_err(SandboxError::host("copy a descriptor"))?;

    let (stdout, from_job, output) = match work.output {
        Output::Discard => (None, None, None),
        Output::File(file) => (Some(OwnedFd::from(file)), None, None),
        Output::Writer(writer) => {
            let (read, write) = pipe()?;
            (Some(write), Some(read), Some(writer))
        }
    };
    let (input_end, to_job, reader) = match work.input {
        Input::Empty => (None, None, None),
        Input::File(file) => (Some(OwnedFd::from(file)), None, None),
        Input::Reader(reader) => {
            let (read, write) = pipe()?;
            (Some(read), Some(write), Some(reader))
        }
    };
    let mut inside = sandbox
        .program()
        .start(stdout.as_ref().map(AsFd::as_fd), stderr.as_fd())?;
    drop((stdout, stderr));
    let descriptors: Vec<BorrowedFd<'_>> = [
        Some(order.as_fd()),
        Some(answer.as_fd()),
        input_end.as_ref().map(AsFd::as_fd),
    ]
    .into_iter()
    .flatten()
    .collect();
    inside.send(b"order", &descriptors)?;
    drop((order, input_end));

    let failed = AtomicBool::new(false);
    let moved = std::thread::scope(|scope| {
        let feeder = to_job.zip(reader).map(|(pipe, reader)| {
            let failed = &failed;
            scope.spawn(move || feed(reader, File::from(pipe), failed))
        });
        let moved = attend(sandbox, &mut inside, from_job, output, cancel, &failed);
        if moved.is_err() {
            inside.kill();
        }
        // The job is gone or does not read any more, so the feeder ends at its next write.
        let ended = inside.end().map_err(SandboxError::host("wait for the job"));
        let fed = feeder.map_or(Ok(()), |feeder| {
            feeder
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("the reader panicked")))
        });
        let said = moved?;
        fed.map_err(SandboxError::host("read the job's input"))?;
        ended?;
        Ok::<_, SandboxError>(said)
    })?;
    match moved {
        Some(Report::Done) => {
            let mut bytes = Vec::new();
            answer
                .rewind()
                .map_err(SandboxError::host("read the job's answer"))?;
            answer
                .take(LONGEST_ANSWER)
                .read_to_end(&mut bytes)
                .map_err(SandboxError::host("read the job's answer"))?;
            Ok(bytes)
        }
        Some(Report::Failed { doing, reason }) if doing.is_empty() => Err(SandboxError::Job {
            job: work.job.to_owned(),
            reason,
        }),
        Some(Report::Failed { doing, reason }) => Err(SandboxError::Inside { doing, reason }),
        _ => {
            let mut said = Vec::new();
            let _ = last_words.rewind();
            let _ = last_words.take(LAST_WORDS).read_to_end(&mut said);
            let said = String::from_utf8_lossy(&said).trim().to_owned();
            let reason = if said.is_empty() {
                "it ended without an answer".to_owned()
            } else {
                said
            };
            Err(SandboxError::Job {
                job: work.job.to_owned(),
                reason,
            })
        }
    }
}

/// Answers the inside and moves its output until it hangs up. The last report counts.
fn attend(
    sandbox: &Sandbox,
    inside: &mut Inside,
    from_job: Option<OwnedFd>,
    mut output: Option<&mut dyn Write>,
    cancel: &Cancel,
    failed: &AtomicBool,
) -> Result<Option<Report>, SandboxError> {
    let mut from_job = from_job.map(File::from);
    let mut buffer = vec![0; 256 << 10];
    let mut last = None;
    let mut listening = true;
    while listening || from_job.is_some() {
        if cancel.is_cancelled() {
            return Err(SandboxError::Cancelled);
        }
        if failed.load(Ordering::SeqCst) {
            // The reader failed; its own error is told by who joins it.
            inside.kill();
            return Ok(None);
        }
        let (talks, prints) = {
            let control = inside.control()?;
            let mut fds = Vec::with_capacity(2);
            if listening {
                fds.push(PollFd::from_borrowed_fd(control, PollFlags::IN));
            }
            if let Some(pipe) = &from_job {
                fds.push(PollFd::new(pipe, PollFlags::IN));
            }
            let tick = Timespec {
                tv_sec: 0,
                tv_nsec: 50_000_000,
            };
            match rustix::event::poll(&mut fds, Some(&tick)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(SandboxError::sys("wait for the job")(error)),
            }
            let ready = |index: usize| fds.get(index).is_some_and(|fd| !fd.revents().is_empty());
            (listening && ready(0), ready(usize::from(listening)))
        };
        if talks {
            match inside.receive()? {
                None => listening = false,
                Some((Report::Unshared, _)) => {
                    maps::write(sandbox.ids(), inside.pid())?;
                    inside.send(b"go", &[])?;
                }
                Some((report, _)) => last = Some(report),
            }
        }
        if let (true, Some(pipe)) = (prints, &mut from_job) {
            let length = pipe
                .read(&mut buffer)
                .map_err(SandboxError::host("read the job's output"))?;
            if length == 0 {
                from_job = None;
            } else if let Some(output) = &mut output {
                output
                    .write_all(&buffer[..length])
                    .map_err(SandboxError::host("take the job's output"))?;
            }
        }
    }
    Ok(last)
}

/// Copies the input into the pipe. When that fails, the job must not mistake it for the input's end.
fn feed(reader: &mut (dyn Read + Send), mut pipe: File, failed: &AtomicBool) -> io::Result<()> {
    let mut buffer = vec![0; 256 << 10];
    loop {
        let length = match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                failed.store(true, Ordering::SeqCst);
                // Held open until the job was killed: it never sees an end.
                wait_until_unread(&pipe);
                return Err(error);
            }
        };
        match pipe.write_all(&buffer[..length]) {
            Ok(()) => {}
            // The job had enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

fn wait_until_unread(pipe: &File) {
    loop {
        let mut fds = [PollFd::new(pipe, PollFlags::empty())];
        match rustix::event::poll(&mut fds, None) {
            Err(rustix::io::Errno::INTR) => {}
            _ => return,
        }
    }
}

fn pipe() -> Result<(OwnedFd, OwnedFd), SandboxError> {
    let ends =
        rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(SandboxError::sys("make a pipe"))?;
    let _ = rustix::pipe::fcntl_setpipe_size(&ends.1, PIPE);
    Ok(ends)
}

fn memory_file(name: &str) -> Result<File, SandboxError> {
    let flags = rustix::fs::MemfdFlags::CLOEXEC;
    Ok(rustix::fs::memfd_create(name, flags)
        .map_err(SandboxError::sys("make a memory file"))?
        .into())
}
