//! The console as a whole, without a terminal.

mod budgets;
mod desk;
mod logs;
mod pictures;
mod rows;
mod terminal;
mod walks;

use std::sync::Arc;

use super::screens::ScreenId;
use super::session::Session;
use super::{ExitReason, Options};
use crate::model::decision::Verdict;
use crate::model::{Digest, SubmissionId};
use desk::Sample;

fn open(desk: Sample, width: u16, height: u16) -> Session {
    open_with(desk, "mono", width, height)
}

fn open_with(desk: Sample, theme: &str, width: u16, height: u16) -> Session {
    let options = Options {
        theme: theme.into(),
        ..Options::default()
    };
    Session::new(Arc::new(desk), &options, width, height).unwrap()
}

#[test]
fn enter_leads_to_what_one_would_do_next() {
    let mut session = open(Sample::many(), 80, 24);
    session.press("enter").unwrap();
    assert!(session.frame().text.contains("RUN curl"), "pending: review");
    session.press("q j j enter").unwrap();
    assert!(
        session.frame().text.contains("following"),
        "building: its log"
    );
    session.press("q").unwrap();
    assert!(session.frame().text.contains("MODULE"));
    session.press("q").unwrap();
    assert_eq!(session.left(), Some(ExitReason::Quit));
}

#[test]
fn an_approval_carries_what_was_read() {
    let desk = Arc::new(Sample::many());
    let mut session = Session::new(desk.clone(), &Options::default(), 80, 24).unwrap();
    session.press("j enter a").unwrap();
    session.write("fine by me");
    session.press("enter").unwrap();
    let rulings = desk.rulings.lock().unwrap().clone();
    let [ruling] = &rulings[..] else {
        panic!("one ruling")
    };
    assert_eq!(
        (ruling.id, ruling.version, ruling.verdict),
        (SubmissionId(13), 3, Verdict::Approve)
    );
    assert_eq!(ruling.reason, "fine by me");
    assert_eq!(
        ruling.pins.values().collect::<Vec<_>>(),
        [&Digest::of("base")]
    );
    assert!(
        session
            .frame()
            .text
            .contains("#13 is decided; it is 2nd in line")
    );
}

#[test]
fn what_blocks_an_approval_is_said_before_anybody_writes_a_word() {
    let desk = Arc::new(Sample::many());
    let mut session = Session::new(desk.clone(), &Options::default(), 80, 24).unwrap();
    session.press("enter a").unwrap();
    let text = session.frame().text;
    assert!(
        text.contains("#12 payments-api can't be approved") && text.contains("NET01 at line 7"),
        "{text}"
    );
    session.press("enter").unwrap();
    assert!(desk.rulings.lock().unwrap().is_empty());
    assert!(
        session.frame().text.contains("RUN curl"),
        "the review again"
    );
}

#[test]
fn a_filter_is_written_anew_each_time() {
    let mut session = open(Sample::many(), 80, 24);
    session.press("/").unwrap();
    session.write("led");
    session.press("enter /").unwrap();
    session.write("mail");
    assert!(session.frame().text.contains("mailer"));
}

#[test]
fn the_page_of_help_has_the_topics_of_the_command_line() {
    let mut session = open(Sample::many(), 80, 24);
    session.press("? tab tab").unwrap();
    let text = session.frame().text;
    assert!(
        text.contains("Reviewing") && text.contains("flareo review 12 claim"),
        "{text}"
    );
    session.press("backtab backtab").unwrap();
    assert!(session.frame().text.contains("next pane"));
    session.press("esc").unwrap();
    assert!(session.frame().text.contains("MODULE"));
}

#[test]
fn a_rejection_needs_a_reason_and_a_yes() {
    let desk = Arc::new(Sample::many());
    let mut session = Session::new(desk.clone(), &Options::default(), 80, 24).unwrap();
    session.press("enter x enter").unwrap();
    assert!(session.frame().text.contains("A rejection needs a reason"));
    session.write("No curl, please.");
    session.press("enter").unwrap();
    assert!(
        session.frame().text.contains("Reject #12 payments-api?"),
        "it names its target"
    );
    session.press("n").unwrap();
    assert!(desk.rulings.lock().unwrap().is_empty());
    assert!(
        session.frame().text.contains("No curl, please."),
        "no keeps what was written"
    );
    session.press("enter y").unwrap();
    assert_eq!(desk.rulings.lock().unwrap()[0].reason, "No curl, please.");
}

