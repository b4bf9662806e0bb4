//! Alpine's versions: `1.36.1_rc2-r5`, as apk-tools compares them.
//!
//! Our own, because the one crate for it compiles apk's C code into the program.

use std::cmp::Ordering;

/// Suffixes, oldest first; those before [`PLAIN`] come before the version without one.
const SUFFIXES: [&str; 9] = ["alpha", "beta", "pre", "rc", "cvs", "svn", "git", "hg", "p"];
/// How many of the suffixes are forerunners.
const PLAIN: usize = 4;

/// A part of a version. Of two versions that are equal so far, the one with the earlier kind of part is newer, as
/// `1.2.3` is newer than `1.2-r5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<'a> {
    First(u64),
    Number(&'a str, u64),
    Letter(u8),
    Suffix(usize),
    SuffixNumber(u64),
    Commit(&'a str),
    Revision(u64),
    End,
}

impl Part<'_> {
    const fn rank(self) -> u8 {
        match self {
            Self::First(_) => 0,
            Self::Number(..) => 1,
            Self::Letter(_) => 2,
            Self::Suffix(_) => 3,
            Self::SuffixNumber(_) => 4,
            Self::Commit(_) => 5,
            Self::Revision(_) => 6,
            Self::End => 7,
        }
    }

    /// Compares parts of one kind.
    fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            // A leading zero makes a fraction: 1.01 is older than 1.1.
            (Self::Number(a, _), Self::Number(b, _))
                if a.starts_with('0') || b.starts_with('0') =>
            {
                a.cmp(b)
            }
            (Self::First(a), Self::First(b))
            | (Self::Number(_, a), Self::Number(_, b))
            | (Self::SuffixNumber(a), Self::SuffixNumber(b))
            | (Self::Revision(a), Self::Revision(b)) => a.cmp(&b),
            (Self::Letter(a), Self::Letter(b)) => a.cmp(&b),
            (Self::Suffix(a), Self::Suffix(b)) => a.cmp(&b),
            (Self::Commit(a), Self::Commit(b)) => a.cmp(b),
            _ => Ordering::Equal,
        }
    }

    const fn is_forerunner(self) -> bool {
        matches!(self, Self::Suffix(suffix) if suffix < PLAIN)
    }
}

/// Compares two versions; none if one of them is no version.
pub fn compare(a: &str, b: &str) -> Option<Ordering> {
    let (a, b) = (parts(a)?, parts(b)?);
    for (a, b) in a.into_iter().zip(b) {
        if a.rank() == b.rank() {
            match a.compare(b) {
                Ordering::Equal => continue,
                order => return Some(order),
            }
        }
        return Some(if a.is_forerunner() {
            Ordering::Less
        } else if b.is_forerunner() {
            Ordering::Greater
        } else {
            b.rank().cmp(&a.rank())
        });
    }
    Some(Ordering::Equal)
}

/// The parts of a version, with the end as the last; none if it is no version.
fn parts(text: &str) -> Option<Vec<Part<'_>>> {
    let (first, mut rest) = digits(text)?;
    let mut parts = vec![Part::First(first.parse().ok()?)];
    while let Some(after) = rest.strip_prefix('.') {
        let (number, more) = digits(after)?;
        parts.push(Part::Number(number, number.parse().ok()?));
        rest = more;
    }
    if let Some(letter @ b'a'..=b'z') = rest.bytes().next() {
        parts.push(Part::Letter(letter));
        rest = &rest[1..];
    }
    while let Some(after) = rest.strip_prefix('_') {
        let (suffix, name) = SUFFIXES
            .iter()
            .enumerate()
            .find(|(_, name)| after.starts_with(**name))?;
        parts.push(Part::Suffix(suffix));
        rest = &after[name.len()..];
        if let Some((number, more)) = digits(rest) {
            parts.push(Part::SuffixNumber(number.parse().ok()?));
            rest = more;
        }
    }
    if let Some(after) = rest.strip_prefix('~') {
        let end = after
            .find(|c: char| !c.is_ascii_hexdigit())
            .unwrap_or(after.len());
        let (commit, more) = after.split_at(end);
        parts.push(Part::Commit(Some(commit).filter(|c| !c.is_empty())?));
        rest = more;
    }
    if let Some(after) = rest.strip_prefix("-r") {
        let (number, more) = digits(after)?;
        parts.push(Part::Revision(number.parse().ok()?));
        rest = more;
    }
    parts.push(Part::End);
    rest.is_empty().then_some(parts)
}

/// At least one digit, and what follows.
fn digits(text: &str) -> Option<(&str, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_apk_orders_them() {
        for (older, newer) in [
            ("2.34", "2.35"),
            ("0.1.0_alpha", "0.1.2"),
            ("0.1.0_alpha", "0.1.0_alpha2"),
            ("2.34-r1", "2.34-r2"),
            ("1.35.0-r0", "1.35.0-r17"),
            ("1.36.1-r5", "1.36.1-r15"),
            ("1.0_rc1", "1.0"),
            ("1.0", "1.0_p1"),
            ("1.0_alpha", "1.0_beta"),
            ("1.0_pre", "1.0_rc"),
            ("1.0_git20200101", "1.0_p1"),
            ("1.2.3", "1.2.3a"),
            ("1.2.3a", "1.2.3b"),
            ("1.01", "1.1"),
            ("1.0", "1.0.1"),
            ("9.9", "10.0"),
            ("1.0-r0", "1.0.1-r0"),
            ("0_rc1", "0"),
            ("1.0_p10-r1", "1.0_p10-r2"),
            ("6.4_p20231125-r0", "6.4_p20231125-r1"),
            ("3.1.4-r1", "3.1.4-r5"),
            ("2.0.3", "2.0.3-r0"),
        ] {
            assert_eq!(
                compare(older, newer),
                Some(Ordering::Less),
                "{older} {newer}"
            );
            assert_eq!(
                compare(newer, older),
                Some(Ordering::Greater),
                "{older} {newer}"
            );
        }
        assert_eq!(
            compare("1.2.3_rc1-r4", "1.2.3_rc1-r4"),
            Some(Ordering::Equal)
        );
    }

    #[test]
    fn what_is_no_version_is_not_compared() {
        for text in [
            "",
            "a",
            "1.0_what",
            "1.0-1",
            "1.0 ",
            "-r1",
            "1..a",
            "99999999999999999999",
        ] {
            assert_eq!(compare(text, "1"), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_two_texts_compare_both_ways_or_not_at_all(a in "[0-9.a-c_rp~-]{0,12}", b in "[0-9.a-c_rp~-]{0,12}") {
            let (there, back) = (compare(&a, &b), compare(&b, &a));
            proptest::prop_assert_eq!(there.map(Ordering::reverse), back);
        }
    }
}
