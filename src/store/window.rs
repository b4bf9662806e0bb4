//! The queue as a list: windows of it that cost what they show, not what there is.

use std::collections::BTreeMap;

use rusqlite::{Row, Transaction, params_from_iter, types::Value};

use super::columns::{At, Count, Json};
use super::{Queue, StoreError};
use crate::model::view::QueueRow;
use crate::model::{Actor, Failure, Slug, State, SubmissionId, Timestamp};

/// Which rows of the queue, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueFilter {
    /// Only these states; empty means all.
    pub states: Vec<State>,
    /// Only this slug.
    pub slug: Option<Slug>,
    /// Only this submitter.
    pub submitter: Option<Actor>,
    /// Only rows older than this one: the cheap way to go on from a window's last row.
    pub before: Option<SubmissionId>,
}

/// How many rows there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    rows: BTreeMap<&'static str, u64>,
}

impl Counts {
    /// In one state.
    pub fn of(&self, state: State) -> u64 {
        self.rows.get(state.word()).copied().unwrap_or(0)
    }

    /// In all states.
    pub fn total(&self) -> u64 {
        self.rows.values().sum()
    }
}

pub(super) const COLUMNS: &str = "id, slug, state, submitter, created_at, updated_at, claim_holder, claim_expires, blocks, \
                       warnings, image, failure, approved_at";

/// A row, and where it stands in the line of the approved ones if it is one.
pub(super) fn queue_row(
    row: &Row<'_>,
    now: Timestamp,
) -> rusqlite::Result<(QueueRow, Option<i64>)> {
    let state: State = row.get(2)?;
    let claim: Option<(String, At)> = row
        .get::<_, Option<String>>(6)?
        .zip(row.get::<_, Option<At>>(7)?);
    let shown = QueueRow {
        id: row.get(0)?,
        slug: row.get(1)?,
        state,
        submitter: row.get(3)?,
        created_at: row.get::<_, At>(4)?.0,
        updated_at: row.get::<_, At>(5)?.0,
        claimed_by: claim.filter(|(_, until)| until.0 > now).map(|c| c.0),
        blocks: row.get(8)?,
        warnings: row.get(9)?,
        position: None,
        digest: row.get(10)?,
        error: row
            .get::<_, Option<Json<Failure>>>(11)?
            .map(|failure| failure.0.message),
    };
    let in_line: Option<i64> = row.get(12)?;
    Ok((shown, in_line.filter(|_| state == State::Approved)))
}

impl QueueFilter {
    /// The SQL that gives the ids of a window, with its parameters.
    ///
    /// With states alone there is one branch a state, each in the order of its own index; SQLite merges them and
    /// stops at the limit. A slug or a submitter has few rows, and an index of its own.
    fn ids(&self, offset: u32, limit: u32) -> (String, Vec<Value>) {
        let mut parameters = vec![Value::from(limit), Value::from(offset)];
        let mut conditions = Vec::new();
        let mut add = |condition: &str, value: Value| {
            parameters.push(value);
            conditions.push(format!("{condition} ?{}", parameters.len()));
        };
        if let Some(before) = self.before {
            add("id <", before.0.into());
        }
        if let Some(slug) = &self.slug {
            add("slug =", slug.to_string().into());
        }
        if let Some(submitter) = &self.submitter {
            add("submitter =", submitter.0.clone().into());
        }
        let indexed = self.slug.is_some() || self.submitter.is_some();
        let mut states: Vec<&str> = self.states.iter().map(|s| s.word()).collect();
        states.sort_unstable();
        states.dedup();
        let branch = |more: Option<String>| {
            let all: Vec<String> = conditions.iter().cloned().chain(more).collect();
            let conditions = if all.is_empty() {
                "true".to_owned()
            } else {
                all.join(" AND ")
            };
            format!("SELECT id FROM submissions WHERE {conditions}")
        };
        let branches = if states.is_empty() {
            branch(None)
        } else if indexed {
            // The plus keeps the planner off the index of the states.
            branch(Some(format!("+state IN ('{}')", states.join("', '"))))
        } else {
            let each = states
                .iter()
                .map(|s| branch(Some(format!("state = '{s}'"))));
            each.collect::<Vec<_>>().join(" UNION ALL ")
        };
        (
            format!("{branches} ORDER BY id DESC LIMIT ?1 OFFSET ?2"),
            parameters,
        )
    }
}

