//! Text of strangers, fit to be quoted in a message: nothing in it moves a cursor, turns the writing direction or hides.
//!
//! How a screen shows such text, with columns that stay in place, is not decided here but in `logs`.

use std::fmt::Write as _;

/// Whether `c` acts on a terminal or hides from a reader instead of showing itself.
pub const fn is_hidden(c: char) -> bool {
    matches!(c, '\u{0}'..='\u{1f}' | '\u{7f}') || is_invisible(c)
}

/// Characters beyond ASCII that show nothing, or change how others are shown.
pub const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}'                    // C1 controls: a bare CSI among them
        | '\u{ad}' | '\u{34f}' | '\u{61c}'     // soft hyphen, grapheme joiner, Arabic letter mark
        | '\u{600}'..='\u{605}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
        | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{2800}' // fillers and the empty braille cell
        | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'              // zero width, left-to-right and right-to-left marks
        | '\u{2028}'..='\u{202e}'              // line and paragraph separators, embeddings, overrides
        | '\u{2060}'..='\u{206f}'              // word joiner, isolates
        | '\u{fe00}'..='\u{fe0f}'              // variation selectors
        | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
        | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}'            // tags: a whole hidden alphabet
    )
}

/// The first `most` characters of `text`, hidden ones as escapes; `…` says that there are more.
pub fn shown(text: &str, most: usize) -> String {
    let mut out = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == most {
            out.push('…');
            break;
        }
        if is_hidden(c) {
            // Writing to a String can't fail.
            let _ = write!(out, "{}", c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_hides_is_spelled_out_and_the_rest_stays() {
        assert_eq!(shown("a\x1b[2J\u{202e}漢", 80), "a\\u{1b}[2J\\u{202e}漢");
        assert_eq!(shown("abc", 3), "abc");
        assert_eq!(shown("abcd", 3), "abc…");
    }

    proptest! {
        #[test]
        fn nothing_hidden_is_left(text: String) {
            let shown = shown(&text, 50);
            prop_assert!(!shown.chars().any(|c| is_hidden(c) || c.is_control()), "{shown:?}");
        }
    }
}
