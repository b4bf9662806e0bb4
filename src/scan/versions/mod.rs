//! Which of two versions is newer, as each ecosystem has it, and whether a version lies in an advisory's ranges.

pub mod apk;
pub mod range;

use std::cmp::Ordering;

/// Compares two Debian versions; none if one of them is no version.
pub fn debian(a: &str, b: &str) -> Option<Ordering> {
    let a: debversion::Version = a.parse().ok()?;
    let b: debversion::Version = b.parse().ok()?;
    Some(a.cmp(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_versions_are_ordered_as_policy_has_it() {
        for (older, newer) in [
            ("1.0~rc1", "1.0"),
            ("2.36-9+deb12u3", "2.36-9+deb12u14"),
            ("9.9", "1:0.1"),
            ("1.2.13.dfsg-1", "1.2.13.dfsg-1+b1"),
        ] {
            assert_eq!(
                debian(older, newer),
                Some(Ordering::Less),
                "{older} {newer}"
            );
        }
        assert_eq!(debian("1.0-0", "1.0"), Some(Ordering::Equal));
    }
}
