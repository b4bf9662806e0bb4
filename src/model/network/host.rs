//! Names of hosts, as they are granted and as a build asks for them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A host's name: lower-case ASCII labels (RFC 1123) without a dot at the end. Never an address in any spelling.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(String);

/// Why a text is not the name of a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` can't be a host here: {why}")]
pub struct InvalidHost {
    /// The text, cut.
    pub text: String,
    /// Why.
    pub why: &'static str,
}

impl InvalidHost {
    fn new(text: &str, why: &'static str) -> Self {
        Self {
            text: text.chars().filter(|c| !c.is_control()).take(80).collect(),
            why,
        }
    }
}

impl HostName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HostName {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |why| Err(InvalidHost::new(text, why));
        if !text.is_ascii() {
            return invalid("write an international name in its ASCII form (xn--…)");
        }
        if text.starts_with('[') || text.parse::<std::net::IpAddr>().is_ok() {
            return invalid("it is an address; name the host");
        }
        if text.contains("://") || text.contains('/') {
            return invalid("it is a URL; name the host alone");
        }
        if text.contains(':') {
            return invalid("the port is always 443; name the host alone");
        }
        if text.contains('*') {
            return invalid("a star can only stand for the first label, as in *.suffix.example");
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if name.is_empty() || name.len() > 253 {
            return invalid("a name has 1 to 253 characters");
        }
        for label in name.split('.') {
            let plain = label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-');
            if !plain
                || label.is_empty()
                || label.len() > 63
                || label.starts_with('-')
                || label.ends_with('-')
            {
                return invalid(
                    "each part of a name has 1 to 63 letters, digits and inner hyphens",
                );
            }
        }
        // Resolvers read `127.1`, `2130706433` and `0x7f.1` as addresses.
        let last = name.rsplit('.').next().unwrap_or_default();
        if last.bytes().all(|b| b.is_ascii_digit())
            || last
                .strip_prefix("0x")
                .is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
        {
            return invalid("it is an address; name the host");
        }
        if name == "localhost" || name.ends_with(".localhost") {
            return invalid("it is the machine itself");
        }
        Ok(Self(name))
    }
}

impl TryFrom<String> for HostName {
    type Error = InvalidHost;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<HostName> for String {
    fn from(host: HostName) -> Self {
        host.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a policy allows: one name, or `*.suffix` for every name below one, at any depth, without the suffix itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum HostPattern {
    /// This name.
    Exact(HostName),
    /// Every name below this one.
    Below(HostName),
}

impl HostPattern {
    /// Whether a name is meant.
    pub fn matches(&self, host: &HostName) -> bool {
        match self {
            Self::Exact(name) => name == host,
            Self::Below(suffix) => host
                .as_str()
                .strip_suffix(suffix.as_str())
                .is_some_and(|before| before.len() > 1 && before.ends_with('.')),
        }
    }
}

impl FromStr for HostPattern {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(suffix) = text.strip_prefix("*.") else {
            if text == "*" {
                return Err(InvalidHost::new(
                    text,
                    "a star alone would allow everything",
                ));
            }
            return text.parse().map(Self::Exact);
        };
        let suffix: HostName = suffix.parse().map_err(|error: InvalidHost| InvalidHost {
            text: InvalidHost::new(text, "").text,
            ..error
        })?;
        if !suffix.as_str().contains('.') {
            return Err(InvalidHost::new(
                text,
                "a star needs a suffix of two labels or more, as in *.suffix.example",
            ));
        }
        Ok(Self::Below(suffix))
    }
}

impl TryFrom<String> for HostPattern {
    type Error = InvalidHost;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.to_string()
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => name.fmt(f),
            Self::Below(suffix) => write!(f, "*.{suffix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_folded_to_one_spelling() {
        for (text, name) in [
            ("Registry.Example", "registry.example"),
            ("registry.example.", "registry.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("mirror", "mirror"),
        ] {
            assert_eq!(text.parse::<HostName>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn no_address_in_any_spelling_is_a_name() {
        for text in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0x",
            "017700000001",
            "[::1]",
            "::1",
            "example.1",
            "1.2.3.4.",
        ] {
            assert!(text.parse::<HostName>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_more_or_less_than_a_name_is_refused() {
        for text in [
            "",
            ".",
            "a..b",
            ".a",
            "-a.example",
            "a-.example",
            "a_b.example",
            "a b",
            "a\n.example",
            "host:443",
            "https://host",
            "user@host",
            "bücher.example",
            "localhost",
            "x.localhost",
            &"a".repeat(64),
            &"a.".repeat(128),
        ] {
            assert!(text.parse::<HostName>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_star_stands_for_labels_below_a_suffix() {
        let pattern: HostPattern = "*.cdn.Example".parse().unwrap();
        assert_eq!(pattern.to_string(), "*.cdn.example");
        for (host, is) in [
            ("a.cdn.example", true),
            ("a.b.cdn.example", true),
            ("cdn.example", false),
            ("evilcdn.example", false),
            ("a.cdn.example.evil.example", false),
        ] {
            assert_eq!(pattern.matches(&host.parse().unwrap()), is, "{host}");
        }
        for text in [
            "*",
            "*.",
            "*.example",
            "*.*.example",
            "a.*.example",
            "*a.example",
            "*.1.2.3.4",
        ] {
            assert!(text.parse::<HostPattern>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_name_reads_back_as_itself(text in "\\PC{0,80}") {
            if let Ok(name) = text.parse::<HostName>() {
                prop_assert_eq!(name.as_str().parse::<HostName>(), Ok(name.clone()));
                prop_assert!(name.as_str().parse::<std::net::IpAddr>().is_err());
            }
        }
    }
}
