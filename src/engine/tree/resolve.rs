//! Paths inside a root: made clean, and followed through symbolic links without ever leaving it.

use crate::model::foreign;

/// So many links may be followed on one way.
const LINKS_LIMIT: usize = 255;

/// Something in which symbolic links can be looked up.
pub trait Lookup {
    /// The text of the symbolic link at a clean path, if one stands there; nothing on the way is followed.
    fn link(&self, path: &[u8]) -> Option<Box<[u8]>>;
}

/// A path goes round in circles.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("too many symbolic links on the way to `/{}`", foreign::shown(&String::from_utf8_lossy(.0), 200))]
pub struct TooManyLinks(pub Vec<u8>);

/// Without `.`, `..`, doubled and outer slashes. `..` at the root stays at the root.
pub fn clean(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|&b| b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join(&b'/')
}

/// `name` in the folder `folder`, both clean.
pub fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    match (folder, name) {
        (b"", _) => name.to_vec(),
        (_, b"") => folder.to_vec(),
        _ => [folder, b"/", name].concat(),
    }
}

/// The folder that a clean path is in; the root's is the root.
pub fn parent(path: &[u8]) -> &[u8] {
    split_name(path).0
}

/// A clean path's folder and last part.
pub fn split_name(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&b| b == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (&[], path),
    }
}

/// Follows every symbolic link of `path`, the last part's too, inside the root. What does not exist is kept as it
/// is written.
///
/// # Errors
/// If the links go round in circles.
pub fn resolve(tree: &impl Lookup, path: &[u8]) -> Result<Vec<u8>, TooManyLinks> {
    follow(tree, path, &mut || Ok(()))
}

/// The same, but no link may climb out: an absolute one starts at the root, a relative one must stay below it.
///
/// # Errors
/// If one climbs out, or the links go round in circles.
pub fn resolve_below(tree: &impl Lookup, path: &[u8]) -> Result<Vec<u8>, NotBelow> {
    follow(tree, path, &mut || Err(NotBelow::Out))
}

/// Why a path is not followed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NotBelow {
    /// A link has more `..` than there are folders.
    #[error("a link on its way leads out")]
    Out,
    /// The links go round in circles.
    #[error(transparent)]
    Links(#[from] TooManyLinks),
}

fn follow<E: From<TooManyLinks>>(
    tree: &impl Lookup,
    path: &[u8],
    at_root: &mut dyn FnMut() -> Result<(), E>,
) -> Result<Vec<u8>, E> {
    let mut done: Vec<u8> = Vec::new();
    // Parts still to go, the next one last.
    let mut rest: Vec<Vec<u8>> = parts(path).rev().map(<[u8]>::to_vec).collect();
    let mut links = 0;
    while let Some(part) = rest.pop() {
        match &*part {
            b"." => continue,
            b".." => {
                if done.is_empty() {
                    at_root()?;
                }
                done.truncate(parent(&done).len());
                continue;
            }
            _ => {}
        }
        let next = join(&done, &part);
        match tree.link(&next) {
            Some(target) => {
                links += 1;
                if links > LINKS_LIMIT {
                    return Err(TooManyLinks(clean(path)).into());
                }
                if target.starts_with(b"/") {
                    done.clear();
                    // Above the root there is only the root.
                    let up = |part: &&[u8]| matches!(*part, b"." | b"..");
                    let below: Vec<_> = parts(&target).skip_while(up).map(<[u8]>::to_vec).collect();
                    rest.extend(below.into_iter().rev());
                    continue;
                }
                rest.extend(parts(&target).rev().map(<[u8]>::to_vec));
            }
            None => done = next,
        }
    }
    Ok(done)
}

fn parts(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|&b| b == b'/').filter(|part| !part.is_empty())
}
