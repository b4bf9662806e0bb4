//! What reviewers say about single lines, and precedents: what was rejected before, and in which words.

use rusqlite::params;
use serde_json::json;

use super::columns::{At, Json};
use super::submissions::fetch;
use super::{Queue, StoreError, audit};
use crate::model::audit::Record;
use crate::model::comment::{Comment, Precedent};
use crate::model::{Actor, Finding, Severity, State, SubmissionId};

/// So many rejections are looked through for precedents.
const LOOKED_AT: u32 = 500;

impl Queue {
    /// Says something about a line of a pending submission.
    ///
    /// # Errors
    /// If there is no such row, it is no longer pending, or the database can't be written.
    pub fn comment(
        &self,
        id: SubmissionId,
        by: &Actor,
        file: &str,
        line: u32,
        text: &str,
    ) -> Result<Comment, StoreError> {
        let now = self.now();
        self.write(|t| {
            let row = fetch(t, id)?;
            if row.state != State::Pending {
                return Err(StoreError::Invalid(format!(
                    "submission {id} is {}: nobody reads a comment on it any more",
                    row.state
                )));
            }
            t.prepare_cached(
                "INSERT INTO comments (submission, file, line, by, at, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![id, file, line, by, At(now), text])?;
            let facts = json!({ "file": file, "line": line, "text": text });
            audit::append(t, now, &Record::new(by, "submission.comment", Some(id), facts))?;
            Ok(Comment {
                file: file.to_owned(),
                line,
                by: by.clone(),
                at: now,
                text: text.to_owned(),
            })
        })
    }

    /// Every comment on a submission, oldest first.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn comments(&self, id: SubmissionId) -> Result<Vec<Comment>, StoreError> {
        self.read(|t| {
            let mut statement = t.prepare_cached(
                "SELECT file, line, by, at, text FROM comments WHERE submission = ?1 ORDER BY id",
            )?;
            let comments = statement.query_map([id], |r| {
                Ok(Comment {
                    file: r.get(0)?,
                    line: r.get(1)?,
                    by: r.get(2)?,
                    at: r.get::<_, At>(3)?.0,
                    text: r.get(4)?,
                })
            })?;
            Ok(comments.collect::<Result<_, _>>()?)
        })
    }

    /// The latest rejections of other submissions in which one of these rules blocked or warned, at most `most`.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn precedents(
        &self,
        id: SubmissionId,
        rules: &[&str],
        most: usize,
    ) -> Result<Vec<Precedent>, StoreError> {
        self.read(|t| {
            let mut statement = t.prepare_cached(
                "SELECT s.id, s.slug, d.by, d.at, d.reason, s.findings FROM decisions d
                 JOIN submissions s ON s.id = d.submission
                 WHERE d.verdict = 'reject' AND s.id <> ?1 ORDER BY d.id DESC LIMIT ?2",
            )?;
            let mut rows = statement.query(params![id, LOOKED_AT])?;
            let mut found: Vec<Precedent> = Vec::new();
            while let Some(r) = rows.next()? {
                if found.len() == most {
                    break;
                }
                let findings = r.get::<_, Json<Vec<Finding>>>(5)?.0;
                let mut shared: Vec<String> = findings
                    .into_iter()
                    .filter(|f| f.severity != Severity::Advice && rules.contains(&f.rule.as_str()))
                    .map(|f| f.rule)
                    .collect();
                shared.sort();
                shared.dedup();
                let reason: String = r.get(4)?;
                // The same words twice teach nothing new.
                if shared.is_empty() || found.iter().any(|p| p.reason == reason) {
                    continue;
                }
                found.push(Precedent {
                    id: r.get(0)?,
                    slug: r.get(1)?,
                    by: r.get(2)?,
                    at: r.get::<_, At>(3)?.0,
                    rules: shared,
                    reason,
                });
            }
            Ok(found)
        })
    }
}
