//! The console's desk over a real site.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::desk::{
    Desk, EventPage, Look, ModuleDetail, ModulePage, QueueFilter, QueuePage, Ruling, Sheet,
    Standing,
};
use super::sheets;
use crate::logs::{SpoolReader, latest_attempt, spool_path};
use crate::model::arrangement::Arrangement;
use crate::model::decision::Verdict;
use crate::model::event::Happening;
use crate::model::view::ReviewPage;
use crate::model::{Actor, State, Submission, SubmissionId, Timestamp};
use crate::pipeline::{Seen, Site, SiteError, Target};
use crate::store::Changes;

/// Spools that are kept open: the one that is followed, and a few to come back to.
const SPOOLS: usize = 8;

/// A worker writes a build's last lines after it has moved the row: so long they are waited for.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A site as the console sees it.
pub struct SiteDesk {
    site: Site,
    news: Mutex<News>,
    spools: Mutex<BTreeMap<SubmissionId, Arc<Mutex<Spool>>>>,
}

/// What was last seen of the site.
struct News {
    changes: Changes,
    workers: u32,
    count: u64,
}

/// The spool of a submission's latest attempt, with the index of what was read of it.
struct Spool {
    attempt: u32,
    reader: SpoolReader,
    /// Whether its last line was read: how the build ended.
    ended: bool,
}

impl SiteDesk {
    /// A desk over `site`; whoever asks there sits at the keyboard.
    ///
    /// # Errors
    /// If the queue can't be watched.
    pub fn new(site: &Site) -> Result<Self, SiteError> {
        Ok(Self {
            site: site.clone(),
            news: Mutex::new(News {
                changes: site.queue().changes()?,
                workers: site.workers(),
                count: 0,
            }),
            spools: Mutex::default(),
        })
    }

    /// The spool of the latest attempt at `id`, opened once; none if no attempt has begun.
    fn spool(&self, id: SubmissionId) -> Result<Option<Arc<Mutex<Spool>>>, String> {
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

/// What a mutex holds; a thread that panicked has left it in order, for nothing here is changed in two steps.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        let mut news = held(&self.news);
        // A look that fails counts as a change: the question that follows will say what is wrong.
        let changed = news.changes.any().unwrap_or(true);
        let workers = self.site.workers();
        if changed || workers != news.workers {
            news.workers = workers;
            news.count += 1;
        }
        news.count
    }

    fn standing(&self) -> Result<Standing, String> {
        let counts = self.site.queue().counts().map_err(text)?;
        Ok(Standing {
            counts: State::ALL
                .into_iter()
                .map(|state| (state, counts.of(state)))
                .collect(),
            workers: self.site.workers(),
        })
    }

    fn queue(&self, filter: &QueueFilter, offset: u64, limit: usize) -> Result<QueuePage, String> {
        let states: Vec<State> = State::ALL
            .into_iter()
            .filter(|state| filter.scope.holds(*state))
            .collect();
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let arranged = Arrangement {
            order: filter.order,
            narrow: filter.narrow,
            who: Some(self.who()),
        };
        let (total, rows) = self
            .site
            .queue()
            .page(&states, &filter.text, &arranged, offset, limit)
            .map_err(text)?;
        Ok(QueuePage { total, rows })
    }

    fn recall(&self) -> QueueFilter {
        self.site.console_left().unwrap_or_default()
    }

    fn remember(&self, filter: &QueueFilter) -> Result<(), String> {
        self.site.keep_console(filter).map_err(words)
    }

    fn review(&self, id: SubmissionId) -> Result<ReviewPage, String> {
        self.site.review_page(id).map_err(words)
    }

    fn look(&self, id: SubmissionId, look: &Look) -> Result<Sheet, String> {
        match look {
            Look::Files => self
                .site
                .context_files(id, "")
                .map(|files| sheets::files(&files)),
            Look::File(path) => self
                .site
                .context_file(id, path)
                .map(|file| sheets::file(&file)),
            Look::Build => self
                .site
                .effective_build(id)
                .map(|build| sheets::build(&build)),
            Look::Forecast => self
                .site
                .forecast(id)
                .map(|forecast| sheets::forecast(&forecast)),
        }
        .map_err(words)
    }

    fn claim(&self, id: SubmissionId, steal: bool) -> Result<String, String> {
        let row = self.site.queue().submission(id).map_err(text)?;
        let now = self.site.clock().now();
        let held = row.claim.filter(|claim| claim.expires_at > now);
        if held
            .as_ref()
            .is_some_and(|claim| claim.holder == self.site.actor().0)
        {
            self.site.release(id).map_err(words)?;
            return Ok(format!("#{id} is free for others to read"));
        }
        match steal {
            true => self.site.steal_claim(id),
            false => self.site.claim(id),
        }
        .map_err(words)?;
        Ok(match held {
            Some(held) => format!(
                "#{id} is yours to read; {} sees that on the page",
                held.holder
            ),
            None => format!("#{id} is yours to read"),
        })
    }

    fn comment(&self, id: SubmissionId, line: u32, said: &str) -> Result<String, String> {
        self.site.comment(id, None, line, said).map_err(words)?;
        Ok(format!(
            "noted at line {line}; the submitter reads it with your decision"
        ))
    }

    fn decide(&self, ruling: &Ruling) -> Result<String, String> {
        let seen = Seen {
            version: ruling.version,
            pins: ruling.pins.clone(),
        };
        let row = match ruling.verdict {
            Verdict::Approve => {
                self.site
                    .approve(ruling.id, Some(&seen), &ruling.reason, &ruling.grants)
            }
            Verdict::Reject => self.site.reject(ruling.id, Some(&seen), &ruling.reason),
        }
        .map_err(words)?;
        if ruling.verdict == Verdict::Approve && row.state == State::Pending {
            return Ok(format!(
                "you are for #{} {}; another reviewer has to be as well",
                row.id, row.slug
            ));
        }
        Ok(format!("#{} {} is {}", row.id, row.slug, row.state))
    }

    fn events(&self, id: SubmissionId, from: u64, limit: usize) -> Result<EventPage, String> {
        let row = self.site.queue().submission(id).map_err(text)?;
        let Some(spool) = self.spool(id)? else {
            return Ok(EventPage {
                end: true,
                live: row.state.is_work(),
                ..EventPage::default()
            });
        };
        let mut spool = held(&spool);
        let page = spool.reader.page(from, limit).map_err(text)?;
        spool.ended |= page
            .events
            .last()
            .is_some_and(|(_, event)| matches!(event.what, Happening::Result { .. }));
        Ok(EventPage {
            attempt: spool.attempt,
            events: page.events,
            next: page.next,
            end: page.end,
            live: self.goes_on(&row, spool.ended),
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
