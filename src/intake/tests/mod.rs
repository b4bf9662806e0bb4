//! What the room promises as a whole: one digest however a context came, nothing kept of what is refused.

mod agreement;
mod archives;
mod digests;
mod folders;
mod kept;

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::*;
use crate::model::context::{ContextSource, EntryKind};

/// A folder for contexts, and one to pack.
struct Room {
    folder: tempfile::TempDir,
}

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("c")).unwrap();
        Self { folder }
    }

    fn contexts(&self) -> PathBuf {
        self.folder.path().join("contexts")
    }

    fn source(&self) -> PathBuf {
        self.folder.path().join("c")
    }

    fn file(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.source().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        self
    }

    fn mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.source().join(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn pack(&self) -> Result<Stored, IntakeError> {
        pack_dir(
            &self.source(),
            &self.contexts(),
            &ContextLimits::default(),
            &|_, _| {},
        )
    }

    fn receive(&self, archive: &[u8]) -> Result<Stored, IntakeError> {
        self.receive_within(archive, &ContextLimits::default())
    }

    fn receive_within(
        &self,
        archive: &[u8],
        limits: &ContextLimits,
    ) -> Result<Stored, IntakeError> {
        receive(&mut &archive[..], &self.contexts(), limits)
    }

    fn open(&self, stored: Stored) -> StoredContext {
        let context = StoredContext::open(&self.contexts(), stored.digest).unwrap();
        context.verify().unwrap();
        assert_eq!(context.bytes(), stored.bytes);
        assert_eq!(context.entries().len() as u64, stored.entries);
        context
    }

    /// Names of everything that is kept.
    fn kept(&self) -> Vec<String> {
        let read = fs::read_dir(self.contexts().join("sha256"));
        read.into_iter()
            .flatten()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

fn paths(context: &dyn ContextSource) -> Vec<&str> {
    context.entries().iter().map(|e| e.path.as_str()).collect()
}

/// Everything that a context says: path, kind, mode, content.
fn told(context: &dyn ContextSource) -> Vec<(String, EntryKind, u32, Vec<u8>)> {
    let mut all = Vec::new();
    for (index, entry) in context.entries().iter().enumerate() {
        let mut content = Vec::new();
        if let EntryKind::File { .. } = entry.kind {
            context
                .open(index)
                .unwrap()
                .read_to_end(&mut content)
                .unwrap();
        }
        all.push((entry.path.clone(), entry.kind.clone(), entry.mode, content));
    }
    all
}

/// An archive made by hand: a library would refuse to write what is needed here.
#[derive(Clone, Default)]
struct Archive(Vec<u8>);

impl Archive {
    fn entry(mut self, name: &[u8], kind: u8, link: &str, size: u64, body: &[u8]) -> Self {
        let mut header = [0_u8; 512];
        header[..name.len()].copy_from_slice(name);
        header[100..107].copy_from_slice(b"0000644");
        header[124..136].copy_from_slice(format!("{size:012o}").as_bytes());
        header[136..147].copy_from_slice(b"12345670123");
        header[156] = kind;
        header[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header[257..265].copy_from_slice(b"ustar\x0000");
        header[265..268].copy_from_slice(b"bob");
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.extend_from_slice(&header);
        self.0.extend_from_slice(body);
        self.0.resize(self.0.len().div_ceil(512) * 512, 0);
        self
    }

    fn file(self, name: &str, body: &[u8]) -> Self {
        self.entry(name.as_bytes(), b'0', "", body.len() as u64, body)
    }

    fn pax(self, records: &[(&str, &str)]) -> Self {
        let mut bytes = String::new();
        for (key, value) in records {
            let rest = key.len() + value.len() + 3;
            let length = (rest..).find(|l| *l == rest + l.to_string().len()).unwrap();
            bytes += &format!("{length} {key}={value}\n");
        }
        self.entry(b"pax", b'x', "", bytes.len() as u64, bytes.as_bytes())
    }

    fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

fn refused(archive: &[u8]) -> IntakeError {
    let room = Room::new();
    let error = room.receive(archive).unwrap_err();
    assert!(!error.is_host(), "{error}");
    assert_eq!(room.kept(), Vec::<String>::new(), "{error}");
    error
}
