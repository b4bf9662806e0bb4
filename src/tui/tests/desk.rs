//! A desk with made-up rows.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::rows::*;
use crate::logs::{Pattern, Piece};
use crate::model::audit::AuditEntry;
use crate::model::event::Happening;
use crate::model::view::{Check, ModuleRow, QueueRow, ReviewPage};
use crate::model::{Actor, Digest, Event, Slug, State, SubmissionId, Timestamp};
use crate::pipeline::{BaseStory, ModuleFindings};
use crate::store::Mail;
use crate::tui::desk::{
    Desk, EventPage, Left, Look, ModuleDetail, ModulePage, QueueFilter, QueuePage, Ruling, Sheet,
    SheetEntry, Standing,
};
use crate::tui::registers::{Register, RegisterPage, audit, bases, doctor, outbox};
use crate::tui::screens::build::words_of;
use crate::tui::theme::Role;

/// A desk.
#[derive(Default)]
pub struct Sample {
    pub rows: Vec<QueueRow>,
    pub pages: Vec<ReviewPage>,
    pub modules: Vec<ModuleDetail>,
    pub spools: Mutex<Vec<(SubmissionId, bool, Vec<Event>)>>,
    pub kept: Mutex<Left>,
    pub error: Option<String>,
    pub refuse: Option<String>,
    pub rulings: Mutex<Vec<Ruling>>,
    pub changes: AtomicU64,
    pub bases: Vec<BaseStory>,
    pub entries: Vec<AuditEntry>,
    pub mails: Vec<Mail>,
    pub checks: Vec<Check>,
}

fn slug_of(entry: &AuditEntry) -> Option<Slug> {
    entry.submission.and_then(|_| "payments-api".parse().ok())
}

impl Sample {
    /// Nothing at all.
    pub fn empty() -> Self {
        Self::default()
    }

    /// One row that waits for review.
    pub fn one() -> Self {
        let mut only = row(12, "payments-api", State::Pending, 5);
        (only.blocks, only.warnings) = (1, 2);
        Self {
            pages: vec![page(&only)],
            rows: vec![only],
            ..Self::default()
        }
    }

    /// One row in every state, builds and modules.
    pub fn many() -> Self {
        let mut rows = vec![
            row(12, "payments-api", State::Pending, 5),
            row(13, "ledger", State::Pending, 2),
            row(11, "images", State::Building, 12),
            row(
                10,
                "search-index-of-everything-that-we-have",
                State::Approved,
                30,
            ),
            row(9, "mailer", State::Scanning, 45),
            row(8, "frontend", State::Signing, 60),
            row(7, "gateway", State::Published, 600),
            row(6, "scraper", State::Failed, 1500),
            row(5, "billing", State::Rejected, 3000),
            row(4, "tryout", State::Withdrawn, 6000),
            row(3, "legacy", State::Yanked, 90_000),
        ];
        (rows[0].blocks, rows[0].warnings) = (1, 2);
        rows[1].claimed_by = Some("olga".into());
        rows[3].position = Some(1);
        rows[6].digest = Some(Digest::of("image"));
        rows[7].error = Some("network disabled — connection refused to example.org".into());
        rows[8].error = Some("The base is not one of ours; take node:20-slim.".into());
        rows[10].digest = Some(Digest::of("old"));
        let pages = rows.iter().map(page).collect();
        Self {
            pages,
            rows,
            modules: vec![
                module(7, "gateway", State::Published),
                module(2, "images", State::Published),
                module(3, "legacy", State::Yanked),
            ],
            spools: Mutex::new(vec![
                (SubmissionId(11), true, running()),
                (SubmissionId(6), false, failed()),
                (SubmissionId(7), false, published()),
            ]),
            bases: bases(),
            entries: entries(),
            mails: mails(),
            checks: checks(),
            ..Self::default()
        }
    }

    /// A Dockerfile of many lines of which little is said.
    pub fn long() -> Self {
        let mut desk = Self::one();
        let page = &mut desk.pages[0];
        let lines: Vec<String> = (1..=120).map(|n| format!("RUN step {n}")).collect();
        page.dockerfile = lines.join("\n");
        page.findings.truncate(2);
        page.findings[1].span.line = 60;
        desk
    }

    /// So many rows that nobody could read them all.
    pub fn crowd(count: i64) -> Self {
        let rows = (0..count)
            .map(|n| {
                let mut row = row(
                    n + 1,
                    &format!("module-{n:06}"),
                    State::ALL[(n % 10) as usize],
                    n,
                );
                row.blocks = (n % 3) as u32;
                row
            })
            .collect();
        Self {
            rows,
            ..Self::default()
        }
    }

