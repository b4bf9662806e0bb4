//! A question to whoever sits at the terminal.

use std::io::{self, IsTerminal as _, Write as _};

/// Whether somebody can be asked: both ends are a terminal.
pub fn possible() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Asks; only `y` and `yes` mean yes.
pub fn yes(question: &str) -> bool {
    let mut out = io::stdout().lock();
    // Who can't be asked has not said yes.
    if write!(out, "{question} [y/N] ")
        .and_then(|()| out.flush())
        .is_err()
    {
        return false;
    }
    let mut answer = String::new();
    match io::stdin().read_line(&mut answer) {
        Ok(0) | Err(_) => {
            // The end of input leaves the line open.
            let _ = writeln!(out);
            false
        }
        Ok(_) => matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"),
    }
}
