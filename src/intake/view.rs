//! A context as COPY sees it.
//!
//! The Dockerfile and the ignore file are always taken in, to be read and reviewed. Where the patterns leave them
//! out, Docker reads them and still does not copy them; so does a build that is given this.

use std::io::{self, Read};

use super::error::IntakeError;
use super::folder::DirContext;
use super::ignore::{self, Ignore, Trail};
use crate::model::Digest;
use crate::model::context::{ContextEntry, ContextSource};

/// A context without the files at its root that were taken in against its own `.dockerignore`.
#[derive(Debug)]
pub struct BuildView<C> {
    context: C,
    /// What is left, and where it stands in the whole; none if nothing is hidden.
    left: Option<(Vec<ContextEntry>, Vec<usize>)>,
}

impl BuildView<DirContext> {
    /// Hides what the ignore file leaves out that the folder was listed by.
    ///
    /// # Errors
    /// If the ignore file can't be followed.
    pub fn of_folder(context: DirContext) -> Result<Self, IntakeError> {
        let patterns = context.ignore.patterns()?;
        Self::without(context, patterns)
    }
}

impl<C: ContextSource> BuildView<C> {
    /// Reads the ignore file of `context` and hides what it leaves out.
    ///
    /// # Errors
    /// If the ignore file can't be read.
    pub fn new(context: C) -> Result<Self, IntakeError> {
        let own = ignore::FILES
            .into_iter()
            .find(|name| context.find(name).is_some());
        let patterns = match own {
            Some(name) => {
                let bytes = context
                    .read(name, ignore::FILE_LIMIT)
                    .map_err(|e| IntakeError::reading(name, e))?;
                Ignore::parse(name, &bytes)?
            }
            None => Ignore::default(),
        };
        Self::without(context, patterns)
    }

    fn without(context: C, patterns: Ignore) -> Result<Self, IntakeError> {
        let mut trail = Trail::new(patterns);
        let mut hidden = Vec::new();
        for name in ignore::ALWAYS {
            if trail.hides(name)? {
                hidden.extend(context.find(name));
            }
        }
        let left = (!hidden.is_empty()).then(|| {
            let stays = |(at, _): &(usize, &ContextEntry)| !hidden.contains(at);
            let pairs = context.entries().iter().enumerate().filter(stays);
            pairs.map(|(at, entry)| (entry.clone(), at)).unzip()
        });
        Ok(Self { context, left })
    }

    /// The whole context, with what is hidden here.
    pub const fn whole(&self) -> &C {
        &self.context
    }

    fn place(&self, index: usize) -> io::Result<usize> {
        match &self.left {
            Some((_, places)) => places
                .get(index)
                .copied()
                .ok_or_else(|| io::ErrorKind::NotFound.into()),
            None => Ok(index),
        }
    }
}

impl<C: ContextSource> ContextSource for BuildView<C> {
    fn entries(&self) -> &[ContextEntry] {
        self.left
            .as_ref()
            .map_or_else(|| self.context.entries(), |(entries, _)| entries)
    }

    fn open(&self, index: usize) -> io::Result<Box<dyn Read + Send + '_>> {
        self.context.open(self.place(index)?)
    }

    fn known_digest(&self, index: usize) -> Option<Digest> {
        self.context.known_digest(self.place(index).ok()?)
    }

    fn learn(&self, index: usize, digest: Digest) {
        if let Ok(index) = self.place(index) {
            self.context.learn(index, digest);
        }
    }

    fn doubt(&self, index: usize) {
        if let Ok(index) = self.place(index) {
            self.context.doubt(index);
        }
    }

    fn digest(&self) -> Option<Digest> {
        self.context.digest()
    }
}
