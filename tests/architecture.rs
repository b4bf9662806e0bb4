//! Holds the house's walls: which room may import which, and which crate may be named where.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Rooms by floor: a room imports only from floors below its own.
const FLOORS: &[&[&str]] = &[
    &["model", "ustar", "durable"],
    &[
        "store",
        "oci",
        "logs",
        "dockerfile",
        "config",
        "sandbox",
        "access",
    ],
    &[
        "intake", "lint", "review", "bases", "engine", "scan", "attest", "catalog", "notify",
    ],
    &["pipeline"],
    &["cli", "tui", "demo"],
];

/// Faces that start another face: the command line opens the console and the demo, the demo drives the console.
const FACES_THAT_START_FACES: &[(&str, &str)] = &[("cli", "tui"), ("cli", "demo"), ("demo", "tui")];

/// Crates that belong to one room.
const OWNED_CRATES: &[(&str, &str)] = &[
    ("ratatui", "tui"),
    ("ratatui_textarea", "tui"),
    ("crossterm", "tui"),
    ("rusqlite", "store"),
    ("rusqlite_migration", "store"),
    ("oci_client", "oci"),
    ("clap", "cli"),
];

/// System calls that make namespaces and mounts belong to the sandbox.
const OWNED_CALLS: &[&str] = &[
    "unshare(",
    "move_mount(",
    "fsopen(",
    "open_tree(",
    "pivot_root(",
    "CLONE_NEW",
];

struct Line {
    file: PathBuf,
    number: usize,
    code: String,
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}:{}: {}",
            self.file.display(),
            self.number,
            self.code.trim()
        )
    }
}

fn source_files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            source_files(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

/// Lines of code by room, without comments.
fn rooms() -> BTreeMap<String, Vec<Line>> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&src, &mut files);
    files.sort();
    let mut rooms: BTreeMap<String, Vec<Line>> = BTreeMap::new();
    for file in files {
        let inside = file.strip_prefix(&src).unwrap().to_owned();
        let room = match inside
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_str()
            .unwrap()
        {
            "lib.rs" | "main.rs" => continue,
            room => room.to_owned(),
        };
        let text = std::fs::read_to_string(&file).unwrap();
        for (index, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("//") {
                continue;
            }
            let code = line.split(" // ").next().unwrap_or(line).to_owned();
            rooms.entry(room.clone()).or_default().push(Line {
                file: inside.clone(),
                number: index + 1,
                code,
            });
        }
    }
    rooms
}

fn floor(room: &str) -> usize {
    FLOORS
        .iter()
        .position(|floor| floor.contains(&room))
        .unwrap_or_else(|| panic!("src/{room} is a room that no floor names"))
}

/// The rooms that a line of code names.
fn named_rooms(code: &str) -> Vec<&str> {
    code.match_indices("crate::")
        .filter_map(|(at, _)| {
            let rest = &code[at + "crate::".len()..];
            let end = rest
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            Some(&rest[..end]).filter(|name| !name.is_empty())
        })
        .collect()
}

#[test]
fn imports_go_one_way() {
    let mut wrong = Vec::new();
    for (room, lines) in rooms() {
        for line in lines {
            for named in named_rooms(&line.code) {
                let allowed = named == room
                    || floor(named) < floor(&room)
                    || FACES_THAT_START_FACES.contains(&(room.as_str(), named));
                if !allowed {
                    wrong.push(line.to_string());
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "imports against the way of the house:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn each_special_crate_stands_in_its_own_room() {
    let mut wrong = Vec::new();
    for (room, lines) in rooms() {
        for line in lines {
            for (name, owner) in OWNED_CRATES {
                if room != *owner && line.code.contains(&format!("{name}::")) {
                    wrong.push(format!("{line} (belongs to src/{owner})"));
                }
            }
            if room != "sandbox" && OWNED_CALLS.iter().any(|call| line.code.contains(call)) {
                wrong.push(format!("{line} (belongs to src/sandbox)"));
            }
            if room != "sandbox" && line.code.contains("unsafe ") {
                wrong.push(format!("{line} (unsafe belongs to src/sandbox)"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "crates outside their room:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn no_room_is_a_drawer() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&src, &mut files);
    for file in files {
        let stem = file.file_stem().unwrap().to_str().unwrap();
        for drawer in ["utils", "util", "helpers", "common", "manager", "misc"] {
            assert_ne!(
                stem,
                drawer,
                "{} says nothing of what it is for",
                file.display()
            );
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let first = text.lines().next().unwrap_or_default();
        assert!(
            first.starts_with("//!") || first.starts_with("#![doc"),
            "{} does not begin by saying what it is for",
            file.display()
        );
    }
}

#[test]
fn the_walls_would_notice() {
    assert_eq!(named_rooms("use crate::store::Queue;"), ["store"]);
    assert_eq!(
        named_rooms("let x: crate::model::Digest = crate::oci::Store::open();"),
        ["model", "oci"]
    );
    assert!(floor("store") < floor("intake") && floor("pipeline") < floor("tui"));
}
