//! Where we mean to differ from Docker: the table of `flareo help differences`. A row says what both do with a
//! Dockerfile of its own; if one of them does something else, the row is wrong.

use super::Beside;
use super::case::Case;

const TOPIC: &str = include_str!("../../../data/help/differences.md");

/// A row of the table.
#[derive(Debug)]
struct Row {
    case: Case,
    docker: Outcome,
    flareo: Outcome,
}

#[derive(Debug, PartialEq, Clone, Copy)]
enum Outcome {
    Builds,
    Refuses,
}

impl Outcome {
    fn of(cell: &str) -> Self {
        match cell.split([' ', ':', ',']).next() {
            Some("builds") => Self::Builds,
            Some("refuses") => Self::Refuses,
            _ => panic!("neither `builds` nor `refuses`: {cell}"),
        }
    }

    const fn was<T>(outcome: &Result<T, String>) -> Self {
        match outcome {
            Ok(_) => Self::Builds,
            Err(_) => Self::Refuses,
        }
    }
}

fn rows() -> Vec<Row> {
    let lines = TOPIC.lines().filter(|line| line.starts_with("| `"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [dockerfile, docker, flareo, why] = cells[..] else {
            panic!("not four cells: {line}");
        };
        assert!(why.len() > 10, "a row without a reason: {line}");
        let text = dockerfile.trim_matches('`').replace(" ⏎ ", "\n");
        let text = if ["FROM", "ARG", "#"]
            .iter()
            .any(|first| text.starts_with(first))
        {
            text
        } else {
            format!("FROM base\n{text}")
        };
        Row {
            case: Case::of(text + "\n"),
            docker: Outcome::of(docker),
            flareo: Outcome::of(flareo),
        }
    };
    lines.map(row).collect()
}

#[test]
fn every_difference_that_is_told_is_there() {
    let rows = rows();
    assert!(!rows.is_empty(), "the table has no rows");
    let Some(beside) = Beside::new() else { return };
    let mut wrong = Vec::new();
    for row in &rows {
        let folder = tempfile::tempdir().unwrap();
        let (ours, theirs) = beside.both(&row.case, folder.path());
        let is = (Outcome::was(&theirs), Outcome::was(&ours));
        if is != (row.docker, row.flareo) {
            wrong.push(format!(
                "{}\n  told: Docker {:?}, Flareo {:?}; seen: {theirs:?}, {ours:?}",
                row.case, row.docker, row.flareo
            ));
        } else if let (Ok(ours), Ok(theirs)) = (&ours, &theirs)
            && super::image::unforgiving_differences(ours, theirs).is_empty()
        {
            wrong.push(format!("{}\n  no difference", row.case));
        }
    }
    println!(
        "{} differences are as they are told",
        rows.len() - wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
