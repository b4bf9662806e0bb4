//! SHA-256 (FIPS 180-4) that can be set down after a member of a layer and taken up again when a later layer begins with
//! the same ones: what they hold need not be read to know the digest of the whole.

use sha2::block_api::compress256;

use crate::model::Digest;

/// The block of SHA-256.
const BLOCK: usize = 64;
const START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// What SHA-256 knows of all that came before a block.
pub type Midstate = [u32; 8];

/// A hash in the making.
#[derive(Debug, Clone)]
pub struct TarHash {
    state: Midstate,
    block: [u8; BLOCK],
    filled: usize,
    length: u64,
}

impl TarHash {
    /// Of nothing yet.
    pub const fn new() -> Self {
        Self::resume(START, 0)
    }

    /// Of `length` bytes, a multiple of 64, that came to `state`.
    pub const fn resume(state: Midstate, length: u64) -> Self {
        Self {
            state,
            block: [0; BLOCK],
            filled: 0,
            length,
        }
    }

    /// Where it can be taken up again: after a multiple of 64 bytes.
    pub const fn midstate(&self) -> Option<Midstate> {
        if self.filled == 0 {
            Some(self.state)
        } else {
            None
        }
    }

    /// Takes in what comes next.
    pub fn update(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len() as u64;
        if self.filled > 0 {
            let (head, rest) = bytes.split_at(bytes.len().min(BLOCK - self.filled));
            self.block[self.filled..self.filled + head.len()].copy_from_slice(head);
            self.filled += head.len();
            bytes = rest;
            if self.filled < BLOCK {
                return;
            }
            compress256(&mut self.state, &[self.block]);
            self.filled = 0;
        }
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        compress256(&mut self.state, blocks);
        self.block[..rest.len()].copy_from_slice(rest);
        self.filled = rest.len();
    }

    /// The digest of all that came.
    pub fn finish(mut self) -> Digest {
        let bits = self.length.wrapping_mul(8);
        let zeros = (2 * BLOCK - 9 - self.filled) % BLOCK;
        let mut end = [0; 2 * BLOCK];
        end[0] = 0x80;
        end[1 + zeros..zeros + 9].copy_from_slice(&bits.to_be_bytes());
        self.update(&end[..zeros + 9]);
        let mut digest = [0; 32];
        let (words, _) = digest.as_chunks_mut::<4>();
        for (to, word) in words.iter_mut().zip(self.state) {
            *to = word.to_be_bytes();
        }
        Digest::from_bytes(digest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_is_sha_256() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(TarHash::new().finish().to_string(), empty);
        for length in (0..300).chain([4095, 4096, 4097, 100_000]) {
            let bytes: Vec<u8> = (0..length).map(|i: u32| (i % 251) as u8).collect();
            let mut hash = TarHash::new();
            hash.update(&bytes);
            assert_eq!(hash.finish(), Digest::of(&bytes), "{length} bytes");
        }
    }

    proptest! {
        #[test]
        fn pieces_and_pauses_change_nothing(pieces in proptest::collection::vec(0_usize..9000, 0..12)) {
            let mut all = Vec::new();
            let mut hash = TarHash::new();
            for (number, length) in pieces.into_iter().enumerate() {
                let piece = vec![number as u8; length];
                hash.update(&piece);
                all.extend(piece);
                if let Some(state) = hash.midstate() {
                    hash = TarHash::resume(state, all.len() as u64);
                }
            }
            prop_assert_eq!(hash.finish(), Digest::of(&all));
        }
    }
}
