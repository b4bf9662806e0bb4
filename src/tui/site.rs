//! The console's desk over a real site.

use std::sync::{Mutex, PoisonError};

use super::desk::{
    Desk, EventPage, ModuleDetail, ModulePage, QueueFilter, QueuePage, Ruling, Standing,
};
use crate::logs::{SpoolReader, latest_attempt, spool_path};
use crate::model::decision::Verdict;
use crate::model::view::ReviewPage;
use crate::model::{Actor, State, SubmissionId, Timestamp};
use crate::pipeline::{Seen, Site, SiteError, Target};
use crate::store::Changes;

/// A site as the console sees it.
pub struct SiteDesk {
    site: Site,
    changes: Mutex<(Changes, u64)>,
}

impl SiteDesk {
    /// A desk over `site`; whoever asks there sits at the keyboard.
    ///
    /// # Errors
    /// If the queue can't be watched.
    pub fn new(site: &Site) -> Result<Self, SiteError> {
        Ok(Self {
            site: site.clone(),
            changes: Mutex::new((site.queue().changes()?, 0)),
        })
    }
}

/// An error with what to do about it.
fn words(error: SiteError) -> String {
    let failure = error.failure;
    if failure.help.is_empty() {
        failure.message
    } else {
        format!("{}\n\n{}", failure.message, failure.help)
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Desk for SiteDesk {
    fn who(&self) -> Actor {
        self.site.actor().clone()
    }

    fn now(&self) -> Timestamp {
        self.site.clock().now()
    }

    fn changes(&self) -> u64 {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        // A look that fails counts as a change: the question that follows will say what is wrong.
        if changes.0.any().unwrap_or(true) {
            changes.1 += 1;
        }
        changes.1
    }

    fn standing(&self) -> Result<Standing, String> {
        let counts = self.site.queue().counts().map_err(text)?;
        Ok(Standing {
            counts: State::ALL
                .into_iter()
                .map(|state| (state, counts.of(state)))
                .collect(),
            workers: self.site.queue().workers().map_err(text)?,
        })
    }

    fn queue(&self, filter: &QueueFilter, offset: u64, limit: usize) -> Result<QueuePage, String> {
        let states: Vec<State> = State::ALL
            .into_iter()
            .filter(|state| filter.scope.holds(*state))
            .collect();
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let (total, rows) = self
            .site
            .queue()
            .page(&states, &filter.text, offset, limit)
            .map_err(text)?;
        Ok(QueuePage { total, rows })
    }

    fn review(&self, id: SubmissionId) -> Result<ReviewPage, String> {
        self.site.review_page(id).map_err(words)
    }

    fn decide(&self, ruling: &Ruling) -> Result<String, String> {
        let seen = Seen {
            version: ruling.version,
            pins: ruling.pins.clone(),
        };
        let row = match ruling.verdict {
            Verdict::Approve => self
                .site
                .approve(ruling.id, Some(&seen), &ruling.reason, &[]),
            Verdict::Reject => self.site.reject(ruling.id, Some(&seen), &ruling.reason),
        }
        .map_err(words)?;
        Ok(format!("#{} {} is {}", row.id, row.slug, row.state))
    }

    fn events(&self, id: SubmissionId, from: u64, limit: usize) -> Result<EventPage, String> {
        let row = self.site.queue().submission(id).map_err(text)?;
        let logs = self.site.paths().logs();
        let live = row.state.is_work();
        let Some(attempt) = latest_attempt(&logs, id).map_err(text)? else {
            return Ok(EventPage {
                end: true,
                live,
                ..EventPage::default()
            });
        };
        let page = SpoolReader::new(spool_path(&logs, id, attempt))
            .page(from, limit)
            .map_err(text)?;
        Ok(EventPage {
            attempt,
            events: page.events,
            next: page.next,
            end: page.end,
            live,
        })
    }

    fn modules(&self, text_held: &str, offset: u64, limit: usize) -> Result<ModulePage, String> {
        let all = self.site.queue().modules(0, u32::MAX).map_err(text)?;
        let matching = |row: &crate::model::view::ModuleRow| {
            row.slug.as_str().contains(text_held) || row.digest.to_string().contains(text_held)
        };
        let mut rows: Vec<_> = all.into_iter().filter(matching).collect();
        rows.sort_by(|a, b| a.slug.cmp(&b.slug).then(b.submission.cmp(&a.submission)));
        let total = rows.len() as u64;
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        Ok(ModulePage {
            total,
            rows: rows.into_iter().skip(offset).take(limit).collect(),
        })
    }

    fn module(&self, id: SubmissionId) -> Result<ModuleDetail, String> {
        let module = self
            .site
            .queue()
            .module_of(id)
            .map_err(text)?
            .ok_or_else(|| format!("submission {id} is not in the catalog"))?;
        let signature = match self.site.verify(&Target::Image(module.digest), None) {
            Ok(verified) => Ok(verified
                .first()
                .map(|v| v.key.to_string())
                .unwrap_or_default()),
            Err(error) => Err(words(error)),
        };
        let pull = format!(
            "{}/{}@{}",
            self.site.policy().catalog.prefix,
            module.slug,
            module.digest
        );
        Ok(ModuleDetail {
            module,
            pull,
            signature,
        })
    }
}
