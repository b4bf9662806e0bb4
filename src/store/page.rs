//! The queue as a console pages through it: what is open first, oldest first; then what is done, the latest first.

use rusqlite::{Transaction, params_from_iter, types::Value};

use super::columns::Count;
use super::window::{COLUMNS, fill_positions, queue_row};
use super::{Queue, StoreError};
use crate::model::arrangement::{Arrangement, Narrow, Order};
use crate::model::view::QueueRow;
use crate::model::{State, Timestamp};

/// One half of the page: the open rows, or those that are done.
struct Half<'a> {
    states: Vec<State>,
    text: &'a str,
    /// Columns and directions; `id` alone needs no more than the index.
    order: &'static str,
    narrow: Narrow,
    who: &'a str,
}

impl Half<'_> {
    /// The ids of the half, in no order yet. One branch a state, each in the order of its own index.
    fn ids(&self) -> (String, Vec<Value>) {
        let mut parameters = Vec::new();
        let mut condition = String::new();
        if !self.text.is_empty() {
            parameters.push(Value::from(self.text.to_lowercase()));
            condition =
                " AND instr(lower(slug || ' ' || submitter || ' ' || state || ' #' || id), ?1) > 0"
                    .to_owned();
        }
        match self.narrow {
            Narrow::All => {}
            Narrow::Mine => {
                parameters.push(Value::from(self.who.to_owned()));
                let at = parameters.len();
                condition.push_str(&format!(" AND (claim_holder = ?{at} OR submitter = ?{at})"));
            }
            Narrow::Grants => condition.push_str(
                " AND (wishes ->> '$.requires_network' = 1 OR wishes ->> '$.time_limit_minutes' IS NOT NULL
                   OR wishes ->> '$.base' IS NOT NULL)",
            ),
        }
        let branches: Vec<String> = self
            .states
            .iter()
            .map(|state| {
                format!(
                    "SELECT id FROM submissions WHERE state = '{}'{condition}",
                    state.word()
                )
            })
            .collect();
        (branches.join(" UNION ALL "), parameters)
    }

    fn count(&self, t: &Transaction<'_>) -> Result<u64, StoreError> {
        if self.states.is_empty() {
            return Ok(0);
        }
        if self.text.is_empty() && self.narrow == Narrow::All {
            let states: Vec<String> = self
                .states
                .iter()
                .map(|s| format!("'{}'", s.word()))
                .collect();
            let sum = format!(
                "SELECT ifnull(sum(rows), 0) FROM state_counts WHERE state IN ({})",
                states.join(", ")
            );
            return Ok(t.query_row(&sum, [], |r| r.get::<_, Count>(0))?.0);
        }
        let (ids, parameters) = self.ids();
        let counted = format!("SELECT count(*) FROM ({ids})");
        Ok(t.prepare_cached(&counted)?
            .query_row(params_from_iter(parameters), |r| r.get::<_, Count>(0))?
            .0)
    }

    fn rows(
        &self,
        t: &Transaction<'_>,
        now: Timestamp,
        offset: u64,
        limit: u64,
    ) -> Result<Vec<QueueRow>, StoreError> {
        if self.states.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let (ids, mut parameters) = self.ids();
        let whole = |n: u64| Value::from(i64::try_from(n).unwrap_or(i64::MAX));
        let at = parameters.len();
        parameters.extend([whole(limit), whole(offset)]);
        let order = self.order;
        let (one, two) = (at + 1, at + 2);
        let query = match order.strip_prefix("id ") {
            // The ids alone are sorted, and only the rows of the window are read.
            Some(way) => format!(
                "SELECT {COLUMNS} FROM submissions WHERE id IN ({ids} ORDER BY id {way} LIMIT ?{one} OFFSET ?{two})
                 ORDER BY id {way}"
            ),
            None => format!(
                "SELECT {COLUMNS} FROM submissions WHERE id IN ({ids}) ORDER BY {order} LIMIT ?{one} OFFSET ?{two}"
            ),
        };
        let mut statement = t.prepare_cached(&query)?;
        let found = statement.query_map(params_from_iter(parameters), |r| queue_row(r, now))?;
        let mut found: Vec<_> = found.collect::<Result<_, _>>()?;
        fill_positions(t, &mut found)?;
        Ok(found.into_iter().map(|(row, _)| row).collect())
    }
}

impl Queue {
    /// How many rows in one of `states` hold `text` (in slug, submitter, state or `#number`, without regard to case),
    /// and a window of them, arranged: open ones always stand before those that are done.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn page(
        &self,
        states: &[State],
        text: &str,
        arranged: &Arrangement,
        offset: u64,
        limit: u32,
    ) -> Result<(u64, Vec<QueueRow>), StoreError> {
        let now = self.now();
        let who = arranged.who.as_ref().map_or("", |who| who.0.as_str());
        let half = |done: bool, order| Half {
            narrow: arranged.narrow,
            who,
            states: states
                .iter()
                .copied()
                .filter(|state| state.is_terminal() == done)
                .collect(),
            text,
            order,
        };
        let (first, then) = match arranged.order {
            Order::Age => ("id ASC", "id DESC"),
            Order::Newest => ("id DESC", "id DESC"),
            Order::Slug => ("slug ASC, id DESC", "slug ASC, id DESC"),
            Order::Severity => (
                "blocks DESC, warnings DESC, id ASC",
                "blocks DESC, warnings DESC, id DESC",
            ),
        };
        let (open, done) = (half(false, first), half(true, then));
        self.read(|t| {
            let (opened, closed) = (open.count(t)?, done.count(t)?);
            let mut rows = match offset < opened {
                true => open.rows(t, now, offset, limit.into())?,
                false => Vec::new(),
            };
            let left = u64::from(limit).saturating_sub(rows.len() as u64);
            rows.extend(done.rows(t, now, offset.saturating_sub(opened), left)?);
            Ok((opened + closed, rows))
        })
    }
}
