//! Whether a version lies in the ranges of an advisory: `>=1.0, <1.2.3 || 2.0.0`.
//!
//! Advisories count forerunners in (`1.2.3-beta` is below `1.2.3`), which the ranges of npm themselves do not.

use std::str::FromStr;

use nodejs_semver::{Range, Version};

/// Whose rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Semantic versions, exactly three numbers.
    Npm,
    /// Go modules (`v1.2.3`) and the releases of Go itself (`v1.22`).
    Go,
    /// PEP 440.
    Python,
}

/// A version that can be compared.
enum Comparable {
    Semantic(Version),
    Python(pep440_rs::Version),
}

/// Whether `version` is one, in that dialect.
pub fn is_version(dialect: Dialect, version: &str) -> bool {
    read(dialect, version).is_some()
}

/// Whether `version` lies in any of `ranges`; none if the version or a range means nothing.
pub fn contains(dialect: Dialect, ranges: &[String], version: &str) -> Option<bool> {
    let version = read(dialect, version)?;
    let mut unknown = false;
    for range in ranges.iter().flat_map(|ranges| ranges.split("||")) {
        let lies_in = match &version {
            Comparable::Semantic(version) => semantic(range, version),
            Comparable::Python(version) => python(range, version),
        };
        match lies_in {
            Some(true) => return Some(true),
            Some(false) => {}
            None => unknown = true,
        }
    }
    (!unknown).then_some(false)
}

fn read(dialect: Dialect, version: &str) -> Option<Comparable> {
    match dialect {
        Dialect::Npm => exact(version).map(Comparable::Semantic),
        Dialect::Go => {
            let version = version.strip_prefix('v').unwrap_or(version);
            exact(version)
                .or_else(|| exact(&go_release(version)?))
                .map(Comparable::Semantic)
        }
        Dialect::Python => pep440_rs::Version::from_str(version)
            .ok()
            .map(Comparable::Python),
    }
}

/// A semantic version in its one spelling: no `v`, nothing left out, nothing around it.
fn exact(text: &str) -> Option<Version> {
    let version = Version::parse(text).ok()?;
    (version.to_string() == text).then_some(version)
}

/// `1.22` and `1.22rc1`, as Go's own releases are called, as semantic versions.
fn go_release(text: &str) -> Option<String> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (numbers, rest) = text.split_at(end);
    let zeros = match numbers.matches('.').count() {
        1 => ".0",
        2 => "",
        _ => return None,
    };
    match rest {
        "" => Some(format!("{numbers}{zeros}")),
        rest if rest.starts_with("rc") || rest.starts_with("beta") => {
            Some(format!("{numbers}{zeros}-{rest}"))
        }
        _ => None,
    }
}

fn semantic(range: &str, version: &Version) -> Option<bool> {
    let mut all = true;
    let mut rest = range.trim();
    if rest.is_empty() || rest == "*" {
        return Some(true);
    }
    while !rest.is_empty() {
        let operator_end = rest
            .find(|c: char| !matches!(c, '<' | '>' | '=' | '!'))
            .unwrap_or(rest.len());
        let (operator, after) = rest.split_at(operator_end);
        let after = after.trim_start();
        let bound_end = after
            .find(|c: char| c == ',' || c.is_whitespace())
            .unwrap_or(after.len());
        let (bound, more) = after.split_at(bound_end);
        rest = more.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
        let Some(bound) = padded(bound).and_then(|bound| exact(&bound)) else {
            // `^1.2`, `1.x`, `1.0 - 2.0`: npm's own ranges.
            return Range::parse(range.trim())
                .ok()
                .map(|range| range.satisfies(version));
        };
        all &= match operator {
            "<" => *version < bound,
            "<=" => *version <= bound,
            ">" => *version > bound,
            ">=" => *version >= bound,
            "" | "=" | "==" => *version == bound,
            "!=" => *version != bound,
            _ => return None,
        };
    }
    Some(all)
}

/// `4` and `4.17` with what is left out; none for what is no number of that kind.
fn padded(bound: &str) -> Option<String> {
    let bound = bound.strip_prefix('v').unwrap_or(bound);
    let plain = bound.split(['-', '+']).next()?;
    if plain.len() != bound.len() {
        return Some(bound.to_owned());
    }
    if plain.is_empty() || !plain.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    Some(match plain.matches('.').count() {
        0 => format!("{plain}.0.0"),
        1 => format!("{plain}.0"),
        _ => plain.to_owned(),
    })
}