    /// Nothing works.
    pub fn broken() -> Self {
        Self {
            error: Some("the database /srv/flareo/flareo.db is locked by another process for more than 5 seconds; try again, and see `flareo doctor`".into()),
            ..Self::default()
        }
    }

    /// What strangers could send to do harm.
    pub fn hostile() -> Self {
        let mut desk = Self::one();
        desk.rows[0].submitter = "m\x1b[2J\u{202e}yrollam".into();
        desk.rows[0].error = Some("\x1b]0;owned\x07 漢字 ".repeat(40));
        let page = &mut desk.pages[0];
        page.submission.submitter = Actor::new("m\x1b[2Jallory");
        page.submission.wishes.notes = "\x1b[31mred\x1b[0m \u{200b}hidden".repeat(30);
        page.dockerfile = format!(
            "FROM a\n\tRUN \x1b]52;c;ZXZpbA==\x07 \u{202e}live\u{202c}\n{}\n\nRUN \u{9b}2J",
            "x漢".repeat(300)
        );
        page.findings[0].message = "\x1b[2J".repeat(100);
        page.findings[1].span.line = 99_999;
        page.findings[2].span.column = u32::MAX;
        let mut events = running();
        events.push(log(4, "\x1b[2J\x1b[H\x1b]0;owned\x07 \u{202e}evil"));
        events.push(log(4, "漢".repeat(5000)));
        *desk.spools.lock().unwrap() = vec![(SubmissionId(12), true, events)];
        desk
    }

    fn stretch(
        &self,
        id: SubmissionId,
        which: &dyn Fn(u64) -> (u64, u64),
    ) -> Result<EventPage, String> {
        self.ok()?;
        let spools = self.spools.lock().unwrap();
        let Some((_, live, events)) = spools.iter().find(|(of, ..)| *of == id) else {
            return Ok(EventPage {
                end: true,
                ..EventPage::default()
            });
        };
        let length = events.len() as u64;
        let (begin, next) = which(length);
        let stretch = events[begin as usize..next as usize].iter().cloned();
        Ok(EventPage {
            attempt: 1,
            events: (begin..).zip(stretch).collect(),
            begin,
            next,
            end: next == length,
            live: *live,
        })
    }

    fn ok(&self) -> Result<(), String> {
        self.error.clone().map_or(Ok(()), Err)
    }
}

fn module_row(detail: &ModuleDetail) -> ModuleRow {
    let module = &detail.module;
    ModuleRow {
        slug: module.slug.clone(),
        state: if module.yanked {
            State::Yanked
        } else {
            State::Published
        },
        digest: module.digest,
        submission: module.submission,
        published_at: module.published_at,
        bytes: module.bytes,
        layers: module.layers,
        packages: module.packages,
        excepted: module.excepted,
        signed: detail.signature.is_ok(),
        reproduction: module.reproduction.clone(),
    }
}

impl Desk for Sample {
    fn who(&self) -> Actor {
        Actor::new("olga")
    }

    fn now(&self) -> Timestamp {
        ago(0)
    }

    fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    fn standing(&self) -> Result<Standing, String> {
        self.ok()?;
        let counts = State::ALL
            .into_iter()
            .map(|state| {
                (
                    state,
                    self.rows.iter().filter(|r| r.state == state).count() as u64,
                )
            })
            .collect();
        Ok(Standing {
            counts,
            workers: 1,
            database: Some((ago(3 * 1440), false)),
            next_batch: Some(ago(-25)),
        })
    }

    fn queue(&self, filter: &QueueFilter, offset: u64, limit: usize) -> Result<QueuePage, String> {
        self.ok()?;
        let holds = |row: &&QueueRow| {
            filter.scope.holds(row.state)
                && format!("{} {} {} {}", row.slug, row.submitter, row.state, row.id)
                    .contains(&filter.text)
        };
        let total = self.rows.iter().filter(holds).count() as u64;
        let rows = self
            .rows
            .iter()
            .filter(holds)
            .skip(offset as usize)
            .take(limit)
            .cloned()
            .collect();
        Ok(QueuePage { total, rows })
    }

    fn recall(&self) -> Left {
        self.kept.lock().unwrap().clone()
    }

    fn remember(&self, left: &Left) -> Result<(), String> {
        self.ok()?;
        *self.kept.lock().unwrap() = left.clone();
        Ok(())
    }

