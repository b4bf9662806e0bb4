//! What was asked for, after `cargo bench --bench engine --`.

use std::path::PathBuf;

/// What was asked for.
pub struct Options {
    /// Keys of the cases; all if empty.
    pub cases: Vec<String>,
    /// Names of the phases; all if empty.
    pub phases: Vec<String>,
    /// Rounds of a case.
    pub rounds: usize,
    /// Whether BuildKit is measured beside ours.
    pub peer: bool,
    /// Whether BuildKit's image is exported in every phase, not in the cold one only.
    pub exports: bool,
    /// Whether peak memory is measured.
    pub memory: bool,
    /// The sizes of the curve's contexts, in files.
    pub curve: Vec<usize>,
    /// Whether each single time is shown.
    pub raw: bool,
    /// The program to measure instead of the one that cargo built for this bench.
    pub program: Option<PathBuf>,
}

pub const HELP: &str = "\
usage: cargo bench --bench engine -- [OPTION...]
  --case KEY      steps, files, vendored, large or stages; may stand more than once
  --phase NAME    cold, nothing or changed; may stand more than once
  --rounds N      how many times each is measured (5)
  --ours-only     without BuildKit, so without ratios
  --no-memory     without the round that looks at memory
  --no-curve      without the contexts of 1,000, 10,000 and 100,000 files
  --curve-only    nothing but them
  --curve N       a context of N files instead; may stand more than once
  --program FILE  another flareo, as of an earlier build
  --raw           every single time, in milliseconds
  --quick         three rounds, no memory, no curve, and an export of BuildKit's after the cold build only";

impl Options {
    /// Reads the arguments; `Err` with what to print if there is nothing to do.
    pub fn read(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            cases: Vec::new(),
            phases: Vec::new(),
            rounds: 5,
            peer: true,
            exports: true,
            memory: true,
            curve: vec![1_000, 10_000, 100_000],
            raw: false,
            program: None,
        };
        let mut own_curve = Vec::new();
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let mut value = || {
                let value = arguments.next();
                value.ok_or_else(|| format!("{argument} needs a value\n{HELP}"))
            };
            let number = |text: String| {
                let number = text.parse::<usize>().ok().filter(|n| *n > 0);
                number.ok_or_else(|| format!("`{text}` is no number\n{HELP}"))
            };
            match argument.as_str() {
                // Cargo's own.
                "--bench" => {}
                "--case" => options.cases.push(value()?),
                "--phase" => options.phases.push(value()?),
                "--rounds" => options.rounds = number(value()?)?,
                "--ours-only" => options.peer = false,
                "--no-memory" => options.memory = false,
                "--no-curve" => options.curve.clear(),
                "--curve-only" => options.cases.push("none".into()),
                "--curve" => own_curve.push(number(value()?)?),
                "--raw" => options.raw = true,
                "--program" => options.program = Some(value()?.into()),
                "--quick" => {
                    options.rounds = 3;
                    options.memory = false;
                    options.exports = false;
                    options.curve.clear();
                }
                "--help" => return Err(HELP.into()),
                other => return Err(format!("unknown: {other}\n{HELP}")),
            }
        }
        if !own_curve.is_empty() {
            options.curve = own_curve;
        }
        Ok(options)
    }

    /// Whether this case was asked for.
    pub fn wants_case(&self, key: &str) -> bool {
        self.cases.is_empty() || self.cases.iter().any(|c| c == key)
    }

    /// Whether this phase was asked for.
    pub fn wants_phase(&self, name: &str) -> bool {
        self.phases.is_empty() || self.phases.iter().any(|p| p == name)
    }
}
