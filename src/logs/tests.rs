//! Both ends of a spool together.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::time::{Duration, Instant};

use proptest::prelude::*;

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

/// Every line of a spool with its place, read from the beginning.
fn all(reader: &mut SpoolReader) -> Vec<(u64, Event)> {
    let mut found = Vec::new();
    let mut next = 0;
    loop {
        let page = reader.page(next, 100).unwrap();
        found.extend(page.events);
        next = page.next;
        if page.end {
            return found;
        }
    }
}

#[test]
fn any_stretch_reads_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = spool_of(folder.path(), 1000);
    let lines = all(&mut reader);
    assert_eq!(lines.len(), 1000);
    let size = fs::metadata(reader.path()).unwrap().len();
    for (from, limit) in [(0, 10), (63, 2), (64, 1), (990, 100), (500, 200), (0, 1000)] {
        let page = reader.page(lines[from].0, limit).unwrap();
        assert_eq!(
            page.events,
            lines[from..(from + limit).min(1000)],
            "{limit} from {from}"
        );
        let next = lines.get(from + limit).map_or(size, |line| line.0);
        assert_eq!(
            (page.begin, page.next, page.end),
            (lines[from].0, next, next == size)
        );
        // The same stretch from its other end.
        let back = reader.page_before(Some(next), limit).unwrap();
        let begin = (from + limit).min(1000).saturating_sub(limit);
        assert_eq!(back.events, lines[begin..(from + limit).min(1000)]);
        assert_eq!((back.begin, back.next), (lines[begin].0, next));
        assert_eq!(
            reader.at(lines[from].0).unwrap().as_ref(),
            Some(&lines[from].1)
        );
    }
    let last = reader.page_before(None, 3).unwrap();
    assert_eq!((texts(&last), last.end), (vec!["997", "998", "999"], true));
    assert!(reader.page(size, 1).unwrap().end);
    assert_eq!(reader.page_before(Some(0), 10).unwrap().events, []);
}

#[test]
fn the_end_of_a_long_spool_is_read_without_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = spool_of(folder.path(), 3);
    let mut file = OpenOptions::new().write(true).open(reader.path()).unwrap();
    // A hole of a terabyte: whoever read it would not come back.
    use std::io::Seek as _;
    file.seek(std::io::SeekFrom::Start(1 << 40)).unwrap();
    file.write_all(b"\n").unwrap();
    drop(file);
    let spool = Spool::open(folder.path(), ID, 1).unwrap();
    for n in 0..5000 {
        spool.append(&log(format!("late {n}"))).unwrap();
    }
    drop(spool);
    let page = reader.page_before(None, 2000).unwrap();
    assert_eq!(page.events.len(), 2000);
    assert_eq!(texts(&page)[1999], "late 4999");
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
    assert_eq!((texts(&page), page.end), (vec!["0", "1", "2"], true));
    let torn = page.next;
    assert_eq!(
        texts(&reader.page_before(None, 100).unwrap()),
        ["0", "1", "2"]
    );

    let spool = Spool::open(folder.path(), ID, 1).unwrap();
    spool.append(&log("after")).unwrap();
    drop(spool);
    let page = reader.page(torn, 100).unwrap();
    assert_eq!(texts(&page), ["after"]);
    assert_eq!(texts(&reader.page_before(None, 2).unwrap()), ["after"]);
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
    assert_eq!(found, ["good"]);
    let size = reader.size().unwrap();
    assert_eq!(next, size);
    // From its end, too: page by page back to the beginning.
    let (mut before, mut found) = (size, Vec::new());
    while before > 0 {
        let page = reader.page_before(Some(before), 1).unwrap();
        assert!(page.begin < before, "it goes on");
        found.extend(texts(&page).into_iter().map(str::to_owned));
        before = page.begin;
    }
    assert_eq!(found, ["good"]);
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

/// What a line is shown as, for these tests: output without its colours, results by their error.
fn shown(event: &Event) -> Option<String> {
    match &event.what {
        Happening::Log { text, .. } => Some(sanitise_log(text).into_owned()),
        Happening::Result { error, .. } => error.clone(),
        _ => None,
    }
}

/// Every match, piece by piece.
fn found(reader: &mut SpoolReader, pattern: &Pattern) -> Vec<u64> {
    let (mut found, mut next) = (Vec::new(), 0);
    loop {
        let piece = reader.search(next, pattern, &shown).unwrap();
        found.extend(piece.found);
        next = piece.next;
        if piece.end {
            return found;
        }
    }
}

fn line() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[a-c ]{0,4}",
        1 => Just("error".to_owned()),
        1 => Just("\u{1b}[31m".to_owned()),
        1 => Just("\u{1b}[0m".to_owned()),
        1 => Just("\t".to_owned()),
        1 => Just("\"\\".to_owned()),
        1 => Just("\u{212a}ſé<".to_owned()),
        1 => Just("\u{202e}\u{7f}".to_owned()),
    ];
    proptest::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]
    #[test]
    fn a_search_finds_what_a_reader_would(
        lines in proptest::collection::vec(line(), 0..40),
        wanted in prop_oneof![
            "[a-cA-C ]{1,3}", Just("error".to_owned()), Just("a error".to_owned()), Just("k".to_owned()),
            Just("s".to_owned()), Just("^a".to_owned()), Just("b$".to_owned()), Just("a.*c".to_owned()),
            Just("\"".to_owned()), Just("<U".to_owned()), Just("U+202".to_owned()), Just("[".to_owned()),
            Just("text".to_owned()), Just("event".to_owned()), Just("2026".to_owned()),
        ],
    ) {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), ID, 1).unwrap();
        for text in &lines {
            spool.append(&log(text.as_str())).unwrap();
        }
        spool.append(&Event {
            what: Happening::failed(&crate::model::Failure::new("an error, at last")),
            ..log("")
        }).unwrap();
        drop(spool);
        let mut reader = SpoolReader::new(spool_path(folder.path(), ID, 1));
        let pattern = Pattern::new(&wanted).unwrap();
        let expected: Vec<u64> = all(&mut reader)
            .into_iter()
            .filter(|(_, event)| shown(event).is_some_and(|text| pattern.matches(&text)))
            .map(|(at, _)| at)
            .collect();
        prop_assert_eq!(found(&mut reader, &pattern), expected);
    }
}

#[test]
fn what_only_looks_like_output_is_no_match() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = spool_of(folder.path(), 0);
    let mut file = OpenOptions::new().append(true).open(reader.path()).unwrap();
    file.write_all(b"{\"\"step\":1,\"stream\":\"stdout\",\"text\":\"a b\"}\n")
        .unwrap();
    for wanted in ["a b", "a.*b"] {
        let pattern = Pattern::new(wanted).unwrap();
        assert_eq!(found(&mut reader, &pattern), [] as [u64; 0], "{wanted}");
    }
}

#[test]
fn an_outline_leaves_the_output_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = spool_of(folder.path(), 100);
    let spool = Spool::open(folder.path(), ID, 1).unwrap();
    spool
        .append(&Event {
            what: Happening::Scan {
                text: "said \"event\":\"log\" as if it were one".into(),
            },
            ..log("")
        })
        .unwrap();
    spool.append(&log("the end")).unwrap();
    drop(spool);
    let piece = reader.outline(0).unwrap();
    assert_eq!(piece.found.len(), 1);
    assert_eq!((piece.next, piece.end), (reader.size().unwrap(), true));
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
