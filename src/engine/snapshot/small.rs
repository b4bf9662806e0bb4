//! Small files of images that step after step asks for, the accounts above all: read out of a layer once, which means
//! unpacking everything that stands before them, and known by their digest from then on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::Digest;

/// All together are not longer than this, in bytes; past it, they are read again.
const MOST: usize = 8 << 20;

/// The files, shared by all builds of a process.
#[derive(Debug, Clone, Default)]
pub struct SmallFiles(Arc<Mutex<HashMap<Digest, Arc<[u8]>>>>);

impl SmallFiles {
    /// The content with this digest, if it was kept.
    pub fn get(&self, digest: Digest) -> Option<Arc<[u8]>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&digest).cloned()
    }

    /// Keeps a content. Its digest was checked when it was read.
    pub fn keep(&self, digest: Digest, content: &[u8]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held: usize = known.values().map(|content| content.len()).sum();
        if held + content.len() > MOST {
            known.clear();
        }
        if content.len() <= MOST {
            known.insert(digest, content.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_and_never_grows_without_end() {
        let files = SmallFiles::default();
        let digest = |n: usize| Digest::of(n.to_string());
        assert_eq!(files.get(digest(0)), None);
        for n in 0..20 {
            files.keep(digest(n), &vec![0; 1 << 20]);
            assert!(files.get(digest(n)).is_some());
        }
        let held = (0..20).filter(|n| files.get(digest(*n)).is_some()).count();
        assert!(held <= 8, "{held}");
        files.keep(digest(30), &vec![0; MOST + 1]);
        assert_eq!(files.get(digest(30)), None);
    }
}
