//! The colours of a build's output: "select graphic rendition" (ECMA-48), the one kind of sequence that can only colour.

use super::{colour_length, sanitise};

/// A colour as a program asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SgrColour {
    /// Of the palette of 256; the first sixteen are the terminal's own.
    Indexed(u8),
    /// Red, green, blue.
    Rgb(u8, u8, u8),
}

/// How a stretch of text is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sgr {
    /// The colour of the letters.
    pub fg: Option<SgrColour>,
    /// The colour behind them.
    pub bg: Option<SgrColour>,
    /// Bold.
    pub bold: bool,
    /// Faint.
    pub dim: bool,
    /// Italic.
    pub italic: bool,
    /// Underlined.
    pub underline: bool,
    /// Letters and ground exchanged.
    pub reverse: bool,
}

/// A stretch that looks otherwise than plain: where it begins, how, until the next one.
pub type Painted = Vec<(usize, Sgr)>;

/// The changes of look that one line may have: more is no log.
const CHANGES: usize = 512;

/// A line of output fit to be shown, without its colours, and where which of them hold.
pub fn painted(text: &str) -> (String, Painted) {
    let bytes = text.as_bytes();
    if !bytes.contains(&0x1b) {
        return (sanitise(text).into_owned(), Vec::new());
    }
    let mut plain: Vec<u8> = Vec::with_capacity(bytes.len());
    let mut changes: Painted = Vec::new();
    let mut look = Sgr::default();
    let mut rest = bytes;
    while let Some(&byte) = rest.first() {
        match colour_length(rest) {
            Some(length) => {
                look.apply(&rest[2..length - 1]);
                let here = changes.pop_if(|(at, _)| *at == plain.len()).is_some();
                if here || changes.len() < CHANGES {
                    changes.push((plain.len(), look));
                }
                rest = &rest[length..];
            }
            None => {
                plain.push(byte);
                rest = &rest[1..];
            }
        }
    }
    let clean = sanitise(&plain).into_owned();
    if clean.as_bytes() != plain {
        // Something was spelled out: each place moves by what was added before it.
        for (at, _) in &mut changes {
            *at = sanitise(&plain[..*at]).len().min(clean.len());
            while !clean.is_char_boundary(*at) {
                *at -= 1;
            }
        }
    }
    changes.dedup_by(|next, before| next.1 == before.1);
    if changes
        .first()
        .is_some_and(|(_, look)| *look == Sgr::default())
    {
        changes.remove(0);
    }
    (clean, changes)
}

impl Sgr {
    /// Takes the parameters of a sequence, as in `1;31` or `38;5;208`.
    fn apply(&mut self, parameters: &[u8]) {
        let text = std::str::from_utf8(parameters).unwrap_or_default();
        let mut numbers = text
            .split([';', ':'])
            .map(|n| n.parse::<u16>().unwrap_or(0));
        while let Some(n) = numbers.next() {
            match n {
                0 => *self = Self::default(),
                1 => self.bold = true,
                2 => self.dim = true,
                3 => self.italic = true,
                4 => self.underline = true,
                7 => self.reverse = true,
                22 => (self.bold, self.dim) = (false, false),
                23 => self.italic = false,
                24 => self.underline = false,
                27 => self.reverse = false,
                30..=37 => self.fg = indexed(n - 30),
                38 => self.fg = extended(&mut numbers),
                39 => self.fg = None,
                40..=47 => self.bg = indexed(n - 40),
                48 => self.bg = extended(&mut numbers),
                49 => self.bg = None,
                90..=97 => self.fg = indexed(n - 90 + 8),
                100..=107 => self.bg = indexed(n - 100 + 8),
                // Blinking and hiding are for nobody who reads a log.
                _ => {}
            }
        }
    }
}

fn indexed(n: u16) -> Option<SgrColour> {
    u8::try_from(n).ok().map(SgrColour::Indexed)
}

fn extended(numbers: &mut dyn Iterator<Item = u16>) -> Option<SgrColour> {
    match numbers.next()? {
        5 => indexed(numbers.next()?),
        2 => {
            let mut part = || numbers.next().and_then(|n| u8::try_from(n).ok());
            Some(SgrColour::Rgb(part()?, part()?, part()?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::sanitise_log;
    use proptest::prelude::*;

    #[test]
    fn colours_are_kept_and_all_else_is_spelled_out() {
        let (text, painted) = painted("a\x1b[1;31mred\x1b[0m\x1b[2Jb\x1b[38;5;208mc");
        assert_eq!(text, "ared␛[2Jbc");
        let red = Sgr {
            fg: Some(SgrColour::Indexed(1)),
            bold: true,
            ..Sgr::default()
        };
        let orange = Sgr {
            fg: Some(SgrColour::Indexed(208)),
            ..Sgr::default()
        };
        assert_eq!(painted, [(1, red), (4, Sgr::default()), (11, orange)]);
    }

    #[test]
    fn what_is_asked_for_badly_asks_for_nothing() {
        for text in [
            "\x1b[38;5mx",
            "\x1b[38;9;1mx",
            "\x1b[999mx",
            "\x1b[38;2;1;2mx",
            "\x1b[8mx",
        ] {
            let (text, painted) = painted(text);
            assert_eq!(text, "x");
            assert!(
                painted.iter().all(|(_, look)| look.fg.is_none()),
                "{painted:?}"
            );
        }
        assert!(painted(&"\x1b[31mx\x1b[32my".repeat(2000)).1.len() <= CHANGES);
    }

    proptest! {
        #[test]
        fn the_text_is_that_of_a_log_and_the_places_are_in_it(
            text in proptest::collection::vec(
                prop_oneof![
                    Just("\x1b[31m".to_owned()), Just("\x1b[0m".to_owned()), Just("\x1b[1;4m".to_owned()),
                    Just("\x1b[2J".to_owned()), Just("\t".to_owned()), Just("\u{202e}".to_owned()), any::<String>(),
                ],
                0..12,
            )
        ) {
            let text = text.concat();
            let (clean, painted) = painted(&text);
            prop_assert_eq!(&clean, &sanitise_log(&text).into_owned());
            let mut last = None;
            for (at, _) in painted {
                prop_assert!(clean.is_char_boundary(at));
                prop_assert!(last.is_none_or(|last| last <= at));
                last = Some(at);
            }
        }
    }
}
