//! What a cached step is filed under: a digest over everything that its result depends on.

use sha2::{Digest as _, Sha256};

use crate::model::Digest;

/// Another one makes every cached step unknown: change it when the same inputs come to other bytes.
const FORMAT: &str = "flareo step 3";

/// A key in the making. Every field carries its length, so that two lists of fields never run into each other.
#[derive(Debug, Clone)]
pub struct Key(Sha256);

impl Key {
    /// A key of a kind of step.
    pub fn new(kind: &str) -> Self {
        let mut key = Self(Sha256::new());
        key.text(FORMAT).text(kind);
        key
    }

    /// Adds bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
        self
    }

    /// Adds a text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    /// Adds a number.
    pub fn number(&mut self, number: u64) -> &mut Self {
        self.0.update(number.to_le_bytes());
        self
    }

    /// Adds a list of texts.
    pub fn texts<T: AsRef<str>>(&mut self, texts: impl IntoIterator<Item = T>) -> &mut Self {
        // The marks before each and after the last tell where the list ends.
        for text in texts {
            self.number(1).text(text.as_ref());
        }
        self.number(0)
    }

    /// Adds a digest.
    pub fn digest(&mut self, digest: Digest) -> &mut Self {
        self.0.update(digest.as_bytes());
        self
    }

    /// The key.
    pub fn finish(self) -> Digest {
        Digest::from_bytes(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(texts: &[&[&str]]) -> Digest {
        let mut key = Key::new("x");
        for list in texts {
            key.texts(*list);
        }
        key.finish()
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        let all = [
            key(&[&["ab"]]),
            key(&[&["a", "b"]]),
            key(&[&["a"], &["b"]]),
            key(&[&["ab"], &[]]),
            key(&[&[], &["ab"]]),
            key(&[&[""], &["ab"]]),
        ];
        for (i, a) in all.iter().enumerate() {
            for b in &all[..i] {
                assert_ne!(a, b);
            }
        }
    }
}
