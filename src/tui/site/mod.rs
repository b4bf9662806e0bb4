//! The console's desk over a real site.

mod looks;
mod registers;
mod spools;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::desk::{
    Desk, EventPage, Left, Look, ModuleDetail, ModulePage, QueueFilter, QueuePage, Ruling, Sheet,
    Standing,
};
use super::registers::{Register, RegisterPage};
use super::screens::build;
use crate::config::cron;
use crate::logs::{Pattern, Piece, SpoolReader};
use crate::model::arrangement::Arrangement;
use crate::model::decision::Verdict;
use crate::model::view::{Check, ReviewPage};
use crate::model::{Actor, Event, State, SubmissionId, Timestamp};
use crate::pipeline::{Seen, Site, SiteError, Target};
use crate::store::Changes;
use registers::Chain;
use spools::Spool;

/// A site as the console sees it.
pub struct SiteDesk {
    site: Site,
    news: Mutex<News>,
    spools: Mutex<BTreeMap<SubmissionId, Arc<Mutex<Spool>>>>,
    /// How the audit chain stood at that count of changes: recomputing it reads every entry.
    chain: Mutex<Option<(u64, Chain)>>,
    /// What the doctor said last.
    checks: Mutex<Vec<Check>>,
    cron: Vec<cron::Table>,
}

/// What was last seen of the site.
struct News {
    changes: Changes,
    workers: u32,
    count: u64,
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
            chain: Mutex::default(),
            checks: Mutex::default(),
            cron: Vec::new(),
        })
    }

    /// With the tables by which cron may run batches here.
    #[must_use]
    pub fn scheduled(mut self, tables: Vec<cron::Table>) -> Self {
        self.cron = tables;
        self
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
            database: self.site.database_date(),
            next_batch: cron::next_batch(&self.cron, self.now()),
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

    fn recall(&self) -> Left {
        self.site.console_left().unwrap_or_default()
    }

    fn remember(&self, left: &Left) -> Result<(), String> {
        self.site.keep_console(left).map_err(words)
    }

    fn review(&self, id: SubmissionId) -> Result<ReviewPage, String> {
        self.site.review_page(id).map_err(words)
    }

    fn look(&self, id: SubmissionId, look: &Look) -> Result<Sheet, String> {
        self.look_at(id, look)
    }

    fn register(
        &self,
        register: Register,
        text: &str,
        offset: u64,
        limit: usize,
    ) -> Result<RegisterPage, String> {
        self.rows_of(register, text, offset, limit)
    }

    fn entry(&self, register: Register, key: &str) -> Result<Sheet, String> {
        self.sheet_of(register, key)
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
        self.page_of(id, &|reader| reader.page(from, limit))
    }

    fn events_before(
        &self,
        id: SubmissionId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<EventPage, String> {
        self.page_of(id, &|reader| reader.page_before(before, limit))
    }

    fn outline(&self, id: SubmissionId, from: u64) -> Result<Piece<(u64, Event)>, String> {
        match self.spool(id)? {
            Some(spool) => held(&spool).reader.outline(from).map_err(text),
            None => Ok(Piece::nothing(from)),
        }
    }

    fn search(&self, id: SubmissionId, from: u64, pattern: &Pattern) -> Result<Piece<u64>, String> {
        // A reader of its own: who searches does not hold up who follows.
        match self.latest_spool(id)? {
            Some(path) => SpoolReader::new(path)
                .search(from, pattern, &build::words_of)
                .map_err(text),
            None => Ok(Piece::nothing(from)),
        }
    }

    fn events_at(&self, id: SubmissionId, places: &[u64]) -> Result<Vec<(u64, Event)>, String> {
        let Some(spool) = self.spool(id)? else {
            return Ok(Vec::new());
        };
        let mut spool = held(&spool);
        let mut found = Vec::with_capacity(places.len());
        for &place in places {
            let event = spool.reader.at(place).map_err(text)?;
            found.extend(event.map(|event| (place, event)));
        }
        Ok(found)
    }

    fn save(
        &self,
        id: SubmissionId,
        name: &str,
        pattern: Option<&Pattern>,
    ) -> Result<String, String> {
        let Some(path) = self.latest_spool(id)? else {
            return Err(format!("#{id} has not been built: there is no log to save"));
        };
        let words = |event: &Event| {
            build::words_of(event).filter(|words| pattern.is_none_or(|p| p.matches(words)))
        };
        self.site.save_log(&path, name, &words).map_err(self::words)
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

    fn stop_build(&self, id: SubmissionId) -> Result<String, String> {
        let row = self.site.cancel_build(id, "").map_err(words)?;
        Ok(match row.state {
            State::Failed => format!("#{id} is taken out of the line"),
            _ => format!("the worker that has #{id} is told to end"),
        })
    }

    fn retry(&self, id: SubmissionId) -> Result<String, String> {
        let row = self.site.retry(id).map_err(words)?;
        Ok(format!(
            "#{} is #{id} once more, and waits for a reviewer",
            row.id
        ))
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
