//! A program on a terminal of its own: every stretch of its output, and when it came.

use std::io::{Read as _, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

use super::process::Process;

/// The end of a synchronized update (DEC 2026): from here on the picture is whole.
const WHOLE: &[u8] = b"\x1b[?2026l";

/// So many bytes are taken off a slow line at once: what a serial line passes on in a hundredth of a second.
const SLOW: usize = 10;

/// Output as it came.
struct Stretch {
    at: Instant,
    bytes: Vec<u8>,
}

/// When a picture counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pictures {
    /// At the end of each synchronized update.
    Whole,
    /// After whatever has come: for programs that wrap nothing.
    Any,
}

/// A program on a terminal.
pub struct Tty {
    _master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    heard: Receiver<Stretch>,
    rest: Option<Stretch>,
    pictures: Pictures,
    seen: Vec<u8>,
    pub started: Instant,
    pub screen: vt100::Parser,
    /// All that came so far.
    pub bytes: usize,
    /// Synchronized updates that came so far.
    pub updates: usize,
}

impl Tty {
    /// Starts `command` on a terminal of `width` × `height`; its output is passed on at `rate` bytes a second, or as
    /// it comes.
    pub fn start(
        command: CommandBuilder,
        (width, height): (u16, u16),
        pictures: Pictures,
        rate: Option<u32>,
    ) -> Self {
        let size = PtySize {
            rows: height,
            cols: width,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let reader = pair.master.try_clone_reader().unwrap();
        let (out, heard) = sync_channel(1 << 16);
        std::thread::spawn(move || listen(reader, &out, rate));
        let keys = pair.master.take_writer().unwrap();
        let started = Instant::now();
        let child = pair.slave.spawn_command(command).unwrap();
        Self {
            keys,
            _master: pair.master,
            child,
            heard,
            rest: None,
            pictures,
            seen: Vec::new(),
            started,
            screen: vt100::Parser::new(height, width, 0),
            bytes: 0,
            updates: 0,
        }
    }

    /// Types, and says when.
    pub fn press(&mut self, keys: &str) -> Instant {
        let at = Instant::now();
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
        at
    }

    pub fn text(&self) -> String {
        self.screen.screen().contents()
    }

    /// Takes output in until a whole picture satisfies `done`, and says when its last byte came. None if there is no
    /// such picture in time.
    pub fn until(&mut self, within: Duration, done: impl Fn(&str) -> bool) -> Option<Instant> {
        let deadline = Instant::now() + within;
        while let Ok(stretch) = self.next(deadline) {
            let mut from = 0;
            while from < stretch.bytes.len() {
                let to = self.take(&stretch.bytes[from..]) + from;
                let whole = self.pictures == Pictures::Any || self.seen.ends_with(WHOLE);
                from = to;
                if whole && done(&self.text()) {
                    let at = stretch.at;
                    self.rest = Some(Stretch {
                        at,
                        bytes: stretch.bytes[from..].to_vec(),
                    });
                    return Some(at);
                }
            }
        }
        None
    }

    /// The same, or the bench is wrong about the program.
    pub fn shows(&mut self, text: &str) -> Instant {
        if self.text().contains(text) {
            return Instant::now();
        }
        let at = self.until(Duration::from_secs(20), |shown| shown.contains(text));
        at.unwrap_or_else(|| panic!("no `{text}` in:\n{}", self.text()))
    }

    /// Filters the queue until the only row is that of `slug`, which is in `state`, and says how long that took.
    pub fn choose(&mut self, slug: &str, state: &str) -> Duration {
        let pressed = self.press(&format!("/{slug}\r"));
        let row = |shown: &str| {
            let mut lines = shown.lines();
            lines.any(|line| line.contains(slug) && line.contains(state))
        };
        let chosen = self.until(Duration::from_secs(60), |shown| {
            row(shown) && !shown.contains("module-0")
        });
        chosen.unwrap_or_else(|| panic!("{}", self.text())) - pressed
    }

    /// Takes in what comes until nothing has come for so long, and says when the last byte came.
    pub fn quiet(&mut self, silence: Duration) -> Option<Instant> {
        let mut last = None;
        while let Ok(stretch) = self.next(Instant::now() + silence) {
            self.take_all(&stretch.bytes);
            last = Some(stretch.at);
        }
        last
    }

    /// The bytes that come in so long.
    pub fn within(&mut self, time: Duration) -> usize {
        let before = self.bytes;
        let deadline = Instant::now() + time;
        while let Ok(stretch) = self.next(deadline) {
            self.take_all(&stretch.bytes);
        }
        self.bytes - before
    }

    pub fn process(&self) -> Process {
        Process(self.child.process_id().unwrap())
    }

    /// Ends the program so that it can't keep where it was left, and waits for it.
    pub fn end(mut self) {
        let id = self.child.process_id().map(u32::cast_signed);
        if let Some(id) = id.and_then(Pid::from_raw) {
            let _ = kill_process(id, Signal::KILL);
        }
        let _ = self.child.wait();
    }

    /// Waits for the program to end by itself, and gives all bytes that came.
    pub fn wait(mut self) -> usize {
        let _ = self.child.wait();
        self.quiet(Duration::from_millis(300));
        self.bytes
    }

    fn next(&mut self, deadline: Instant) -> Result<Stretch, RecvTimeoutError> {
        match self.rest.take() {
            Some(rest) => Ok(rest),
            None => self
                .heard
                .recv_timeout(deadline.saturating_duration_since(Instant::now())),
        }
    }

    fn take_all(&mut self, bytes: &[u8]) {
        let mut from = 0;
        while from < bytes.len() {
            from += self.take(&bytes[from..]);
        }
    }

    /// Takes bytes in as far as the end of an update, and says how many.
    fn take(&mut self, bytes: &[u8]) -> usize {
        // The mark may come in two parts.
        let kept = self.seen.len().saturating_sub(WHOLE.len() - 1);
        self.seen.drain(..kept);
        let before = self.seen.len();
        self.seen.extend_from_slice(bytes);
        let end = self
            .seen
            .windows(WHOLE.len())
            .position(|window| window == WHOLE)
            .map_or(self.seen.len(), |at| at + WHOLE.len());
        self.seen.truncate(end);
        let taken = end - before;
        self.screen.process(&bytes[..taken]);
        self.bytes += taken;
        self.updates += usize::from(self.seen.ends_with(WHOLE));
        taken
    }
}

fn listen(mut reader: Box<dyn std::io::Read + Send>, out: &SyncSender<Stretch>, rate: Option<u32>) {
    let mut bytes = vec![0; if rate.is_some() { SLOW } else { 1 << 16 }];
    let mut free = Instant::now();
    while let Ok(length @ 1..) = reader.read(&mut bytes) {
        if let Some(rate) = rate {
            // A byte is there once the line has passed it on.
            free = free.max(Instant::now()) + Duration::from_secs(1) * length as u32 / rate;
            std::thread::sleep(free.saturating_duration_since(Instant::now()));
        }
        let stretch = Stretch {
            at: Instant::now(),
            bytes: bytes[..length].to_vec(),
        };
        if out.send(stretch).is_err() {
            return;
        }
    }
}
