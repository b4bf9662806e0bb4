//! Which files a source of COPY or ADD means: patterns, links, `--exclude`, `--parents`.

use std::cmp::Ordering;

use super::glob::{self, Glob, Patterns};
use super::source::{Inline, Source, SourceKind, SourceNode};
use crate::engine::fault::Fault;
use crate::engine::tree::{clean, join, resolve, split_name};

/// What one path, or one match of a pattern, comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// The last part of the path as written: what it is called in a folder.
    pub name: Vec<u8>,
    /// The thing itself.
    pub node: SourceNode,
    /// What is in it, in the order of copying, if it is a folder.
    pub content: Vec<Picked>,
    /// Whether it is an archive that ADD unpacks.
    pub archive: bool,
}

/// Something in a folder that is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picked {
    /// The path from the folder.
    pub path: Vec<u8>,
    /// What it is.
    pub node: SourceNode,
    /// Whether it was not picked itself, but something in it was.
    pub parent_only: bool,
}

/// How sources are read.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// `--exclude`.
    pub exclude: Patterns,
    /// `--parents`.
    pub parents: bool,
}

/// What `source`, an expanded word, means in `tree`.
///
/// # Errors
/// If there is no such thing, or the pattern can't be read.
pub fn select(tree: &impl Source, source: &str, choice: &Choice) -> Result<Vec<Selected>, Fault> {
    if choice.parents {
        return with_parents(tree, source, choice);
    }
    let wanted = clean(source.as_bytes());
    let (fixed, pattern) = glob::split(&wanted);
    if pattern.is_empty() {
        return Ok(vec![one(tree, &fixed, &Patterns::default(), choice)?]);
    }
    let glob = Glob::plain(&pattern).map_err(|e| Fault::input(e.to_string()))?;
    let folder = resolve(tree, &fixed)?;
    let mut all = tree.below(&folder);
    all.sort_by(|(a, _), (b, _)| by_parts(a, b));
    let mut selected = Vec::new();
    let mut inside: Option<Vec<u8>> = None;
    for (path, node) in all {
        if inside.as_ref().is_some_and(|f| path.starts_with(f)) {
            continue;
        }
        if !glob.matches(&path) {
            continue;
        }
        if matches!(node.kind, SourceKind::Directory) {
            // What is in a folder that fits is copied with it.
            inside = Some([&path[..], b"/"].concat());
        }
        selected.push(one(
            tree,
            &join(&folder, &path),
            &Patterns::default(),
            choice,
        )?);
    }
    Ok(selected)
}

/// What stands at `path` in `tree`, whatever characters it has.
///
/// # Errors
/// If there is no such thing.
pub fn exact(tree: &impl Source, path: &str) -> Result<Selected, Fault> {
    let path = clean(path.as_bytes());
    one(tree, &path, &Patterns::default(), &Choice::default())
}

/// A here-document.
pub fn inline(document: &Inline) -> Selected {
    Selected {
        name: split_name(&clean(&document.name)).1.to_vec(),
        node: document.node(),
        content: Vec::new(),
        archive: false,
    }
}

fn with_parents(tree: &impl Source, source: &str, choice: &Choice) -> Result<Vec<Selected>, Fault> {
    // `a/./b`: the path is kept from the `.` on.
    let (folder, pattern) = source.split_once("/./").unwrap_or(("", source));
    let folder = clean(folder.as_bytes());
    let pattern = clean(pattern.as_bytes());
    if !glob::is_pattern(&folder) && !glob::is_pattern(&pattern) {
        let whole = join(&folder, &pattern);
        let found = resolve(tree, &whole)?;
        tree.get(&found).ok_or_else(|| missing(&whole))?;
    }
    let include = Patterns::new([&pattern[..]]).map_err(|e| Fault::input(e.to_string()))?;
    let (fixed, rest) = glob::split(&folder);
    if rest.is_empty() {
        return Ok(vec![one(tree, &fixed, &include, choice)?]);
    }
    // What lies behind the pivot, in every folder that fits before it.
    let glob = Glob::plain(&rest).map_err(|e| Fault::input(e.to_string()))?;
    let fixed = resolve(tree, &fixed)?;
    let mut fitting: Vec<Vec<u8>> = tree
        .below(&fixed)
        .into_iter()
        .filter(|(path, node)| matches!(node.kind, SourceKind::Directory) && glob.matches(path))
        .map(|(path, _)| join(&fixed, &path))
        .collect();
    fitting.sort_by(|a, b| by_parts(a, b));
    let all = fitting.iter().map(|path| one(tree, path, &include, choice));
    all.collect()
}

fn one(
    tree: &impl Source,
    path: &[u8],
    include: &Patterns,
    choice: &Choice,
) -> Result<Selected, Fault> {
    let followed = resolve(tree, path)?;
    let node = tree.get(&followed).ok_or_else(|| missing(path))?;
    let content = if matches!(node.kind, SourceKind::Directory) {
        pick(tree, &followed, include, &choice.exclude)
    } else {
        Vec::new()
    };
    Ok(Selected {
        name: split_name(path).1.to_vec(),
        node,
        content,
        archive: false,
    })
}

fn pick(tree: &impl Source, folder: &[u8], include: &Patterns, exclude: &Patterns) -> Vec<Picked> {
    let mut all = tree.below(folder);
    all.sort_by(|(a, _), (b, _)| by_parts(a, b));
    let mut picked: Vec<Picked> = Vec::with_capacity(all.len());
    // Folders on the way to where we are that were not picked themselves.
    let mut waiting: Vec<(Vec<u8>, SourceNode)> = Vec::new();
    for (path, node) in all {
        waiting.retain(|(folder, _)| {
            path.len() > folder.len() && path[folder.len()] == b'/' && path.starts_with(folder)
        });
        let wanted = (include.is_empty() || include.pick(&path)) && !exclude.pick(&path);
        if wanted {
            picked.extend(waiting.drain(..).map(|(path, node)| Picked {
                path,
                node,
                parent_only: true,
            }));
            picked.push(Picked {
                path,
                node,
                parent_only: false,
            });
        } else if matches!(node.kind, SourceKind::Directory) {
            waiting.push((path, node));
        }
    }
    picked
}

fn missing(path: &[u8]) -> Fault {
    Fault::input(format!("\"/{}\": not found", String::from_utf8_lossy(path)))
        .help("it is not there, or .dockerignore leaves it out")
}

/// The order in which folders are walked: by name, a folder's content right after it.
fn by_parts(a: &[u8], b: &[u8]) -> Ordering {
    // Below every byte that a name can have.
    let rank = |byte: u8| if byte == b'/' { 0 } else { byte };
    let differ = a.iter().zip(b).find(|(x, y)| x != y);
    differ.map_or(a.len().cmp(&b.len()), |(x, y)| rank(*x).cmp(&rank(*y)))
}
