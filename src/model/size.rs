//! Sizes as people read them.

use super::limits::{GIB, MIB};

/// A size in two or three digits: `512 B`, `4.1 KiB`, `412 MiB`, `1.2 GiB`.
pub fn words(bytes: u64) -> String {
    let in_units = |unit: u64, name: &str| {
        let tenths = (u128::from(bytes) * 10 + u128::from(unit) / 2) / u128::from(unit);
        if tenths < 100 {
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        } else {
            format!("{} {name}", (tenths + 5) / 10)
        }
    };
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..MIB => in_units(1024, "KiB"),
        MIB..GIB => in_units(MIB, "MiB"),
        _ => in_units(GIB, "GiB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        assert_eq!(words(0), "0 B");
        assert_eq!(words(1023), "1023 B");
        assert_eq!(words(1536), "1.5 KiB");
        assert_eq!(words(412 * MIB), "412 MiB");
        assert_eq!(words(20 * GIB), "20 GiB");
        assert!(words(u64::MAX).ends_with(" GiB"));
    }
}