fn python(range: &str, version: &pep440_rs::Version) -> Option<bool> {
    for specifier in range
        .split(',')
        .map(str::trim)
        .filter(|s| !s.is_empty() && *s != "*")
    {
        // `= 1.0` stands in advisories, and is not PEP 440's.
        let specifier = match specifier.strip_prefix('=') {
            Some(rest) if !rest.starts_with('=') => format!("=={}", rest.trim_start()),
            _ if specifier.starts_with(|c: char| c.is_ascii_digit()) => format!("=={specifier}"),
            _ => specifier.to_owned(),
        };
        let specifier = pep440_rs::VersionSpecifier::from_str(&specifier).ok()?;
        if !specifier.contains(version) {
            return Some(false);
        }
    }
    Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lies(dialect: Dialect, version: &str, range: &str) -> Option<bool> {
        contains(dialect, &[range.to_owned()], version)
    }

    #[test]
    fn npm_ranges_count_forerunners_in() {
        for (version, range, expected) in [
            ("4.17.11", "<4.17.12", true),
            ("4.17.12", "<4.17.12", false),
            ("4.17.12-rc.1", "<4.17.12", true),
            ("1.5.0", ">=1.0.0, <2.0.0", true),
            ("2.0.0", ">=1.0.0 <2.0.0", false),
            ("2.1.0", ">= 1.0.0, < 2 || >= 2.1, < 3", true),
            ("1.2.3", "=1.2.3", true),
            ("1.2.3", "= 1.2.4", false),
            ("1.2.3", "1.2.3", true),
            ("1.2.3", "!=1.2.3", false),
            ("1.9.0", "^1.2.0", true),
            ("2.0.0", "~1.2", false),
            ("3.0.0", "*", true),
            ("1.0.0", "<=1", true),
        ] {
            assert_eq!(
                lies(Dialect::Npm, version, range),
                Some(expected),
                "{version} {range}"
            );
        }
        for version in ["4.17", "v4.17.0", "latest", " 1.0.0", "01.0.0", ""] {
            assert_eq!(lies(Dialect::Npm, version, "<5.0.0"), None, "{version}");
        }
        assert_eq!(lies(Dialect::Npm, "1.0.0", "what?"), None);
    }

    #[test]
    fn go_modules_and_go_itself_are_versions() {
        for (version, range, expected) in [
            ("v0.16.0", "<0.17.0", true),
            ("v0.17.0", "<0.17.0", false),
            ("v0.0.0-20220101000000-abcdefabcdef", "<0.17.0", true),
            ("v2.0.0+incompatible", ">=2.0.0", true),
            ("v1.22", "<1.22.1", true),
            ("v1.19.8", "<1.20.10, >=0", true),
            ("v1.21rc2", "<1.21.0", true),
            ("v1.21.3", "<1.20.10 || >=1.21.0-0, <1.21.3", false),
        ] {
            assert_eq!(
                lies(Dialect::Go, version, range),
                Some(expected),
                "{version} {range}"
            );
        }
        assert!(!is_version(Dialect::Go, "(devel)"));
    }

    #[test]
    fn python_ranges_are_those_of_pep_440() {
        for (version, range, expected) in [
            ("5.3", "<5.4", true),
            ("5.4", "<5.4", false),
            ("5.4rc1", "<5.4", false),
            ("2.30.0", ">=2.3.0, <2.31.0", true),
            ("1.0.post1", ">1.0", false),
            ("1.0", "= 1.0", true),
            ("1.0.0", "==1", true),
            ("2.1", ">=2.0,<2.1 || >=2.1", true),
        ] {
            assert_eq!(
                lies(Dialect::Python, version, range),
                Some(expected),
                "{version} {range}"
            );
        }
        assert_eq!(lies(Dialect::Python, "not a version", "<1"), None);
    }

    #[test]
    fn one_range_that_holds_is_enough() {
        let ranges = ["<1.0.0".to_owned(), ">=2.0.0, <2.1.0".to_owned()];
        assert_eq!(contains(Dialect::Npm, &ranges, "2.0.5"), Some(true));
        assert_eq!(contains(Dialect::Npm, &ranges, "1.5.0"), Some(false));
    }

    proptest::proptest! {
        #[test]
        fn no_range_does_more_than_mean_nothing(range in "[<>=!^~|, 0-9a-cx.*-]{0,24}", version in "[0-9.a-c-]{1,10}") {
            for dialect in [Dialect::Npm, Dialect::Go, Dialect::Python] {
                let _ = lies(dialect, &version, &range);
            }
        }
    }
}
