//! A desk with made-up rows, for the tests.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::decision::{Binding, Decision, Verdict};
use crate::model::event::{Happening, StepOutcome, Stream, Usage};
use crate::model::finding::Span;
use crate::model::limits::{GIB, MIB};
use crate::model::module::{Attachment, AttachmentKind, Module};
use crate::model::submission::{Detection, Lease, Signal, Wishes};
use crate::model::view::{BasePin, ModuleRow, Previous, QueueRow, ReviewPage};
use crate::model::{
    Actor, Digest, Event, Finding, Severity, Slug, State, Submission, SubmissionId, Timestamp,
};
use crate::tui::desk::{
    Desk, EventPage, ModuleDetail, ModulePage, QueueFilter, QueuePage, Ruling, Standing,
};

/// Noon of the day on which all tests happen.
const NOW: &str = "2026-03-01T12:00:00Z";

/// A desk.
#[derive(Default)]
pub struct Sample {
    pub rows: Vec<QueueRow>,
    pub pages: Vec<ReviewPage>,
    pub modules: Vec<ModuleDetail>,
    pub spools: Mutex<Vec<(SubmissionId, bool, Vec<Event>)>>,
    pub error: Option<String>,
    pub refuse: Option<String>,
    pub rulings: Mutex<Vec<Ruling>>,
    pub changes: AtomicU64,
}

pub fn ago(minutes: i64) -> Timestamp {
    let now: Timestamp = NOW.parse().unwrap();
    now - jiff::SignedDuration::from_mins(minutes)
}

pub fn slug(text: &str) -> Slug {
    text.parse().unwrap()
}

pub fn row(id: i64, name: &str, state: State, minutes: i64) -> QueueRow {
    QueueRow {
        id: SubmissionId(id),
        slug: slug(name),
        state,
        submitter: ["anna", "bob", "mallory"][(id % 3) as usize].into(),
        created_at: ago(minutes),
        updated_at: ago(minutes / 2),
        claimed_by: None,
        blocks: 0,
        warnings: 0,
        position: None,
        digest: None,
        error: None,
    }
}

