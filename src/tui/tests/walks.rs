//! Whatever is pressed: nothing breaks, nothing dangerous is shown, and there is a way back.

use std::sync::Arc;

use proptest::prelude::*;

use super::desk::Sample;
use super::rows::{log, running};
use crate::model::SubmissionId;
use crate::tui::Options;
use crate::tui::action::{Context, TABLE};
use crate::tui::session::Session;

#[derive(Debug, Clone)]
enum Move {
    Key(&'static str),
    Write(String),
    Paste(String),
    Resize(u16, u16),
    /// Something happens elsewhere.
    Change,
    Click(u16, u16),
    Wheel(bool),
}

fn moves() -> impl Strategy<Value = Move> {
    let keys: Vec<&'static str> = TABLE
        .iter()
        .flat_map(|line| line.keys)
        .copied()
        .filter(|key| *key != "ctrl-c" && *key != "ctrl-z")
        .collect();
    prop_oneof![
        12 => proptest::sample::select(keys).prop_map(Move::Key),
        1 => "[a-zA-Z0-9 /漢é]{0,6}".prop_map(Move::Write),
        1 => any::<String>().prop_map(Move::Paste),
        1 => (0u16..220, 0u16..60).prop_map(|(w, h)| Move::Resize(w, h)),
        1 => Just(Move::Change),
        2 => (0u16..220, 0u16..60).prop_map(|(column, line)| Move::Click(column, line)),
        1 => any::<bool>().prop_map(Move::Wheel),
    ]
}

fn desks() -> impl Strategy<Value = fn() -> Sample> {
    proptest::sample::select(vec![
        Sample::many as fn() -> Sample,
        Sample::hostile,
        Sample::empty,
        Sample::broken,
        || Sample::crowd(1000),
        || Sample {
            refuse: Some("somebody was faster".into()),
            ..Sample::many()
        },
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn any_walk_ends_well(desk in desks(), walk in proptest::collection::vec(moves(), 0..60), ascii in any::<bool>()) {
        let desk = Arc::new(desk());
        let options = Options { theme: "dark".into(), ascii, ..Options::default() };
        let mut session = Session::new(desk.clone(), &options, 80, 24).unwrap();
        let mut lines = 0;
        for step in walk {
            match step {
                Move::Key(key) => session.press(key).unwrap(),
                Move::Write(text) => session.write(&text),
                Move::Paste(text) => session.paste(&text),
                Move::Click(column, line) => session.click(column, line),
                Move::Wheel(down) => session.wheel(down),
                Move::Resize(width, height) => session.resize(width, height),
                Move::Change => {
                    lines += 1;
                    for (_, _, events) in desk.spools.lock().unwrap().iter_mut() {
                        events.push(log(4, format!("line {lines}")));
                    }
                    desk.changes.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    session.settle();
                }
            }
            let frame = session.frame();
            let harmless = frame.text.chars().all(|c| c == '\n' || !(c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')));
            prop_assert!(harmless, "{}", frame.text);
            prop_assert!(session.cost().writes <= 1);
        }
        // However deep one is, esc comes out of it, and 1 leads to the queue.
        session.press("esc esc esc esc 1").unwrap();
        prop_assert_eq!(session.app().context(), Context::Queue);
        prop_assert!(session.left().is_none() || session.app().context() == Context::Queue);
    }
}

#[test]
fn a_long_build_keeps_its_place_while_it_grows() {
    let desk = Sample::many();
    *desk.spools.lock().unwrap() = vec![(SubmissionId(11), true, running())];
    let desk = Arc::new(desk);
    let mut session = Session::new(desk.clone(), &Options::default(), 80, 24).unwrap();
    session.press("j j enter").unwrap();
    for n in 0..100 {
        desk.spools.lock().unwrap()[0]
            .2
            .push(log(4, format!("line {n}")));
    }
    session.press("k k k").unwrap();
    let before = session.frame().text;
    for n in 100..200 {
        desk.spools.lock().unwrap()[0]
            .2
            .push(log(4, format!("line {n}")));
    }
    desk.changes
        .fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    session.settle();
    let log_of = |text: &str| -> Vec<String> {
        text.lines()
            .filter(|l| l.contains('│'))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(
        log_of(&before),
        log_of(&session.frame().text),
        "what one reads does not run away"
    );
    session.press("f").unwrap();
    assert!(session.frame().text.contains("line 199"));
}
