//! Any bytes as a spool: read from both ends, gone through for its steps, searched; and as lines with colours.
//!
//! The first line is the pattern, the rest the spool. `cargo +nightly fuzz run log`
#![no_main]

use std::cell::RefCell;
use std::io::{Seek as _, Write as _};

use flareo::logs::{Pattern, SpoolReader, painted, sanitise_log};
use flareo::model::Event;
use flareo::tui::screens::build::words_of;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static FILE: RefCell<tempfile::NamedTempFile> = RefCell::new(tempfile::NamedTempFile::new().unwrap());
}

/// Every event, from the beginning, by pages of so many lines.
fn forward(reader: &mut SpoolReader, lines: usize) -> Vec<(u64, Event)> {
    let (mut all, mut next) = (Vec::new(), 0);
    loop {
        let page = reader.page(next, lines).unwrap();
        assert!(page.next > next || page.end, "it goes on");
        all.extend(page.events);
        next = page.next;
        if page.end {
            return all;
        }
    }
}

/// The same from the end.
fn backward(reader: &mut SpoolReader, lines: usize) -> Vec<(u64, Event)> {
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let mut page = reader.page_before(before, lines).unwrap();
        assert!(before.is_none_or(|before| page.begin < before || before == 0), "it goes on");
        page.events.append(&mut all);
        all = page.events;
        before = Some(page.begin);
        if page.begin == 0 {
            return all;
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let cut = bytes.iter().position(|b| *b == b'\n').unwrap_or(bytes.len());
    let (wanted, spool) = bytes.split_at(cut);
    let spool = spool.strip_prefix(b"\n").unwrap_or(spool);
    for line in spool.split(|b| *b == b'\n') {
        let text = String::from_utf8_lossy(line);
        let (plain, looks) = painted(&text);
        assert_eq!(plain, sanitise_log(text.as_ref()));
        assert!(!plain.chars().any(char::is_control));
        assert!(looks.iter().all(|(at, _)| plain.is_char_boundary(*at)));
    }
    FILE.with_borrow_mut(|file| {
        file.as_file_mut().set_len(0).unwrap();
        file.rewind().unwrap();
        file.write_all(spool).unwrap();
        file.flush().unwrap();
        let mut reader = SpoolReader::new(file.path());
        let all = forward(&mut reader, 3);
        assert_eq!(all, forward(&mut reader, 1000));
        assert_eq!(all, backward(&mut reader, 3));
        assert_eq!(all, backward(&mut reader, 1000));
        let _ = reader.outline(0).unwrap();
        let Some(pattern) = Pattern::new(&String::from_utf8_lossy(wanted)) else {
            return;
        };
        let found = reader.search(0, &pattern, &words_of).unwrap().found;
        let expected = all
            .iter()
            .filter(|(_, event)| words_of(event).is_some_and(|words| pattern.matches(&words)));
        let expected: Vec<u64> = expected.map(|(at, _)| *at).collect();
        assert_eq!(found, expected);
    });
});
