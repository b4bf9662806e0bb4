//! When cron runs `flareo --batch` next, by those tables of this host that can be read (crontab(5)).

use std::fs;
use std::path::PathBuf;

use jiff::tz::TimeZone;
use jiff::{ToSpan as _, Zoned};

use crate::model::Timestamp;

/// A table, and whether its lines name a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    path: PathBuf,
    names_user: bool,
}

/// The tables of this host.
pub fn tables() -> Vec<Table> {
    let of_host = |path: PathBuf| Table {
        path,
        names_user: true,
    };
    let mut tables = vec![of_host("/etc/crontab".into())];
    let folder = fs::read_dir("/etc/cron.d").into_iter().flatten().flatten();
    tables.extend(folder.map(|entry| of_host(entry.path())));
    // A user's own is mostly for cron alone to be read.
    let own = fs::read_dir("/var/spool/cron/crontabs")
        .into_iter()
        .flatten();
    tables.extend(own.flatten().map(|entry| Table {
        path: entry.path(),
        names_user: false,
    }));
    tables
}

/// When one of `tables` runs `flareo --batch` next after `now`; none if none does within a year.
pub fn next_batch(tables: &[Table], now: Timestamp) -> Option<Timestamp> {
    let now = now.to_zoned(TimeZone::system());
    let runs = tables.iter().filter_map(|table| {
        let text = fs::read_to_string(&table.path).ok()?;
        next_in(&text, table.names_user, &now)
    });
    runs.min()
}

fn next_in(text: &str, names_user: bool, now: &Zoned) -> Option<Timestamp> {
    let batch = |line: &&str| {
        let line = line.trim();
        !line.starts_with('#') && line.contains("flareo") && line.contains("--batch")
    };
    let lines = text.lines().filter(batch);
    lines
        .filter_map(|line| Schedule::of(line, names_user)?.next(now))
        .min()
}

const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// The first five fields of a line, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Schedule {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Where both are restricted, either is enough.
    either_day: bool,
}

impl Schedule {
    fn of(line: &str, names_user: bool) -> Option<Self> {
        let mut words = line.split_whitespace();
        let first = words.next()?;
        let fields: Vec<&str> = match first {
            "@hourly" => vec!["0", "*", "*", "*", "*"],
            "@daily" | "@midnight" => vec!["0", "0", "*", "*", "*"],
            "@weekly" => vec!["0", "0", "*", "*", "0"],
            "@monthly" => vec!["0", "0", "1", "*", "*"],
            "@yearly" | "@annually" => vec!["0", "0", "1", "1", "*"],
            _ => std::iter::once(first)
                .chain(words.by_ref().take(4))
                .collect(),
        };
        // What follows has to be a command, after a user where there is one.
        let rest = words.count();
        let [minutes, hours, days, months, weekdays] = fields[..] else {
            return None;
        };
        if rest < 1 + usize::from(names_user) {
            return None;
        }
        let of_week = bits(weekdays, 0, 7, &WEEKDAYS, 0)?;
        Some(Self {
            minutes: bits(minutes, 0, 59, &[], 0)?,
            hours: bits(hours, 0, 23, &[], 0)?,
            days: bits(days, 1, 31, &[], 0)?,
            months: bits(months, 1, 12, &MONTHS, 1)?,
            // Sunday is 0 and 7.
            weekdays: of_week | (of_week >> 7 & 1),
            either_day: !days.starts_with('*') && !weekdays.starts_with('*'),
        })
    }

