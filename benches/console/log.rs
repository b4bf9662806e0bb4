//! A log that is longer than anybody reads, and the memory that it takes to have it open beside a long queue.

use std::time::{Duration, Instant};

use flareo::logs::{Pattern, SpoolReader, spool_path};
use flareo::tui::screens::build::words_of;

use super::state::{LONG, SLUG, State};
use super::tty::{Pictures, Tty};
use super::{SIZE, table};

/// The log's size in bytes.
const LOG: usize = 1_000_000_000;
const MEMORY: u64 = 60_000_000;
/// Bytes a second.
const SEARCH: f64 = 500e6;
/// Reading may go on so long.
const LONGEST: Duration = Duration::from_secs(60);

pub fn measure(state: &State) {
    table::head("a log of 1 GB, and memory");
    state.write_long_log(LOG);
    let mut tty = Tty::start(state.console(), SIZE, Pictures::Whole, None);
    tty.shows(SLUG);
    tty.quiet(Duration::from_millis(500));
    resident("resident on the queue", &tty);
    tty.choose(LONG, "failed");

    let pressed = tty.press("3");
    let end = tty.until(LONGEST, |shown| {
        head_of(shown).contains(" the end ") && shown.contains("this is the last line")
    });
    table::plain("key to its last lines", &took(pressed, end));
    let read = if head_of(&tty.text()).contains("reading its steps") {
        tty.until(LONGEST, |shown| {
            !head_of(shown).contains("reading its steps")
        })
    } else {
        end
    };
    table::plain("key to all of its steps", &took(pressed, read));
    tty.quiet(Duration::from_secs(1));
    resident("resident with that log open", &tty);

    tty.press("/");
    tty.press("error:");
    tty.quiet(Duration::from_millis(200));
    let pressed = tty.press("\r");
    let found = tty.until(LONGEST, |shown| {
        let head = head_of(shown);
        head.contains("error:") && head.contains(" of ") && !head.contains("so far")
    });
    speed("search for `error:`, on the console", pressed, found);
    tty.quiet(Duration::from_secs(1));
    resident("resident after it", &tty);
    tty.end();

    let path = spool_path(&state.paths().logs(), state.id(LONG), 1);
    for text in ["error:", "part-9+7\\.o", "nothing like it"] {
        let pattern = Pattern::new(text).unwrap();
        let mut reader = SpoolReader::new(&path);
        let began = Instant::now();
        let mut next = 0;
        loop {
            let piece = reader.search(next, &pattern, &words_of).unwrap();
            next = piece.next;
            if piece.end {
                break;
            }
        }
        let what = format!("search for `{text}`, without the console");
        speed(&what, began, Some(Instant::now()));
    }
}

/// The line over the log: where in it one is, and what is being read.
fn head_of(shown: &str) -> &str {
    let mut lines = shown.lines();
    lines
        .find(|line| line.contains("─ Log "))
        .unwrap_or_default()
}

fn took(from: Instant, to: Option<Instant>) -> String {
    to.map_or_else(
        || format!("> {}", table::seconds(LONGEST)),
        |to| table::ms(to - from),
    )
}

fn speed(what: &str, from: Instant, to: Option<Instant>) {
    let rate = to.map_or(0.0, |to| LOG as f64 / (to - from).as_secs_f64());
    table::line(
        what,
        &format!("{:.0} MB/s", rate / 1e6),
        ">= 500 MB/s",
        rate >= SEARCH,
    );
}

fn resident(what: &str, tty: &Tty) {
    let (now, most) = tty.process().memory();
    table::line(what, &table::megabytes(now), "<= 60 MB", now <= MEMORY);
    table::plain("  at its highest", &table::megabytes(most));
}
