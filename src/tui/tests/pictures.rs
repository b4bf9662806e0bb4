//! What the console looks like: every screen in every state that it can show.

use super::desk::Sample;
use super::{open, open_with};
use crate::tui::desk::Chosen;
use crate::tui::screens::ScreenId;
use crate::tui::session::Session;

/// Compares with `snapshots/console/NAME.snap`, text and runs of style.
fn keep(name: &str, session: &Session) {
    let frame = session.frame();
    let picture = format!("{}\n-- styles\n{}", frame.text, frame.styles);
    insta::with_settings!({
        snapshot_path => concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/console"),
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, picture);
    });
}

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 50)];

/// One picture a size, after these keys.
fn at_all_sizes(name: &str, desk: fn() -> Sample, keys: &str) {
    for (width, height) in SIZES {
        let mut session = open(desk(), width, height);
        session.press(keys).unwrap();
        keep(&format!("{name}-{width}x{height}"), &session);
    }
}

#[test]
fn the_queue() {
    at_all_sizes("queue", Sample::many, "j j");
}

#[test]
fn the_review() {
    at_all_sizes("review", Sample::many, "enter");
}

#[test]
fn what_lies_beside_a_review() {
    at_all_sizes("review-files", Sample::many, "enter f j");
    at_all_sizes("review-effective", Sample::many, "enter e");
    at_all_sizes("review-suggest", Sample::many, "j enter a tab");
}

#[test]
fn the_build() {
    at_all_sizes("build", Sample::many, "j j enter");
}

#[test]
fn the_catalog() {
    at_all_sizes("catalog", Sample::many, "4");
    for (name, key) in [
        ("packages", "b"),
        ("provenance", "p"),
        ("layers", "e"),
        ("findings", "s"),
    ] {
        let mut session = open(Sample::many(), 80, 24);
        session.press(&format!("4 {key}")).unwrap();
        keep(&format!("catalog-{name}"), &session);
        session.press("q").unwrap();
        assert!(session.frame().text.contains("SIGNATURE"));
    }
}

#[test]
fn the_registers() {
    at_all_sizes("bases", Sample::many, "5 G");
    at_all_sizes("audit", Sample::many, "6");
    at_all_sizes("outbox", Sample::many, "7 j");
    at_all_sizes("doctor", Sample::many, "8 j j");
    at_all_sizes("doctor-chart", Sample::many, "8 j j j j");
}

#[test]
fn the_palette() {
    for (width, height) in SIZES {
        let mut session = open(Sample::many(), width, height);
        session.press(": a p").unwrap();
        keep(&format!("palette-{width}x{height}"), &session);
    }
}

#[test]
fn the_page_of_keys() {
    at_all_sizes("help", Sample::many, "2 ?");
}

#[test]
fn each_theme_once() {
    for theme in crate::tui::theme::names() {
        let mut session = open_with(Sample::many(), theme, 80, 24);
        keep(&format!("theme-{theme}-queue"), &session);
        session.press("enter").unwrap();
        keep(&format!("theme-{theme}-review"), &session);
        session.press("d").unwrap();
        keep(&format!("theme-{theme}-changes"), &session);
        session.press("8 j j j j").unwrap();
        keep(&format!("theme-{theme}-doctor"), &session);
    }
}

