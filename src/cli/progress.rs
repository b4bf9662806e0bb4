//! A bar of progress on standard error, for people at a terminal; nobody else sees it.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::output::size;

/// How often the bar is drawn anew.
const EVERY: Duration = Duration::from_millis(100);
/// How many cells it has.
const CELLS: u64 = 30;

/// The bar. It is wiped away when it is dropped.
pub struct Bar {
    what: &'static str,
    drawn: Option<Mutex<Drawn>>,
}

struct Drawn {
    begun: Instant,
    last: Option<Instant>,
}

impl Bar {
    /// A bar for work that is called `what`.
    pub fn new(what: &'static str) -> Self {
        let drawn = Drawn {
            begun: Instant::now(),
            last: None,
        };
        Self {
            what,
            drawn: io::stderr().is_terminal().then(|| Mutex::new(drawn)),
        }
    }

    /// So many bytes of so many are done.
    pub fn at(&self, done: u64, whole: u64) {
        let Some(drawn) = &self.drawn else { return };
        let Ok(mut drawn) = drawn.lock() else { return };
        let now = Instant::now();
        let since = drawn.last.unwrap_or(drawn.begun);
        // What is done in a moment needs no bar.
        if now.duration_since(since) < EVERY {
            return;
        }
        drawn.last = Some(now);
        let text = shown(self.what, done, whole, now.duration_since(drawn.begun));
        // A bar that can't be drawn is missed by nobody.
        let _ = write!(io::stderr().lock(), "\r\u{1b}[K{text}");
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        let was_drawn = self
            .drawn
            .as_ref()
            .is_some_and(|drawn| drawn.lock().is_ok_and(|drawn| drawn.last.is_some()));
        if was_drawn {
            let _ = write!(io::stderr().lock(), "\r\u{1b}[K");
        }
    }
}

/// `packing ████░░░░ 12 MiB of 30 MiB, 210 MiB/s, 1 s left`.
fn shown(what: &str, done: u64, whole: u64, after: Duration) -> String {
    let full = match whole {
        0 => CELLS,
        whole => {
            u64::try_from(u128::from(done) * u128::from(CELLS) / u128::from(whole)).unwrap_or(CELLS)
        }
    };
    let full = full.min(CELLS);
    let bar: String = (0..CELLS)
        .map(|n| if n < full { '█' } else { '░' })
        .collect();
    let millis = u64::try_from(after.as_millis()).unwrap_or(u64::MAX).max(1);
    let rate = done.saturating_mul(1000) / millis;
    let left = match rate {
        0 => String::new(),
        rate => format!(", {} s left", whole.saturating_sub(done).div_ceil(rate)),
    };
    format!(
        "{what} {bar} {} of {}, {}/s{left}",
        size(done),
        size(whole),
        size(rate)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_says_how_far_how_fast_and_how_long() {
        let text = shown("packing", 15 << 20, 30 << 20, Duration::from_secs(3));
        assert_eq!(
            text,
            "packing ███████████████░░░░░░░░░░░░░░░ 15 MiB of 30 MiB, 5.0 MiB/s, 3 s left"
        );
        assert!(shown("packing", 0, 0, Duration::ZERO).contains("0 B of 0 B"));
    }
}