/// Fills in the places of approved rows: one count up to the first of them, then from each to the next.
pub(super) fn fill_positions(
    t: &Transaction<'_>,
    rows: &mut [(QueueRow, Option<i64>)],
) -> Result<(), StoreError> {
    let mut line: Vec<&mut (QueueRow, Option<i64>)> =
        rows.iter_mut().filter(|r| r.1.is_some()).collect();
    line.sort_by_key(|r| (r.1, r.0.id));
    let mut between = t.prepare_cached(
        "SELECT count(*) FROM submissions WHERE state = 'approved'
         AND (approved_at, id) > (?1, ?2) AND (approved_at, id) <= (?3, ?4)",
    )?;
    let (mut from, mut position) = ((i64::MIN, i64::MIN), 0_u32);
    for (row, approved_at) in line {
        let to = (approved_at.unwrap_or_default(), row.id.0);
        position += between.query_row([from.0, from.1, to.0, to.1], |r| r.get::<_, u32>(0))?;
        row.position = Some(position);
        from = to;
    }
    Ok(())
}

impl Queue {
    /// A window of the queue, newest first.
    ///
    /// Without a filter any window costs only itself; with one, `offset` steps over index entries, and
    /// [`QueueFilter::before`] over nothing.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn rows(
        &self,
        filter: &QueueFilter,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<QueueRow>, StoreError> {
        let now = self.now();
        self.read(|t| rows(t, now, filter, offset, limit))
    }

    /// How many rows each state has.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn counts(&self) -> Result<Counts, StoreError> {
        self.read(|t| {
            let mut statement = t.prepare_cached("SELECT state, rows FROM state_counts")?;
            let rows = statement.query_map([], |r| {
                Ok((r.get::<_, State>(0)?.word(), r.get::<_, Count>(1)?.0))
            })?;
            Ok(Counts {
                rows: rows.collect::<Result<_, _>>()?,
            })
        })
    }
}

/// The SQL that gives the ids of a window, with its parameters.
pub(super) fn ids(
    t: &Transaction<'_>,
    filter: &QueueFilter,
    offset: u32,
    limit: u32,
) -> Result<(String, Vec<Value>), StoreError> {
    if !filter.states.is_empty() || filter.slug.is_some() || filter.submitter.is_some() {
        return Ok(filter.ids(offset, limit));
    }
    // Ids have no gaps (nothing is ever deleted, and a refused insert takes no number), so the row at an offset is
    // known without stepping there.
    let newest: i64 = t.query_row("SELECT ifnull(max(id), 0) FROM submissions", [], |r| {
        r.get(0)
    })?;
    let first = filter
        .before
        .map_or(newest + 1, |before| before.0.min(newest + 1));
    let all = QueueFilter {
        before: Some(SubmissionId(first - i64::from(offset))),
        ..QueueFilter::default()
    };
    Ok(all.ids(0, limit))
}

fn rows(
    t: &Transaction<'_>,
    now: Timestamp,
    filter: &QueueFilter,
    offset: u32,
    limit: u32,
) -> Result<Vec<QueueRow>, StoreError> {
    let (ids, parameters) = ids(t, filter, offset, limit)?;
    let mut statement = t.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM submissions WHERE id IN ({ids}) ORDER BY id DESC"
    ))?;
    let found = statement.query_map(params_from_iter(parameters), |r| queue_row(r, now))?;
    let mut found: Vec<_> = found.collect::<Result<_, _>>()?;
    fill_positions(t, &mut found)?;
    Ok(found.into_iter().map(|(row, _)| row).collect())
}
