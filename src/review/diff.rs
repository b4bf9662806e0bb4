//! What changed since the slug's previous submission, line by line (R27).

use serde::{Deserialize, Serialize};
use similar::{ChangeTag, TextDiff};

/// What happened to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// As before.
    Same,
    /// New.
    Added,
    /// Gone.
    Removed,
}

/// One line of a diff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffLine {
    /// What happened to it.
    pub change: Change,
    /// Its number in the old text, from 1.
    pub old: Option<u32>,
    /// Its number in the new text, from 1.
    pub new: Option<u32>,
    /// The line without its end; not sanitised.
    pub text: String,
}

/// The whole of both texts as a diff. Time is bounded: past half a second the rest is shown as replaced.
pub fn diff(old: &str, new: &str) -> Vec<DiffLine> {
    let diff = TextDiff::configure()
        .timeout(std::time::Duration::from_millis(500))
        .diff_lines(old, new);
    let number = |index: Option<usize>| index.and_then(|i| u32::try_from(i + 1).ok());
    diff.iter_all_changes()
        .map(|change| DiffLine {
            change: match change.tag() {
                ChangeTag::Equal => Change::Same,
                ChangeTag::Insert => Change::Added,
                ChangeTag::Delete => Change::Removed,
            },
            old: number(change.old_index()),
            new: number(change.new_index()),
            text: change.value().trim_end_matches(['\n', '\r']).to_owned(),
        })
        .collect()
}

/// Two texts as a unified diff with three lines around each change; nothing where they are the same.
pub fn unified(old: &str, new: &str, old_name: &str, new_name: &str) -> String {
    TextDiff::configure()
        .timeout(std::time::Duration::from_millis(500))
        .diff_lines(old, new)
        .unified_diff()
        .context_radius(3)
        .header(old_name, new_name)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_line_is_one_removed_and_one_added() {
        let lines = diff("FROM a\nUSER root\n", "FROM a\nUSER node\nCMD [\"x\"]\n");
        let shape: Vec<_> = lines.iter().map(|l| (l.change, l.old, l.new)).collect();
        assert_eq!(
            shape,
            [
                (Change::Same, Some(1), Some(1)),
                (Change::Removed, Some(2), None),
                (Change::Added, None, Some(2)),
                (Change::Added, None, Some(3)),
            ]
        );
        assert_eq!(lines[1].text, "USER root");
    }

    #[test]
    fn equal_texts_have_no_changes() {
        assert!(
            diff("a\nb\n", "a\nb\n")
                .iter()
                .all(|l| l.change == Change::Same)
        );
    }
}
