//! A layer's list as bytes, to be kept beside the layer: compact, and sealed with a digest.

use super::index::LayerIndex;
use super::node::{Kind, Node};
use crate::model::Digest;

const MAGIC: &[u8] = b"flareo layer index 1\n";

/// The bytes are no such list; it is made again from the layer.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not an index of a layer, or a damaged one")]
pub struct DecodeError;

impl LayerIndex {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend((self.entries.len() as u64).to_le_bytes());
        for (path, node) in &self.entries {
            field(&mut out, path);
            for number in [node.mode, node.uid, node.gid] {
                out.extend(number.to_le_bytes());
            }
            field(&mut out, node.capability.as_deref().unwrap_or_default());
            match &node.kind {
                Kind::File {
                    size,
                    digest,
                    offset,
                } => {
                    out.push(1);
                    out.extend(size.to_le_bytes());
                    out.extend(offset.to_le_bytes());
                    out.extend(digest.as_bytes());
                }
                Kind::Directory { opaque, implied } => {
                    out.push(2 | u8::from(*opaque) << 4 | u8::from(*implied) << 5);
                }
                Kind::Symlink(target) => {
                    out.push(3);
                    field(&mut out, target);
                }
                Kind::Fifo => out.push(4),
                Kind::Device => out.push(5),
                Kind::Whiteout => out.push(6),
            }
        }
        let seal = Digest::of(&out);
        out.extend(seal.as_bytes());
        out
    }

    /// From bytes.
    ///
    /// # Errors
    /// If they are not what [`encode`](Self::encode) gave.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::decoded(bytes).ok_or(DecodeError)
    }

    fn decoded(bytes: &[u8]) -> Option<Self> {
        let (body, seal) = bytes.split_last_chunk::<32>()?;
        if Digest::of(body).as_bytes() != seal {
            return None;
        }
        let mut rest = body.strip_prefix(MAGIC)?;
        let count = usize::try_from(u64_of(&mut rest)?).ok()?;
        let mut entries = Vec::with_capacity(count.min(rest.len() / 16));
        for _ in 0..count {
            let path = field_of(&mut rest)?.into();
            let mode = u32_of(&mut rest)?;
            let uid = u32_of(&mut rest)?;
            let gid = u32_of(&mut rest)?;
            let capability = Some(field_of(&mut rest)?)
                .filter(|c| !c.is_empty())
                .map(Into::into);
            let (&tag, after) = rest.split_first()?;
            rest = after;
            let kind = match tag & 0xf {
                1 => {
                    let size = u64_of(&mut rest)?;
                    let offset = u64_of(&mut rest)?;
                    let digest = Digest::from_bytes(*take::<32>(&mut rest)?);
                    Kind::File {
                        size,
                        digest,
                        offset,
                    }
                }
                2 => Kind::Directory {
                    opaque: tag & 0x10 != 0,
                    implied: tag & 0x20 != 0,
                },
                3 => Kind::Symlink(field_of(&mut rest)?.into()),
                4 => Kind::Fifo,
                5 => Kind::Device,
                6 => Kind::Whiteout,
                _ => return None,
            };
            let node = Node {
                kind,
                mode,
                uid,
                gid,
                capability,
            };
            entries.push((path, node));
        }
        rest.is_empty().then_some(Self { entries })
    }
}

fn field(out: &mut Vec<u8>, bytes: &[u8]) {
    // Paths and links are shorter than 64 KiB: the reader of layers sees to it.
    out.extend(u32::try_from(bytes.len()).unwrap_or(0).to_le_bytes());
    out.extend(bytes);
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(head)
}

fn u32_of(rest: &mut &[u8]) -> Option<u32> {
    take(rest).map(|b| u32::from_le_bytes(*b))
}

fn u64_of(rest: &mut &[u8]) -> Option<u64> {
    take(rest).map(|b| u64::from_le_bytes(*b))
}

fn field_of<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(u32_of(rest)?).ok()?;
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(head)
}
