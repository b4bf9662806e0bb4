//! The writing end of a spool: an append-only file of events, one JSON object a line.
//!
//! Events are gathered for a moment and written together, whole lines only, so that a chatty build costs few system
//! calls and a follower still sees every line within a quarter of a second. A process that dies leaves at most one
//! torn line, which readers pass over. It knows nothing of what the events mean.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::model::event::Happening;
use crate::model::{Event, SubmissionId};

/// How long a line may wait for company before it is written.
const GATHER: Duration = Duration::from_millis(100);

/// Written at once when so much has gathered, in bytes.
const FULL: usize = 64 * 1024;

/// The longest text that one event keeps, in bytes; the reader takes lines a little longer than this can get.
pub(super) const LONGEST_TEXT: usize = 64 * 1024;

/// Why a spool could not be written or read.
#[derive(Debug, thiserror::Error)]
#[error("the build's log {}: {source} (is the disk full, or the state folder not yours?)", path.display())]
pub struct SpoolError {
    /// The spool's file.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// Where the spool of an attempt lies in the folder of spools.
pub fn spool_path(folder: &Path, id: SubmissionId, attempt: u32) -> PathBuf {
    folder.join(format!("{id}-{attempt}.jsonl"))
}

/// The last attempt at `id` that left a spool in `folder`.
///
/// # Errors
/// If the folder can't be read. A folder that is not there holds no spool.
pub fn latest_attempt(folder: &Path, id: SubmissionId) -> Result<Option<u32>, SpoolError> {
    let failed = |source| SpoolError {
        path: folder.to_owned(),
        source,
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let prefix = format!("{id}-");
    let mut latest = None;
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        let attempt = name.to_str().and_then(|n| {
            n.strip_prefix(&prefix)?
                .strip_suffix(".jsonl")?
                .parse()
                .ok()
        });
        latest = latest.max(attempt);
    }
    Ok(latest)
}

/// An open spool. Dropping it writes what is left.
#[derive(Debug)]
pub struct Spool {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    state: Mutex<Gathered>,
    wake: Condvar,
}

#[derive(Debug)]
struct Gathered {
    file: File,
    lines: Vec<u8>,
    closing: bool,
    error: Option<io::Error>,
}

impl Spool {
    /// Opens the spool of an attempt, making the folder and the file where they are missing.
    ///
    /// What an earlier process wrote stays; a line that it tore is closed off.
    ///
    /// # Errors
    /// If folder or file can't be made or written.
    pub fn open(folder: &Path, id: SubmissionId, attempt: u32) -> Result<Self, SpoolError> {
        let path = spool_path(folder, id, attempt);
        let open = || -> io::Result<(File, Vec<u8>)> {
            fs::create_dir_all(folder)?;
            let mut file = OpenOptions::new()
                .create(true)
                .read(true)
                .append(true)
                .open(&path)?;
            let mut last = [b'\n'];
            if file.seek(SeekFrom::End(0))? > 0 {
                file.seek(SeekFrom::End(-1))?;
                file.read_exact(&mut last)?;
            }
            let torn = last != [b'\n'];
            Ok((file, if torn { vec![b'\n'] } else { Vec::new() }))
        };
        let (file, lines) = open().map_err(|source| SpoolError {
            path: path.clone(),
            source,
        })?;
        let shared = Arc::new(Shared {
            path,
            state: Mutex::new(Gathered {
                file,
                lines,
                closing: false,
                error: None,
            }),
            wake: Condvar::new(),
        });
        let writer = std::thread::Builder::new()
            .name("spool".into())
            .spawn({
                let shared = Arc::clone(&shared);
                move || shared.write_as_it_comes()
            })
            .map_err(|source| shared.failed(source))?;
        Ok(Self {
            shared,
            writer: Some(writer),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Adds an event. It reaches the file within a tenth of a second.
    ///
    /// # Errors
    /// If an earlier line could not be written: this event and all that follow are not kept.
    pub fn append(&self, event: &Event) -> Result<(), SpoolError> {
        let mut state = self.shared.lock();
        if let Some(error) = &state.error {
            return Err(self.shared.failed(repeat(error)));
        }
        let was_empty = state.lines.is_empty();
        let start = state.lines.len();
        if let Err(error) = write_line(&mut state.lines, event) {
            state.lines.truncate(start);
            return Err(self.shared.failed(error));
        }
        if state.lines.len() >= FULL {
            state.write();
        } else if was_empty {
            self.shared.wake.notify_one();
        }
        match &state.error {
            Some(error) => Err(self.shared.failed(repeat(error))),
            None => Ok(()),
        }
    }

    /// Writes what has gathered, now.
    ///
    /// # Errors
    /// If this or an earlier line could not be written.
    pub fn flush(&self) -> Result<(), SpoolError> {
        let mut state = self.shared.lock();
        state.write();
        match &state.error {
            Some(error) => Err(self.shared.failed(repeat(error))),
            None => Ok(()),
        }
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.wake.notify_one();
        if let Some(writer) = self.writer.take() {
            // It can't have panicked, and there is nobody to tell.
            let _ = writer.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Gathered> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, source: io::Error) -> SpoolError {
        SpoolError {
            path: self.path.clone(),
            source,
        }
    }

    /// Sleeps while there is nothing to write; then lets lines gather, and writes them together.
    fn write_as_it_comes(&self) {
        let mut state = self.lock();
        loop {
            while state.lines.is_empty() && !state.closing {
                state = self
                    .wake
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            (state, _) = self
                .wake
                .wait_timeout_while(state, GATHER, |s| !s.closing)
                .unwrap_or_else(PoisonError::into_inner);
            state.write();
            if state.closing {
                return;
            }
        }
    }
}

impl Gathered {
    fn write(&mut self) {
        if self.error.is_none()
            && !self.lines.is_empty()
            && let Err(error) = self.file.write_all(&self.lines)
        {
            self.error = Some(error);
        }
        self.lines.clear();
    }
}

/// An error that can be told more than once.
fn repeat(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

fn write_line(lines: &mut Vec<u8>, event: &Event) -> io::Result<()> {
    match &event.what {
        Happening::Log { step, stream, text } if text.len() > LONGEST_TEXT => {
            let mut end = LONGEST_TEXT;
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            let kept = &text[..end];
            let cut = text.len() - kept.len();
            let shorter = Event {
                what: Happening::Log {
                    step: *step,
                    stream: *stream,
                    text: format!("{kept}… ({cut} more bytes)"),
                },
                ..event.clone()
            };
            serde_json::to_writer(&mut *lines, &shorter)?;
        }
        _ => serde_json::to_writer(&mut *lines, event)?,
    }
    lines.push(b'\n');
    Ok(())
}