#[test]
fn other_states() {
    let narrow = |name: &str, desk: Sample, keys: &str| {
        let mut session = open(desk, 80, 24);
        session.press(keys).unwrap();
        keep(name, &session);
    };
    narrow("queue-empty", Sample::empty(), "");
    narrow("queue-one", Sample::one(), "");
    narrow("queue-crowd", Sample::crowd(100_000), "G k k k");
    narrow("queue-error", Sample::broken(), "");
    narrow("queue-arranged", Sample::many(), "o o w w");
    narrow("queue-scope-done", Sample::many(), "tab tab");
    narrow("queue-hostile", Sample::hostile(), "");
    for (register, key) in [
        ("bases", "5"),
        ("audit", "6"),
        ("outbox", "7"),
        ("doctor", "8"),
    ] {
        narrow(&format!("{register}-empty"), Sample::empty(), key);
        narrow(&format!("{register}-error"), Sample::broken(), key);
    }
    narrow("bases-findings", Sample::many(), "5 G enter tab j j j");
    narrow("bases-missing", Sample::many(), "5");
    narrow("audit-nothing-matches", Sample::many(), "6 / z z z enter");
    narrow("doctor-builds", Sample::many(), "8 G k k");
    narrow("doctor-disk", Sample::many(), "8 G");
    narrow("palette-nothing", Sample::many(), ": z z z");
    narrow("catalog-empty", Sample::empty(), "4");
    narrow("catalog-error", Sample::broken(), "4");
    narrow("review-none", Sample::empty(), "2");
    narrow("review-changes", Sample::many(), "enter d");
    narrow("review-findings", Sample::many(), "enter tab j space");
    narrow("review-facts", Sample::many(), "enter tab tab");
    narrow("review-hostile", Sample::hostile(), "enter");
    narrow("review-approve", Sample::many(), "j enter a");
    narrow("review-blocked", Sample::many(), "enter a");
    narrow("review-folded", Sample::long(), "enter");
    narrow("review-unfolded", Sample::long(), "enter space");
    narrow("review-file", Sample::many(), "enter f enter");
    narrow("review-forecast", Sample::many(), "enter s");
    narrow("review-grant", Sample::many(), "j enter a ctrl-g enter");
    narrow("review-comment", Sample::many(), "enter m");
    narrow("review-steal", Sample::many(), "enter c");
    narrow("help-topic", Sample::many(), "? tab");
    narrow("review-reject", Sample::many(), "enter x N o enter");
    narrow("build-none", Sample::many(), "3");
    narrow("build-failed", Sample::many(), "j j j j j j j enter");
    narrow("build-scan", Sample::many(), "j j j j j j enter s");
    narrow("build-network", Sample::many(), "j j j j j j enter c");
    narrow(
        "build-published",
        Sample::many(),
        "j j j j j j enter tab j j",
    );
    narrow("build-hostile", Sample::hostile(), "3");
}

#[test]
fn while_the_desk_has_not_answered() {
    let desk = std::sync::Arc::new(Sample::many());
    let session = Session::unsettled(desk, &super::Options::default(), 80, 24).unwrap();
    keep("queue-loading", &session);
    for (name, key) in [
        ("catalog", "4"),
        ("bases", "5"),
        ("audit", "6"),
        ("outbox", "7"),
        ("doctor", "8"),
    ] {
        let desk = std::sync::Arc::new(Sample::many());
        let mut session = Session::unsettled(desk, &super::Options::default(), 80, 24).unwrap();
        session.press(key).unwrap();
        keep(&format!("{name}-loading"), &session);
    }
    // A submission is known by its number before anything of it is.
    for (name, screen) in [("review", ScreenId::Review), ("build", ScreenId::Build)] {
        let desk = Sample::many();
        desk.kept.lock().unwrap().screen = screen;
        desk.kept.lock().unwrap().chosen = vec![(
            screen,
            Chosen {
                key: "12".into(),
                at: 0,
            },
        )];
        let desk = std::sync::Arc::new(desk);
        let session = Session::unsettled(desk, &super::Options::default(), 80, 24).unwrap();
        keep(&format!("{name}-loading"), &session);
    }
}

#[test]
fn a_prompt_and_a_filter() {
    let mut session = open(Sample::many(), 80, 24);
    session.press("/").unwrap();
    session.write("i");
    keep("queue-prompt", &session);
    session.write("zzz");
    session.press("enter").unwrap();
    keep("queue-nothing-matches", &session);
}

#[test]
fn small_terminals() {
    for (width, height) in [(39, 24), (80, 9), (1, 1), (40, 10), (60, 15)] {
        for (screen, keys) in [
            ("queue", ""),
            ("review", "enter"),
            ("build", "j j 3"),
            ("catalog", "4"),
            ("bases", "5"),
            ("audit", "6 tab"),
            ("doctor", "8"),
            ("palette", ":"),
        ] {
            let mut session = open(Sample::many(), width, height);
            session.press(keys).unwrap();
            if width < 40 || height < 10 {
                assert!(session.frame().text.lines().count() <= usize::from(height));
                if (width, height) == (39, 24) && screen == "queue" {
                    keep("too-small", &session);
                }
            } else {
                keep(&format!("small-{screen}-{width}x{height}"), &session);
            }
        }
    }
}

#[test]
fn marks_of_ascii_only() {
    let options = crate::tui::Options {
        ascii: true,
        ..crate::tui::Options::default()
    };
    let mut session = Session::new(std::sync::Arc::new(Sample::many()), &options, 80, 24).unwrap();
    for keys in [
        "",
        "enter",
        "d",
        "a",
        "esc 1 j j 3",
        "4",
        "5",
        "6",
        "7",
        "8 j j j j",
        ":",
        "esc ?",
    ] {
        session.press(keys).unwrap();
        let text = session.frame().text;
        // What strangers wrote stays as they wrote it.
        let ours = text.replace(['…', '—'], "");
        assert!(ours.is_ascii(), "{keys}: {text}");
    }
}
