//! Trees and contexts written as lists of paths, and what a COPY makes of them.

use std::io::Read;
use std::sync::Arc;

use super::super::*;
use crate::engine::tree::{Kind, LayerIndex, Node, Tree};
use crate::model::Digest;
use crate::model::context::{ContextEntry, ContextSource, EntryKind};

/// A context of `path/` (folders), `path -> target` (links) and `path` (files), each with an optional ` 0600`.
pub(super) struct Listed(Vec<ContextEntry>);

pub(super) fn parse(line: &str) -> (String, Option<u32>, Option<String>) {
    let (rest, link) = match line.split_once(" -> ") {
        Some((path, target)) => (path, Some(target.to_owned())),
        None => (line, None),
    };
    let (path, mode) = match rest.rsplit_once(" 0") {
        Some((path, mode)) => (path, u32::from_str_radix(mode, 8).ok()),
        None => (rest, None),
    };
    (path.to_owned(), mode, link)
}

impl Listed {
    pub(super) fn new(lines: &[&str]) -> Self {
        let mut entries: Vec<ContextEntry> = Vec::new();
        for line in lines {
            let (path, mode, link) = parse(line);
            let name = path.trim_end_matches('/').to_owned();
            for (i, _) in name.match_indices('/') {
                if !entries.iter().any(|e| e.path == name[..i]) {
                    entries.push(ContextEntry {
                        path: name[..i].to_owned(),
                        kind: EntryKind::Directory,
                        mode: 0o755,
                    });
                }
            }
            let (kind, usual) = match link {
                Some(target) => (EntryKind::Symlink { target }, 0o777),
                None if path.ends_with('/') => (EntryKind::Directory, 0o755),
                None => (EntryKind::File { size: 1 }, 0o644),
            };
            entries.retain(|e| e.path != name);
            entries.push(ContextEntry {
                path: name,
                kind,
                mode: mode.unwrap_or(usual),
            });
        }
        entries.sort_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()));
        Self(entries)
    }
}

impl ContextSource for Listed {
    fn entries(&self) -> &[ContextEntry] {
        &self.0
    }

    fn open(&self, _: usize) -> std::io::Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(&b"x"[..]))
    }
}

pub(super) fn image(lines: &[&str]) -> Tree {
    let nodes = lines.iter().map(|line| {
        let (path, mode, link) = parse(line);
        let (kind, usual) = match link {
            Some(target) => (Kind::Symlink(target.into_bytes().into()), 0o777),
            None if path.ends_with('/') => {
                return (
                    path.trim_end_matches('/').into(),
                    Node::directory(mode.unwrap_or(0o755)),
                );
            }
            None => {
                let file = Kind::File {
                    size: 1,
                    digest: Digest::of(b"x"),
                    offset: 512,
                };
                (file, 0o644)
            }
        };
        (path.into_bytes(), Node::new(kind, mode.unwrap_or(usual)))
    });
    Tree::new(vec![Arc::new(nodes.collect::<LayerIndex>())])
}

pub(super) struct Case {
    pub(super) image: &'static [&'static str],
    pub(super) context: &'static [&'static str],
    pub(super) choice: Choice,
    pub(super) attributes: Attributes,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            image: &["etc/", "usr/", "usr/bin/"],
            context: &["a", "b", "d/x", "d/s/y"],
            choice: Choice::default(),
            attributes: Attributes::default(),
        }
    }
}

impl Case {
    pub(super) fn copy(&self, sources: &[&str], destination: &str) -> Result<Vec<String>, String> {
        let tree = image(self.image);
        let context = Listed::new(self.context);
        let mut placement = Placement::on(&tree);
        let mut run = || {
            for source in sources {
                for selected in select(&ContextTree(&context), source, &self.choice)? {
                    placement.copy(&selected, destination, &self.attributes, &mut || Ok(()))?;
                }
            }
            Ok::<_, crate::engine::fault::Fault>(())
        };
        run().map_err(|e| e.to_string())?;
        Ok(placement
            .finish()
            .into_iter()
            .map(|(path, entry)| shown(&path, &entry, &context))
            .collect())
    }
}

pub(super) fn shown(path: &[u8], entry: &Entry, context: &Listed) -> String {
    let path = String::from_utf8_lossy(path);
    let Node { mode, uid, gid, .. } = entry.node;
    let owner = if (uid, gid) == (0, 0) {
        String::new()
    } else {
        format!(" {uid}:{gid}")
    };
    match &entry.node.kind {
        Kind::Directory { .. } => format!("{path}/ {mode:o}{owner}"),
        Kind::Symlink(target) => format!("{path} -> {}{owner}", String::from_utf8_lossy(target)),
        _ => {
            let from = match &entry.content {
                Some(Content::Context(i)) => context.0[*i].path.clone(),
                other => format!("{other:?}"),
            };
            format!("{path} {mode:o}{owner} = {from}")
        }
    }
}
