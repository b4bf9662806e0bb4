//! The grammar of references, as Docker's distribution has it.
//!
//! By hand: the regular expression that says the same takes 30 ms to compile, which is most of a small build.

/// What a reference is made of, as written.
#[derive(Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// Host and path.
    pub name: &'a str,
    pub tag: Option<&'a str>,
    pub digest: Option<&'a str>,
}

/// The longest tag.
const LONGEST_TAG: usize = 128;
/// The fewest digits of a digest.
const FEWEST_DIGITS: usize = 32;

/// `name[:tag][@digest]`; `None` if it is none.
pub fn parse(text: &str) -> Option<Parts<'_>> {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    // A colon before the last slash belongs to a port.
    let last = rest.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match rest[last..].find(':') {
        Some(colon) => (&rest[..last + colon], Some(&rest[last + colon + 1..])),
        None => (rest, None),
    };
    let whole = is_name(name) && tag.is_none_or(is_tag) && digest.is_none_or(is_digest);
    whole.then_some(Parts { name, tag, digest })
}

fn is_name(name: &str) -> bool {
    match name.split_once('/') {
        Some((first, path)) => {
            (is_host(first) || is_component(first)) && path.split('/').all(is_component)
        }
        None => is_component(name),
    }
}

fn is_host(text: &str) -> bool {
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let label = |label: &str| {
        let inside = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        !label.is_empty()
            && label.bytes().all(inside)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let digits = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    host.split('.').all(label) && port.is_none_or(digits)
}

/// Small letters and digits, and between them a dot, one or two underscores, or any number of hyphens.
fn is_component(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let ends = |b: Option<u8>| b.is_some_and(plain);
    let separator = |between: &str| {
        matches!(between, "" | "." | "_" | "__") || between.bytes().all(|b| b == b'-')
    };
    let between = text.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    ends(text.bytes().next()) && ends(text.bytes().last()) && between.into_iter().all(separator)
}

fn is_tag(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let first = text.bytes().next().is_some_and(word);
    first && text.len() <= LONGEST_TAG && text.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

fn is_digest(text: &str) -> bool {
    let Some((algorithm, digits)) = text.split_once(':') else {
        return false;
    };
    let part = |part: &str| {
        part.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
            && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    algorithm.split(['-', '_', '+', '.']).all(part)
        && digits.len() >= FEWEST_DIGITS
        && digits.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use crate::model::Reference;
    use proptest::prelude::*;

    /// What the distribution's own expression makes of it, with the rules that we add.
    fn expected(text: &str) -> Option<String> {
        let parsed: oci_spec::distribution::Reference = text.parse().ok()?;
        let upper = parsed.repository().bytes().any(|b| b.is_ascii_uppercase());
        let digest = parsed
            .digest()
            .is_none_or(|digest| digest.parse::<crate::model::Digest>().is_ok());
        (!upper && digest).then(|| parsed.whole())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn it_is_the_distribution_s_grammar(
            text in prop_oneof![
                "[a-zA-Z0-9._:/@-]{0,24}",
                "([a-zA-Z0-9.-]{1,6}(:[0-9]{0,3})?/)?([a-z0-9]{0,2}[._-]{0,3}[a-z0-9]{0,2}/?){1,4}(:[a-zA-Z0-9._-]{0,5})?",
                "(index\\.docker\\.io|docker\\.io|localhost|library|h:1)/[a-z/]{0,6}(:[a-z]{0,2})?",
                "[a-z]{1,3}(:[a-z]{1,3})?@(sha256|sha512|md5|a\\+b|-x):[0-9a-fA-F]{31,66}",
                "[a-z]{1,2}(:[a-z]{1,2})?@sha256:[0-9a-f]{64}",
                "[a-z]{1,3}:[a-z._-]{126,130}",
                "([a-z]{60}/){4}[a-z]{1,20}",
            ],
        ) {
            let ours = text.parse::<Reference>().ok().map(|reference| reference.to_string());
            prop_assert_eq!(ours, expected(&text), "{}", text);
        }

        #[test]
        fn no_text_does_harm(text: String) {
            let _ = text.parse::<Reference>();
        }
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let long = "a".repeat(256);
        let short = format!("a@sha256:{}", "0".repeat(32));
        let other = format!("a@md5:{}", "0".repeat(32));
        for (text, why) in [
            ("", "repository name must have at least one component"),
            ("a b", "invalid reference format"),
            ("a:", "invalid reference format"),
            ("UPPER/case", "repository name must be lowercase"),
            (
                &long,
                "repository name must not be more than 255 characters",
            ),
            (&short, "invalid checksum digest length"),
            (&other, "unsupported digest algorithm"),
            // Docker takes no other letters in a tag either.
            ("a:\u{e9}", "invalid reference format"),
        ] {
            let error = text.parse::<Reference>().unwrap_err();
            assert_eq!(error.why, why, "{text}");
        }
    }
}
