//! The terminal, taken and given back: raw mode, the other screen, bracketed paste, no cursor.
//!
//! Whatever ends the console (a key, an error, a panic on any thread, a signal), the terminal is given back as it was.
//! The mouse is left to the terminal, so that selecting text works as ever, unless somebody wants it: then its buttons
//! come to us, and never its motion.

use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::terminal::{disable_raw_mode, enable_raw_mode};

/// The other screen, no cursor, bracketed paste; no wrapping, so that the last cell of a screen scrolls nothing.
const TAKE: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[?7l";

/// Presses, releases and the wheel, with places of any size.
const MOUSE: &[u8] = b"\x1b[?1000h\x1b[?1006h";
const NO_MOUSE: &[u8] = b"\x1b[?1006l\x1b[?1000l";

/// All of it undone, after the end of a frame that may have been cut off, and of a scrolling region.
const GIVE_BACK: &[u8] =
    b"\x1b[?2026l\x1b[r\x1b[m\x1b[?1006l\x1b[?1000l\x1b[?7h\x1b[?2004l\x1b[?25h\x1b[?1049l";

/// Whether the terminal is ours. One process has one terminal.
static TAKEN: AtomicBool = AtomicBool::new(false);

type Hook = Arc<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

/// While it lives, the terminal is ours.
pub struct Terminal {
    hook_before: Hook,
}

impl Terminal {
    /// Takes the terminal.
    ///
    /// # Errors
    /// If it can't be switched to raw mode or written to.
    pub fn take() -> io::Result<Self> {
        // Before anything is printed, a panic has to give the terminal back: its message belongs to the first screen.
        let before: Hook = Arc::from(std::panic::take_hook());
        let hook = Arc::clone(&before);
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            hook(panic);
        }));
        let terminal = Self {
            hook_before: before,
        };
        switch()?;
        Ok(terminal)
    }

    /// Takes it again after [`rest`](Self::rest), or after somebody else may have changed its modes.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn take_again(&self) -> io::Result<()> {
        give_back_silently();
        switch()
    }

    /// Lets the buttons and the wheel of the mouse come to us, or leaves them to the terminal.
    ///
    /// # Errors
    /// If the terminal can't be written to.
    pub fn mouse(&self, ours: bool) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(if ours { MOUSE } else { NO_MOUSE })?;
        out.flush()
    }

    /// Gives it back for a while.
    pub fn rest(&self) {
        give_back();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
        if !std::thread::panicking() {
            let before = Arc::clone(&self.hook_before);
            std::panic::set_hook(Box::new(move |panic| before(panic)));
        }
    }
}

fn switch() -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    let mut out = io::stdout().lock();
    out.write_all(TAKE)?;
    out.flush()
}

/// Gives the terminal back, if it is ours. Nothing can be done about a failure: the terminal may be gone.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        // A thread that panicked while it wrote may hold the lock of the standard output: go round it.
        let _ = rustix::io::write(rustix::stdio::stdout(), GIVE_BACK);
        let _ = disable_raw_mode();
    }
}

/// Forgets that it is ours without writing: crossterm remembers modes that somebody else may have changed.
fn give_back_silently() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _ = disable_raw_mode();
    }
}
