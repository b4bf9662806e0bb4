//! Reads a layer's tar, entry by entry, in bounded memory.
//!
//! Strict where readers differ: what could be one thing for us and another for whoever unpacks it is an error. Not
//! `oci`'s reader, which refuses a whole archive for one sparse file: here it is one file that couldn't be read.

use std::io::{self, Read};

use crate::ustar::{self, BLOCK, Block, number};

/// A longer name, link or extended header is refused.
const HEADER_LIMIT: u64 = 1 << 20;

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file with its content following.
    File,
    /// A regular file stored with holes: its content is not plainly there.
    SparseFile,
    /// A folder.
    Folder,
    /// A hard link to an earlier path.
    HardLink(String),
    /// A symbolic link, a device, a pipe.
    Other,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path without `./`, leading or trailing slashes; empty for the root itself.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Permission bits.
    pub mode: u32,
    /// Bytes of content in the archive.
    pub size: u64,
}

/// The entries of an archive.
#[derive(Debug)]
pub struct Tarball<R> {
    reader: R,
    /// Content of the current entry that was not read yet.
    left: u64,
    padding: u64,
}

/// What headers said of the entry that follows them.
#[derive(Default)]
struct Extended {
    path: Option<String>,
    link: Option<String>,
    size: Option<u64>,
    sparse: bool,
}

impl<R: Read> Tarball<R> {
    /// Reads the archive in `reader`.
    pub const fn new(reader: R) -> Self {
        Self {
            reader,
            left: 0,
            padding: 0,
        }
    }

    /// What is behind the archive's end.
    pub fn into_inner(self) -> R {
        self.reader
    }

    /// The next entry, after the rest of the current one.
    ///
    /// # Errors
    /// If the archive is damaged or holds something of an unknown kind.
    pub fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        let mut extended = Extended::default();
        loop {
            self.skip(self.left.saturating_add(self.padding))?;
            (self.left, self.padding) = (0, 0);
            let Some(header) = self.header()? else {
                return Ok(None);
            };
            let size = number(&header[124..136]).ok_or_else(|| bad("a size that is no number"))?;
            let kind = header[156];
            if matches!(kind, b'L' | b'K' | b'x' | b'g') {
                let bytes = self.small(size)?;
                match kind {
                    b'L' => extended.path = Some(text(ustar::text(&bytes))),
                    b'K' => extended.link = Some(text(ustar::text(&bytes))),
                    b'x' => extended.read(&bytes)?,
                    _ => {
                        let mut global = Extended::default();
                        global.read(&bytes)?;
                        if global.path.is_some() || global.link.is_some() || global.size.is_some() {
                            return Err(bad("a global header that renames entries"));
                        }
                    }
                }
                continue;
            }
            return self.entry(&header, size, extended).map(Some);
        }
    }

    fn entry(&mut self, header: &Block, size: u64, extended: Extended) -> io::Result<Entry> {
        let written = extended.path.unwrap_or_else(|| text(&ustar::name(header)));
        let path = clean(&written)?;
        let mode = number(&header[100..108]).unwrap_or(0) as u32 & 0o7777;
        let size = extended.size.unwrap_or(size);
        let kind = match header[156] {
            b'0' | 0 | b'7' if written.ends_with('/') => Kind::Folder,
            b'0' | 0 | b'7' if extended.sparse => Kind::SparseFile,
            b'0' | 0 | b'7' => Kind::File,
            b'S' => {
                // More of the map of holes may follow the header.
                let mut more = header[482] != 0;
                while more {
                    let mut block = [0; BLOCK as usize];
                    self.reader.read_exact(&mut block)?;
                    more = block[504] != 0;
                }
                Kind::SparseFile
            }
            b'1' => {
                let link = extended
                    .link
                    .unwrap_or_else(|| text(ustar::text(&header[157..257])));
                Kind::HardLink(clean(&link)?)
            }
            b'2' | b'3' | b'4' | b'6' => Kind::Other,
            b'5' => Kind::Folder,
            other => return Err(bad(&format!("an entry of the unknown kind {other:#04x}"))),
        };
        if !matches!(kind, Kind::File | Kind::SparseFile) {
            // Readers differ on whether content follows such an entry.
            if size != 0 {
                return Err(bad("a folder, link or device with content"));
            }
        }
        self.left = size;
        self.padding = ustar::padding_after(size);
        Ok(Entry {
            path,
            kind,
            mode,
            size,
        })
    }

    /// A header block; none at the archive's end.
    fn header(&mut self) -> io::Result<Option<Block>> {
        let mut block = [0; BLOCK as usize];
        let mut filled = 0;
        while filled < block.len() {
            match self.reader.read(&mut block[filled..])? {
                0 if filled == 0 => return Ok(None),
                0 => return Err(bad("an archive cut short")),
                n => filled += n,
            }
        }
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        if !ustar::checksum_holds(&block) {
            return Err(bad("a header with a wrong checksum"));
        }
        Ok(Some(block))
    }

    /// The whole content of a header's extension.
    fn small(&mut self, size: u64) -> io::Result<Vec<u8>> {
        if size > HEADER_LIMIT {
            return Err(bad("an extended header that is too long"));
        }
        let mut bytes = Vec::new();
        (&mut self.reader).take(size).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != size {
            return Err(bad("an archive cut short"));
        }
        self.skip(ustar::padding_after(size))?;
        Ok(bytes)
    }

    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let skipped = io::copy(&mut (&mut self.reader).take(bytes), &mut io::sink())?;
        if skipped == bytes {
            Ok(())
        } else {
            Err(bad("an archive cut short"))
        }
    }
}

