//! What may happen to a terminal while the console is on it, and the terminal whole afterwards.

use std::time::{Duration, Instant};

use portable_pty::{PtySize, native_pty_system};
use rustix::process::Signal;

use crate::console::{Console, SIZE, publish};
use crate::support::{FLAREO, REVIEWER, Scene};

/// A state with two submissions that wait.
fn scene() -> Scene {
    let scene = Scene::new();
    publish(&scene, "one", "FROM debian:12-slim\nCMD [\"x\"]\n");
    publish(&scene, "two", "FROM debian:12-slim\nCMD [\"y\"]\n");
    scene
}

/// So much of it is pasted as no form takes.
const MEGABYTE: usize = 1 << 20;

/// What a terminal sends for a text that is pasted.
fn pasted(text: &str) -> String {
    format!("\x1b[200~{text}\x1b[201~")
}

#[test]
fn a_megabyte_pasted_into_a_filter_is_a_filter() {
    let scene = scene();
    let mut console = Console::open(&scene, REVIEWER);
    console.shows(&["one", "two"]);
    // One line, and many: both would leave the console if they were keys.
    for text in ["q".repeat(MEGABYTE), "qayx1\r\n".repeat(MEGABYTE / 7)] {
        console.press("/");
        console.press(&pasted(&text));
        console.press("\r");
        console.shows(&["No submission here holds"]);
        console.press("\x1b");
        console.shows(&["one", "two"]);
    }
    console.press("2");
    console.shows(&["FROM debian"]);
    console.kill(Signal::TERM);
    console.ends_with(130);
}

#[test]
fn a_megabyte_pasted_into_a_reason_decides_nothing() {
    let scene = scene();
    let mut console = Console::open(&scene, REVIEWER);
    console.shows(&["one", "two"]);
    console.press("\r");
    console.shows(&["FROM debian"]);
    for text in ["qayx1\r\n".repeat(MEGABYTE / 7), "q".repeat(MEGABYTE)] {
        console.press("x");
        console.shows(&["Reject #1 one"]);
        console.press(&pasted(&text));
        console.shows(&["Reject #1 one", &text[..1]]);
        console.press("\x1b");
        console.shows(&["FROM debian", "approve"]);
    }
    console.press("q");
    console.shows(&["MODULE", "two"]);
    console.press("q");
    console.ends_with(0);
    let row = scene.json("root", ["show", "1"]);
    assert_eq!(row["submission"]["state"], "pending");
}

/// What one sees of a cell: a blank has no colour of its own, whoever wrote it.
fn seen(cell: &vt100::Cell) -> String {
    let text = match cell.contents() {
        "" => " ",
        text => text,
    };
    let lines = (cell.underline(), cell.inverse());
    let colour = match text {
        " " => vt100::Color::Default,
        _ => cell.fgcolor(),
    };
    let bold = cell.bold() && text != " ";
    format!(
        "{text:?} {colour:?} on {:?} {lines:?} {bold}",
        cell.bgcolor()
    )
}

/// What stands on the screen, with how it looks.
fn picture(console: &Console) -> Vec<String> {
    let screen = console.screen.lock().unwrap();
    let screen = screen.screen();
    let (rows, columns) = screen.size();
    (0..rows)
        .flat_map(|row| (0..columns).map(move |column| (row, column)))
        .map(|(row, column)| {
            format!(
                "{row},{column}: {}",
                seen(screen.cell(row, column).unwrap())
            )
        })
        .collect()
}

