//! Figures as people read them: ages, durations, sizes, dates.

use crate::model::scan::Vulnerability;
pub use crate::model::size::words as bytes;
use crate::model::{State, Timestamp};

use super::theme::{Glyphs, Role};

/// How long ago `then` was, in one unit: `40s`, `5m`, `3h`, `12d`.
pub fn age(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A duration with its tenths while they matter: `40ms`, `12.3s`, `2m 05s`, `1h 02m`.
pub fn took(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0 => format!("{ms}ms"),
        1..60 => format!("{seconds}.{}s", ms % 1000 / 100),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// A point on a clock that runs: `3:12`, `1:00:05`.
pub fn clock(seconds: u64) -> String {
    match seconds {
        0..3600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => format!(
            "{}:{:02}:{:02}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        ),
    }
}

/// A date and time of day, in UTC.
pub fn date(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `1 row`, `2 rows`.
pub fn count(n: u64, one: &str) -> String {
    format!("{n} {one}{}", if n == 1 { "" } else { "s" })
}

/// `1st`, `2nd`, `11th`.
pub fn ordinal(n: u32) -> String {
    let suffix = match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{n}{suffix}")
}

/// A vulnerability on one line: how bad, which, in what, and whether there is a way out.
pub fn vulnerability(found: &Vulnerability) -> String {
    let fixed = match &found.fixed {
        Some(version) => format!("fixed in {version}"),
        None => "no fix".into(),
    };
    format!(
        "{:<8} {} in {} {}, {fixed}",
        found.severity.word(),
        found.id,
        found.package,
        found.installed
    )
}

/// What a state is to the eye.
pub const fn state_role(state: State) -> Role {
    match state {
        State::Pending => Role::Waiting,
        State::Approved | State::Building | State::Scanning | State::Signing => Role::Busy,
        State::Published => Role::Good,
        State::Rejected | State::Failed => Role::Bad,
        State::Withdrawn => Role::Dim,
        State::Yanked => Role::Warn,
    }
}

/// The mark of a state.
pub fn state_glyph(glyphs: &Glyphs, state: State) -> &'static str {
    let at = State::ALL
        .iter()
        .position(|s| *s == state)
        .unwrap_or_default();
    glyphs.states[at]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_rounded_as_people_do() {
        assert_eq!(took(450), "450ms");
        assert_eq!(took(12_345), "12.3s");
        assert_eq!(took(125_000), "2m 05s");
        assert_eq!(clock(192), "3:12");
        assert_eq!(ordinal(12), "12th");
        assert_eq!(ordinal(22), "22nd");
    }

    #[test]
    fn a_clock_that_runs_backwards_makes_no_nonsense() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let later: Timestamp = "2026-01-01T00:05:00Z".parse().unwrap();
        assert_eq!(age(later, now), "5m");
        assert_eq!(age(now, later), "0s");
    }
}
