//! Local archives, which ADD unpacks: a stranger's tar, worked out on a tree like everything else.

use std::io::{self, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use super::place::{Attributes, Entry, FOLDER_MODE, Placement};
use super::source::Content;
use super::spool::Spool;
use crate::engine::fault::{ArchiveError, Fault};
use crate::engine::tar::{Member, MemberKind, TarReader};
use crate::engine::tree::{
    Kind, Lookup, MemberError, Node, TEXT_LIMIT, clean_member, join, resolve_below, split_name,
};
use crate::engine::watch::Watch;

/// What unpacking xz may take, in KiB: the strongest that xz(1) packs with by itself wants 65 MiB.
const XZ_MEMORY: u32 = 128 << 10;

/// How a file's first bytes say that it is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packed {
    Plain,
    Gzip,
    Zstd,
    Bzip2,
    Xz,
}

const fn packed(start: &[u8]) -> Packed {
    match start {
        [0x1f, 0x8b, ..] => Packed::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Packed::Zstd,
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, ..] => Packed::Bzip2,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Packed::Xz,
        _ => Packed::Plain,
    }
}

fn open<'a, R: Read + Send + 'a>(file: R) -> io::Result<Box<dyn Read + 'a>> {
    let mut file = BufReader::with_capacity(128 << 10, file);
    // The buffer may be filled in pieces; the magic is shorter than any first piece but an empty file's.
    let mut start = [0; 8];
    let mut filled = 0;
    while filled < start.len() {
        match file.read(&mut start[filled..])? {
            0 => break,
            n => filled += n,
        }
    }
    let packed = packed(&start[..filled]);
    let whole = io::Cursor::new(start).take(filled as u64).chain(file);
    Ok(match packed {
        Packed::Gzip => Box::new(MultiGzDecoder::new(BufReader::new(whole))),
        Packed::Zstd => Box::new(zstd::stream::read::Decoder::new(whole)?),
        Packed::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(BufReader::new(whole))),
        Packed::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(
            BufReader::new(whole),
            true,
            XZ_MEMORY,
        )),
        Packed::Plain => Box::new(whole),
    })
}

/// Whether ADD unpacks `file`: whether a tar begins in it.
///
/// # Errors
/// If it can't be read, or is packed in a way that can't be looked into.
pub fn is_archive<'a>(file: impl Read + Send + 'a, name: &str) -> Result<bool, Fault> {
    let unreadable = |e: io::Error| Fault::from_io(e, |e| Fault::input(format!("/{name}: {e}")));
    let content = open(file).map_err(unreadable)?;
    match TarReader::new(content).next() {
        Ok(member) => Ok(member.is_some()),
        Err(crate::engine::tar::TarError::Io(e))
            if e.kind() == io::ErrorKind::OutOfMemory
                || e.get_ref()
                    .is_some_and(<dyn std::error::Error + Send + Sync>::is::<Fault>) =>
        {
            Err(unreadable(e))
        }
        Err(_) => Ok(false),
    }
}

/// Unpacks `file` into the folder `destination`, contents into `spool`.
///
/// # Errors
/// If it is damaged, holds what can't stand in an image, or unpacks to more than layers may have.
pub fn unpack<'a>(
    file: impl Read + Send + 'a,
    name: &str,
    placement: &mut Placement<'_>,
    destination: &str,
    attributes: &Attributes,
    spool: &mut Spool,
    watch: &Watch,
) -> Result<(), Fault> {
    let what = format!("/{name}");
    let root = placement.make_folder(destination.as_bytes(), attributes.owner, FOLDER_MODE)?;
    let mut unpacker = Unpacker {
        placement,
        root,
        attributes,
        spool,
        watch,
        text: 0,
    };
    let work = || -> Result<(), ArchiveError> {
        let limited = Limited {
            inner: open(file)?,
            left: watch.layer_bytes_left(),
            watch,
        };
        let mut reader = TarReader::new(limited);
        while let Some(member) = reader.next()? {
            watch.check()?;
            unpacker.member(&member, &mut reader)?;
        }
        Ok(())
    };
    work().map_err(|e| e.of(&what))
}

/// An archive that unpacks to more than all layers may have is a bomb.
struct Limited<'a, R> {
    inner: R,
    left: u64,
    watch: &'a Watch,
}

