//! Blocks: how much of a layer is compressed at once, and where one ends.

use std::sync::{Arc, Mutex, PoisonError};

use crate::ustar::padding_after;

/// No block is larger. Another size makes other digests.
pub const BLOCK: usize = 512 << 10;
/// A block of this size may end early.
const EARLY: usize = BLOCK / 2;
/// Before one of so many entries it does.
const ONE_OF: u32 = 8;
/// The header of an entry.
const HEADER: u64 = 512;

/// Whether a block that holds `filled` bytes ends before the entry at `path` with `size` bytes of content.
///
/// Only the entries decide, so an entry that changes moves the ends of a few blocks after it and of none before it.
/// An entry that fits into a block is not torn.
pub fn ends_before(filled: usize, path: &[u8], size: u64) -> bool {
    if filled == 0 {
        return false;
    }
    let entry = HEADER
        .saturating_add(size)
        .saturating_add(padding_after(size));
    if entry > (BLOCK - filled) as u64 {
        return true;
    }
    filled >= EARLY && libdeflater::crc32(path).is_multiple_of(ONE_OF)
}

/// Where buffers wait for their next use.
type Home = Arc<Mutex<Vec<Vec<u8>>>>;

/// Buffers for blocks, used again and again.
#[derive(Debug, Clone, Default)]
pub struct Blocks {
    home: Home,
}

impl Blocks {
    /// An empty block.
    pub fn get(&self) -> Block {
        let spare = self
            .home
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        Block {
            bytes: spare.unwrap_or_else(|| vec![0; BLOCK]),
            filled: 0,
            home: Arc::clone(&self.home),
        }
    }
}

/// A block being filled, or on its way. Its buffer goes home when it is dropped.
#[derive(Debug)]
pub struct Block {
    bytes: Vec<u8>,
    filled: usize,
    home: Home,
}

impl Block {
    /// What it holds.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    /// How many bytes it holds.
    pub const fn filled(&self) -> usize {
        self.filled
    }

    /// What is still free in it.
    pub fn room(&mut self) -> &mut [u8] {
        &mut self.bytes[self.filled..]
    }

    /// Takes in what was put at the beginning of its [`room`](Self::room), and gives it back to look at.
    pub fn take(&mut self, length: usize) -> &[u8] {
        let from = self.filled;
        self.filled = (from + length).min(BLOCK);
        &self.bytes[from..self.filled]
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.home
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_fits_is_not_torn() {
        assert!(!ends_before(0, b"large", 10 << 20));
        assert!(ends_before(1, b"large", 10 << 20));
        assert!(ends_before(512, b"f", BLOCK as u64 - 1024 + 1));
        assert!(!ends_before(512, b"f", BLOCK as u64 - 1024));
        assert!(ends_before(512, b"claims", u64::MAX));
    }

    #[test]
    fn a_block_that_is_half_full_ends_before_some_entries() {
        let ends = |filled| {
            (0..800)
                .filter(|i| ends_before(filled, format!("d/{i}").as_bytes(), 10))
                .count()
        };
        assert_eq!(ends(EARLY - 1), 0);
        assert!((50..150).contains(&ends(EARLY)), "{}", ends(EARLY));
    }
}
