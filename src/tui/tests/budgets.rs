//! What frames cost on the line: counts, never times.

use super::desk::Sample;
use super::open_with;
use super::rows;
use crate::model::SubmissionId;
use crate::tui::session::{Session, Written};

/// The themes of the two ends: few bytes of colour, and many.
const THEMES: [&str; 2] = ["sixteen", "dark"];

fn cost(session: &mut Session, keys: &str) -> Written {
    session.press(keys).unwrap();
    session.cost()
}

fn assert_within(what: &str, cost: Written, bytes: usize) {
    assert!(
        cost.bytes <= bytes,
        "{what}: {} bytes, {bytes} allowed",
        cost.bytes
    );
    assert!(cost.bytes > 0, "{what}: nothing was drawn");
    assert_eq!(cost.writes, 1, "{what}");
}

#[test]
fn nothing_new_costs_nothing() {
    let mut session = open_with(Sample::many(), "dark", 200, 50);
    session.cost();
    for keys in ["", "k", "esc", "z"] {
        assert_eq!(cost(&mut session, keys), Written::default(), "{keys:?}");
    }
}

#[test]
fn a_move_costs_600_bytes() {
    for theme in THEMES {
        let mut session = open_with(Sample::crowd(100_000), theme, 200, 50);
        session.cost();
        for _ in 0..20 {
            assert_within("queue", cost(&mut session, "j"), 600);
        }
        let mut session = open_with(Sample::many(), theme, 200, 50);
        session.cost();
        for _ in 0..10 {
            assert_within("queue with much to tell", cost(&mut session, "j"), 600);
        }
        for (what, keys, step) in [("findings", "g enter tab", "j"), ("catalog", "4", "j")] {
            session.press(keys).unwrap();
            session.cost();
            assert_within(what, cost(&mut session, step), 600);
        }
    }
}

#[test]
fn a_scroll_costs_three_kilobytes() {
    for theme in THEMES {
        let mut session = open_with(Sample::crowd(100_000), theme, 200, 50);
        session.press("G").unwrap();
        session.cost();
        session.press("g").unwrap();
        for _ in 0..44 {
            session.press("j").unwrap();
        }
        session.cost();
        for _ in 0..10 {
            assert_within("queue", cost(&mut session, "j"), 3000);
        }

        let desk = Sample::many();
        let mut events = rows::running();
        events.extend((0..2000).map(|n| rows::log(4, format!("{n} ").repeat(40))));
        *desk.spools.lock().unwrap() = vec![(SubmissionId(11), true, events)];
        let mut session = open_with(desk, theme, 200, 50);
        session.press("j j enter").unwrap();
        session.cost();
        for key in ["k", "k", "j", "ctrl-u"] {
            assert_within(
                &format!("log {key}"),
                cost(&mut session, key),
                if key == "ctrl-u" { 6000 } else { 3000 },
            );
        }

        let mut desk = Sample::one();
        desk.pages[0].dockerfile = (0..400)
            .map(|n| format!("RUN make target-{n} of the {n}th kind\n"))
            .collect();
        let mut session = open_with(desk, theme, 200, 50);
        session.press("enter space j").unwrap();
        session.cost();
        for key in ["j", "j", "k"] {
            assert_within("review", cost(&mut session, key), 3000);
        }
    }
}

#[test]
fn another_screen_costs_twelve_kilobytes() {
    for theme in THEMES {
        let mut session = open_with(Sample::many(), theme, 200, 50);
        assert_within("first", session.cost(), 12_000);
        for key in ["2", "3", "4", "?", "esc", "1", "enter", "a", "esc", "d"] {
            assert_within(key, cost(&mut session, key), 12_000);
        }
        let mut session = open_with(Sample::crowd(100_000), theme, 200, 50);
        assert_within("first of many", session.cost(), 12_000);
        session.press("4").unwrap();
        session.cost();
        assert_within("queue", cost(&mut session, "1"), 12_000);
        assert_within("a page further", cost(&mut session, "pgdn"), 12_000);
    }
}

#[test]
fn a_move_in_a_register_costs_no_more_than_its_sheet() {
    for theme in THEMES {
        let mut session = open_with(Sample::many(), theme, 200, 50);
        for screen in ["5", "6", "7", "8"] {
            session.press(screen).unwrap();
            assert_within(screen, session.cost(), 12_000);
            for key in ["j", "j", "k"] {
                let written = cost(&mut session, key);
                assert_within(screen, written, 1500);
            }
        }
    }
}
