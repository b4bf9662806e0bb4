//! What a reviewer looks into beside the page: the files of a context, one of them, the build that it comes to.

use std::collections::BTreeMap;

use super::{Site, SiteError};
use crate::dockerfile::excerpt::harmless;
use crate::model::context::{ContextSource, EntryKind};
use crate::model::effective::Effective;
use crate::model::view::{ContextFile, ContextListing, FileText};
use crate::model::{Failure, Reference, SubmissionId};
use crate::review;

/// Entries of one listing.
const LISTED: usize = 10_000;
/// Files of one listing whose heads are read for what is remarkable about them.
const LOOKED_INTO: usize = 5_000;
/// Of a file, so much is shown.
const SHOWN: u64 = 1 << 20;

impl Site {
    /// The files of a submission's context whose paths hold `text`, in any case, with what is remarkable about each.
    ///
    /// # Errors
    /// If there is no such row, or its context can't be read.
    pub fn context_files(&self, id: SubmissionId, text: &str) -> Result<ContextListing, SiteError> {
        let row = self.queue().submission(id)?;
        let context = self.context(&row)?;
        let wanted = text.to_lowercase();
        let mut listing = ContextListing {
            total: context.entries().len() as u64,
            bytes: row.context_bytes,
            ..ContextListing::default()
        };
        for (at, entry) in context.entries().iter().enumerate() {
            if !wanted.is_empty() && !entry.path.to_lowercase().contains(&wanted) {
                continue;
            }
            listing.matching += 1;
            if listing.files.len() >= LISTED {
                continue;
            }
            let flags = match listing.files.len() < LOOKED_INTO {
                true => review::flags(&context, at),
                false => Vec::new(),
            };
            listing.files.push(ContextFile {
                path: entry.path.clone(),
                listed: review::files::listed(entry),
                flags,
            });
        }
        Ok(listing)
    }

    /// One file of a submission's context, fit to be shown: control characters as escapes, a long file cut.
    ///
    /// # Errors
    /// If there is no such row or file, or it can't be read.
    pub fn context_file(&self, id: SubmissionId, path: &str) -> Result<FileText, SiteError> {
        let row = self.queue().submission(id)?;
        let context = self.context(&row)?;
        let missing = || {
            SiteError::usage(format!(
                "submission {id} has no file {}: `flareo show {id} --files` lists them",
                harmless(path)
            ))
        };
        let at = context.find(path).ok_or_else(missing)?;
        let entry = context.entries().get(at).ok_or_else(missing)?;
        let EntryKind::File { size } = entry.kind else {
            return Err(SiteError::usage(format!("{} is no file", harmless(path))));
        };
        let bytes = context
            .head(at, SHOWN)
            .map_err(|e| SiteError::refused(Failure::new(format!("{}: {e}", harmless(path)))))?;
        let is_text = review::files::is_text(&bytes);
        let lines = match is_text {
            true => String::from_utf8_lossy(&bytes)
                .lines()
                .map(harmless)
                .collect(),
            false => Vec::new(),
        };
        Ok(FileText {
            path: path.to_owned(),
            size,
            is_text,
            cut: size > SHOWN,
            lines,
            flags: review::flags(&context, at),
        })
    }

    /// How one text file of the context differs from the same path of another submission, as a unified diff.
    ///
    /// # Errors
    /// If a row, a context or a file can't be read.
    pub fn file_diff(
        &self,
        id: SubmissionId,
        other: SubmissionId,
        path: &str,
    ) -> Result<String, SiteError> {
        let read = |id| match self.context_file(id, path) {
            Ok(file) => Ok(file.lines.join("\n") + "\n"),
            // A file that one of the two does not have is all new, or all gone.
            Err(error) if error.failure.message.contains("has no file") => Ok(String::new()),
            Err(error) => Err(error),
        };
        let (old, new) = (read(other)?, read(id)?);
        Ok(review::diff::unified(
            &old,
            &new,
            &format!("#{other} {path}"),
            &format!("#{id} {path}"),
        ))
    }

    /// The build that a submission comes to: variables and triggers put in.
    ///
    /// # Errors
    /// If there is no such row, or its Dockerfile can't be read.
    pub fn effective_build(&self, id: SubmissionId) -> Result<Effective, SiteError> {
        let row = self.queue().submission(id)?;
        let context = self.context(&row)?;
        let read = self.dockerfile_of(&row, &context)?;
        let Ok(file) = &read.parsed else {
            return Err(SiteError::refused(
                read.parse_error()
                    .unwrap_or_else(|| Failure::new("the Dockerfile can't be read")),
            ));
        };
        let linter = self.linter(&[])?;
        let report = linter.check(&read, Some(&context));
        let pins = self.pins(file, &BTreeMap::new())?;
        let base = |name: &str| {
            let facts = linter.facts(&name.parse::<Reference>().ok()?)?;
            Some((facts.environment, facts.onbuild))
        };
        Ok(review::effective(file, &pins, &base, report.scripts))
    }
}
