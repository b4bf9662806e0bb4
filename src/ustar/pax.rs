//! PAX records: `LENGTH KEY=VALUE\n`, again and again.

/// The records of a PAX header; none where it is damaged, and then no more.
pub fn records(mut bytes: &[u8]) -> impl Iterator<Item = Option<(&[u8], &[u8])>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let rest = std::mem::take(&mut bytes);
        Some(first(rest).map(|(key, value, more)| {
            bytes = more;
            (key, value)
        }))
    })
}

fn first(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().take(20).position(|&b| b == b' ')?;
    let length = usize::try_from(decimal(&bytes[..space])?).ok()?;
    let record = bytes.get(space + 1..length)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|&b| b == b'=')?;
    Some((&record[..equals], &record[equals + 1..], &bytes[length..]))
}

/// A number in digits and nothing else.
pub fn decimal(value: &[u8]) -> Option<u64> {
    if !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// A time: whole seconds since 1970, and the nanoseconds that come on top.
pub fn seconds(value: &[u8]) -> Option<(i64, u32)> {
    let text = std::str::from_utf8(value).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let negative = whole.starts_with('-');
    let whole: i64 = whole.parse().ok()?;
    let padded = format!("{fraction:0<9}");
    let nanos: u32 = padded.get(..9)?.parse().ok()?;
    if negative && nanos > 0 {
        return Some((whole.checked_sub(1)?, 1_000_000_000 - nanos));
    }
    Some((whole, nanos))
}

/// Adds `LENGTH key=value\n`, where LENGTH counts itself.
pub(super) fn record(pax: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    pax.extend_from_slice(length.to_string().as_bytes());
    pax.push(b' ');
    pax.extend_from_slice(key);
    pax.push(b'=');
    pax.extend_from_slice(value);
    pax.push(b'\n');
}

/// Seconds with a fraction, as PAX writes times; before 1970 the fraction counts away from zero.
pub(super) fn written_seconds(whole: i64, nanos: u32) -> String {
    if nanos == 0 {
        return whole.to_string();
    }
    let (sign, whole, nanos) = if whole < 0 {
        ("-", (whole + 1).unsigned_abs(), 1_000_000_000 - nanos)
    } else {
        ("", whole.unsigned_abs(), nanos)
    };
    let fraction = format!("{nanos:09}");
    format!("{sign}{whole}.{}", fraction.trim_end_matches('0'))
}