#[test]
fn a_refusal_keeps_the_reason_that_was_written() {
    let desk = Sample {
        refuse: Some("bob approved #13 a minute ago".into()),
        ..Sample::many()
    };
    let mut session = open(desk, 80, 24);
    session.press("j enter a").unwrap();
    session.write("looks good");
    session.press("enter").unwrap();
    let text = session.frame().text;
    assert!(
        text.contains("bob approved #13 a minute ago") && text.contains("looks good"),
        "{text}"
    );
}

#[test]
fn the_filter_follows_while_it_is_written() {
    let mut session = open(Sample::many(), 80, 24);
    session.press("/").unwrap();
    session.write("led");
    assert!(session.frame().text.contains("ledger") && !session.frame().text.contains("payments"));
    session.press("enter enter").unwrap();
    assert!(session.frame().text.contains("#13 ledger"));
    session.press("1 esc").unwrap();
    assert!(session.frame().text.contains("payments"));
}

#[test]
fn a_digest_is_copied_by_its_full_name() {
    let mut session = open(Sample::many(), 80, 24);
    session.press("4 y").unwrap();
    assert_eq!(session.copied(), [Digest::of("gateway").to_string()]);
    session.press("1 y").unwrap();
    assert!(session.frame().text.contains("#12 has no image yet"));
}

#[test]
fn what_changes_elsewhere_appears_and_the_chosen_row_stays_chosen() {
    let desk = Arc::new(Sample::many());
    let mut session = Session::new(desk.clone(), &Options::default(), 80, 24).unwrap();
    session.press("1 3").unwrap();
    session.press("1 j j 3").unwrap();
    assert!(!session.frame().text.contains("the very last line"));
    desk.spools.lock().unwrap()[0]
        .2
        .push(rows::log(4, "the very last line"));
    desk.changes
        .fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    session.settle();
    assert!(session.frame().text.contains("#11 images"));
}

#[test]
fn n_goes_from_finding_to_finding_and_from_match_to_match() {
    let mut session = open(Sample::many(), 80, 16);
    session.press("enter n").unwrap();
    assert!(session.frame().text.contains("NET01: curl"));
    session.press("/").unwrap();
    session.write("workdir");
    session.press("enter").unwrap();
    assert!(session.frame().text.contains("2 lines of \"workdir\""));
    session.press("n esc").unwrap();
    assert!(session.frame().text.contains("WORKDIR"));
}

#[test]
fn a_log_beyond_memory_is_read_back() {
    let desk = Sample::many();
    let mut events = rows::running();
    events.extend((0..60_000).map(|n| rows::log(4, format!("line number {n}"))));
    let total = events.len();
    *desk.spools.lock().unwrap() = vec![(SubmissionId(11), false, events)];
    let mut session = open(desk, 80, 24);
    session.press("j j 3").unwrap();
    assert!(session.frame().text.contains("line number 59999"));
    session.press("g").unwrap();
    assert!(
        session.frame().text.contains("a worker builds it"),
        "the beginning is back"
    );
    for _ in 0..300 {
        session.press("pgdn").unwrap();
    }
    assert!(session.frame().text.contains("below"));
    session.press("G").unwrap();
    assert!(session.frame().text.contains("line number 59999"));
    for _ in 0..(total / 6) {
        session.press("pgup").unwrap();
    }
    assert!(
        session.frame().text.contains("a worker builds it"),
        "scrolled all the way"
    );
}

#[test]
fn a_console_is_found_again_as_it_was_left() {
    let desk = Arc::new(Sample::many());
    let mut session = Session::new(desk.clone(), &Options::default(), 80, 24).unwrap();
    session.press("o j j j 6 j j q 5 j ctrl-c").unwrap();
    let before = session.frame().text;
    assert_eq!(session.left(), Some(ExitReason::Quit));
    let mut session = Session::new(desk.clone(), &Options::default(), 80, 24).unwrap();
    assert_eq!(session.frame().text, before);
    // Each screen has kept what was chosen on it, and there is a way back to the queue.
    session.press("q").unwrap();
    assert_eq!(session.app().screen(), ScreenId::Queue);
    assert!(desk.kept.lock().unwrap().chosen.len() >= 3);
}

