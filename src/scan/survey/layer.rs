//! One layer: the facts in it, and what it does to the facts below it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::{self, BufReader, Read};

use super::Fact;
use super::files::{self, Interest};
use super::tarball::{Kind, Tarball};

/// Names of the files that the system's package manager put here may take up this much.
const OWNED_LIMIT: usize = 256 << 20;
/// A layer may have so many files that say something.
const FACTS_LIMIT: usize = 500_000;
/// A layer may have so many entries.
const ENTRIES_LIMIT: u64 = 20_000_000;

/// What one layer says.
#[derive(Debug, Default)]
pub(super) struct Layer {
    facts: BTreeMap<String, Fact>,
    /// Facts that do not count where the system's package manager put the file here.
    ownable: BTreeSet<String>,
    /// What the system's package manager put here.
    owned: HashSet<String>,
    owned_bytes: usize,
    /// Paths at which nothing of the layers below is left, nor beneath them.
    covered: BTreeSet<String>,
    /// Folders of which nothing of the layers below is left.
    opaque: BTreeSet<String>,
    /// Folders: a file of a layer below at that very path is gone.
    folders: HashSet<String>,
}

impl Layer {
    /// Reads the tar in `reader` to its very end.
    pub(super) fn read(reader: &mut impl Read) -> io::Result<Self> {
        let mut layer = Self::default();
        let mut tarball = Tarball::new(BufReader::with_capacity(256 << 10, reader));
        let mut entries = 0_u64;
        while let Some(entry) = tarball.next_entry()? {
            entries += 1;
            if entries > ENTRIES_LIMIT || layer.facts.len() > FACTS_LIMIT {
                return Err(io::Error::other("it has more files than any image needs"));
            }
            if layer.whiteout(&entry.path) {
                continue;
            }
            if entry.kind == Kind::Folder {
                layer.facts.remove(&entry.path);
                layer.folders.insert(entry.path);
                continue;
            }
            layer.forget(&entry.path);
            layer.covered.insert(entry.path.clone());
            let Some(interest) = files::interest(&entry.path, entry.mode) else {
                continue;
            };
            match entry.kind {
                Kind::File => layer.file(entry.path, interest, entry.size, &mut tarball)?,
                Kind::HardLink(target) => layer.link(entry.path, interest, &target),
                Kind::SparseFile if interest.is_program() => {}
                Kind::SparseFile => {
                    layer.unreadable(entry.path, "it is stored with holes");
                }
                // Where a symbolic link stands in for a database, the database is missing, and that is noticed.
                Kind::Other | Kind::Folder => {}
            }
        }
        io::copy(&mut tarball.into_inner(), &mut io::sink())?;
        layer.drop_owned();
        Ok(layer)
    }

    /// Makes `below`, the facts of the layers below, into those with this layer on top.
    pub(super) fn apply(self, below: &mut BTreeMap<String, Fact>) {
        below.retain(|path, _| {
            let gone = self.covered.contains(path)
                || self.folders.contains(path)
                || self.opaque.contains("")
                || parents(path)
                    .any(|parent| self.covered.contains(parent) || self.opaque.contains(parent));
            !gone
        });
        below.extend(self.facts);
    }

    /// Takes in a whiteout, if `path` is one.
    fn whiteout(&mut self, path: &str) -> bool {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let Some(hidden) = name.strip_prefix(".wh.") else {
            return false;
        };
        if hidden == ".wh..opq" {
            self.opaque.insert(folder.to_owned());
        } else if !hidden.starts_with(".wh.") {
            let hidden = if folder.is_empty() {
                hidden.to_owned()
            } else {
                format!("{folder}/{hidden}")
            };
            self.covered.insert(hidden);
        }
        true
    }

    /// A second entry for one path is what counts.
    fn forget(&mut self, path: &str) {
        self.facts.remove(path);
        self.ownable.remove(path);
        let beneath = format!("{path}/");
        let gone: Vec<String> = self
            .facts
            .range(beneath.clone()..)
            .map(|(path, _)| path)
            .take_while(|path| path.starts_with(&beneath))
            .cloned()
            .collect();
        for path in gone {
            self.facts.remove(&path);
        }
    }

    fn file(
        &mut self,
        path: String,
        interest: Interest,
        size: u64,
        content: &mut impl Read,
    ) -> io::Result<()> {
        if interest == Interest::OwnedFiles {
            return self.take_owned(&path, size, content);
        }
        if let Some(fact) = files::read(&path, interest, size, content)? {
            self.put(path, interest, fact);
        }
        Ok(())
    }

    fn link(&mut self, path: String, interest: Interest, target: &str) {
        match self.facts.get(target) {
            Some(fact) => {
                let mut fact = fact.clone();
                if let Fact::Packages(packages) = &mut fact {
                    for package in packages {
                        package.path.clone_from(&path);
                    }
                }
                self.put(path, interest, fact);
            }
            // The program was looked at under its first name; a folder's list of files may be missed safely.
            None if interest.is_program() || interest == Interest::OwnedFiles => {}
            None => self.unreadable(path, &format!("it is a hard link to {target}")),
        }
    }

    fn put(&mut self, path: String, interest: Interest, fact: Fact) {
        if interest.is_ownable() {
            self.ownable.insert(path.clone());
        }
        self.facts.insert(path, fact);
    }

    fn unreadable(&mut self, path: String, why: &str) {
        self.facts.insert(path, Fact::Unreadable(why.to_owned()));
    }

    /// Takes in a list of files that the system's package manager put here.
    fn take_owned(&mut self, path: &str, size: u64, content: &mut impl Read) -> io::Result<()> {
        self.owned_bytes = self
            .owned_bytes
            .saturating_add(usize::try_from(size).unwrap_or(usize::MAX));
        if self.owned_bytes > OWNED_LIMIT {
            return Err(io::Error::other(format!("{path} is too long")));
        }
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        let sums = path.ends_with(".md5sums");
        for line in String::from_utf8_lossy(&bytes).lines() {
            let name = if sums {
                line.split_once("  ").map_or("", |(_, name)| name)
            } else {
                line
            };
            let name = name.trim().trim_start_matches('/');
            if !name.is_empty() && name != "." {
                self.owned.insert(name.to_owned());
            }
        }
        Ok(())
    }

    /// What the system's package manager put here is judged by the system's own advisories, and only by them: its
    /// version numbers mean nothing elsewhere.
    fn drop_owned(&mut self) {
        let Self {
            facts,
            ownable,
            owned,
            ..
        } = self;
        facts.retain(|path, _| !(ownable.contains(path) && owned.contains(path)));
        self.owned = HashSet::new();
    }
}

/// `a/b`, then `a`, for `a/b/c`.
fn parents(path: &str) -> impl Iterator<Item = &str> {
    let mut rest = path;
    std::iter::from_fn(move || {
        let (parent, _) = rest.rsplit_once('/')?;
        rest = parent;
        Some(parent)
    })
}
