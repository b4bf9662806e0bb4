//! What a difference most likely comes from, by what the two builds left at the same place.

use crate::model::reproduction::Cause;

/// 2001-09-09: no build ran before, and smaller numbers are too often something else.
const FIRST_TIME: i64 = 1_000_000_000;
/// So many processes a step may have started before the one whose number was kept.
const PROCESSES: u128 = 20_000;
/// What is drawn is at least this long.
const DRAWN: usize = 8;

/// What is known of the two builds.
#[derive(Debug, Clone)]
pub struct Clues {
    /// When the second began and ended, in seconds since 1970. The first ran at any time before.
    pub window: (i64, i64),
    /// What each called its host.
    pub hostnames: (String, String),
    /// How many cores each saw.
    pub cores: (usize, usize),
    /// Where process numbers began in the second.
    pub first_process: u32,
}

/// What stands around the first difference, in one of the builds.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    /// Some bytes: the same in both builds before `at`.
    pub bytes: &'a [u8],
    /// Where the first byte that differs is in them.
    pub at: usize,
    /// The first bytes of the file.
    pub head: &'a [u8],
    /// All of the file, where it is small.
    pub whole: Option<&'a [u8]>,
}

/// The cause of a difference in content, and that in words.
pub fn of_content(first: Piece<'_>, second: Piece<'_>, clues: &Clues) -> (Cause, String) {
    let found = hostname(first, second, clues)
        .or_else(|| uuid(first, second))
        .or_else(|| order(first, second))
        .or_else(|| clock(first, second))
        .or_else(|| number(first, second, clues))
        .or_else(|| binary_time(first, second, clues))
        .or_else(|| drawn(first, second));
    found.unwrap_or_else(|| (Cause::Unknown, "unknown".into()))
}

/// The cause of a file that is there under two names.
pub fn of_names(first: &[u8], second: &[u8], clues: &Clues) -> (Cause, String) {
    let at = first.iter().zip(second).take_while(|(a, b)| a == b).count();
    let piece = |bytes| Piece {
        bytes,
        at,
        head: b"",
        whole: None,
    };
    match of_content(piece(first), piece(second), clues) {
        (Cause::Unknown | Cause::Random | Cause::Order, _) => (
            Cause::RandomName,
            "a random name: the same thing is there under another name (as mktemp makes them); give it a name of its own"
                .into(),
        ),
        (cause, because) => (cause, format!("in its name, {because}")),
    }
}

/// The run of bytes that `is` likes around the difference.
fn run(piece: Piece<'_>, is: impl Fn(u8) -> bool) -> &[u8] {
    let at = piece.at.min(piece.bytes.len());
    let start = piece.bytes[..at].iter().rposition(|b| !is(*b));
    let start = start.map_or(0, |before| before + 1);
    let end = piece.bytes[at..].iter().position(|b| !is(*b));
    let end = end.map_or(piece.bytes.len(), |after| at + after);
    &piece.bytes[start..end]
}

fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    crate::model::foreign::shown(&text, 60)
}

/// Whether `needle` stands over the difference.
fn covers(piece: Piece<'_>, needle: &[u8]) -> bool {
    let from = piece.at.saturating_sub(needle.len().saturating_sub(1));
    (from..=piece.at).any(|start| {
        let end = start + needle.len();
        piece.bytes.get(start..end) == Some(needle)
    })
}

fn hostname(first: Piece<'_>, second: Piece<'_>, clues: &Clues) -> Option<(Cause, String)> {
    let (a, b) = (&clues.hostnames.0, &clues.hostnames.1);
    (covers(first, a.as_bytes()) && covers(second, b.as_bytes())).then(|| {
        let because =
            format!("the host's name: {a}, then {b}; let the step write a name that is its own");
        (Cause::Hostname, because)
    })
}

fn uuid(first: Piece<'_>, second: Piece<'_>) -> Option<(Cause, String)> {
    let like = |piece| {
        let run = run(piece, |b| b.is_ascii_hexdigit() || b == b'-');
        let parts: Vec<usize> = run.split(|b| *b == b'-').map(<[u8]>::len).collect();
        (parts == [8, 4, 4, 4, 12]).then(|| text(run))
    };
    let (a, b) = (like(first)?, like(second)?);
    let because = format!("a UUID that was drawn: {a}, then {b}; write one that is fixed");
    Some((Cause::Uuid, because))
}

