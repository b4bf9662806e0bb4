//! The console's desk over a real site.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::build_sheets;
use super::desk::{
    Desk, EventPage, Left, Look, ModuleDetail, ModulePage, QueueFilter, QueuePage, Ruling, Sheet,
    Standing,
};
use super::module_sheets;
use super::registers::{Register, RegisterPage, audit, bases, doctor, outbox};
use super::screens::build;
use super::sheets;
use crate::logs::{Page, Pattern, Piece, SpoolError, SpoolReader, latest_attempt, spool_path};
use crate::model::arrangement::Arrangement;
use crate::model::decision::Verdict;
use crate::model::event::Happening;
use crate::model::view::{Check, ReviewPage};
use crate::model::{Actor, Event, Reference, State, Submission, SubmissionId, Timestamp};
use crate::pipeline::{Seen, Site, SiteError, Target};
use crate::store::{AuditCheck, Changes};

/// Spools that are kept open: the one that is followed, and a few to come back to.
const SPOOLS: usize = 8;

/// A worker writes a build's last lines after it has moved the row: so long they are waited for.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A site as the console sees it.
pub struct SiteDesk {
    site: Site,
    news: Mutex<News>,
    spools: Mutex<BTreeMap<SubmissionId, Arc<Mutex<Spool>>>>,
    /// How the audit chain stood at that count of changes: recomputing it reads every entry.
    chain: Mutex<Option<(u64, Chain)>>,
    /// What the doctor said last.
    checks: Mutex<Vec<Check>>,
}

/// How the audit chain stands, in words.
type Chain = Result<String, String>;

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
            chain: Mutex::default(),
            checks: Mutex::default(),
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

    /// What is said in a signed document is shown once the signature was verified, and not before.
    fn look_at_module(&self, id: SubmissionId, look: &Look) -> Result<Sheet, String> {
        let site = &self.site;
        let module = site.queue().module_of(id).map_err(text)?;
        let module = module.ok_or_else(|| format!("submission {id} is not in the catalog"))?;
        let verified = || {
            let target = Target::Image(module.digest);
            let verified = site.verify(&target, None).map_err(words)?;
            let first = verified.into_iter().next();
            first.ok_or_else(|| "nothing is kept beside it".to_owned())
        };
        match look {
            Look::Packages => Ok(module_sheets::packages(&verified()?.sbom)),
            Look::Provenance => Ok(module_sheets::provenance(&verified()?.provenance)),
            Look::Layers => site
                .module_layers(&module)
                .map(|layers| module_sheets::layers(&layers))
                .map_err(words),
            _ => site
                .module_findings(&module)
                .map(|findings| module_sheets::findings(&findings))
                .map_err(words),
        }
    }

    fn chain(&self) -> Result<Chain, String> {
        let count = held(&self.news).count;
        let mut known = held(&self.chain);
        if let Some((at, chain)) = &*known
            && *at == count
        {
            return Ok(chain.clone());
        }
        let chain = match self.site.queue().verify_audit().map_err(text)? {
            AuditCheck::Intact { entries, .. } => Ok(format!("{entries} entries, unbroken")),
            AuditCheck::Broken { number, why } => Err(format!("broken at entry {number}: {why}")),
        };
        *known = Some((count, chain.clone()));
        Ok(chain)
    }

    /// The spool of the latest attempt at `id`, if one has begun.
    fn latest_spool(&self, id: SubmissionId) -> Result<Option<PathBuf>, String> {
        let logs = self.site.paths().logs();
        let attempt = latest_attempt(&logs, id).map_err(text)?;
        Ok(attempt.map(|attempt| spool_path(&logs, id, attempt)))
    }

    /// A page of the spool of `id`, as `read` reads it.
    fn page_of(
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
            Look::Packages | Look::Provenance | Look::Layers | Look::Findings => {
                return self.look_at_module(id, look);
            }
            Look::Scan => self
                .site
                .scan_of(id)
                .map(|report| build_sheets::scan(&report)),
            Look::Network => self
                .site
                .connections(id)
                .map(|ledger| build_sheets::network(&ledger)),
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

    fn register(
        &self,
        register: Register,
        text: &str,
        offset: u64,
        limit: usize,
    ) -> Result<RegisterPage, String> {
        let (site, now) = (&self.site, self.now());
        let most = u32::try_from(limit).unwrap_or(u32::MAX);
        let all = |rows| RegisterPage::of_all(rows, text, offset, limit);
        Ok(match register {
            Register::Bases => {
                let rows = site.base_rows().map_err(words)?;
                all(rows.iter().map(|row| bases::row(row, now)).collect())
            }
            Register::Audit => {
                let page = site.queue().audit_page(text, offset, most);
                let page = page.map_err(self::text)?;
                let entries = page.entries.iter();
                let rows = entries.map(|(entry, slug)| audit::row(entry, slug.as_ref()));
                RegisterPage {
                    total: page.total,
                    rows: rows.collect(),
                }
            }
            Register::Outbox => {
                let page = site.queue().mail_page(text, offset, most);
                let (total, mails) = page.map_err(self::text)?;
                RegisterPage {
                    total,
                    rows: mails.iter().map(outbox::row).collect(),
                }
            }
            Register::Doctor => {
                let checks = site.doctor();
                let rows = checks.iter().map(doctor::check_row);
                let rows = rows.chain(doctor::chart_rows()).collect();
                *held(&self.checks) = checks;
                all(rows)
            }
        })
    }

    fn entry(&self, register: Register, key: &str) -> Result<Sheet, String> {
        let (site, gone) = (&self.site, || format!("there is no `{key}` any more"));
        match register {
            Register::Bases => {
                let (name, looked) = match key.strip_prefix("findings ") {
                    Some(name) => (name, true),
                    None => (key, false),
                };
                let reference = name.parse::<Reference>().map_err(text)?;
                let story = site.base_story(&reference, looked).map_err(words)?;
                Ok(bases::sheet(&story, self.now()))
            }
            Register::Audit => {
                let number = key.parse().map_err(|_| gone())?;
                let entry = site.queue().audit_entry(number).map_err(text)?;
                Ok(audit::sheet(&entry, &self.chain()?))
            }
            Register::Outbox => {
                let mail = site.queue().mail(key.parse().map_err(|_| gone())?);
                Ok(outbox::sheet(&mail.map_err(text)?))
            }
            Register::Doctor => match key.split_once(' ') {
                Some(("check", name)) => {
                    let checks = held(&self.checks);
                    let check = checks.iter().find(|check| check.name == name);
                    check.map(doctor::check_sheet)
                }
                Some(("chart", name)) => {
                    let figures = site.queue().figures().map_err(text)?;
                    doctor::chart_sheet(name, &figures)
                }
                _ => None,
            }
            .ok_or_else(gone),
        }
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
