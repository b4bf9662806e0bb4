//! Lines of measured against budget.

use std::time::Duration;

pub fn head(title: &str) {
    println!("\n{title:<58} {:>14}  budget", "measured");
}

/// One line of a table; `within` says whether the budget is kept.
pub fn line(what: &str, measured: &str, budget: &str, within: bool) {
    let mark = if within { "" } else { "   <-- missed" };
    println!("{what:<58} {measured:>14}  {budget}{mark}");
}

/// One that has no budget.
pub fn plain(what: &str, measured: &str) {
    println!("{what:<58} {measured:>14}");
}

pub fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

pub fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

pub fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// The value below which so many of a hundred lie.
pub fn percentile(values: &mut [Duration], percent: usize) -> Duration {
    values.sort();
    values[(values.len() * percent / 100).min(values.len() - 1)]
}
