//! What is kept of the members of a layer that was written, so that a later layer can take over those that it has too.

use super::midstate::Midstate;
use crate::model::Digest;

const MAGIC: &[u8] = b"flareo layer members 1\n";
const RECORD: usize = 32 + 8 + 8 + 4 + 32;

/// A member of a layer in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// What tells it from others: as in [`Planned`](super::outline::Planned).
    pub key: Digest,
    /// The member as it lies in the blob.
    pub packed: Packed,
}

/// What a block of tar became.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packed {
    /// Bytes of tar in it.
    pub tar: u64,
    /// Bytes of the blob.
    pub blob: u64,
    /// CRC-32 of those: a disk that forgets is found out.
    pub crc: u32,
    /// The hash of the tar up to its end.
    pub after: Midstate,
}

/// Every member of a layer, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Members(pub Vec<Member>);

impl Members {
    /// As bytes, sealed with a digest.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        for Member { key, packed } in &self.0 {
            out.extend(key.as_bytes());
            out.extend(packed.tar.to_le_bytes());
            out.extend(packed.blob.to_le_bytes());
            out.extend(packed.crc.to_le_bytes());
            for word in packed.after {
                out.extend(word.to_le_bytes());
            }
        }
        let seal = Digest::of(&out);
        out.extend(seal.as_bytes());
        out
    }

    /// From bytes; none if they are not what [`encode`](Self::encode) gave.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, seal) = bytes.split_last_chunk::<32>()?;
        if Digest::of(body).as_bytes() != seal {
            return None;
        }
        let (records, rest) = body.strip_prefix(MAGIC)?.as_chunks::<RECORD>();
        let members: Option<_> = records.iter().map(member).collect();
        members.filter(|_| rest.is_empty()).map(Self)
    }
}

fn member(record: &[u8; RECORD]) -> Option<Member> {
    let (key, rest) = record.split_first_chunk::<32>()?;
    let (tar, rest) = rest.split_first_chunk::<8>()?;
    let (blob, rest) = rest.split_first_chunk::<8>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let (words, _) = rest.as_chunks::<4>();
    let mut after = [0; 8];
    for (to, word) in after.iter_mut().zip(words) {
        *to = u32::from_le_bytes(*word);
    }
    Some(Member {
        key: Digest::from_bytes(*key),
        packed: Packed {
            tar: u64::from_le_bytes(*tar),
            blob: u64::from_le_bytes(*blob),
            crc: u32::from_le_bytes(*crc),
            after,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_back_and_damage_is_seen() {
        let member = |number: u8| Member {
            key: Digest::of([number]),
            packed: Packed {
                tar: 512 << number,
                blob: 100 + u64::from(number),
                crc: u32::MAX - u32::from(number),
                after: [u32::from(number); 8],
            },
        };
        for count in 0..3 {
            let members = Members((0..count).map(member).collect());
            let bytes = members.encode();
            assert_eq!(Members::decode(&bytes), Some(members));
            for at in 0..bytes.len() {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1;
                assert_eq!(Members::decode(&damaged), None);
                assert_eq!(Members::decode(&bytes[..at]), None);
            }
        }
    }
}
