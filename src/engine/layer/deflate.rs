//! A block becomes a gzip member.
//!
//! libdeflate at a fixed level: its output depends on the input and the level, not on what the processor can do (it
//! has vector code for checksums only). A block that does not get smaller is stored as it is.

use libdeflater::{CompressionLvl, Compressor};

use super::block::BLOCK;

/// The level. Another one makes other digests.
const LEVEL: i32 = 2;
/// A gzip header without name and time, of an unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// The longest stored block of deflate.
const STORED: usize = 65_535;
/// How much of a block is tried before it is compressed, and in how many places.
const SAMPLE: usize = 8 << 10;
const SAMPLES: usize = 4;

/// Compresses blocks, one after the other. Keep it: it has tables that take time to make.
pub struct Deflater {
    compressor: Compressor,
    sampler: Option<Compressor>,
    scratch: Vec<u8>,
}

impl Deflater {
    /// A new one.
    pub fn new() -> Self {
        Self {
            compressor: compressor(LEVEL),
            sampler: None,
            scratch: Vec::new(),
        }
    }

    /// `input` as a gzip member. At most [`BLOCK`] bytes are asked for at once.
    pub fn member(&mut self, input: &[u8]) -> Vec<u8> {
        if self.is_dense(input) {
            return store(input);
        }
        // What needs more room than this is better stored.
        let room = input.len() + HEADER.len() + 8;
        if self.scratch.len() < room {
            self.scratch.resize(room.max(BLOCK / 8), 0);
        }
        match self
            .compressor
            .gzip_compress(input, &mut self.scratch[..room])
        {
            Ok(length) => self.scratch[..length].to_vec(),
            Err(_) => store(input),
        }
    }

    /// Whether trying is not worth it: no sample of the block got smaller.
    fn is_dense(&mut self, input: &[u8]) -> bool {
        if input.len() < BLOCK / 2 {
            return false;
        }
        let sampler = self.sampler.get_or_insert_with(|| compressor(1));
        let mut small = [0; SAMPLE - SAMPLE / 64];
        (0..SAMPLES).all(|i| {
            let start = i * (input.len() / SAMPLES);
            let sample = &input[start..start + SAMPLE];
            sampler.deflate_compress(sample, &mut small).is_err()
        })
    }
}

/// Not `CompressionLvl::fastest`: that one only stores.
fn compressor(level: i32) -> Compressor {
    Compressor::new(CompressionLvl::new(level).unwrap_or_default())
}

fn store(input: &[u8]) -> Vec<u8> {
    let blocks = input.len().div_ceil(STORED).max(1);
    let mut output = Vec::with_capacity(HEADER.len() + input.len() + 5 * blocks + 8);
    output.extend(HEADER);
    for number in 0..blocks {
        let rest = &input[number * STORED..];
        let chunk = &rest[..rest.len().min(STORED)];
        let length = u16::try_from(chunk.len()).unwrap_or(u16::MAX);
        output.push(u8::from(number + 1 == blocks));
        output.extend(length.to_le_bytes());
        output.extend((!length).to_le_bytes());
        output.extend(chunk);
    }
    output.extend(libdeflater::crc32(input).to_le_bytes());
    // Gzip keeps the length modulo 2^32; a block is shorter.
    output.extend(u32::try_from(input.len()).unwrap_or(0).to_le_bytes());
    output
}