/// The same lines, or the same words, in another order.
fn order(first: Piece<'_>, second: Piece<'_>) -> Option<(Cause, String)> {
    let (a, b) = (first.whole?, second.whole?);
    if a.len() != b.len() {
        return None;
    }
    let same = |is: fn(&u8) -> bool| {
        let parts = |bytes: &'_ [u8]| {
            let mut parts: Vec<Vec<u8>> = bytes.split(is).map(<[u8]>::to_vec).collect();
            parts.sort_unstable();
            parts
        };
        let parts_a = parts(a);
        parts_a.len() > 1 && parts_a == parts(b)
    };
    let what = if same(|b| *b == b'\n') {
        "lines"
    } else if same(|b| b.is_ascii_whitespace() || *b == 0) {
        "words"
    } else {
        return None;
    };
    let because = format!(
        "an order: the same {what} in another one, as a folder was read (find, ls -U, a glob of a program) or as things \
         ended that ran side by side; sort them"
    );
    Some((Cause::Order, because))
}

const TIME_HELP: &str =
    "write SOURCE_DATE_EPOCH instead, which is the same in every build, or leave it out";

fn timestamp(a: &str, b: &str) -> (Cause, String) {
    let because = format!("a timestamp: {a}, then {b}; {TIME_HELP}");
    (Cause::Timestamp, because)
}

/// `22:31:05`, `2026-11-25`, `20261125223105`, over the difference in both.
fn clock(first: Piece<'_>, second: Piece<'_>) -> Option<(Cause, String)> {
    const FORMS: [&[u8]; 5] = [
        b"dddd-dd-dd",
        b"dd:dd:dd",
        b"dddddddddddddd",
        b"ddddddddTdddddd",
        b"dd:dd",
    ];
    let found = |piece: Piece<'_>, form: &[u8]| {
        let from = piece.at.saturating_sub(form.len() - 1);
        (from..=piece.at).find_map(|start| {
            let bytes = piece.bytes.get(start..start + form.len())?;
            let fits = |(byte, like): (&u8, &u8)| match like {
                b'd' => byte.is_ascii_digit(),
                like => byte == like,
            };
            let digit = |at: Option<usize>| {
                let byte = at.and_then(|at| piece.bytes.get(at));
                byte.is_some_and(u8::is_ascii_digit)
            };
            let alone = !digit(start.checked_sub(1)) && !digit(Some(start + form.len()));
            let is = alone && bytes.iter().zip(form).all(fits) && sensible(bytes);
            is.then(|| (start, text(bytes)))
        })
    };
    FORMS.into_iter().find_map(|form| {
        let (a, b) = (found(first, form)?, found(second, form)?);
        (a.0 == b.0).then(|| timestamp(&a.1, &b.1))
    })
}

/// Whether the digits can be a date or a time of day.
fn sensible(bytes: &[u8]) -> bool {
    let digits: Vec<u8> = bytes
        .iter()
        .filter(|b| b.is_ascii_digit())
        .copied()
        .collect();
    let two = |at: usize| {
        digits
            .get(at..at + 2)
            .map_or(0, |d| u32::from(d[0] - b'0') * 10 + u32::from(d[1] - b'0'))
    };
    let date =
        || (19..=20).contains(&two(0)) && (1..=12).contains(&two(4)) && (1..=31).contains(&two(6));
    let time = |at| two(at) < 24 && two(at + 2) < 60 && two(at + 4) < 61;
    match digits.len() {
        8 => date(),
        14 => date() && time(8),
        _ => time(0),
    }
}

/// Whether the number goes on as a word: then it is a piece of something else, a hash or a key.
fn letters_follow(piece: Piece<'_>) -> bool {
    let at = piece.at.min(piece.bytes.len());
    let next = piece.bytes[at..].iter().find(|b| !b.is_ascii_digit());
    next.is_some_and(u8::is_ascii_alphabetic)
}

