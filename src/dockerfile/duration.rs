//! Durations as Go writes them (`1m30s`, `1.5h`, `250ms`): what `HEALTHCHECK` takes.

use std::time::Duration;

/// Reads a duration; `None` if it is not one, is negative, or is longer than Go can hold.
pub fn parse(text: &str) -> Option<Duration> {
    let text = text.strip_prefix('+').unwrap_or(text);
    if text == "0" {
        return Some(Duration::ZERO);
    }
    if text.is_empty() {
        return None;
    }
    let mut rest = text;
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let digits = |s: &str| s.bytes().take_while(u8::is_ascii_digit).count();
        let whole = digits(rest);
        let (number, mut tail) = rest.split_at(whole);
        let mut fraction = "";
        if let Some(after) = tail.strip_prefix('.') {
            let length = digits(after);
            (fraction, tail) = after.split_at(length);
        }
        if number.is_empty() && fraction.is_empty() {
            return None;
        }
        let (unit, length) = unit(tail)?;
        rest = &tail[length..];
        if number.len() > 19 {
            return None;
        }
        let number: u128 = if number.is_empty() {
            0
        } else {
            number.parse().ok()?
        };
        let mut part = number.checked_mul(unit)?;
        let mut scale = unit;
        for digit in fraction.bytes().take(15) {
            scale /= 10;
            part += u128::from(digit - b'0') * scale;
        }
        total = total.checked_add(part)?;
    }
    // Go's durations are 63 bits of nanoseconds.
    let nanos = i64::try_from(total).ok()?;
    Some(Duration::from_nanos(nanos.unsigned_abs()))
}

/// Nanoseconds of the unit that `text` begins with, and its length.
fn unit(text: &str) -> Option<(u128, usize)> {
    [
        ("ns", 1),
        ("us", 1_000),
        ("µs", 1_000),
        ("μs", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ]
    .into_iter()
    .find(|(name, _)| text.starts_with(name))
    .map(|(name, nanos)| (nanos, name.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_reads() {
        let ms = Duration::from_millis;
        for (text, expected) in [
            ("30s", ms(30_000)),
            ("1m30s", ms(90_000)),
            ("1.5h", ms(5_400_000)),
            ("250ms", ms(250)),
            (".5s", ms(500)),
            ("0", ms(0)),
            ("0s", ms(0)),
            ("1µs", Duration::from_micros(1)),
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            "5",
            "s",
            "-1s",
            "1d",
            "1s2",
            ".s",
            "1 s",
            "9999999999999h",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