pub const DOCKERFILE: &str = "\
# syntax=docker/dockerfile:1
FROM node:20-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --offline
COPY . .
RUN curl -fsSL https://example.org/install.sh | sh
RUN npm run build && npm prune --omit=dev && rm -rf /root/.npm /tmp/* && find . -name '*.map' -delete

FROM node:20-slim
WORKDIR /app
COPY --from=build /app /app
EXPOSE 8080
CMD [\"node\", \"server.js\"]
";

fn finding(
    rule: &str,
    severity: Severity,
    line: u32,
    column: u32,
    len: usize,
    message: &str,
    help: &str,
) -> Finding {
    Finding {
        rule: rule.into(),
        severity,
        file: "Dockerfile".into(),
        span: Span {
            start: 0,
            end: len,
            line,
            column,
        },
        message: message.into(),
        help: help.into(),
        patch: None,
    }
}

pub fn findings() -> Vec<Finding> {
    vec![
        finding(
            "PIN01",
            Severity::Advice,
            2,
            6,
            12,
            "the base is not pinned by a digest",
            "write node:20-slim@sha256:… to get the same base every time",
        ),
        finding(
            "NET01",
            Severity::Block,
            7,
            5,
            4,
            "curl reaches for the network, and RUN has none",
            "put the file into the context and COPY it, or ask for a network exception",
        ),
        finding(
            "USR01",
            Severity::Advice,
            14,
            1,
            24,
            "the image runs as root",
            "add a USER instruction before CMD",
        ),
    ]
}

pub fn page(row: &QueueRow) -> ReviewPage {
    ReviewPage {
        submission: Submission {
            id: row.id,
            slug: row.slug.clone(),
            submitter: Actor::new(&row.submitter),
            state: row.state,
            context: Digest::of("context"),
            context_bytes: 3 * MIB / 2,
            context_entries: 214,
            detection: Detection {
                dockerfile: Some("Dockerfile".into()),
                signals: vec![Signal {
                    file: "package.json".into(),
                    language: "nodejs".into(),
                }],
            },
            wishes: Wishes {
                notes: "Needs the new ledger client.\nPlease look at the build step.".into(),
                email: Some("mallory@example.org".into()),
                requires_network: false,
                time_limit_minutes: Some(20),
                base: None,
            },
            created_at: row.created_at,
            updated_at: row.updated_at,
            claim: Some(Lease {
                holder: "olga".into(),
                expires_at: ago(-10),
            }),
            work: None,
            approval: None,
            attempts: 0,
            image: row.digest,
            failure: None,
            version: 3,
        },
        dockerfile: DOCKERFILE.into(),
        findings: findings(),
        pins: vec![
            BasePin {
                written: "node:20-slim".into(),
                reference: "node:20-slim".parse().unwrap(),
                digest: Some(Digest::of("base")),
                approved: true,
                line: 2,
            },
            BasePin {
                written: "evil.example/base:1".into(),
                reference: "evil.example/base:1".parse().unwrap(),
                digest: None,
                approved: false,
                line: 10,
            },
        ],
        decisions: vec![Decision {
            verdict: Verdict::Approve,
            by: Actor::new("olga"),
            reason: "Looked at every line.".into(),
            at: ago(3),
            binding: Some(Binding {
                context: Digest::of("context"),
                dockerfile: Digest::of("dockerfile"),
                pins: Default::default(),
                grants: Vec::new(),
                policy: Digest::of("policy"),
            }),
        }],
        previous: Some(Previous {
            id: SubmissionId(7),
            state: State::Published,
            dockerfile: DOCKERFILE
                .replace("RUN curl -fsSL https://example.org/install.sh | sh\n", "")
                .replace("8080", "8000"),
        }),
    }
}

pub fn event(what: Happening) -> Event {
    Event {
        at: ago(5),
        id: None,
        slug: Some(slug("payments-api")),
        what,
    }
}

pub fn log(step: u32, text: impl Into<String>) -> Event {
    event(Happening::Log {
        step,
        stream: Stream::Stdout,
        text: text.into(),
    })
}

pub fn step(step: u32, stage: &str, line: u32, text: &str) -> Event {
    event(Happening::Step {
        step,
        stage: stage.into(),
        line,
        text: text.into(),
    })
}

pub fn ended(step: u32, outcome: StepOutcome, took_ms: u64, layer_bytes: u64) -> Event {
    event(Happening::StepEnd {
        step,
        outcome,
        took_ms,
        layer_bytes,
    })
}

/// A build on its way.
pub fn running() -> Vec<Event> {
    let mut events = vec![
        event(Happening::State {
            state: State::Building,
        }),
        event(Happening::Build {
            steps: 9,
            memory_limit: 4 * GIB,
            time_limit: 600,
            layer_limit: 20 * GIB,
        }),
        step(1, "build", 2, "FROM node:20-slim AS build"),
        ended(1, StepOutcome::Cached, 0, 0),
        step(2, "build", 3, "WORKDIR /app"),
        ended(2, StepOutcome::Cached, 0, 0),
        step(3, "build", 4, "COPY package.json package-lock.json ./"),
        ended(3, StepOutcome::Done, 40, 182_000),
        step(4, "build", 5, "RUN npm ci --offline"),
    ];
    events.extend((1..=30).map(|n| {
        log(
            4,
            format!("\x1b[32madded\x1b[0m package-{n}@1.{n}.0 from the cache"),
        )
    }));
    events.push(event(Happening::Usage(Usage {
        elapsed_ms: 192_400,
        memory_bytes: 432 * MIB,
        memory_peak_bytes: 812 * MIB,
        cpu_ms: 120_300,
        layer_bytes: 16 * GIB,
        pids: 14,
    })));
    events
}

/// A build that reached for the network.
pub fn failed() -> Vec<Event> {
    let mut events = running();
    events.push(ended(4, StepOutcome::Done, 18_300, 41 * MIB));
    events.push(step(
        5,
        "build",
        7,
        "RUN curl -fsSL https://example.org/install.sh | sh",
    ));
    events.push(log(
        5,
        "curl: (7) Failed to connect to example.org port 443",
    ));
    events.push(event(Happening::Result {
        ok: false,
        digest: None,
        cached_steps: None,
        steps: None,
        error: Some("network disabled — connection refused to example.org".into()),
        step: Some(5),
        line: Some(7),
        help: "Put the file into the context and COPY it, or ask for a network exception.".into(),
    }));
    events.push(event(Happening::State {
        state: State::Failed,
    }));
    events
}

/// A build that went all the way.
pub fn published() -> Vec<Event> {
    let mut events = running();
    events.push(ended(4, StepOutcome::Done, 18_300, 41 * MIB));
    for (n, text) in [(5, "COPY . ."), (6, "RUN npm run build")] {
        events.push(step(n, "build", n + 1, text));
        events.push(ended(n, StepOutcome::Done, 1200, MIB));
    }
    for (n, text) in [
        (7, "FROM node:20-slim"),
        (8, "COPY --from=build /app /app"),
        (9, "CMD [\"node\", \"server.js\"]"),
    ] {
        events.push(step(n, "1", n + 3, text));
        events.push(ended(n, StepOutcome::Done, 300, 2 * MIB));
    }
    events.push(event(Happening::Result {
        ok: true,
        digest: Some(Digest::of("image")),
        cached_steps: Some(2),
        steps: Some(9),
        error: None,
        step: None,
        line: None,
        help: String::new(),
    }));
    events.push(event(Happening::State {
        state: State::Scanning,
    }));
    events.push(event(Happening::Scan {
        text: "trivy 0.60 reads the image with the database of 2026-02-28".into(),
    }));
    events.push(event(Happening::Scan {
        text: "312 packages, nothing CRITICAL or HIGH".into(),
    }));
    events.push(event(Happening::State {
        state: State::Signing,
    }));
    events.push(event(Happening::Sign {
        text: "signature, SBOM and provenance are kept beside the image".into(),
    }));
    events.push(event(Happening::State {
        state: State::Published,
    }));
    events
}

pub fn module(id: i64, name: &str, state: State) -> ModuleDetail {
    let digest = Digest::of(name);
    ModuleDetail {
        module: Module {
            slug: slug(name),
            digest,
            submission: SubmissionId(id),
            published_at: ago(id * 60),
            bytes: 77 * MIB,
            layers: 9,
            excepted: (id % 2) as u32,
            packages: 312,
            attachments: vec![
                Attachment {
                    kind: AttachmentKind::Signature,
                    manifest: Digest::of("sig"),
                    tag: None,
                },
                Attachment {
                    kind: AttachmentKind::Sbom,
                    manifest: Digest::of("sbom"),
                    tag: None,
                },
                Attachment {
                    kind: AttachmentKind::Provenance,
                    manifest: Digest::of("prov"),
                    tag: None,
                },
            ],
            yanked: state == State::Yanked,
        },
        pull: format!("registry.example/flareo/{name}@{digest}"),
        signature: Ok("key 4f1c2a9b03de".into()),
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
    }
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
            ..Self::default()
        }
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

    fn ok(&self) -> Result<(), String> {
        self.error.clone().map_or(Ok(()), Err)
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
        Ok(Standing { counts, workers: 1 })
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

    fn review(&self, id: SubmissionId) -> Result<ReviewPage, String> {
        self.ok()?;
        self.pages
            .iter()
            .find(|page| page.submission.id == id)
            .cloned()
            .ok_or_else(|| format!("there is no submission #{id}"))
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

    fn events(&self, id: SubmissionId, from: u64, limit: usize) -> Result<EventPage, String> {
        self.ok()?;
        let spools = self.spools.lock().unwrap();
        let Some((_, live, events)) = spools.iter().find(|(of, ..)| *of == id) else {
            return Ok(EventPage {
                end: true,
                ..EventPage::default()
            });
        };
        let from = from.min(events.len() as u64);
        let page: Vec<_> = (from..)
            .zip(events[from as usize..].iter().take(limit).cloned())
            .collect();
        let next = from + page.len() as u64;
        Ok(EventPage {
            attempt: 1,
            events: page,
            next,
            end: next == events.len() as u64,
            live: *live,
        })
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

    fn module(&self, id: SubmissionId) -> Result<ModuleDetail, String> {
        self.ok()?;
        self.modules
            .iter()
            .find(|m| m.module.submission == id)
            .cloned()
            .ok_or_else(|| format!("no module came from #{id}"))
    }
}