/// The current entry's content.
impl<R: Read> Read for Tarball<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        if most == 0 {
            return Ok(0);
        }
        let n = self.reader.read(&mut buffer[..most])?;
        if n == 0 {
            return Err(bad("an archive cut short"));
        }
        self.left -= n as u64;
        Ok(n)
    }
}

impl Extended {
    /// Takes in records of the form `LENGTH KEY=VALUE\n`.
    fn read(&mut self, bytes: &[u8]) -> io::Result<()> {
        let wrong = || bad("an extended header that is not well-formed");
        for record in ustar::records(bytes) {
            let (key, value) = record.ok_or_else(wrong)?;
            match key {
                b"path" | b"GNU.sparse.name" => self.path = Some(text(value)),
                b"linkpath" => self.link = Some(text(value)),
                b"size" => self.size = Some(ustar::decimal(value).ok_or_else(wrong)?),
                _ => {}
            }
            self.sparse |= key.starts_with(b"GNU.sparse.");
        }
        Ok(())
    }
}

/// A path relative to the root. One that climbs out is refused.
fn clean(path: &str) -> io::Result<String> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(bad("a path with `..`")),
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn bad(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the layer's tar has {what}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> io::Result<Vec<(Entry, Vec<u8>)>> {
        let mut tarball = Tarball::new(bytes);
        let mut entries = Vec::new();
        while let Some(entry) = tarball.next_entry()? {
            let mut content = Vec::new();
            tarball.read_to_end(&mut content)?;
            entries.push((entry, content));
        }
        Ok(entries)
    }

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o755);
            builder.append_data(&mut header, path, *content).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn what_the_tar_crate_writes_is_read() {
        let long = format!("{}/file", "folder".repeat(40));
        let entries = all(&archive(&[
            ("./a", b"x"),
            ("b/c", &[7; 1000]),
            (&long, b""),
        ]))
        .unwrap();
        assert_eq!(entries.len(), 3);
        assert_eq!(
            (entries[0].0.path.as_str(), entries[0].0.mode),
            ("a", 0o755)
        );
        assert_eq!(entries[1].1, [7; 1000]);
        assert_eq!(entries[2].0.path, long);
    }

    #[test]
    fn entries_may_be_left_unread() {
        let bytes = archive(&[("a", &[1; 5000]), ("b", b"y")]);
        let mut tarball = Tarball::new(bytes.as_slice());
        tarball.next_entry().unwrap();
        assert_eq!(tarball.next_entry().unwrap().unwrap().path, "b");
        assert!(tarball.next_entry().unwrap().is_none());
    }

    #[test]
    fn damage_is_an_error() {
        let bytes = archive(&[("a", &[1; 5000])]);
        assert!(all(&bytes[..700]).is_err());
        assert!(all(&bytes[..100]).is_err());
        let mut flipped = bytes.clone();
        flipped[10] ^= 1;
        assert!(all(&flipped).is_err());
    }

    #[test]
    fn a_path_that_climbs_is_an_error() {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..5].copy_from_slice(b"../ab");
        header.set_size(0);
        header.set_cksum();
        assert!(all(header.as_bytes()).is_err());
    }

    #[test]
    fn an_extended_header_of_gigabytes_is_refused_unread() {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::GNULongName);
        header.set_size(8 << 30);
        header.set_cksum();
        let error = all(header.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("too long"), "{error}");
    }

    #[test]
    fn extended_names_and_sizes_count() {
        let mut builder = tar::Builder::new(Vec::new());
        builder
            .append_pax_extensions([("path", "x/renamed".as_bytes()), ("size", b"3")])
            .unwrap();
        let mut header = tar::Header::new_ustar();
        header.set_path("plain").unwrap();
        header.set_size(0);
        header.set_cksum();
        builder.append(&header, std::io::empty()).unwrap();
        let mut bytes = builder.into_inner().unwrap();
        bytes.truncate(bytes.len() - 1024);
        bytes.extend([b'a'; 512]);
        let entries = all(&bytes).unwrap();
        assert_eq!(
            (entries[0].0.path.as_str(), entries[0].1.as_slice()),
            ("x/renamed", &b"aaa"[..])
        );
    }

    proptest::proptest! {
        #[test]
        fn rubbish_never_does_more_than_fail(places in proptest::collection::vec((0..2048_usize, proptest::prelude::any::<u8>()), 0..20)) {
            let mut bytes = archive(&[("a", &[1; 100]), (&"long/".repeat(40), b"x")]);
            for (at, byte) in places {
                if let Some(place) = bytes.get_mut(at) { *place = byte; }
            }
            let _ = all(&bytes);
        }
    }
}