impl<R: Read> Read for Limited<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(n as u64)
            .ok_or_else(|| self.watch.layers_full(n as u64).into_io())?;
        Ok(n)
    }
}

struct Unpacker<'a, 't> {
    placement: &'a mut Placement<'t>,
    root: Vec<u8>,
    attributes: &'a Attributes,
    spool: &'a mut Spool,
    watch: &'a Watch,
    /// Bytes of the paths that came to stand.
    text: usize,
}

/// The destination as a root of its own: what an archive names stays below it.
struct Below<'a, 't> {
    placement: &'a Placement<'t>,
    root: &'a [u8],
}

impl Lookup for Below<'_, '_> {
    fn link(&self, path: &[u8]) -> Option<Box<[u8]>> {
        self.placement.link(&join(self.root, path))
    }
}

impl Unpacker<'_, '_> {
    fn member(&mut self, member: &Member, content: &mut dyn Read) -> Result<(), ArchiveError> {
        let path = clean_member(&member.path)?;
        if member.uid == u32::MAX || member.gid == u32::MAX {
            return Err(MemberError::BadOwner(path).into());
        }
        let before = self.placement.len();
        let at = self.place_of(&path)?;
        self.count(before, at.len() + member.link.len())?;
        let (uid, gid) = self.attributes.owner.unwrap_or((member.uid, member.gid));
        let mut node = Node {
            kind: Kind::Fifo,
            mode: member.mode,
            uid,
            gid,
            capability: member.capability.clone().map(Into::into),
        };
        match member.kind {
            MemberKind::Directory => {
                if at.is_empty() {
                    return Ok(());
                }
                node.kind = Kind::Directory {
                    opaque: false,
                    implied: false,
                };
                self.placement.put(at, node, None, None);
            }
            MemberKind::File => {
                let (kept, digest) = self.spool.keep(content, member.size, self.watch)?;
                node.kind = Kind::File {
                    size: member.size,
                    digest,
                    offset: 0,
                };
                self.placement
                    .put(at, node, Some(Content::Spool(kept)), None);
            }
            MemberKind::Symlink => {
                if member.link.is_empty() || member.link.contains(&0) {
                    return Err(MemberError::BadPath(member.path.clone()).into());
                }
                node.kind = Kind::Symlink(member.link.clone().into());
                node.mode = 0o777;
                self.placement.put(at, node, None, None);
            }
            MemberKind::HardLink => self.link(at, member)?,
            MemberKind::Fifo => self.placement.put(at, node, None, None),
            // No step could use it.
            MemberKind::Device => {}
        }
        Ok(())
    }

    /// Counts what comes to stand, with the folders that were made for it: all of it is held in memory.
    fn count(&mut self, before: usize, text: usize) -> Result<(), ArchiveError> {
        let entries = self.placement.len() + 1;
        self.text = self
            .text
            .saturating_add((entries - before).saturating_mul(text));
        let most = self.watch.limits().inodes;
        if entries as u64 > most {
            let fault = Fault::input(format!("the archive has more than {most} entries"));
            return Err(fault.help("unpack less").into());
        }
        if self.text > TEXT_LIMIT {
            return Err(MemberError::TooMuchText.into());
        }
        Ok(())
    }

    fn link(&mut self, at: Vec<u8>, member: &Member) -> Result<(), ArchiveError> {
        let nowhere = || MemberError::LinkNowhere {
            path: member.path.clone(),
            target: member.link.clone(),
        };
        let target = self.place_of(&clean_member(&member.link)?)?;
        if target == at {
            return Ok(());
        }
        let next = self.placement.new_group();
        let first = self.placement.entry_mut(&target).ok_or_else(nowhere)?;
        if first.node.is_directory() {
            return Err(nowhere().into());
        }
        first.group.get_or_insert(next);
        let Entry {
            node,
            content,
            group,
        } = first.clone();
        self.placement.put(at, node, content, group);
        Ok(())
    }