/// A decimal number: a time, the number of a process or of processors, a duration.
fn number(first: Piece<'_>, second: Piece<'_>, clues: &Clues) -> Option<(Cause, String)> {
    let digits = |piece| {
        let run = run(piece, |b| b.is_ascii_digit());
        let text = std::str::from_utf8(run).ok()?;
        text.parse::<u128>().ok().map(|number| (number, text))
    };
    let ((a, shown_a), (b, shown_b)) = (digits(first)?, digits(second)?);
    for unit in [1, 1_000, 1_000_000, 1_000_000_000] {
        let seconds = |n: u128| i64::try_from(n / unit).unwrap_or(i64::MAX);
        if was_then(seconds(a), seconds(b), clues) {
            return Some(timestamp(shown_a, shown_b));
        }
    }
    if seconds_follow(first) && seconds_follow(second) {
        let because =
            format!("how long something took: {shown_a}, then {shown_b}; keep it out of the image");
        return Some((Cause::Duration, because));
    }
    if letters_follow(first) || letters_follow(second) {
        return None;
    }
    if clues.cores.0 != clues.cores.1 && a == clues.cores.0 as u128 && b == clues.cores.1 as u128 {
        let because = format!(
            "the number of processors: {a}, then {b}; write a number that is the Dockerfile's own"
        );
        return Some((Cause::Processors, because));
    }
    let began = u128::from(clues.first_process);
    if (1..began).contains(&a) && (began..began + PROCESSES).contains(&b) {
        let because = format!(
            "the number of a process: {a}, then {b}; give files names of their own instead of $$"
        );
        return Some((Cause::ProcessNumber, because));
    }
    None
}

/// Whether `a` can be a time of the first build and `b` one of the second.
fn was_then(a: i64, b: i64, clues: &Clues) -> bool {
    let (began, ended) = clues.window;
    (began - 1..=ended + 1).contains(&b) && (FIRST_TIME..b).contains(&a)
}

/// Whether the number is one of seconds, as in `0.25s` and `12 ms`.
fn seconds_follow(piece: Piece<'_>) -> bool {
    let number = |b: u8| b.is_ascii_digit() || b == b'.';
    let at = piece.at.min(piece.bytes.len());
    let after = piece.bytes[at..].iter().position(|b| !number(*b));
    let Some(rest) = after.and_then(|after| piece.bytes.get(at + after..)) else {
        return false;
    };
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    let word: Vec<u8> = rest
        .iter()
        .take_while(|b| b.is_ascii_alphabetic())
        .copied()
        .collect();
    [&b"s"[..], b"ms", b"us", b"ns", b"sec", b"secs", b"seconds"].contains(&&word[..])
}

/// A time in seconds, as programs keep them in binary files.
fn binary_time(first: Piece<'_>, second: Piece<'_>, clues: &Clues) -> Option<(Cause, String)> {
    let from = first.at.saturating_sub(3);
    let times = (from..=first.at).find_map(|start| {
        let word = |piece: Piece<'_>| {
            let bytes = piece.bytes.get(start..start + 4)?;
            <[u8; 4]>::try_from(bytes).ok()
        };
        let (a, b) = (word(first)?, word(second)?);
        [u32::from_le_bytes, u32::from_be_bytes]
            .into_iter()
            .find_map(|read: fn([u8; 4]) -> u32| {
                let (a, b) = (i64::from(read(a)), i64::from(read(b)));
                was_then(a, b, clues).then_some((a, b))
            })
    });
    if let Some((a, b)) = times {
        let (cause, because) = timestamp(&a.to_string(), &b.to_string());
        let gzip = first.head.starts_with(&[0x1f, 0x8b]) && first.at < 8;
        let hint = if gzip { " (gzip -n leaves it out)" } else { "" };
        return Some((cause, format!("in binary, {because}{hint}")));
    }
    // A zip's entries have the time of each file in DOS's form, ten bytes into their header.
    let entry = (10..14).any(|into| {
        let start = first.at.checked_sub(into);
        start.is_some_and(|start| first.bytes[start..].starts_with(b"PK\x03\x04"))
    });
    entry.then(|| {
        let because = format!("a timestamp: that of a file in a zip archive; {TIME_HELP}");
        (Cause::Timestamp, because)
    })
}

