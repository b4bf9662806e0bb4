//! IGN01: what should have stayed at home.

use crate::lint::file::File;
use crate::lint::rule::{Rule, Sink};
use crate::model::Severity;
use crate::model::finding::{Edit, Patch};

pub(super) static IGN01: Ign01 = Ign01;

pub(super) struct Ign01;

impl Rule for Ign01 {
    fn id(&self) -> &'static str {
        "IGN01"
    }

    fn severity(&self) -> Severity {
        Severity::Advice
    }

    fn doc(&self) -> &'static str {
        "The context has no `.dockerignore`, or one that lets version control, caches and dependencies in that are built anew: the \
         submission is larger than it has to be, and says more than it has to."
    }

    fn check(&self, file: &File<'_>, sink: &mut Sink<'_>) {
        let Some(context) = file.subject.context else {
            return;
        };
        let ignore = file.ignore_file();
        let mut left_in: Vec<&str> = Vec::new();
        for name in LEAVE_OUT {
            let path = name.trim_end_matches('/');
            let at = context.find(path).filter(|at| !context.is_hidden(*at));
            if at.is_some() && !file.copies(path) {
                left_in.push(name);
            }
        }
        let (message, lines) = match (&ignore, left_in.as_slice()) {
            (Some(_), []) => return,
            (None, left) => {
                let message = "there is no `.dockerignore`".to_owned();
                let rest = [".git", "**/.DS_Store", ".env"];
                let rest = rest.into_iter().filter(|line| !left.contains(line));
                (
                    message,
                    left.iter().copied().chain(rest).collect::<Vec<_>>(),
                )
            }
            (Some(_), left) => {
                let message = format!("the context holds {}", left.join(", "));
                (message, left.to_vec())
            }
        };
        let (name, text) = ignore
            .cloned()
            .unwrap_or_else(|| (".dockerignore".into(), String::new()));
        let open = !text.is_empty() && !text.ends_with('\n');
        let edit = Edit {
            file: name.clone(),
            start: text.len(),
            end: text.len(),
            text: format!("{}{}\n", if open { "\n" } else { "" }, lines.join("\n")),
        };
        let patch = Patch {
            title: "leave it out of the context".into(),
            edits: vec![edit],
        };
        let help = format!("Leave out by {name}: {}", lines.join(", "));
        sink.beside(Severity::Advice, &name, message, help, Some(patch));
    }
}

/// What a build never needs, or makes anew.
const LEAVE_OUT: [&str; 15] = [
    ".git",
    ".svn",
    ".hg",
    ".idea",
    ".vscode",
    ".DS_Store",
    "node_modules/.cache",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".tox",
    ".venv",
    "__pycache__",
    ".terraform",
    ".gradle",
];

#[cfg(test)]
mod tests {
    use crate::lint::tests::of_context;
    use crate::model::context::MemoryContext;

    const TEXT: &str = "FROM node:20-slim\nCOPY src /src\n";

    #[test]
    fn no_ignore_file_is_told_with_one() {
        let context = MemoryContext::default()
            .file("src", 0o644, "x")
            .folder(".git", 0o755);
        let findings = of_context("IGN01", TEXT, &context);
        assert_eq!(findings.len(), 1);
        assert_eq!(
            (findings[0].file.as_str(), findings[0].span.line),
            (".dockerignore", 0)
        );
        let patch = findings[0].patch.as_ref().unwrap();
        assert_eq!(patch.edits[0].text, ".git\n**/.DS_Store\n.env\n");
    }

    #[test]
    fn one_that_lets_too_much_in_is_told() {
        let context = MemoryContext::default()
            .file(".dockerignore", 0o644, "*.log")
            .folder(".venv", 0o755);
        let findings = of_context("IGN01", TEXT, &context);
        assert_eq!(findings[0].message, "the context holds .venv");
        assert_eq!(
            findings[0].patch.as_ref().unwrap().edits[0].text,
            "\n.venv\n"
        );
        let copied = "FROM node:20-slim\nCOPY .venv /venv\n";
        assert!(of_context("IGN01", copied, &context).is_empty());
    }

    #[test]
    fn a_good_one_passes() {
        let context = MemoryContext::default()
            .file(".dockerignore", 0o644, ".git\n")
            .file("src", 0o644, "x");
        assert!(of_context("IGN01", TEXT, &context).is_empty());
    }
}
