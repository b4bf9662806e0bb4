//! How things went lately: what the charts are made of. One walk over the rows that matter, no table of its own.

use std::collections::HashMap;

use super::columns::{At, Count};
use super::{Queue, StoreError};
use crate::model::figures::{Day, Figures};
use crate::model::{Slug, State, Timestamp};

/// Days that are told of.
const DAYS: usize = 30;
/// Builds of a slug that are told of.
const BUILDS: usize = 24;
/// Slugs and bases that are told of.
const NAMES: usize = 24;

const DAY: i64 = 24 * 60 * 60 * 1000;

impl Queue {
    /// The last month, as the clock of this queue has it.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn figures(&self) -> Result<Figures, StoreError> {
        let today = self.now().as_millisecond().div_euclid(DAY);
        let first = today - DAYS as i64 + 1;
        self.read(|t| {
            // What was open before the first day, and what came and went on each day after it.
            let (mut open, mut moved) = (0i64, vec![0i64; DAYS]);
            let mut note = |at: i64, by: i64| match usize::try_from(at.div_euclid(DAY) - first) {
                Ok(day) => moved[day.min(DAYS - 1)] += by,
                Err(_) => open += by,
            };
            let mut statement = t.prepare_cached(
                "SELECT s.created_at, s.state, ifnull(m.published_at, s.updated_at)
                 FROM submissions s LEFT JOIN modules m ON m.submission = s.id",
            )?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                note(row.get(0)?, 1);
                if row.get::<_, State>(1)?.is_terminal() {
                    note(row.get(2)?, -1);
                }
            }
            let mut waits: Vec<Vec<u64>> = vec![Vec::new(); DAYS];
            let mut statement = t.prepare_cached(
                "SELECT min(d.at), s.created_at FROM decisions d JOIN submissions s ON s.id = d.submission
                 GROUP BY d.submission HAVING min(d.at) >= ?1",
            )?;
            let mut rows = statement.query([first * DAY])?;
            while let Some(row) = rows.next()? {
                let (decided, came): (i64, i64) = (row.get(0)?, row.get(1)?);
                let day = usize::try_from(decided.div_euclid(DAY) - first).unwrap_or_default();
                let waited = u64::try_from((decided - came) / 1000).unwrap_or_default();
                waits[day.min(DAYS - 1)].push(waited);
            }
            let days = (first..).zip(moved).zip(waits).map(|((day, by), mut waits)| {
                open += by;
                waits.sort_unstable();
                let date = Timestamp::from_millisecond(day * DAY).unwrap_or(Timestamp::UNIX_EPOCH);
                Day {
                    date: date.strftime("%Y-%m-%d").to_string(),
                    open: u64::try_from(open).unwrap_or_default(),
                    wait_seconds: waits.get(waits.len() / 2).copied(),
                }
            });
            Ok(Figures {
                days: days.collect(),
                builds: builds(t)?,
                bases: named(t, "SELECT reference, bytes FROM bases ORDER BY bytes DESC, reference LIMIT ?1")?,
                modules: named(
                    t,
                    "SELECT slug, sum(bytes) FROM modules GROUP BY slug ORDER BY sum(bytes) DESC, slug LIMIT ?1",
                )?,
            })
        })
    }
}

fn builds(t: &rusqlite::Transaction<'_>) -> Result<Vec<(Slug, Vec<u64>)>, StoreError> {
    let mut statement = t.prepare_cached(
        "SELECT s.slug, a.started_at, a.finished_at FROM attempts a JOIN submissions s ON s.id = a.submission
         WHERE a.ending IN ('published', 'failed') AND a.from_state = 'approved'
         ORDER BY a.submission DESC, a.attempt DESC LIMIT 5000",
    )?;
    let mut rows = statement.query([])?;
    let (mut order, mut times): (Vec<Slug>, HashMap<Slug, Vec<u64>>) = Default::default();
    while let Some(row) = rows.next()? {
        let slug: Slug = row.get(0)?;
        let (began, ended): (At, At) = (row.get(1)?, row.get(2)?);
        let took = ended.0.duration_since(began.0).as_millis();
        let known = times.entry(slug.clone()).or_default();
        if known.is_empty() {
            order.push(slug);
        }
        if known.len() < BUILDS {
            known.push(u64::try_from(took).unwrap_or_default());
        }
    }
    let oldest_first = |slug: Slug| {
        let mut times = times.remove(&slug).unwrap_or_default();
        times.reverse();
        (slug, times)
    };
    Ok(order.into_iter().take(NAMES).map(oldest_first).collect())
}

fn named(t: &rusqlite::Transaction<'_>, query: &str) -> Result<Vec<(String, u64)>, StoreError> {
    let mut statement = t.prepare_cached(query)?;
    let found =
        statement.query_map([NAMES as i64], |r| Ok((r.get(0)?, r.get::<_, Count>(1)?.0)))?;
    // References stand in the database in full, and people write them short.
    let short = |name: String| match name.parse::<crate::model::Reference>() {
        Ok(reference) if name.contains('/') => reference.familiar(),
        _ => name,
    };
    let found = found.map(|row| row.map(|(name, bytes)| (short(name), bytes)));
    Ok(found.collect::<Result<_, _>>()?)
}
