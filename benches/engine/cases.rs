//! What is built: contexts with their Dockerfiles, the same bytes every time.

use std::fs;
use std::path::Path;

/// A context with its Dockerfile.
pub struct Case {
    /// By this one chooses it on the command line.
    pub key: &'static str,
    /// For people.
    pub title: &'static str,
    /// What part of BuildKit's cold build and export to an OCI layout ours may take.
    pub cold_goal: f64,
    /// What is built.
    pub dockerfile: String,
    /// Path, length and kind of every file; the last one of them is the last of the context too.
    files: Vec<(String, usize, Kind)>,
}

#[derive(Clone, Copy)]
enum Kind {
    /// Compresses as source code does.
    Text,
    /// Does not compress.
    Noise,
}

/// The base of every case, as both sides know it.
pub const BASE: &str = "bench:base";

/// All of them.
pub fn all() -> Vec<Case> {
    vec![
        Case {
            key: "steps",
            title: "20 x RUN true",
            cold_goal: 0.2,
            // A context of one small file, copied last, so that there is a last file to change.
            dockerfile: format!(
                "FROM {BASE}\n{}COPY last /last\nCMD [\"sh\"]\n",
                "RUN true\n".repeat(20)
            ),
            files: small(),
        },
        Case {
            key: "files",
            title: "5,000 files 60 MB, RUN on 200",
            cold_goal: 0.25,
            dockerfile: format!(
                "FROM {BASE}\nCOPY data /data\n\
                 RUN cd /data/00 && for f in *; do echo x >>$f; done\nCMD [\"sh\"]\n"
            ),
            files: many(5000, 25, 12_000),
        },
        Case {
            key: "vendored",
            title: "3,000 vendored files 40 MB",
            cold_goal: 0.25,
            dockerfile: format!("FROM {BASE}\nCOPY data /app/node_modules\nCMD [\"sh\"]\n"),
            files: many(3000, 150, 13_300),
        },
        Case {
            key: "large",
            title: "one file of 200 MB",
            cold_goal: 0.4,
            dockerfile: format!("FROM {BASE}\nCOPY data /data\nCMD [\"sh\"]\n"),
            files: vec![("data/large".into(), 200_000_000, Kind::Noise)],
        },
        Case {
            key: "stages",
            title: "six stages with CPU work",
            cold_goal: 0.9,
            dockerfile: stages(),
            files: small(),
        },
    ]
}

/// Folders of files for the curve.
pub fn grown(files: usize) -> Case {
    Case {
        key: "curve",
        title: "a grown context",
        cold_goal: 0.0,
        dockerfile: format!("FROM {BASE}\nCOPY data /data\nCMD [\"sh\"]\n"),
        files: many(files, files / 100, 1000),
    }
}

fn small() -> Vec<(String, usize, Kind)> {
    vec![("last".into(), 1000, Kind::Text)]
}

fn many(files: usize, folders: usize, bytes: usize) -> Vec<(String, usize, Kind)> {
    let each = files / folders;
    (0..files)
        .map(|i| (format!("data/{:02}/{i:06}", i / each), bytes, Kind::Text))
        .collect()
}

/// Six stages that a seventh gathers from, and a small file copied last.
fn stages() -> String {
    let mut text = String::new();
    for stage in 1..=6 {
        text.push_str(&format!(
            "FROM {BASE} AS s{stage}\n\
             RUN i=0; while [ $i -lt 40000 ]; do i=$((i+1)); done; echo {stage} $i >/out{stage}\n"
        ));
    }
    text.push_str(&format!("FROM {BASE}\n"));
    for stage in 1..=6 {
        text.push_str(&format!("COPY --from=s{stage} /out{stage} /out{stage}\n"));
    }
    text.push_str("COPY last /last\nCMD [\"sh\"]\n");
    text
}

impl Case {
    /// Writes the context to a new folder.
    pub fn write(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("Dockerfile"), &self.dockerfile).unwrap();
        let mut made = None;
        for (number, (name, ..)) in self.files.iter().enumerate() {
            let path = folder.join(name);
            let parent = path.parent().unwrap();
            if made.as_deref() != Some(parent) {
                fs::create_dir_all(parent).unwrap();
                made = Some(parent.to_owned());
            }
            fs::write(&path, self.content(number, 0)).unwrap();
        }
    }

    /// Gives the last file of the context other bytes of the same length, new ones for each `version`.
    pub fn change_last(&self, folder: &Path, version: u64) {
        let last = self.files.len() - 1;
        fs::write(
            folder.join(&self.files[last].0),
            self.content(last, version),
        )
        .unwrap();
    }

    /// Puts one more file beside the last one.
    pub fn add_one(&self, folder: &Path, version: u64) {
        let last = self.files.len() - 1;
        let name = format!("{}-{version}", self.files[last].0);
        fs::write(folder.join(name), self.content(last, version)).unwrap();
    }

    fn content(&self, number: usize, version: u64) -> Vec<u8> {
        let (_, bytes, kind) = &self.files[number];
        let seed = number as u64 + (version << 32) + 1;
        match kind {
            Kind::Text => text(seed, *bytes),
            Kind::Noise => noise(seed, *bytes),
        }
    }
}

fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = Vec::with_capacity(bytes + 8);
    while out.len() < bytes {
        out.extend_from_slice(&next(&mut state).to_le_bytes());
    }
    out.truncate(bytes);
    out
}

fn text(seed: u64, bytes: usize) -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "function",
        "return",
        "const",
        "export",
        "(value)",
        "=>",
        "{\n",
        "}\n",
        "this.",
        "module",
        "require",
        "'use strict'",
        ";\n",
        "prototype",
        "index",
        "length",
    ];
    let mut state = seed.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1;
    let mut out = String::with_capacity(bytes + 32);
    while out.len() < bytes {
        let number = next(&mut state);
        out.push_str(WORDS[(number % 16) as usize]);
        out.push(' ');
        if number.is_multiple_of(7) {
            out.push_str(&(number >> 40).to_string());
        }
    }
    out.truncate(bytes);
    out.into_bytes()
}
