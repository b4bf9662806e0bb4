//! A line of 9,600 baud: what a person waits for on a serial console or a bad connection, at 80 by 24.

use std::time::{Duration, Instant};

use super::state::{SLUG, State};
use super::table;
use super::tty::{Pictures, Tty};

const SIZE: (u16, u16) = (80, 24);
/// 9,600 baud are 960 bytes a second, with a start and a stop bit each.
const RATE: u32 = 960;
/// After so long without a byte the picture is whole.
const SILENCE: Duration = Duration::from_millis(700);

pub fn measure(state: &State) {
    table::head("9,600 baud, 80 by 24: to the whole picture");
    for theme in ["dark", "mono"] {
        let mut command = state.console();
        command.env("FLAREO_THEME", theme);
        walk(
            theme,
            Tty::start(command, SIZE, Pictures::Whole, Some(RATE)),
        );
    }
    let record = state.path("typescript");
    let mut command = state.console();
    let console: Vec<String> = command
        .get_argv()
        .iter()
        .map(|word| format!("'{}'", word.to_string_lossy()))
        .collect();
    *command.get_argv_mut() = ["script", "-q", "-f", "-c", &console.join(" ")]
        .map(Into::into)
        .to_vec();
    command.arg(&record);
    if !has_script() {
        table::plain("in script(1)", "not installed");
        return;
    }
    let passed = walk(
        "in script(1)",
        Tty::start(command, SIZE, Pictures::Whole, Some(RATE)),
    );
    let recorded = std::fs::read(&record).unwrap();
    // It heads its record with a line of its own.
    let head = recorded
        .iter()
        .position(|b| *b == b'\n')
        .map_or(0, |at| at + 1);
    let mut seen = vt100::Parser::new(SIZE.1, SIZE.0, 0);
    seen.process(&recorded[head..]);
    table::plain(
        "in script(1): bytes that it recorded, of those that came",
        &format!("{} of {passed}", recorded.len() - head),
    );
}

/// One way through the console; gives all bytes that came.
fn walk(how: &str, mut tty: Tty) -> usize {
    let whole = tty.shows(SLUG);
    let whole = tty.quiet(SILENCE).unwrap_or(whole);
    tell(how, "start", tty.bytes, whole - tty.started);
    for (what, key) in [
        ("one row down", "j"),
        ("a page down", "\x06"),
        ("Queue to Review", "2"),
        ("Review to Build", "3"),
        ("back to the queue", "1"),
    ] {
        let before = tty.bytes;
        let pressed: Instant = tty.press(key);
        let whole = tty.quiet(Duration::from_secs(2)).unwrap_or(pressed);
        tell(how, what, tty.bytes - before, whole - pressed);
    }
    // The next one comes back where this one is left.
    tty.press("g");
    tty.quiet(SILENCE);
    tty.press("\x03");
    tty.wait()
}

fn tell(how: &str, what: &str, bytes: usize, time: Duration) {
    let measured = format!("{bytes} B {:>6}", table::seconds(time));
    table::plain(&format!("{how}: {what}"), &measured);
}

fn has_script() -> bool {
    let mut command = std::process::Command::new("script");
    command.arg("--version").output().is_ok()
}
