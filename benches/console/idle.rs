//! What the console does while nobody does anything.

use std::time::Duration;

use super::state::{SLUG, State};
use super::tty::{Pictures, Tty};
use super::{SIZE, table};

/// How long nobody does anything.
const TIME: Duration = Duration::from_secs(20);

pub fn measure(state: &State) {
    table::head("idle, on the queue, for 20 s");
    let mut tty = Tty::start(state.console(), SIZE, Pictures::Whole, None);
    tty.shows(SLUG);
    tty.quiet(Duration::from_secs(1));
    let process = tty.process();
    let (wake_ups, cpu) = (process.wake_ups(), process.cpu());
    let bytes = tty.within(TIME);
    let wake_ups = (process.wake_ups() - wake_ups) as f64 / TIME.as_secs_f64();
    let cpu = (process.cpu() - cpu).as_secs_f64() / TIME.as_secs_f64() * 100.0;
    tty.end();
    table::line("bytes", &bytes.to_string(), "0", bytes == 0);
    table::line(
        "wake-ups a second",
        &format!("{wake_ups:.1}"),
        "<= 2",
        wake_ups <= 2.0,
    );
    table::line("processor", &format!("{cpu:.3} %"), "< 0.1 %", cpu < 0.1);
}
