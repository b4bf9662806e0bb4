//! From a folder or an archive to a row in the queue: intake, lint, queue.

use std::io::Read;
use std::path::Path;

use super::{Site, SiteError};
use crate::intake;
use crate::lint::Report;
use crate::model::submission::{Detection, Wishes};
use crate::model::{Failure, Slug, Submission};
use crate::notify;
use crate::store::NewSubmission;

/// Where a context comes from.
pub enum Source<'a> {
    /// A folder, and who is told how far the packing is.
    Folder(&'a Path, &'a intake::Progress<'a>),
    /// An archive: tar, also gzip or zstd.
    Archive(&'a mut dyn Read),
}

/// What became of a `publish`.
#[derive(Debug)]
pub struct Published {
    /// The row.
    pub submission: Submission,
    /// Its place among those that wait for a reviewer, from 1.
    pub position: u32,
    /// What lint said.
    pub report: Report,
    /// The slug's submission before it, if there is one.
    pub previous: Option<Submission>,
}

impl Site {
    /// Takes a context in, reads its Dockerfile, and puts it in the queue.
    ///
    /// # Errors
    /// If the context is hostile or too large, has no Dockerfile or one that does not parse (R12), or the slug has a
    /// live submission (R4). Nothing is queued then.
    pub fn publish(
        &self,
        source: Source<'_>,
        slug: Slug,
        wishes: Wishes,
    ) -> Result<Published, SiteError> {
        let contexts = self.paths().contexts();
        let limits = &self.policy().context;
        let stored = match source {
            Source::Folder(folder, progress) => {
                intake::pack_dir(folder, &contexts, limits, progress)
            }
            Source::Archive(archive) => intake::receive(archive, &contexts, limits),
        }
        .map_err(SiteError::from)?;
        let context =
            intake::StoredContext::open(&contexts, stored.digest).map_err(SiteError::from)?;
        let detection = intake::detect(&context);
        let name = buildable(&detection)?;
        let read = super::Read::in_context(&context, name, &self.policy().context)?;
        if let Some(error) = read.parse_error() {
            return Err(SiteError::refused(error));
        }
        let report = self.lint(&read, Some(&context), &[])?;
        let new = NewSubmission {
            slug,
            submitter: self.actor().clone(),
            context: stored.digest,
            context_bytes: stored.bytes,
            context_entries: stored.entries,
            detection,
            wishes,
            findings: report.findings.clone(),
        };
        let (submission, position) = self.queue().submit(&new, notify::acknowledged)?;
        let previous = self.queue().previous(&submission)?;
        Ok(Published {
            previous,
            submission,
            position,
            report,
        })
    }
}

/// The Dockerfile's path, or the error that says why this can't be built (R1, R2).
fn buildable(detection: &Detection) -> Result<&str, SiteError> {
    if let Some(name) = &detection.dockerfile {
        return Ok(name);
    }
    let help = "write a Dockerfile (`flareo help submitting`); building without one, by buildpacks, is not built yet";
    let message = match detection.signals.first() {
        Some(first) => format!(
            "no Dockerfile in the context (`{}` says it is {})",
            first.file, first.language
        ),
        None => "no Dockerfile in the context, and nothing that tells its language".to_owned(),
    };
    Err(SiteError::refused(Failure::new(message)).help(help))
}
