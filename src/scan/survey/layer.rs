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
}

impl Layer {
    /// Reads the tar in `reader` to its very end, and takes out of `below`, the facts of the layers below, what this one
    /// removes or replaces.
    pub(super) fn read(
        reader: &mut impl Read,
        below: &mut BTreeMap<String, Fact>,
    ) -> io::Result<Self> {
        let mut layer = Self::default();
        let mut tarball = Tarball::new(BufReader::with_capacity(256 << 10, reader));
        let mut entries = 0_u64;
        while let Some(entry) = tarball.next_entry()? {
            entries += 1;
            if entries > ENTRIES_LIMIT || layer.facts.len() > FACTS_LIMIT {
                return Err(io::Error::other("it has more files than any image needs"));
            }
            if whiteout(&entry.path, below) {
                continue;
            }
            if entry.path.is_empty() && entry.kind != Kind::Folder {
                return Err(io::Error::other("its root is no folder"));
            }
            // What stood at this path is gone; where no folder stands there, so is what stood beneath.
            layer.ownable.remove(&entry.path);
            for facts in [&mut layer.facts, &mut *below] {
                facts.remove(&entry.path);
                if entry.kind != Kind::Folder {
                    remove_beneath(&entry.path, facts);
                }
            }
            let Some(interest) = files::interest(&entry.path, entry.mode) else {
                continue;
            };
            match entry.kind {
                Kind::File => layer.file(entry.path, interest, entry.size, &mut tarball)?,
                Kind::HardLink(target) => layer.link(entry.path, interest, &target),
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

    /// Puts what this layer says on top of `below`.
    pub(super) fn apply(self, below: &mut BTreeMap<String, Fact>) {
        below.extend(self.facts);
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

/// Takes what a whiteout hides out of `below`, if `path` is one.
fn whiteout(path: &str, below: &mut BTreeMap<String, Fact>) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let Some(hidden) = name.strip_prefix(".wh.") else {
        return false;
    };
    if hidden == ".wh..opq" {
        remove_beneath(folder, below);
    } else if !hidden.starts_with(".wh.") {
        let hidden = if folder.is_empty() {
            hidden.to_owned()
        } else {
            format!("{folder}/{hidden}")
        };
        below.remove(&hidden);
        remove_beneath(&hidden, below);
    }
    true
}

fn remove_beneath(folder: &str, facts: &mut BTreeMap<String, Fact>) {
    if folder.is_empty() {
        facts.clear();
        return;
    }
    let beneath = format!("{folder}/");
    while let Some((path, _)) = facts.range(beneath.clone()..).next() {
        if !path.starts_with(&beneath) {
            return;
        }
        let path = path.clone();
        facts.remove(&path);
    }
}