    /// Where a path of the archive comes to stand: links on the way are followed, the last part is not. Folders that are
    /// missing are made, also where a link leads, and are root's.
    fn place_of(&mut self, path: &[u8]) -> Result<Vec<u8>, ArchiveError> {
        if path.is_empty() {
            return Ok(self.root.clone());
        }
        let (folder, name) = split_name(path);
        let below = Below {
            placement: self.placement,
            root: &self.root,
        };
        let followed = resolve_below(&below, folder).map_err(|error| {
            let shown = String::from_utf8_lossy(path);
            Fault::input(format!("{shown}: {error}"))
        })?;
        let followed = join(&self.root, &followed);
        let folder = self.placement.make_folder(&followed, None, FOLDER_MODE)?;
        Ok(join(&folder, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tar::{Header, Type, end, header, padding};
    use crate::engine::tree::Tree;
    use crate::model::Limits;
    use crate::model::event::Cancel;

    fn tar(entries: &[(&str, Type, &str)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (path, kind, text) in entries {
            let content = if *kind == Type::File { *text } else { "" };
            let entry = Header {
                path: path.as_bytes(),
                kind: *kind,
                mode: 0o640,
                uid: 3,
                gid: 4,
                size: content.len() as u64,
                mtime: 0,
                nanos: 0,
                link: if *kind == Type::File {
                    b""
                } else {
                    text.as_bytes()
                },
                capability: None,
            };
            header(&mut out, &entry).unwrap();
            out.extend(content.as_bytes());
            padding(&mut out, content.len() as u64).unwrap();
        }
        end(&mut out).unwrap();
        out
    }

    fn unpacked(archive: &[u8], limits: Limits) -> Result<Vec<String>, String> {
        let tree = Tree::default();
        let mut placement = Placement::on(&tree);
        let mut spool = Spool::new(&std::env::temp_dir()).unwrap();
        let watch = Watch::new(limits, Cancel::default());
        let attributes = Attributes::default();
        unpack(
            archive,
            "a.tar",
            &mut placement,
            "/t",
            &attributes,
            &mut spool,
            &watch,
        )
        .map_err(|e| e.to_string())?;
        let shown = |(path, entry): (Vec<u8>, Entry)| {
            let path = String::from_utf8(path).unwrap();
            let Node { uid, gid, mode, .. } = entry.node;
            format!("{path} {mode:o} {uid}:{gid}")
        };
        Ok(placement.finish().into_iter().map(shown).collect())
    }

    #[test]
    fn an_archive_keeps_its_owners_and_stays_in_its_folder() {
        let archive = tar(&[
            ("./d", Type::Directory, ""),
            ("d/f", Type::File, "abc"),
            ("d/g", Type::HardLink, "d/f"),
            ("/abs", Type::File, "x"),
            ("etc", Type::Directory, ""),
            ("esc", Type::Symlink, "/../../etc"),
            ("esc/passwd", Type::File, "bad"),
        ]);
        let expected = [
            "t 755 0:0",
            "t/abs 640 3:4",
            "t/d 640 3:4",
            "t/d/f 640 3:4",
            "t/d/g 640 3:4",
            "t/esc 777 3:4",
            "t/etc 640 3:4",
            "t/etc/passwd 640 3:4",
        ];
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut gz, &archive).unwrap();
        let zst = zstd::encode_all(&archive[..], 1).unwrap();
        let mut bz = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        io::Write::write_all(&mut bz, &archive).unwrap();
        for packed in [archive, gz.finish().unwrap(), zst, bz.finish().unwrap()] {
            assert!(is_archive(&packed[..], "x").unwrap());
            assert_eq!(unpacked(&packed, Limits::default()).unwrap(), expected);
        }
    }

    #[test]
    fn climbing_and_bombs_are_refused() {
        let climbing = tar(&[("a/../../x", Type::File, "x")]);
        assert!(
            unpacked(&climbing, Limits::default())
                .unwrap_err()
                .contains("leaves the layer")
        );
        let limits = Limits {
            layer_bytes: 600,
            ..Limits::default()
        };
        let big = tar(&[("big", Type::File, &"x".repeat(5000))]);
        assert_eq!(
            unpacked(&big, limits).unwrap_err(),
            "layer size limit exceeded"
        );
        let out = tar(&[("l", Type::Symlink, "../none"), ("l/f", Type::File, "x")]);
        let error = unpacked(&out, Limits::default()).unwrap_err();
        assert!(error.ends_with("leads out"), "{error}");
    }

    #[test]
    fn what_only_looks_like_an_archive_is_a_file() {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut gz, b"just text").unwrap();
        let broken = b"\xfd7zXZ\0rest";
        for plain in [&b""[..], b"text", &[0; 2048], broken, &gz.finish().unwrap()] {
            assert!(!is_archive(plain, "x").unwrap());
        }
    }
}
