//! The words of the mails that a submission causes (R7, R25, R26).
//!
//! This room writes the texts. The store keeps them in its outbox in the very transaction that they tell of.

use crate::model::comment::Comment;
use crate::model::foreign::is_hidden;
use crate::model::{Digest, Failure, Finding, Severity, Submission};
use crate::store::NewMail;

/// The line of a header: no line ends, nothing that hides, whatever the submitter typed.
fn header(text: &str) -> String {
    text.chars().filter(|c| !is_hidden(*c)).take(200).collect()
}

fn mail(row: &Submission, subject: &str, body: String) -> Option<NewMail> {
    let to = header(row.wishes.email.as_deref()?.trim());
    Some(NewMail {
        to,
        subject: header(&format!("[flareo] {} #{}: {subject}", row.slug, row.id)),
        body,
    })
}

/// It is in the queue (R7).
pub fn acknowledged(row: &Submission, position: u32) -> Option<NewMail> {
    let body = format!(
        "Your submission {slug} (#{id}) is in the review queue, at place {position}.\n\n\
         Context: {context}\n\n\
         A reviewer reads the Dockerfile. `flareo show {id}` tells where it stands.\n",
        slug = row.slug,
        id = row.id,
        context = row.context,
    );
    mail(row, "received", body)
}

/// It is in the catalog (R25).
pub fn published(row: &Submission, image: Digest, pull: &str) -> Option<NewMail> {
    let body = format!(
        "{slug} (#{id}) is built, scanned, signed and in the catalog.\n\n\
         Digest: {image}\n\
         Pull:   {pull}@{image}\n",
        slug = row.slug,
        id = row.id,
    );
    mail(row, "published", body)
}

/// What a rejection stands on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Evidence<'a> {
    /// What lint found.
    pub findings: &'a [Finding],
    /// What reviewers said about single lines.
    pub comments: &'a [Comment],
    /// What mends it, as `git apply` takes it.
    pub patch: Option<&'a str>,
}

/// Findings that a mail writes out.
const FINDINGS: usize = 50;
/// The longest patch that a mail brings along, in bytes.
const PATCH: usize = 64 << 10;

/// A reviewer turned it away (R26): the reason, the lines, and the patch that mends what can be mended.
pub fn rejected(row: &Submission, failure: &Failure, evidence: &Evidence<'_>) -> Option<NewMail> {
    let mut body = sad(row, "was rejected by a reviewer", failure);
    if !evidence.comments.is_empty() {
        body.push_str("\nLine by line:\n");
        for comment in evidence.comments {
            let (file, text) = (shown(&comment.file), shown(&comment.text));
            body.push_str(&format!(
                "\n    {file}:{}: {text} ({})\n",
                comment.line, comment.by
            ));
        }
    }
    let blocks = || {
        evidence
            .findings
            .iter()
            .filter(|f| f.severity == Severity::Block)
    };
    if blocks().next().is_some() {
        body.push_str("\nWhat blocks it:\n");
        for finding in blocks().take(FINDINGS) {
            let (message, help) = (shown(&finding.message), shown(&finding.help));
            let place = match finding.span.line {
                0 => String::new(),
                line => format!(":{line}"),
            };
            let file = shown(&finding.file);
            body.push_str(&format!(
                "\n    {} {file}{place}: {message}\n        {help}\n",
                finding.rule
            ));
        }
    }
    if let Some(patch) = evidence.patch {
        // What would not survive as it is, or hides something, is not sent: lint makes it anew.
        let plain = patch
            .chars()
            .all(|c| c == '\n' || c == '\t' || !is_hidden(c));
        match plain && patch.len() <= PATCH {
            true => body.push_str(&format!(
                "\nThis patch was tried; `git apply` takes it (or `flareo lint --fix` writes it):\n\n{patch}"
            )),
            false => body.push_str("\n`flareo lint --fix` mends a part of it.\n"),
        }
    }
    mail(row, "rejected", body)
}

/// Foreign text in a line of a mail.
fn shown(text: &str) -> String {
    crate::model::foreign::shown(text, 500)
}

/// A step after its approval failed (R26).
pub fn failed(row: &Submission, failure: &Failure) -> Option<NewMail> {
    mail(row, "failed", sad(row, "failed", failure))
}

fn sad(row: &Submission, what: &str, failure: &Failure) -> String {
    let mut body = format!(
        "Your submission {} (#{}) {what}:\n\n    {}\n",
        row.slug, row.id, failure.message
    );
    if let Some(line) = failure.line {
        body.push_str(&format!("    at line {line} of the Dockerfile\n"));
    }
    if !failure.help.is_empty() {
        body.push_str(&format!("\n{}\n", failure.help));
    }
    body.push_str(&format!("\nMend it and publish again: there is no penalty. Keep #{} for questions about this one.\n", row.id));
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_cannot_be_split() {
        assert_eq!(
            header("a@example.org\r\nBcc: all@example.org"),
            "a@example.orgBcc: all@example.org"
        );
    }
}
