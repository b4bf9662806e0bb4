//! A layer that was written before, of which a new one may take over members: those at its beginning without reading what
//! they hold, others without compressing it again.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use super::members::{Member, Members};
use super::outline::Planned;
use crate::model::Digest;
use crate::oci::{Descriptor, Store};

/// A layer in the store whose members are known.
#[derive(Debug)]
pub struct Earlier {
    blob: Arc<File>,
    members: Vec<Member>,
}

/// Where a member lies in a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    offset: u64,
    length: u64,
    crc: u32,
}

/// Members that need not be compressed, in the order of the new layer.
#[derive(Debug)]
pub struct Known {
    blob: Arc<File>,
    places: Vec<Option<Place>>,
}

impl Earlier {
    /// Opens the blob; none if it is not as long as its members.
    ///
    /// # Errors
    /// If it can't be opened.
    pub fn open(store: &Store, layer: &Descriptor, members: Members) -> io::Result<Option<Self>> {
        let blob = store.open_blob(layer.digest).map_err(io::Error::other)?;
        let length = members
            .0
            .iter()
            .try_fold(0_u64, |sum, member| sum.checked_add(member.packed.blob));
        if length != Some(blob.size()) {
            return Ok(None);
        }
        Ok(Some(Self {
            blob: Arc::new(blob.file().try_clone()?),
            members: members.0,
        }))
    }

    /// The members that a layer which is planned so begins with too, as far as one ends where an entry does. The last
    /// one of the new layer is never among them: it holds the end.
    pub(super) fn common(&self, planned: &[Planned]) -> &[Member] {
        let same = self
            .members
            .iter()
            .zip(planned)
            .take_while(|(member, planned)| {
                member.key == planned.key && member.packed.tar == planned.length
            })
            .count();
        let count = (1..=same.min(planned.len().saturating_sub(1)))
            .rev()
            .find(|&count| planned[count].entries.is_some());
        &self.members[..count.unwrap_or(0)]
    }

    /// Copies its first `count` members.
    ///
    /// # Errors
    /// If they are not what was written, or `out` fails.
    pub(super) fn copy(&self, count: usize, out: &mut impl Write) -> io::Result<()> {
        let mut offset = 0;
        let mut buffer = Vec::new();
        for Member { packed, .. } in &self.members[..count] {
            let place = Place {
                offset,
                length: packed.blob,
                crc: packed.crc,
            };
            place.read(&self.blob, &mut buffer)?;
            out.write_all(&buffer)?;
            offset += packed.blob;
        }
        Ok(())
    }

    /// Those of the `planned` members that are here, in whatever place.
    pub(super) fn known(&self, planned: &[Planned]) -> Known {
        let mut offset = 0;
        let mut places: HashMap<Digest, Place> = HashMap::new();
        for Member { key, packed } in &self.members {
            let place = Place {
                offset,
                length: packed.blob,
                crc: packed.crc,
            };
            places.insert(*key, place);
            offset += packed.blob;
        }
        Known {
            blob: Arc::clone(&self.blob),
            places: planned
                .iter()
                .map(|planned| places.get(&planned.key).copied())
                .collect(),
        }
    }
}

impl Known {
    /// The next member, if it is known.
    pub(super) fn get(&self, number: usize) -> Option<(Arc<File>, Place)> {
        let place = self.places.get(number).copied().flatten()?;
        Some((Arc::clone(&self.blob), place))
    }
}

impl Place {
    /// Reads what is there.
    ///
    /// # Errors
    /// If it is not what was written.
    pub(super) fn read(&self, blob: &File, into: &mut Vec<u8>) -> io::Result<()> {
        let length = usize::try_from(self.length).map_err(|_| io::ErrorKind::InvalidData)?;
        into.resize(length, 0);
        blob.read_exact_at(into, self.offset)?;
        if libdeflater::crc32(into) != self.crc {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(())
    }
}
