//! From the start of the process to the first picture with rows.

use std::time::Duration;

use portable_pty::CommandBuilder;

use super::state::{FLAREO, SLUG, State};
use super::tty::{Pictures, Tty};
use super::{SIZE, table};

const STARTS: usize = 21;
const BUDGET: Duration = Duration::from_millis(50);

pub fn measure(state: &State) {
    table::head("start");
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let mut tty = Tty::start(state.console(), SIZE, Pictures::Whole, None);
        let whole = tty.shows(SLUG);
        times.push(whole - tty.started);
        tty.end();
    }
    let median = table::percentile(&mut times, 50);
    table::line(
        "exec to the first picture with rows, median of 21",
        &table::ms(median),
        &format!("<= {}", table::ms(BUDGET)),
        median <= BUDGET,
    );
    table::plain("  the quickest of them", &table::ms(times[0]));
    table::plain("  the slowest of them", &table::ms(times[STARTS - 1]));
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let mut command = CommandBuilder::new(FLAREO);
        command.arg("--version");
        let mut tty = Tty::start(command, SIZE, Pictures::Any, None);
        times.push(tty.shows("flareo") - tty.started);
        tty.wait();
    }
    let median = table::percentile(&mut times, 50);
    table::plain("the host's own part: flareo --version", &table::ms(median));
}