    fn review(&self, id: SubmissionId) -> Result<ReviewPage, String> {
        self.ok()?;
        self.pages
            .iter()
            .find(|page| page.submission.id == id)
            .cloned()
            .ok_or_else(|| format!("there is no submission #{id}"))
    }

    fn look(&self, id: SubmissionId, look: &Look) -> Result<Sheet, String> {
        self.ok()?;
        let entry = |text: &str, role, path: Option<&str>| SheetEntry {
            text: text.into(),
            role,
            path: path.map(str::to_owned),
            chart: None,
        };
        Ok(match look {
            Look::Files => Sheet {
                title: "Files 3, 1.5 MiB".into(),
                entries: vec![
                    entry(
                        "-rw-r--r--     412 B  Dockerfile",
                        Role::Text,
                        Some("Dockerfile"),
                    ),
                    entry(
                        "-rw-r--r--      12 B  .env  [secret? a `.env`]",
                        Role::Warn,
                        Some(".env"),
                    ),
                    entry("drwxr-xr-x       0 B  src", Role::Text, None),
                ],
            },
            Look::File(path) => Sheet {
                title: path.clone(),
                entries: (1..=60)
                    .map(|n| entry(&format!("{n:>5}  line {n} of #{id}"), Role::Text, None))
                    .collect(),
            },
            Look::Build => Sheet {
                title: "Build".into(),
                entries: vec![
                    entry("Stages", Role::Strong, None),
                    entry("  > 0 <- node:20-slim", Role::Text, None),
                ],
            },
            Look::Packages => crate::tui::module_sheets::packages(&serde_json::json!({
                "components": [
                    { "type": "operating-system", "name": "debian", "version": "12.5" },
                    { "type": "library", "name": "openssl", "version": "3.0.15-1" },
                    { "type": "library", "name": "left\u{1b}[2Jpad", "version": "1.3.0" },
                ]
            })),
            Look::Provenance => crate::tui::module_sheets::provenance(&serde_json::json!({
                "buildDefinition": { "buildType": "https://example.org/build/v1" },
                "runDetails": { "builder": { "id": "https://example.org/builder" } },
            })),
            Look::Layers => crate::tui::module_sheets::layers(&layers()),
            Look::Findings => crate::tui::module_sheets::findings(&ModuleFindings {
                new: vec![vulnerability("CVE-2026-1111")],
                known: vec![vulnerability("CVE-2025-9999")],
            }),
            Look::Scan => crate::tui::build_sheets::scan(&report()),
            Look::Network => crate::tui::build_sheets::network(&[]),
            Look::Forecast => return Err("there is no vulnerability database".into()),
        })
    }

    fn claim(&self, id: SubmissionId, steal: bool) -> Result<String, String> {
        self.ok()?;
        Ok(format!(
            "#{id} is yours to read{}",
            if steal { " now" } else { "" }
        ))
    }

    fn comment(&self, id: SubmissionId, line: u32, text: &str) -> Result<String, String> {
        self.ok()?;
        match text {
            "" => Err("a comment needs words".into()),
            text => Ok(format!("noted at line {line} of #{id}: {text}")),
        }
    }

    fn decide(&self, ruling: &Ruling) -> Result<String, String> {
        self.ok()?;
        self.rulings.lock().unwrap().push(ruling.clone());
        match &self.refuse {
            Some(why) => Err(why.clone()),
            None => {
                self.changes.fetch_add(1, Ordering::SeqCst);
                Ok(format!("#{} is decided; it is 2nd in line", ruling.id))
            }
        }
    }

    // A place in a spool of the sample is the number of the event.
    fn events(&self, id: SubmissionId, from: u64, limit: usize) -> Result<EventPage, String> {
        self.stretch(id, &|length| {
            (from.min(length), length.min(from + limit as u64))
        })
    }

