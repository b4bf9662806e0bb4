//! What keys cost on the line, in bytes and in calls of write.

use std::time::Duration;

use super::state::{SLUG, State};
use super::tty::{Pictures, Tty};
use super::{SIZE, table};

/// After so long without output a key is answered.
const SILENCE: Duration = Duration::from_millis(200);

pub fn measure(state: &State) {
    table::head("bytes of an answer");
    let mut tty = Tty::start(state.console(), SIZE, Pictures::Whole, None);
    tty.shows(SLUG);
    tty.quiet(SILENCE);
    table::line(
        "first picture, with what takes the terminal",
        &format!("{} B", tty.bytes),
        "<= 12000 B",
        tty.bytes <= 12_000,
    );
    for (what, before, key, budget) in [
        ("one row down", "", "j", 600),
        ("scroll by one row", &"j".repeat(60), "j", 3_000),
        ("a page down", "g", "\x06", 12_000),
        ("half a page down", "g", "\x04", 12_000),
        ("Queue to Review", "g", "2", 12_000),
        ("Review to Build", "", "3", 12_000),
        ("Build to Catalog", "", "4", 12_000),
        ("Catalog to Bases", "", "5", 12_000),
        ("Bases to Audit", "", "6", 12_000),
        ("Audit to Doctor", "", "8", 12_000),
        ("Doctor to Queue", "", "1", 12_000),
        ("help", "", "?", 12_000),
    ] {
        for key in before.chars() {
            tty.press(&key.to_string());
            tty.quiet(Duration::from_millis(20));
        }
        tty.quiet(SILENCE);
        let (bytes, updates, writes) = (tty.bytes, tty.updates, tty.process().writes());
        tty.press(key);
        tty.quiet(SILENCE);
        let cost = tty.bytes - bytes;
        let (updates, writes) = (tty.updates - updates, tty.process().writes() - writes);
        table::line(
            what,
            &format!("{cost} B"),
            &format!("<= {budget} B; {updates} pictures by {writes} writes"),
            cost <= budget && cost > 0,
        );
    }
    tty.end();
}