#[test]
fn a_storm_of_sizes_ends_in_the_picture_of_a_fresh_start() {
    let scene = scene();
    let last = PtySize {
        rows: 30,
        cols: 100,
        ..SIZE
    };
    let mut command = Console::command(&scene, REVIEWER, FLAREO);
    command.arg("--state-dir");
    command.arg(scene.state());
    let mut fresh = Console::start(command, last);
    let mut console = Console::open(&scene, REVIEWER);
    for console in [&mut fresh, &mut console] {
        console.shows(&["one", "two"]);
        // The page of keys: full, and nothing in it depends on the time.
        console.press("?");
        console.shows(&["Everywhere", "lines below"]);
    }
    let mut seed = 0x9e37_79b9_u32;
    let mut side = |most: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((seed >> 8) % most) as u16 + 1
    };
    for n in 0..200 {
        let size = PtySize {
            rows: side(70),
            cols: side(260),
            ..SIZE
        };
        console.master.resize(size).unwrap();
        // Some come together, some apart.
        if n % 4 == 0 {
            std::thread::sleep(Duration::from_millis(7));
        }
    }
    console
        .screen
        .lock()
        .unwrap()
        .screen_mut()
        .set_size(last.rows, last.cols);
    console.master.resize(last).unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let (stormy, calm) = (picture(&console), picture(&fresh));
        let differ = stormy.iter().zip(&calm).find(|(a, b)| a != b);
        let Some(differ) = differ else { break };
        assert!(
            Instant::now() < until,
            "{differ:?} after the storm:\n{}\na fresh start:\n{}",
            console.text(),
            fresh.text()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    for console in [fresh, console] {
        console.kill(Signal::TERM);
        console.ends_with(130);
    }
}

#[test]
fn signals_end_it_wherever_it_is() {
    let scene = scene();
    for (signal, keys, shown) in [
        (Signal::TERM, "\rx", "Reject #1 one"),
        (Signal::INT, "/wh", "wh"),
        (Signal::HUP, "3", "has not been built"),
    ] {
        let mut console = Console::open(&scene, REVIEWER);
        console.shows(&["one"]);
        // It comes back where the last one was left.
        console.press("1");
        console.shows(&["MODULE", "two"]);
        console.press("g");
        for key in keys.chars() {
            console.press(&key.to_string());
            std::thread::sleep(Duration::from_millis(150));
        }
        console.shows(&[shown]);
        console.kill(signal);
        console.ends_with(130);
    }
}

#[test]
fn a_shell_gets_its_terminal_back_while_the_console_is_stopped() {
    let scene = scene();
    let mut shell = Console::command(&scene, REVIEWER, "/bin/sh");
    shell.arg("-i");
    shell.env("PS1", "ready> ");
    shell.env("ENV", "");
    let mut console = Console::start(shell, SIZE);
    console.shows(&["ready>"]);
    console.press(&format!(
        "set -m; '{FLAREO}' --state-dir '{}'\r",
        scene.state().display()
    ));
    console.shows(&["MODULE", "one", "two"]);
    for round in 0..3 {
        console.press("\x1a");
        console.is_whole();
        console.press(&format!("echo here-$((40+{round}))\r"));
        console.shows(&[&format!("here-4{round}")]);
        console.press("fg\r");
        console.shows(&["MODULE", "one", "two"]);
        assert!(console.screen.lock().unwrap().screen().alternate_screen());
    }
    console.press("q");
    console.is_whole();
    console.press("echo it-ended-with-$?\r");
    console.shows(&["it-ended-with-0"]);
    console.press("exit 7\r");
    console.ends_with(7);
}

#[test]
fn without_a_keyboard_it_says_so_and_touches_nothing() {
    let scene = scene();
    for closed in ["<&-", "</dev/null", ">/dev/null"] {
        let mut shell = Console::command(&scene, REVIEWER, "/bin/sh");
        shell.arg("-c");
        shell.arg(format!(
            "'{FLAREO}' --state-dir '{}' {closed}",
            scene.state().display()
        ));
        let console = Console::start(shell, SIZE);
        console.shows(&["the console needs a terminal"]);
        console.ends_with(2);
    }
}

#[test]
fn a_keyboard_that_goes_away_ends_it_and_leaves_the_screen_whole() {
    let scene = scene();
    // The keys come from another terminal than the one that shows: when that goes, no signal tells of it.
    let keyboard = native_pty_system().openpty(SIZE).unwrap();
    let keys = keyboard.master.tty_name().unwrap();
    let mut shell = Console::command(&scene, REVIEWER, "/bin/sh");
    shell.arg("-c");
    shell.arg(format!(
        "exec '{FLAREO}' --state-dir '{}' <'{}'",
        scene.state().display(),
        keys.display()
    ));
    let console = Console::start(shell, SIZE);
    console.shows(&["one", "two"]);
    drop(keyboard);
    console.ends_with(130);
}