#[test]
fn a_crowd_is_found_again_where_it_was_left() {
    let desk = Arc::new(Sample::crowd(100_000));
    let mut session = Session::new(desk.clone(), &Options::default(), 80, 24).unwrap();
    session.press("G k k k k ctrl-c").unwrap();
    let before = session.frame().text;
    let session = Session::new(desk, &Options::default(), 80, 24).unwrap();
    assert_eq!(session.frame().text, before);
}

#[test]
fn what_was_left_and_is_gone_leads_to_the_queue() {
    let desk = Sample::many();
    *desk.kept.lock().unwrap() = super::desk::Left {
        screen: ScreenId::Review,
        chosen: vec![(
            ScreenId::Review,
            super::desk::Chosen {
                key: "nonsense".into(),
                at: 7,
            },
        )],
        ..Default::default()
    };
    let session = open(desk, 80, 24);
    assert_eq!(session.app().screen(), ScreenId::Queue);
}

#[test]
fn a_click_chooses_and_a_second_one_opens() {
    let mut session = open(Sample::many(), 80, 24);
    // Below the bar, the scopes and the heads of the columns.
    session.click(10, 5);
    assert_eq!(session.app().screen(), ScreenId::Queue);
    session.click(10, 5);
    assert_eq!(session.app().screen(), ScreenId::Build);
    // The tabs of the bar: the second one is the review.
    session.click(12, 0);
    assert_eq!(session.app().screen(), ScreenId::Review);
    // What the footer offers can be pressed: at its right end is the way back.
    session.click(76, 23);
    assert_ne!(session.app().screen(), ScreenId::Review);
}

#[test]
fn the_wheel_scrolls_by_rows() {
    let mut session = open(Sample::crowd(1000), 80, 24);
    session.wheel(true);
    session.wheel(true);
    session.wheel(false);
    session.press("y").unwrap();
    assert!(
        session.frame().text.contains("#4 "),
        "{}",
        session.frame().text
    );
}

#[test]
fn the_palette_does_what_is_chosen() {
    let mut session = open(Sample::many(), 80, 24);
    session.press(":").unwrap();
    session.write("outbox");
    session.press("enter").unwrap();
    assert_eq!(session.app().screen(), ScreenId::Outbox);
    session.press(":").unwrap();
    session.write("theme contrast");
    session.press("enter").unwrap();
    assert!(session.frame().text.contains("theme contrast"));
    session.press(": esc").unwrap();
    assert_eq!(session.app().screen(), ScreenId::Outbox);
}

#[test]
fn keys_are_those_that_somebody_wants() {
    let keys = [("screen.audit".to_owned(), vec!["A".to_owned()])];
    let options = Options {
        keys: keys.into(),
        ..Options::default()
    };
    let mut session = Session::new(Arc::new(Sample::many()), &options, 120, 40).unwrap();
    session.press("6").unwrap();
    assert_eq!(session.app().screen(), ScreenId::Queue);
    session.press("A").unwrap();
    assert_eq!(session.app().screen(), ScreenId::Audit);
    let keys = [("help".to_owned(), vec!["q".to_owned()])];
    let options = Options {
        keys: keys.into(),
        ..Options::default()
    };
    let said = Session::new(Arc::new(Sample::many()), &options, 80, 24)
        .err()
        .unwrap();
    let said = said.to_string();
    assert!(said.contains("`help`") && said.contains("`back`"), "{said}");
}

#[test]
fn a_theme_of_ones_own_is_read_and_a_bad_one_keeps_the_old() {
    let folder = tempfile::tempdir().unwrap();
    let good = include_str!("../../../themes/light.toml");
    std::fs::write(folder.path().join("mine.toml"), good).unwrap();
    let options = Options {
        theme: "mine".into(),
        themes: vec![folder.path().to_owned()],
        ..Options::default()
    };
    let mut session = Session::new(Arc::new(Sample::many()), &options, 80, 24).unwrap();
    let before = session.frame().styles;
    let bad = good.replace("good = ", "goood = ");
    session.theme("mine", &bad);
    assert!(
        session.frame().text.contains("line 14"),
        "{}",
        session.frame().text
    );
    session.press("j k").unwrap();
    assert_eq!(session.frame().styles, before);
    session.theme("mine", include_str!("../../../themes/dark.toml"));
    session.press("j k").unwrap();
    assert_ne!(session.frame().styles, before);
    std::fs::write(folder.path().join("mine.toml"), "about = 3").unwrap();
    let said = Session::new(Arc::new(Sample::many()), &options, 80, 24)
        .err()
        .unwrap();
    assert!(said.to_string().contains("line 1"), "{said}");
}
