//! From a key to the last byte of the picture that answers it, also while a build floods its log.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flareo::logs::Spool;
use portable_pty::CommandBuilder;

use super::state::{self, GROWING, SLUG, State};
use super::tty::{Pictures, Tty};
use super::{SIZE, table};

/// Keys of each series: the 99th percentile is the second slowest of 200.
const KEYS: usize = 200;
const BUDGET: Duration = Duration::from_millis(16);
/// Lines a second.
const FLOOD: u64 = 50_000;

pub fn measure(state: &State) {
    table::head("key to last byte, 200 keys");
    echo();
    let mut tty = Tty::start(state.console(), SIZE, Pictures::Whole, None);
    tty.shows(SLUG);
    tty.quiet(Duration::from_millis(300));
    let mut times = Vec::new();
    for _ in 0..KEYS {
        let pressed = tty.press("j");
        let answered = tty.until(Duration::from_secs(10), |_| true).unwrap();
        times.push(answered - pressed);
        tty.within(Duration::from_millis(5));
    }
    tell("one row down in the queue", &mut times);

    let filtered = tty.choose(GROWING, "building");
    table::plain(
        "filter of 100,000 rows that leaves one",
        &table::ms(filtered),
    );
    let stop = AtomicBool::new(false);
    let written = AtomicU64::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| flood(state, &stop, &written));
        tty.within(Duration::from_millis(300));
        tty.press("3");
        tty.shows("following");
        tty.within(Duration::from_secs(1));
        let mut times = Vec::new();
        // Following is left and taken up again: the head of the log says which.
        for key in 0..KEYS {
            let pressed = tty.press("f");
            let follows = key % 2 == 1;
            let answered = tty.until(Duration::from_secs(10), |shown| {
                shown.contains(" following ") == follows
            });
            times.push(answered.unwrap() - pressed);
            // At no fixed distance from the frames that the log asks for.
            tty.within(Duration::from_millis(20 + (key as u64 * 7) % 33));
        }
        stop.store(true, Ordering::Relaxed);
        tell("follow, and no longer, in a log that grows", &mut times);
    });
    let rate = written.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    table::plain("  lines a second that it grew by", &format!("{rate:.0}"));
    table::plain(
        "  resident memory after it",
        &table::megabytes(tty.process().memory().0),
    );
    tty.end();
}

/// What the host itself takes for a key through a terminal and a process, and back.
fn echo() {
    let mut command = CommandBuilder::new("sh");
    command.args(["-c", "stty raw -echo; echo ready; exec cat"]);
    let mut tty = Tty::start(command, SIZE, Pictures::Any, None);
    tty.shows("ready");
    tty.quiet(Duration::from_millis(100));
    let mut times = Vec::new();
    for _ in 0..KEYS {
        let pressed = tty.press("j");
        let answered = tty.until(Duration::from_secs(10), |_| true).unwrap();
        times.push(answered - pressed);
        tty.within(Duration::from_millis(5));
    }
    let slow = table::percentile(&mut times, 99);
    table::plain(
        "the host's own part: cat gives it back, p99",
        &table::ms(slow),
    );
    tty.end();
}

fn tell(what: &str, times: &mut [Duration]) {
    let slow = table::percentile(times, 99);
    table::line(
        &format!("{what}, p99"),
        &table::ms(slow),
        &format!("<= {}", table::ms(BUDGET)),
        slow <= BUDGET,
    );
    let middle = table::percentile(times, 50);
    table::plain("  p50", &table::ms(middle));
}

/// Lets the log grow, a thousandth of a second's lines at a time.
fn flood(state: &State, stop: &AtomicBool, written: &AtomicU64) {
    let id = state.id(GROWING);
    let spool = Spool::open(&state.paths().logs(), id, 1).unwrap();
    let began = Instant::now();
    let mut line = 0;
    while !stop.load(Ordering::Relaxed) {
        let due = (began.elapsed().as_secs_f64() * FLOOD as f64) as u64;
        while line < due {
            spool.append(&state::log(id, line)).unwrap();
            line += 1;
        }
        written.store(line, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(1));
    }
}