fn drawn(first: Piece<'_>, second: Piece<'_>) -> Option<(Cause, String)> {
    let token = |piece| {
        run(piece, |b| {
            b.is_ascii_alphanumeric() || b"+/=_-".contains(&b)
        })
    };
    let (a, b) = (token(first), token(second));
    let letters =
        |t: &[u8]| t.iter().any(u8::is_ascii_alphabetic) && t.iter().any(u8::is_ascii_digit);
    (a.len() == b.len() && a.len() >= DRAWN && letters(a) && letters(b)).then(|| {
        let because = format!(
            "something that was drawn, as a key, a seed or a hash of one: {}, then {}; fix the seed, or make it when the container starts",
            text(a),
            text(b)
        );
        (Cause::Random, because)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_764_109_871;

    fn clues() -> Clues {
        Clues {
            window: (NOW, NOW + 30),
            hostnames: ("buildkitsandbox".into(), "different-place".into()),
            cores: (4, 3),
            first_process: 7000,
        }
    }

    fn cause(a: &[u8], b: &[u8]) -> Cause {
        let at = a.iter().zip(b).take_while(|(a, b)| a == b).count();
        let piece = |bytes| Piece {
            bytes,
            at,
            head: bytes,
            whole: Some(bytes),
        };
        of_content(piece(a), piece(b), &clues()).0
    }

    #[test]
    fn each_cause_is_known_by_what_it_leaves() {
        let binary = |time: i64| {
            [
                b"\x1f\x8b\x08\0",
                &(time as u32).to_le_bytes()[..],
                b"\0\x03xx",
            ]
            .concat()
        };
        let big = |time: i64| [b"x", &(time as u32).to_be_bytes()[..], b"y"].concat();
        let cases: &[(&[u8], &[u8], Cause)] = &[
            (
                b"built 1764109868\n",
                b"built 1764109873\n",
                Cause::Timestamp,
            ),
            (b"1764109868123", b"1764109873999", Cause::Timestamp),
            (
                b"Tue Nov 25 22:31:08 UTC",
                b"Tue Nov 25 22:31:11 UTC",
                Cause::Timestamp,
            ),
            (
                b"2026-11-25T22:31:59Z",
                b"2026-11-25T22:32:01Z",
                Cause::Timestamp,
            ),
            (b"on 2026-11-25", b"on 2026-11-26", Cause::Timestamp),
            (b"v20261125223159", b"v20261125223201", Cause::Timestamp),
            (&binary(NOW - 90), &binary(NOW + 2), Cause::Timestamp),
            (&big(NOW - 90), &big(NOW + 2), Cause::Timestamp),
            (
                b"PK\x03\x04\x14\0\0\0\x08\0\x01\x02\x03\x04",
                b"PK\x03\x04\x14\0\0\0\x08\0\x09\x02\x03\x04",
                Cause::Timestamp,
            ),
            (
                b"on buildkitsandbox",
                b"on different-place",
                Cause::Hostname,
            ),
            (b"make -j4", b"make -j3", Cause::Processors),
            (b"pid 12", b"pid 7010", Cause::ProcessNumber),
            // What is drawn may begin with digits.
            (
                b"key=2752ef78287b0b3",
                b"key=7306ce260413e99",
                Cause::Random,
            ),
            (b"in 0.25s", b"in 0.31s", Cause::Duration),
            (b"took 12 ms.", b"took 9 ms.", Cause::Duration),
            (b"b\na\nc\n", b"a\nb\nc\n", Cause::Order),
            (b"x b a", b"x a b", Cause::Order),
            (
                b"id 3f2504e0-4f89-41d3-9a0c-0305e82c3301",
                b"id 9b2504e0-4f89-41d3-9a0c-0305e82c3301",
                Cause::Uuid,
            ),
            (b"key=a8f3k2l1", b"key=91kd8s7z", Cause::Random),
            (b"\x00\x01\x02", b"\x00\x09\x02", Cause::Unknown),
            (b"short", b"shirt", Cause::Unknown),
            // A number of long ago, and one that the second build can't have seen.
            (b"1000000001", b"1000000002", Cause::Unknown),
            (b"1764109000", b"1764119000", Cause::Unknown),
            (b"", b"more", Cause::Unknown),
        ];
        for (a, b, expected) in cases {
            assert_eq!(cause(a, b), *expected, "{} / {}", text(a), text(b));
        }
    }

    #[test]
    fn a_name_that_nothing_explains_was_drawn() {
        let named = |a: &str, b: &str| of_names(a.as_bytes(), b.as_bytes(), &clues()).0;
        assert_eq!(named("tmp.Ab3", "tmp.xYz"), Cause::RandomName);
        assert_eq!(named("log.12", "log.7003"), Cause::ProcessNumber);
        assert_eq!(named("log-1764109868", "log-1764109873"), Cause::Timestamp);
        assert_eq!(
            named("of-buildkitsandbox", "of-different-place"),
            Cause::Hostname
        );
    }

    #[test]
    fn words_name_both_values_and_what_to_do() {
        let piece = |bytes| Piece {
            bytes,
            at: 9,
            head: b"",
            whole: None,
        };
        let (_, because) = of_content(piece(b"176410986"), piece(b"1764109873"), &clues());
        assert_eq!(because, "unknown");
        let (_, because) = of_content(piece(b"1764109868"), piece(b"1764109873"), &clues());
        assert!(because.contains("1764109868, then 1764109873"), "{because}");
        assert!(because.contains("SOURCE_DATE_EPOCH"), "{because}");
    }
}
