//! Both ends of a spool together.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::time::{Duration, Instant};

use super::*;
use crate::model::event::{Happening, Stream};
use crate::model::{Event, SubmissionId};

const ID: SubmissionId = SubmissionId(7);

fn log(text: impl Into<String>) -> Event {
    Event {
        at: "2026-01-01T00:00:00Z".parse().unwrap(),
        id: Some(ID),
        slug: None,
        what: Happening::Log {
            step: 1,
            stream: Stream::Stdout,
            text: text.into(),
        },
    }
}

fn texts(page: &Page) -> Vec<&str> {
    page.events
        .iter()
        .filter_map(|(_, event)| match &event.what {
            Happening::Log { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

fn spool_of(folder: &std::path::Path, lines: usize) -> SpoolReader {
    let spool = Spool::open(folder, ID, 1).unwrap();
    for n in 0..lines {
        spool.append(&log(n.to_string())).unwrap();
    }
    SpoolReader::new(spool.path())
}

#[test]
fn any_stretch_reads_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = spool_of(folder.path(), 1000);
    for (from, limit) in [(0, 10), (63, 2), (64, 1), (990, 100), (500, 200), (0, 1000)] {
        let page = reader.page(from, limit).unwrap();
        let expected: Vec<String> = (from..1000).take(limit).map(|n| n.to_string()).collect();
        assert_eq!(texts(&page), expected, "{limit} from {from}");
        assert_eq!(page.next, from + expected.len() as u64);
        assert_eq!(page.events[0].0, from);
    }
    assert_eq!(reader.count().unwrap(), 1000);
    assert!(reader.page(1000, 1).unwrap().end);
}

#[test]
fn a_line_reaches_a_follower_within_a_quarter_of_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let path = spool_path(folder.path(), ID, 1);
    let mut reader = SpoolReader::new(path);
    assert_eq!(
        reader.page(0, 10).unwrap(),
        Page {
            end: true,
            ..Page::default()
        }
    );
    let spool = Spool::open(folder.path(), ID, 1).unwrap();
    spool.append(&log("first")).unwrap();
    // The bound is the spool's own; the deadline only keeps a broken one from hanging the test.
    let deadline = Instant::now() + Duration::from_secs(10);
    while texts(&reader.page(0, 10).unwrap()) != ["first"] {
        assert!(Instant::now() < deadline, "the line never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_torn_line_is_passed_over_and_what_follows_it_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = spool_of(folder.path(), 3);
    let mut file = OpenOptions::new().append(true).open(reader.path()).unwrap();
    file.write_all(br#"{"at":"2026-01-01T0"#).unwrap();
    let page = reader.page(0, 100).unwrap();
    assert_eq!((texts(&page), page.next), (vec!["0", "1", "2"], 3));

    let spool = Spool::open(folder.path(), ID, 1).unwrap();
    spool.append(&log("after")).unwrap();
    drop(spool);
    let page = reader.page(3, 100).unwrap();
    assert_eq!((texts(&page), page.next), (vec!["after"], 5));
}

#[test]
fn what_is_not_an_event_is_passed_over_however_long_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let mut bytes = b"\xff\xfe\n{}\n".to_vec();
    bytes.extend(std::iter::repeat_n(b'x', 3 << 20));
    bytes.push(b'\n');
    serde_json::to_writer(&mut bytes, &log("good")).unwrap();
    bytes.push(b'\n');
    fs::write(&path, bytes).unwrap();
    let mut reader = SpoolReader::new(path);
    let mut next = 0;
    let mut found = Vec::new();
    loop {
        let page = reader.page(next, 100).unwrap();
        found.extend(texts(&page).into_iter().map(str::to_owned));
        next = page.next;
        if page.end {
            break;
        }
    }
    assert_eq!((found, next), (vec!["good".to_owned()], 4));
}

#[test]
fn a_text_that_is_too_long_is_cut_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path(), ID, 1).unwrap();
    spool.append(&log("\u{1}".repeat(100_000))).unwrap();
    spool.append(&log("next")).unwrap();
    spool.flush().unwrap();
    let page = SpoolReader::new(spool.path()).page(0, 10).unwrap();
    let [long, next] = texts(&page)[..] else {
        panic!("two lines")
    };
    assert!(long.ends_with("… (34464 more bytes)"));
    assert_eq!(next, "next");
}

#[test]
fn a_spool_that_begins_anew_is_read_anew() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = spool_of(folder.path(), 10);
    assert_eq!(reader.count().unwrap(), 10);
    OpenOptions::new()
        .write(true)
        .open(reader.path())
        .unwrap()
        .set_len(0)
        .unwrap();
    assert_eq!(reader.page(10, 1).unwrap().next, 0);
}

#[test]
fn the_latest_attempt_is_found_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        latest_attempt(&folder.path().join("none"), ID).unwrap(),
        None
    );
    for name in [
        "7-1.jsonl",
        "7-10.jsonl",
        "7-9.jsonl",
        "77-11.jsonl",
        "7-x.jsonl",
    ] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    assert_eq!(latest_attempt(folder.path(), ID).unwrap(), Some(10));
}
