//! Two contents side by side: where they part, and what stands around that place.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::cause::Piece;
use crate::engine::fault::Fault;
use crate::engine::layer::{self, Layer, Sink};
use crate::engine::tar::Member;
use crate::engine::tree::Placed;
use crate::engine::watch::Watch;
use crate::model::reproduction::{DifferentBytes, Excerpt};
use crate::oci::Store;

/// So much before and after the difference is looked at, in bytes.
const AROUND: u64 = 512;
/// A file up to this length is looked at as a whole.
const WHOLE: u64 = 1 << 20;
/// So many bytes are shown.
const SHOWN: usize = 16;
/// The first bytes of a file, which tell of its kind.
const HEAD: usize = 8;

/// One of two contents, around the first difference.
#[derive(Debug, Default)]
pub struct Around {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Where in them the difference begins.
    pub at: usize,
    /// The first bytes of all.
    pub head: Vec<u8>,
    /// All of it, where it is small.
    pub whole: Option<Vec<u8>>,
}

impl Around {
    /// As the causes are looked for in it.
    pub fn piece(&self) -> Piece<'_> {
        Piece {
            bytes: &self.bytes,
            at: self.at,
            head: &self.head,
            whole: self.whole.as_deref(),
        }
    }
}

/// Copies the file `path` of a layer into a file without a name in the folder `room`.
///
/// # Errors
/// If the layer is damaged or does not hold it, the host refuses, or the build must end.
pub fn spooled(
    store: &Store,
    layer: &Layer,
    path: &[u8],
    room: &Path,
    watch: &Watch,
) -> Result<File, Fault> {
    let host = |e: io::Error| Fault::host("write a file in", room, &e);
    let mut wanted = Wanted {
        path,
        out: tempfile::tempfile_in(room).map_err(host)?,
    };
    let limit = watch.limits().layer_bytes;
    layer::read(
        store,
        &layer.descriptor,
        layer.diff_id,
        limit,
        watch,
        &mut wanted,
    )?;
    wanted.out.rewind().map_err(host)?;
    Ok(wanted.out)
}

struct Wanted<'a> {
    path: &'a [u8],
    out: File,
}

impl Sink for Wanted<'_> {
    fn take(&mut self, _: &Member, placed: &Placed, content: &mut dyn Read) -> io::Result<()> {
        if matches!(placed, Placed::File(path) if path == self.path) {
            // The last entry of a name counts.
            self.out.set_len(0)?;
            self.out.rewind()?;
            io::copy(content, &mut self.out)?;
        }
        Ok(())
    }
}

/// Where two contents part.
///
/// # Errors
/// If they can't be read.
pub fn part(files: [&mut File; 2]) -> io::Result<(DifferentBytes, [Around; 2])> {
    let [first, second] = files;
    let offset = {
        let mut a = BufReader::with_capacity(64 << 10, &mut *first).bytes();
        let mut b = BufReader::with_capacity(64 << 10, &mut *second).bytes();
        let mut offset = 0;
        loop {
            match (a.next().transpose()?, b.next().transpose()?) {
                (Some(a), Some(b)) if a == b => offset += 1,
                _ => break offset,
            }
        }
    };
    let around = [around(first, offset)?, around(second, offset)?];
    let shown = |around: &Around| {
        let rest = around.bytes.get(around.at..).unwrap_or_default();
        Excerpt::of(&rest[..rest.len().min(SHOWN)])
    };
    let bytes = DifferentBytes {
        offset,
        first: shown(&around[0]),
        second: shown(&around[1]),
    };
    Ok((bytes, around))
}

fn around(file: &mut File, offset: u64) -> io::Result<Around> {
    let start = offset.saturating_sub(AROUND);
    let mut read = |from: u64, most: u64| -> io::Result<Vec<u8>> {
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        (&mut *file).take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let before = offset - start;
    let bytes = read(start, before + AROUND)?;
    let mut whole = read(0, WHOLE + 1)?;
    let head = whole[..whole.len().min(HEAD)].to_vec();
    let whole = if whole.len() as u64 > WHOLE {
        None
    } else {
        whole.shrink_to_fit();
        Some(whole)
    };
    Ok(Around {
        bytes,
        at: usize::try_from(before).unwrap_or(0),
        head,
        whole,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        file
    }

    #[test]
    fn contents_part_at_the_first_byte_that_differs_or_where_one_ends() {
        let long = vec![b'x'; 3000];
        let mut other = long.clone();
        other[2000] = b'y';
        let (bytes, [a, b]) = part([&mut file(&long), &mut file(&other)]).unwrap();
        assert_eq!(bytes.offset, 2000);
        assert_eq!((a.bytes[a.at], b.bytes[b.at]), (b'x', b'y'));
        assert_eq!(a.at, 512);
        let (bytes, [a, _]) = part([&mut file(b"ab"), &mut file(b"abc")]).unwrap();
        assert_eq!(bytes.offset, 2);
        assert_eq!(bytes.first.hex, "");
        assert_eq!(bytes.second.hex, "63");
        assert_eq!(a.whole.as_deref(), Some(&b"ab"[..]));
    }

    #[test]
    fn a_large_file_is_not_held() {
        let long = vec![0; 1 << 20];
        let (_, [a, b]) = part([&mut file(&long), &mut file(&[&long[..], b"!"].concat())]).unwrap();
        assert!(a.whole.is_some());
        assert!(b.whole.is_none());
        assert_eq!(b.head, [0; 8]);
    }
}
