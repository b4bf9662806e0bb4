//! The console as people have it: the program itself on a terminal, measured against its budgets. Prints; asserts
//! nothing about time.
//!
//! `cargo bench --bench console` measures all of it; `-- first keys bytes idle log line peers` chooses. Its peers
//! are terminal programs that are installed already, in `target/peers/bin` or on the PATH; those that are not are
//! named, with how to get them.
//!
//! Nothing that the console answers at once has a start that could be missed: a picture counts from the last byte of
//! the synchronized update (DEC 2026) that completes it, as that is when a person sees it.

mod bytes;
mod first;
mod idle;
mod keys;
mod line;
mod log;
mod peers;
mod process;
mod state;
mod table;
mod tty;

use state::State;

/// A part of the bench: its name, and what it measures.
type Part = (&'static str, fn(&State));

/// The terminal of all measures but those of a slow line.
const SIZE: (u16, u16) = (200, 50);

fn main() {
    let chosen: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let state = State::seed();
    println!(
        "{} rows, {} columns by {} rows of text; the queue is {}",
        state::ROWS,
        SIZE.0,
        SIZE.1,
        table::megabytes(std::fs::metadata(state.paths().queue()).unwrap().len()),
    );
    let parts: [Part; 7] = [
        ("first", first::measure),
        ("keys", keys::measure),
        ("bytes", bytes::measure),
        ("idle", idle::measure),
        ("log", log::measure),
        ("line", line::measure),
        ("peers", peers::measure),
    ];
    for (name, measure) in parts {
        if chosen.is_empty() || chosen.iter().any(|one| one == name) {
            measure(&state);
        }
    }
}
