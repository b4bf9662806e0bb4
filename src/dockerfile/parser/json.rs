//! `["a", "b"]`: the exec form.

use std::ops::Range;

use super::super::origin::Origin;

/// What stands where a JSON array may stand.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Array {
    /// An array of strings: their decoded texts and where they stand, quotes left out.
    Strings(Vec<(String, Range<usize>)>),
    /// An array with something else in it: Docker refuses it.
    Mixed,
    /// Not an array: shell form.
    Other,
}

/// Reads `range` of `text` as one JSON array and nothing else.
pub(super) fn array(text: &str, range: Range<usize>) -> Array {
    let part = &text[range.clone()];
    if !part.trim_start().starts_with('[') {
        return Array::Other;
    }
    if let Some(strings) = strings(part) {
        let moved =
            |(s, r): (String, Range<usize>)| (s, r.start + range.start..r.end + range.start);
        return Array::Strings(strings.into_iter().map(moved).collect());
    }
    match serde_json::from_str::<Vec<serde::de::IgnoredAny>>(part) {
        Ok(_) => Array::Mixed,
        Err(_) => Array::Other,
    }
}

fn strings(text: &str) -> Option<Vec<(String, Range<usize>)>> {
    let mut found = Vec::new();
    let mut at = space(text, 0);
    at = space(text, expect(text, at, '[')?);
    if let Some(end) = expect(text, at, ']') {
        return (space(text, end) == text.len()).then_some(found);
    }
    loop {
        let (decoded, _, end) = string(text, at)?;
        found.push((decoded, at + 1..end - 1));
        at = space(text, end);
        match expect(text, at, ',') {
            Some(next) => at = space(text, next),
            None => break,
        }
    }
    let end = expect(text, at, ']')?;
    (space(text, end) == text.len()).then_some(found)
}

fn space(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    at + rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len()
}

fn expect(text: &str, at: usize, c: char) -> Option<usize> {
    text[at..].starts_with(c).then(|| at + c.len_utf8())
}

/// A string that begins at `at`: decoded, where its bytes came from, and its end.
fn string(text: &str, at: usize) -> Option<(String, Origin, usize)> {
    let start = expect(text, at, '"')?;
    let mut decoded = String::new();
    let mut origin = Origin::starting_at(start);
    let mut characters = text[start..].char_indices();
    while let Some((i, c)) = characters.next() {
        origin.push(decoded.len(), start + i);
        match c {
            '"' => return Some((decoded, origin, start + i + 1)),
            '\\' => match characters.next()?.1 {
                c @ ('"' | '\\' | '/') => decoded.push(c),
                'b' => decoded.push('\u{8}'),
                'f' => decoded.push('\u{C}'),
                'n' => decoded.push('\n'),
                'r' => decoded.push('\r'),
                't' => decoded.push('\t'),
                'u' => {
                    let first = hex(&mut characters)?;
                    decoded.push(unit(first, &mut characters));
                }
                _ => return None,
            },
            c if c < ' ' => return None,
            c => decoded.push(c),
        }
    }
    None
}

fn hex(characters: &mut std::str::CharIndices<'_>) -> Option<u32> {
    let mut value = 0;
    for _ in 0..4 {
        value = value * 16 + characters.next()?.1.to_digit(16)?;
    }
    Some(value)
}

/// A UTF-16 unit, with its second half where there is one; half a pair becomes U+FFFD, as in Go.
fn unit(first: u32, characters: &mut std::str::CharIndices<'_>) -> char {
    if (0xD800..0xDC00).contains(&first) {
        let mut ahead = characters.clone();
        if ahead.next().map(|c| c.1) == Some('\\')
            && ahead.next().map(|c| c.1) == Some('u')
            && let Some(second) = hex(&mut ahead)
            && (0xDC00..0xE000).contains(&second)
        {
            *characters = ahead;
            let code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
            return char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        }
    }
    char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Decodes the inside of a string whose quotes stand around `source`, with the way back.
pub(in super::super) fn json_origin(source: &str, start: usize) -> Option<(String, Origin)> {
    let whole = format!("\"{source}\"");
    let (decoded, origin, end) = string(&whole, 0)?;
    if end != whole.len() {
        return None;
    }
    let by = isize::try_from(start).ok()? - 1;
    Some((decoded, origin.moved(by)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Array {
        array(text, 0..text.len())
    }

    fn decoded(text: &str) -> Vec<String> {
        match read(text) {
            Array::Strings(found) => found.into_iter().map(|(s, _)| s).collect(),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn arrays_of_strings_are_exec_form() {
        assert_eq!(decoded(r#"["a", "b c" ]  "#), ["a", "b c"]);
        assert_eq!(
            decoded(r#"["A\n\"é\ud83d\ude00\ud800"]"#),
            ["A\n\"é😀\u{fffd}"]
        );
        assert_eq!(decoded("[ ]"), Vec::<String>::new());
    }

    #[test]
    fn places_leave_the_quotes_out() {
        let text = r#"xx ["ab", "c"]"#;
        let Array::Strings(found) = array(text, 3..text.len()) else {
            panic!("not an array");
        };
        let shown: Vec<_> = found.into_iter().map(|(_, r)| &text[r]).collect();
        assert_eq!(shown, ["ab", "c"]);
    }

    #[test]
    fn what_is_not_an_array_is_shell_form() {
        for text in [
            "['a']",
            r#"["a""#,
            r#"["a"] && b"#,
            r#"["a",]"#,
            "[ -f x ] && y",
            r#"["\x"]"#,
            "a",
        ] {
            assert_eq!(read(text), Array::Other, "{text}");
        }
    }

    #[test]
    fn arrays_with_other_things_are_mixed() {
        for text in [
            r#"["a", 1]"#,
            "[null]",
            r#"[["a"]]"#,
            "[1]",
            r#"["a", {"b": 2}]"#,
        ] {
            assert_eq!(read(text), Array::Mixed, "{text}");
        }
    }
}