    fn events_before(
        &self,
        id: SubmissionId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<EventPage, String> {
        self.stretch(id, &|length| {
            let before = before.map_or(length, |before| before.min(length));
            (before.saturating_sub(limit as u64), before)
        })
    }

    fn outline(&self, id: SubmissionId, from: u64) -> Result<Piece<(u64, Event)>, String> {
        let page = self.stretch(id, &|length| (from.min(length), length))?;
        let output = |event: &Event| matches!(event.what, Happening::Log { .. });
        let found = page.events.into_iter().filter(|(_, event)| !output(event));
        Ok(Piece {
            found: found.collect(),
            next: page.next,
            end: page.end,
        })
    }

    fn search(&self, id: SubmissionId, from: u64, pattern: &Pattern) -> Result<Piece<u64>, String> {
        // Small pieces, so that there are several.
        let page = self.stretch(id, &|length| (from.min(length), length.min(from + 50)))?;
        let holds = |event: &Event| words_of(event).is_some_and(|words| pattern.matches(&words));
        let found = page.events.iter().filter(|(_, event)| holds(event));
        Ok(Piece {
            found: found.map(|(at, _)| *at).collect(),
            next: page.next,
            end: page.end,
        })
    }

    fn events_at(&self, id: SubmissionId, places: &[u64]) -> Result<Vec<(u64, Event)>, String> {
        let page = self.stretch(id, &|length| (0, length))?;
        let wanted = |(at, _): &(u64, Event)| places.contains(at);
        Ok(page.events.into_iter().filter(wanted).collect())
    }

    fn save(
        &self,
        id: SubmissionId,
        name: &str,
        pattern: Option<&Pattern>,
    ) -> Result<String, String> {
        self.ok()?;
        let what = pattern.map_or("all", Pattern::text);
        Ok(format!("{what} of #{id} is in {name}"))
    }

    fn modules(&self, text: &str, offset: u64, limit: usize) -> Result<ModulePage, String> {
        self.ok()?;
        let holds = |m: &&ModuleDetail| m.module.slug.as_str().contains(text);
        Ok(ModulePage {
            total: self.modules.iter().filter(holds).count() as u64,
            rows: self
                .modules
                .iter()
                .filter(holds)
                .skip(offset as usize)
                .take(limit)
                .map(module_row)
                .collect(),
        })
    }

    fn stop_build(&self, id: SubmissionId) -> Result<String, String> {
        self.ok()?;
        Ok(format!("the worker that has #{id} is told to end"))
    }

    fn retry(&self, id: SubmissionId) -> Result<String, String> {
        self.ok()?;
        Ok(format!("#99 is #{id} once more, and waits for a reviewer"))
    }

    fn register(
        &self,
        register: Register,
        text: &str,
        offset: u64,
        limit: usize,
    ) -> Result<RegisterPage, String> {
        self.ok()?;
        let rows = match register {
            Register::Bases => self
                .bases
                .iter()
                .map(|b| bases::row(&b.row, ago(0)))
                .collect(),
            Register::Audit => {
                let row = |entry: &AuditEntry| audit::row(entry, slug_of(entry).as_ref());
                self.entries.iter().rev().map(row).collect()
            }
            Register::Outbox => self.mails.iter().rev().map(outbox::row).collect(),
            Register::Doctor if self.checks.is_empty() => Vec::new(),
            Register::Doctor => {
                let checks = self.checks.iter().map(doctor::check_row);
                checks.chain(doctor::chart_rows()).collect()
            }
        };
        Ok(RegisterPage::of_all(rows, text, offset, limit))
    }

    fn entry(&self, register: Register, key: &str) -> Result<Sheet, String> {
        self.ok()?;
        let sheet = match register {
            Register::Bases => {
                let name = key.strip_prefix("findings ").unwrap_or(key);
                let story = self.bases.iter().find(|b| b.row.reference == name);
                story.map(|story| {
                    let mut story = story.clone();
                    story.findings = story.findings.filter(|_| name != key);
                    bases::sheet(&story, ago(0))
                })
            }
            Register::Audit => {
                let entry = self.entries.iter().find(|e| e.number.to_string() == key);
                entry.map(|entry| audit::sheet(entry, &Ok("4 entries, unbroken".into())))
            }
            Register::Outbox => {
                let mail = self.mails.iter().find(|m| m.id.to_string() == key);
                mail.map(outbox::sheet)
            }
            Register::Doctor => match key.split_once(' ') {
                Some(("chart", name)) => doctor::chart_sheet(name, &figures()),
                Some((_, name)) => {
                    let check = self.checks.iter().find(|c| c.name == name);
                    check.map(doctor::check_sheet)
                }
                None => None,
            },
        };
        sheet.ok_or_else(|| format!("there is no `{key}`"))
    }

    fn module(&self, id: SubmissionId) -> Result<ModuleDetail, String> {
        self.ok()?;
        self.modules
            .iter()
            .find(|m| m.module.submission == id)
            .cloned()
            .ok_or_else(|| format!("no module came from #{id}"))
    }
}
