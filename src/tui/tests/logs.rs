//! The log of a build: searched, narrowed, wrapped, chosen from and saved.

use std::sync::Arc;

use super::desk::Sample;
use super::rows::{log, running};
use crate::model::SubmissionId;
use crate::tui::Options;
use crate::tui::session::Session;

/// A console at a build of so many lines, of which every hundredth is remarkable.
fn at_a_build(lines: usize) -> (Arc<Sample>, Session) {
    let desk = Sample::many();
    let mut events = running();
    events.extend((0..lines).map(|n| match n % 100 {
        42 => log(4, format!("Error {n}: it is wrong")),
        _ => log(4, format!("line {n}")),
    }));
    *desk.spools.lock().unwrap() = vec![(SubmissionId(11), true, events)];
    let desk = Arc::new(desk);
    let mut session = Session::new(desk.clone(), &Options::default(), 100, 30).unwrap();
    session.press("j j enter").unwrap();
    (desk, session)
}

fn find(session: &mut Session, text: &str) {
    session.press("/").unwrap();
    session.write(text);
    session.press("enter").unwrap();
}

fn has(session: &Session, text: &str) -> bool {
    session.frame().text.contains(text)
}

#[track_caller]
fn assert_has(session: &Session, text: &str) {
    assert!(has(session, text), "{text}\n{}", session.frame().text);
}

#[test]
fn a_search_goes_through_the_whole_log_and_counts() {
    let (desk, mut session) = at_a_build(30_000);
    // Opened at its end, with the steps of its beginning.
    assert_has(&session, "line 29999");
    assert_has(&session, "following");
    assert_has(&session, "npm ci");
    find(&mut session, "error [0-9]+:");
    assert_has(&session, "300 of 300");
    assert_has(&session, "Error 29942");
    session.press("n").unwrap();
    assert_has(&session, "1 of 300");
    assert_has(&session, "Error 42:");
    session.press("N N").unwrap();
    assert_has(&session, "299 of 300");
    assert_has(&session, "Error 29842:");
    // What comes is counted too.
    desk.spools.lock().unwrap()[0]
        .2
        .push(log(4, "error 7: late"));
    desk.changes
        .fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    session.press("G").unwrap();
    session.settle();
    assert_has(&session, "of 301");
    session.press("esc").unwrap();
    assert!(!has(&session, "of 301"));
    find(&mut session, "nowhere at all");
    assert_has(&session, "nothing holds \"nowhere at all\"");
    find(&mut session, "Error 42: it[");
    assert_has(&session, "was taken as it stands");
}

#[test]
fn only_what_matches_is_shown_and_the_place_is_kept() {
    let (_, mut session) = at_a_build(30_000);
    session.press("&").unwrap();
    assert_has(&session, "search for something first");
    find(&mut session, "Error");
    session.press("&").unwrap();
    assert_has(&session, "only Error");
    assert_has(&session, "Error 29942");
    assert!(!has(&session, "line 2"), "{}", session.frame().text);
    session.press("g").unwrap();
    assert_has(&session, "Error 42:");
    assert_has(&session, "Error 142:");
    session.press("j j &").unwrap();
    // All of them again, at the line that was the first.
    assert_has(&session, "Error 242:");
    assert_has(&session, "line 243");
}

#[test]
fn long_lines_are_wrapped_where_somebody_wants_that() {
    let desk = Sample::many();
    let mut events = running();
    events.push(log(4, format!("{} the end of it", "word ".repeat(60))));
    events.push(log(4, "after it"));
    *desk.spools.lock().unwrap() = vec![(SubmissionId(11), true, events)];
    let mut session = Session::new(Arc::new(desk), &Options::default(), 80, 24).unwrap();
    session.press("j j enter").unwrap();
    assert!(!has(&session, "the end of it"));
    session.press("w").unwrap();
    assert_has(&session, "the end of it");
    assert_has(&session, "after it");
    session.press("w").unwrap();
    assert!(!has(&session, "the end of it"));
}

#[test]
fn times_stand_before_the_lines() {
    let (_, mut session) = at_a_build(10);
    session.press("t").unwrap();
    assert_has(&session, ".000");
    session.press("t").unwrap();
    assert_has(&session, ":00  line 9");
    session.press("t").unwrap();
    assert!(!has(&session, ":00  line 9"));
}

#[test]
fn lines_are_chosen_and_copied_without_their_colours() {
    let desk = Sample::many();
    let mut events = running();
    events.extend((0..200).map(|n| log(4, format!("\u{1b}[31mred {n}\u{1b}[0m"))));
    *desk.spools.lock().unwrap() = vec![(SubmissionId(11), true, events)];
    let mut session = Session::new(Arc::new(desk), &Options::default(), 80, 24).unwrap();
    session.press("j j enter k k v j j y").unwrap();
    let [copied] = session.copied() else {
        panic!("one text")
    };
    let lines: Vec<&str> = copied.lines().collect();
    assert_eq!(lines.len(), 3, "{copied}");
    assert!(
        lines.iter().all(|line| line.starts_with("red ")),
        "{copied}"
    );
    assert_has(&session, "copied 3 lines");
    // Dropped, nothing is chosen: y copies the digest as ever.
    session.press("v esc y").unwrap();
    assert_eq!(session.copied().len(), 1);
}

#[test]
fn a_log_is_saved_under_a_name_that_is_asked_for() {
    let (_, mut session) = at_a_build(300);
    session.press("S").unwrap();
    assert_has(&session, "save the log as images-11.log");
    session.press("ctrl-u").unwrap();
    session.write("mine.log");
    session.press("enter").unwrap();
    assert_has(&session, "all of #11 is in mine.log");
    find(&mut session, "Error");
    session.press("& S").unwrap();
    assert_has(&session, "save what matches as");
    session.press("enter").unwrap();
    assert_has(&session, "Error of #11 is in images-11.log");
}

#[test]
fn colours_are_those_of_the_output_as_far_as_the_theme_has_them() {
    for (theme, wanted) in [("dark", "208"), ("sixteen", "no 208"), ("mono", "no 208")] {
        let desk = Sample::many();
        let mut events = running();
        events.push(log(
            4,
            "\u{1b}[38;5;208morange\u{1b}[0m and \u{1b}[1mbold\u{1b}[0m",
        ));
        *desk.spools.lock().unwrap() = vec![(SubmissionId(11), true, events)];
        let options = Options {
            theme: theme.into(),
            ..Options::default()
        };
        let mut session = Session::new(Arc::new(desk), &options, 80, 24).unwrap();
        session.press("j j enter").unwrap();
        assert_has(&session, "orange and bold");
        let styles = session.frame().styles;
        let orange = styles.contains("Indexed(208)") || styles.contains("208");
        assert_eq!(orange, wanted == "208", "{theme}\n{styles}");
    }
}
