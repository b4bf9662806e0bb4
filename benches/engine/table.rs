//! Medians and ratios for people.

use super::Phase;
use super::cases::Case;
use super::ours::Peak;

/// Times of one case in one phase, in seconds, one of each a round.
#[derive(Debug, Default)]
pub struct Times {
    /// Ours, from Dockerfile to OCI layout.
    pub ours: Vec<f64>,
    /// BuildKit's build.
    pub build: Vec<f64>,
    /// BuildKit's build and export to an OCI layout.
    pub exported: Vec<f64>,
}

/// What peak memory may be, in bytes.
const MEMORY_GOAL: u64 = 150_000_000;

pub fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

pub fn head() {
    println!(
        "\n{:<30} {:<8} {:>9} {:>9} {:>9} {:>8} {:>8}  goal",
        "case", "phase", "ours", "build", "+ OCI", "/build", "/+ OCI"
    );
}

/// One line of the table.
pub fn line(case: &Case, phase: Phase, times: &Times, raw: bool) {
    let (ours, build) = (median(&times.ours), median(&times.build));
    let exported = median(&times.exported);
    let over = |other: Option<f64>| Some(ours? / other?);
    let (of_build, of_both) = (over(build), over(exported));
    let (goal, reached, of) = match phase {
        Phase::Cold => (case.cold_goal, of_both, "build + OCI"),
        Phase::Nothing => (0.3, of_build, "build"),
        Phase::Changed => (0.5, of_build, "build"),
    };
    let mark = match reached {
        Some(reached) if reached <= goal => "",
        Some(_) => "   <-- missed",
        None => "",
    };
    println!(
        "{:<30} {:<8} {:>9} {:>9} {:>9} {:>8} {:>8}  {goal} of {of}{mark}",
        case.title,
        phase.name(),
        shown(ours),
        shown(build),
        shown(exported),
        ratio(of_build),
        ratio(of_both),
    );
    if raw {
        let list = |values: &[f64]| {
            let each: Vec<String> = values.iter().map(|v| format!("{:.1}", v * 1e3)).collect();
            each.join(" ")
        };
        println!(
            "    ours [{}] build [{}] + OCI [{}] ms",
            list(&times.ours),
            list(&times.build),
            list(&times.exported)
        );
    }
}

pub fn memory(case: &Case, peak: Peak) {
    let mark = if peak.tree <= MEMORY_GOAL {
        ""
    } else {
        "   <-- missed"
    };
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    println!(
        "{:<30} {:>8.1} MB all processes together, {:>6.1} MB the largest  goal {} MB{mark}",
        case.title,
        megabytes(peak.tree),
        megabytes(peak.process),
        MEMORY_GOAL / 1_000_000
    );
}

/// A time with three figures.
pub fn shown(seconds: Option<f64>) -> String {
    match seconds {
        None => "-".into(),
        Some(s) if s < 0.1 => format!("{:.1} ms", s * 1e3),
        Some(s) if s < 1.0 => format!("{:.0} ms", s * 1e3),
        Some(s) => format!("{s:.2} s"),
    }
}

fn ratio(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |v| format!("{v:.2}"))
}
