//! CHK01: comments that tell a linter to look away.

use crate::lint::file::File;
use crate::lint::rule::{Rule, Sink};
use crate::model::Severity;
use crate::model::finding::{Patch, Span};

pub(super) static CHK01: Chk01 = Chk01;

pub(super) struct Chk01;

impl Rule for Chk01 {
    fn id(&self) -> &'static str {
        "CHK01"
    }

    fn severity(&self) -> Severity {
        Severity::Warn
    }

    fn doc(&self) -> &'static str {
        "A comment switches checks off: `# check=skip=…`, `# hadolint ignore=…` and their kin. It changes nothing here, and the \
         reviewer is told that it stands there."
    }

    fn check(&self, file: &File<'_>, sink: &mut Sink<'_>) {
        let inside = bodies(file);
        let mut at = 0;
        for line in file.dockerfile.text.split_inclusive('\n') {
            let start = at;
            at += line.len();
            if inside.iter().any(|body| body.contains(&start)) {
                continue;
            }
            let Some(pragma) = pragma(line) else { continue };
            let from = start + (line.len() - line.trim_start().len());
            let span = sink.span(from..start + line.trim_end().len());
            let lines = Span {
                start,
                end: at,
                ..span
            };
            let patch = Patch {
                title: "take out the comment".into(),
                edits: vec![sink.edit(lines, "")],
            };
            sink.offer(
                span,
                format!("this comment switches nothing off here ({pragma})"),
                "Take it out, and say in the submission's notes why a finding is none.",
                Some(patch),
            );
        }
    }
}

/// Where here-documents stand: what looks like a comment there is none.
fn bodies(file: &File<'_>) -> Vec<std::ops::Range<usize>> {
    let instructions = file.dockerfile.instructions.iter();
    instructions
        .flat_map(|instruction| &instruction.heredocs)
        .map(|heredoc| heredoc.body.span.start..heredoc.body.span.end)
        .collect()
}

/// The linter that a comment speaks to.
fn pragma(line: &str) -> Option<&'static str> {
    let text = line.trim().strip_prefix('#')?.trim_start_matches('#');
    let text: String = text.trim_start().chars().take(80).collect();
    let text = text.to_ascii_lowercase();
    let squeezed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let known = [
        ("check=", "Docker's check"),
        ("hadolintignore=", "Hadolint"),
        ("hadolintglobalignore=", "Hadolint"),
        ("hadolint:ignore", "Hadolint"),
        ("trivy:ignore", "Trivy"),
        ("checkov:skip", "Checkov"),
        ("kics-scanignore", "KICS"),
        ("kics-scandisable", "KICS"),
        ("nosemgrep", "Semgrep"),
        ("nosec", "a security linter"),
        ("snyk:ignore", "Snyk"),
        ("dockle:", "Dockle"),
        ("shellcheckdisable=", "ShellCheck"),
        ("noqa", "a linter"),
        ("gitleaks:allow", "Gitleaks"),
        ("flareo:ignore", "flareo"),
        ("flareoignore", "flareo"),
    ];
    let found = known
        .iter()
        .find(|(begins, _)| squeezed.starts_with(begins))?;
    // Nothing is switched off by what else Docker's directive says.
    let says = found.0 != "check=" || squeezed.contains("skip=");
    says.then_some(found.1)
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, mended, passes};

    #[test]
    fn comments_for_linters_are_reported() {
        caught(
            "CHK01",
            &[
                "# check=skip=all\nFROM node:20-slim",
                "# check=error=true;skip=JSONArgsRecommended\nFROM node:20-slim",
                "FROM node:20-slim\n# hadolint ignore=DL3008\nRUN true",
                "FROM node:20-slim\n  #hadolint   ignore=DL3008\nRUN true",
                "# hadolint global ignore=DL3008\nFROM node:20-slim",
                "FROM node:20-slim\n# trivy:ignore:DS002\nUSER root",
                "FROM node:20-slim\n#checkov:skip=CKV_DOCKER_3: why\nUSER root",
                "FROM node:20-slim\n## nosec\nUSER root",
                "FROM node:20-slim\nRUN true \\\n  # shellcheck disable=SC2086\n  && true",
            ],
        );
    }

    #[test]
    fn other_comments_pass() {
        passes(
            "CHK01",
            &[
                "# check=error=true\nFROM node:20-slim",
                "FROM node:20-slim\n# we check=skip nothing",
                "FROM node:20-slim\n# hadolint likes this",
                "FROM node:20-slim\nCOPY <<EOF /x\n# hadolint ignore=DL3008\nEOF",
                "FROM node:20-slim\nRUN echo '# hadolint ignore=DL3008'",
            ],
        );
    }

    #[test]
    fn the_comment_goes() {
        assert_eq!(
            mended(
                "CHK01",
                "FROM node:20-slim\n# hadolint ignore=DL3008\nRUN true\n"
            ),
            "FROM node:20-slim\nRUN true\n"
        );
    }
}
