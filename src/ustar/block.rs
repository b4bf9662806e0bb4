//! The fields of a header, read from strangers: nothing in them is believed, and nothing is guessed.

/// What tar counts in.
pub const BLOCK: u64 = 512;

/// A header, or any other block.
pub type Block = [u8; BLOCK as usize];

/// The bytes before the first NUL.
pub fn text(field: &[u8]) -> &[u8] {
    field.split(|&b| b == 0).next().unwrap_or_default()
}

/// The path in a header, with ustar's prefix before it.
pub fn name(block: &Block) -> Vec<u8> {
    let name = text(&block[..100]);
    // Old GNU archives keep times where ustar keeps the prefix.
    let ustar = &block[257..263] == b"ustar\0";
    let prefix = if ustar { text(&block[345..500]) } else { &[] };
    if prefix.is_empty() {
        return name.to_vec();
    }
    [prefix, b"/", name].concat()
}

/// A number that isn't negative; none for what is no number.
pub fn number(field: &[u8]) -> Option<u64> {
    u64::try_from(signed(field)?).ok()
}

/// An octal number, or a base-256 one as GNU and star write large and negative ones. An empty field is 0.
pub fn signed(field: &[u8]) -> Option<i64> {
    let first = *field.first()?;
    if first & 0x80 != 0 {
        // Two's complement in all bits but the first.
        let mut value: i128 = if first & 0x40 != 0 { -1 } else { 0 };
        value = (value << 6) | i128::from(first & 0x3f);
        for &byte in &field[1..] {
            value = value.checked_mul(256)?.checked_add(i128::from(byte))?;
        }
        return i64::try_from(value).ok();
    }
    text(field)
        .trim_ascii()
        .iter()
        .try_fold(0_i64, |value, &digit| {
            let digit = digit.checked_sub(b'0').filter(|d| *d < 8)?;
            value.checked_mul(8)?.checked_add(i64::from(digit))
        })
}

/// Whether a header is one: its bytes add up to what it says, its own field counted as spaces.
pub fn checksum_holds(block: &Block) -> bool {
    let sum = |byte: fn(u8) -> i64| -> i64 {
        block
            .iter()
            .enumerate()
            .map(|(i, &b)| byte(if (148..156).contains(&i) { b' ' } else { b }))
            .sum()
    };
    // Some old writers summed signed bytes.
    signed(&block[148..156])
        .is_some_and(|said| said == sum(i64::from) || said == sum(|b| i64::from(b.cast_signed())))
}

/// How many bytes fill the last block of a content of `size` bytes.
pub const fn padding_after(size: u64) -> u64 {
    (BLOCK - size % BLOCK) % BLOCK
}