    /// The first minute after `now` that fits.
    fn next(&self, now: &Zoned) -> Option<Timestamp> {
        let has = |bits: u64, n: i8| bits >> u32::from(n.unsigned_abs()) & 1 == 1;
        let midnight = now.start_of_day().ok()?;
        for day in 0..=366 {
            let day = midnight.checked_add(day.days()).ok()?;
            let of_month = has(self.days, day.day());
            let of_week = has(self.weekdays, day.weekday().to_sunday_zero_offset());
            let wanted = match self.either_day {
                true => of_month || of_week,
                false => of_month && of_week,
            };
            if !wanted || !has(self.months, day.month()) {
                continue;
            }
            for hour in (0..24).filter(|hour| has(self.hours, *hour)) {
                for minute in (0..60).filter(|minute| has(self.minutes, *minute)) {
                    let at = day.with().hour(hour).minute(minute).build().ok()?;
                    if at.timestamp() > now.timestamp() {
                        return Some(at.timestamp());
                    }
                }
            }
        }
        None
    }
}

/// One field: `*`, `5`, `1-5`, `*/15`, `mon-fri`, and lists of them.
fn bits(field: &str, least: u64, most: u64, names: &[&str], first: u64) -> Option<u64> {
    let number = |text: &str| {
        let lower = text.to_lowercase();
        let named = names.iter().position(|name| *name == lower);
        let n = match named {
            Some(at) => at as u64 + first,
            None => text.parse().ok()?,
        };
        (least..=most).contains(&n).then_some(n)
    };
    let mut all = 0;
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<usize>().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (from, to) = match (range, range.split_once('-')) {
            ("*", _) => (least, most),
            (_, Some((from, to))) => (number(from)?, number(to)?),
            (one, None) if step > 1 => (number(one)?, most),
            (one, None) => (number(one)?, number(one)?),
        };
        if from > to {
            return None;
        }
        for n in (from..=to).step_by(step) {
            all |= 1 << n;
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A Friday.
    fn at(text: &str) -> Zoned {
        format!("{text}[UTC]").parse().unwrap()
    }

    fn next(line: &str, names_user: bool) -> Option<String> {
        let now = at("2026-11-27T16:07:30Z");
        next_in(line, names_user, &now).map(|at| at.to_string())
    }

    #[test]
    fn lines_say_when() {
        for (line, user, wanted) in [
            ("*/15 * * * * flareo --batch", false, "2026-11-27T16:15:00Z"),
            (
                "7 * * * * root flareo --batch",
                true,
                "2026-11-27T17:07:00Z",
            ),
            (
                "30 2 * * * root cd / && flareo --batch",
                true,
                "2026-11-28T02:30:00Z",
            ),
            (
                "0 6 * * mon-fri flareo --batch",
                false,
                "2026-11-30T06:00:00Z",
            ),
            ("0 6 1 * 7 flareo --batch", false, "2026-11-29T06:00:00Z"),
            ("0 0 29 feb * flareo --batch", false, "none"),
            ("@daily flareo --batch", false, "2026-11-28T00:00:00Z"),
            (
                "5,50 16-18 * * * flareo --batch",
                false,
                "2026-11-27T16:50:00Z",
            ),
            ("# * * * * * flareo --batch", false, "none"),
            ("* * * * * flareo queue", false, "none"),
            ("61 * * * * flareo --batch", false, "none"),
            ("* * * * flareo --batch", false, "none"),
            ("* * * * * flareo--batch", true, "none"),
        ] {
            let found = next(line, user).unwrap_or_else(|| "none".into());
            assert_eq!(found, wanted, "{line}");
        }
        let two = "0 20 * * * flareo --batch\n0 18 * * * flareo --batch\n";
        assert_eq!(next(two, false).as_deref(), Some("2026-11-27T18:00:00Z"));
    }

    proptest! {
        #[test]
        fn whatever_a_table_holds_the_answer_is_in_the_future(text in "[*0-9a-z,/@ \\-]{0,30} flareo --batch") {
            let now = at("2026-11-27T16:07:30Z");
            if let Some(next) = next_in(&text, false, &now) {
                prop_assert!(next > now.timestamp());
            }
        }
    }

    #[test]
    fn a_table_that_is_not_there_says_nothing() {
        let none = Table {
            path: "/nowhere/crontab".into(),
            names_user: true,
        };
        assert_eq!(next_batch(&[none], Timestamp::UNIX_EPOCH), None);
    }
}
