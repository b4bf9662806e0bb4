//! The spools of builds, kept open while somebody reads them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{SiteDesk, held, text};
use crate::logs::{Page, SpoolError, SpoolReader, latest_attempt, spool_path};
use crate::model::event::Happening;
use crate::model::{State, Submission, SubmissionId};
use crate::tui::desk::EventPage;

/// Spools that are kept open: the one that is followed, and a few to come back to.
const SPOOLS: usize = 8;

/// A worker writes a build's last lines after it has moved the row: so long they are waited for.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The spool of a submission's latest attempt.
pub(super) struct Spool {
    attempt: u32,
    pub(super) reader: SpoolReader,
    /// Whether its last line was read: how the build ended.
    ended: bool,
}

impl SiteDesk {
    /// The spool of the latest attempt at `id`, opened once; none if no attempt has begun.
    pub(super) fn spool(&self, id: SubmissionId) -> Result<Option<Arc<Mutex<Spool>>>, String> {
        let logs = self.site.paths().logs();
        let Some(attempt) = latest_attempt(&logs, id).map_err(text)? else {
            return Ok(None);
        };
        let mut spools = held(&self.spools);
        if let Some(spool) = spools.get(&id)
            && held(spool).attempt == attempt
        {
            return Ok(Some(Arc::clone(spool)));
        }
        if spools.len() >= SPOOLS {
            spools.pop_first();
        }
        let spool = Arc::new(Mutex::new(Spool {
            attempt,
            reader: SpoolReader::new(spool_path(&logs, id, attempt)),
            ended: false,
        }));
        spools.insert(id, Arc::clone(&spool));
        Ok(Some(spool))
    }

    /// The spool of the latest attempt at `id`, if one has begun.
    pub(super) fn latest_spool(&self, id: SubmissionId) -> Result<Option<PathBuf>, String> {
        let logs = self.site.paths().logs();
        let attempt = latest_attempt(&logs, id).map_err(text)?;
        Ok(attempt.map(|attempt| spool_path(&logs, id, attempt)))
    }

    /// A page of the spool of `id`, as `read` reads it.
    pub(super) fn page_of(
        &self,
        id: SubmissionId,
        read: &dyn Fn(&mut SpoolReader) -> Result<Page, SpoolError>,
    ) -> Result<EventPage, String> {
        let row = self.site.queue().submission(id).map_err(text)?;
        let Some(spool) = self.spool(id)? else {
            return Ok(EventPage {
                end: true,
                live: row.state.is_work(),
                ..EventPage::default()
            });
        };
        let mut spool = held(&spool);
        let page = read(&mut spool.reader).map_err(text)?;
        spool.ended |= page
            .events
            .last()
            .is_some_and(|(_, event)| matches!(event.what, Happening::Result { .. }));
        Ok(EventPage {
            attempt: spool.attempt,
            events: page.events,
            begin: page.begin,
            next: page.next,
            end: page.end,
            live: self.goes_on(&row, spool.ended),
        })
    }

    /// Whether more may come to the spool of `row` after what was read.
    fn goes_on(&self, row: &Submission, ended: bool) -> bool {
        let just_now = || {
            let age = self.site.clock().now().duration_since(row.updated_at);
            age.unsigned_abs() < LAST_WORDS
        };
        row.state.is_work()
            || (!ended && matches!(row.state, State::Failed | State::Published) && just_now())
    }
}
