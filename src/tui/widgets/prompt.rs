//! One line that is being written: a filter or a search.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::logs::sanitise;

/// Longer is no search any more.
const LONGEST: usize = 200;

/// The line, written at its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prompt {
    text: String,
}

impl Prompt {
    /// What stands there.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Takes a key; whether it changed anything.
    pub fn key(&mut self, key: KeyEvent) -> bool {
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('u') if ctrl => self.text.clear(),
            KeyCode::Char('w') if ctrl => {
                let kept = self.text.trim_end().rfind(' ').map_or(0, |at| at + 1);
                self.text.truncate(kept);
            }
            KeyCode::Backspace => {
                self.text.pop();
            }
            KeyCode::Char(c) if !ctrl && !key.modifiers.contains(KeyModifiers::ALT) => {
                self.insert(c.encode_utf8(&mut [0; 4]));
            }
            _ => return false,
        }
        true
    }

    /// Takes pasted text, its first line only.
    pub fn insert(&mut self, text: &str) {
        let line = text.lines().next().unwrap_or_default();
        for c in sanitise(line).chars() {
            if self.text.len() + c.len_utf8() > LONGEST {
                break;
            }
            self.text.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_lines_can_be_taken_back() {
        let mut prompt = Prompt {
            text: "one two".into(),
        };
        prompt.key(KeyEvent::new(KeyCode::Char('w'), KeyModifiers::CONTROL));
        assert_eq!(prompt.text(), "one ");
        prompt.insert("three\nfour");
        assert_eq!(prompt.text(), "one three");
        prompt.key(KeyEvent::new(KeyCode::Backspace, KeyModifiers::NONE));
        assert_eq!(prompt.text(), "one thre");
        prompt.key(KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL));
        assert_eq!(prompt.text(), "");
    }

    #[test]
    fn a_megabyte_of_paste_is_no_search() {
        let mut prompt = Prompt::default();
        prompt.insert(&"x".repeat(1 << 20));
        assert_eq!(prompt.text().len(), LONGEST);
    }
}
