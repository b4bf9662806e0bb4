//! Made-up rows, pages, builds and modules.

use crate::model::audit::AuditEntry;
use crate::model::base::Base;
use crate::model::decision::{Binding, Decision, Grant, Verdict};
use crate::model::event::{Happening, StepOutcome, Stream, Usage};
use crate::model::figures::{Day, Figures};
use crate::model::finding::Span;
use crate::model::limits::{GIB, MIB};
use crate::model::module::{Attachment, AttachmentKind, Module};
use crate::model::reproduction::Reproduction;
use crate::model::scan::{ScanReport, Scanner, Vulnerability, VulnerabilitySeverity};
use crate::model::submission::{Detection, Lease, Signal, Wishes};
use crate::model::view::{BasePin, Check, CheckStatus, Previous, QueueRow, ReviewPage};
use crate::model::{
    Actor, Digest, Event, Finding, Severity, Slug, State, Submission, SubmissionId, Timestamp,
};
use crate::pipeline::{BaseRow, BaseStory, ModuleLayer};
use crate::store::{Mail, NewMail};
use crate::tui::desk::ModuleDetail;

/// Noon of the day on which all tests happen.
const NOW: &str = "2026-03-01T12:00:00Z";

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
        findings: findings()
            .into_iter()
            .filter(|f| row.blocks > 0 || f.severity != Severity::Block)
            .collect(),
        pins: [
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
        ]
        .into_iter()
        .filter(|pin| row.blocks > 0 || pin.approved)
        .collect(),
        decisions: vec![Decision {
            verdict: Verdict::Approve,
            by: Actor::new("olga"),
            reason: "Looked at every line.".into(),
            at: ago(3),
            voided: None,
            binding: Some(Binding {
                context: Digest::of("context"),
                dockerfile: Digest::of("dockerfile"),
                pins: Default::default(),
                grants: Vec::new(),
                policy: Digest::of("policy"),
            }),
        }],
        reproduction: None,
        comments: Vec::new(),
        precedents: Vec::new(),
        templates: Vec::new(),
        grantable: vec![Grant::Time { minutes: 20 }],
        approvals: Default::default(),
        switches: Vec::new(),
        published: None,
        previous: Some(Previous {
            id: SubmissionId(7),
            state: State::Published,
            dockerfile: DOCKERFILE
                .replace("RUN curl -fsSL https://example.org/install.sh | sh\n", "")
                .replace("8080", "8000"),
            changes: None,
        }),
        network: None,
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
            log_limit: 64 * MIB,
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
        log_bytes: 3 * MIB,
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
            reproduction: match id % 3 {
                0 => Reproduction::NotTried,
                1 => Reproduction::Reproduced,
                _ => Reproduction::NotReproduced {
                    first_difference: "/app/node_modules/.package-lock.json".into(),
                },
            },
            yanked: state == State::Yanked,
        },
        pull: format!("registry.example/flareo/{name}@{digest}"),
        signature: Ok("key 4f1c2a9b03de".into()),
    }
}

/// A base that many stand on, one that is in no cache, one that nobody may use.
pub fn bases() -> Vec<BaseStory> {
    let held = |name: &str, minutes| Base {
        reference: name.parse().unwrap(),
        digest: Digest::of(name),
        bytes: 27 << 20,
        layers: 1,
        source: format!("oci:/srv/{}", name.replace([':', '/'], "-")),
        imported_at: ago(minutes),
    };
    let known = |name: &str, state, held, purpose: Option<&str>| BaseRow {
        reference: name.into(),
        state,
        held,
        purpose: purpose.map(Into::into),
    };
    let story = |row| BaseStory {
        row,
        before: Vec::new(),
        used: 0,
        users: Vec::new(),
        findings: None,
    };
    let mut debian = story(known(
        "debian:12-slim",
        "approved",
        Some(held("debian:12-slim", 12 * 1440)),
        Some("everything"),
    ));
    debian.before = vec![held("debian:12", 40 * 1440)];
    debian.used = 312;
    debian.users = vec![
        (
            SubmissionId(12),
            "payments-api".parse().unwrap(),
            State::Pending,
        ),
        (
            SubmissionId(7),
            "gateway".parse().unwrap(),
            State::Published,
        ),
    ];
    debian.findings = Some(Ok(vec![
        vulnerability("CVE-2026-1111"),
        vulnerability("CVE-2026-2222"),
    ]));
    vec![
        known("alpine:3.19", "approved", None, Some("small tools")),
        known("busybox:1", "cached", Some(held("busybox:1", 60)), None),
    ]
    .into_iter()
    .map(story)
    .chain([debian])
    .collect()
}

pub fn vulnerability(id: &str) -> Vulnerability {
    Vulnerability {
        id: id.into(),
        severity: VulnerabilitySeverity::High,
        package: "openssl".into(),
        installed: "3.0.15-1".into(),
        fixed: Some("3.0.16-1".into()),
        title: "a heap overflow".into(),
        path: String::new(),
        exception: None,
    }
}

/// Who did what.
pub fn entries() -> Vec<AuditEntry> {
    let entry = |number: i64, actor: &str, action: &str, about: Option<i64>| {
        let mut entry = AuditEntry {
            number,
            at: ago(100 - number * 10),
            actor: Actor::new(actor),
            action: action.into(),
            submission: about.map(SubmissionId),
            facts: serde_json::json!({ "reason": "it is fine", "count": number }),
            previous: Digest::of((number - 1).to_string()),
            hash: Digest::of("none yet"),
        };
        entry.hash = entry.expected_hash();
        entry
    };
    vec![
        entry(1, "root", "site.init", None),
        entry(2, "root", "base.import", None),
        entry(3, "mia", "submission.submit", Some(12)),
        entry(4, "olga", "submission.approve", Some(12)),
    ]
}

/// Mail that went, that waits, and that can't go.
pub fn mails() -> Vec<Mail> {
    let mail = |id, subject: &str, error: Option<&str>, sent| Mail {
        id,
        submission: Some(SubmissionId(5)),
        mail: NewMail {
            to: "mia@example.org".into(),
            subject: subject.into(),
            body:
                "Your submission was rejected.\n\nThe base is not one of ours; take node:20-slim."
                    .into(),
        },
        created_at: ago(50),
        tries: u32::from(error.is_some() || sent),
        last_error: error.map(Into::into),
        sent_at: sent.then(|| ago(49)),
    };
    vec![
        mail(1, "billing was rejected", None, true),
        mail(
            2,
            "scraper failed",
            Some("connection refused by 127.0.0.1:25"),
            false,
        ),
        mail(3, "gateway is published", None, false),
    ]
}

/// What a host can do, less and not.
pub fn checks() -> Vec<Check> {
    let check = |name: &str, status, found: &str, help: &str| Check {
        name: name.into(),
        status,
        found: found.into(),
        help: help.into(),
    };
    vec![
        check("queue", CheckStatus::Ok, "/srv/flareo/flareo.db", ""),
        check("audit chain", CheckStatus::Ok, "4 entries, unbroken", ""),
        check(
            "scanner",
            CheckStatus::Degraded,
            "the embedded one: no `trivy` on the PATH",
            "install Trivy to scan what the embedded scanner does not cover",
        ),
        check(
            "vulnerability database",
            CheckStatus::Missing,
            "there is none",
            "`flareo help scanning` tells where it comes from",
        ),
    ]
}

/// A month with a busy week in it.
pub fn figures() -> Figures {
    let day = |n: u64| Day {
        date: format!("2025-12-{:02}", n + 1),
        open: if (20..27).contains(&n) {
            12 + n % 5
        } else {
            n % 4
        },
        wait_seconds: (!n.is_multiple_of(3)).then_some(600 + n * 400),
    };
    Figures {
        days: (0..30).map(day).collect(),
        builds: vec![
            (
                "gateway".parse().unwrap(),
                vec![41_000, 39_500, 62_000, 12_300],
            ),
            ("billing".parse().unwrap(), vec![3_000]),
        ],
        bases: vec![
            ("debian:12-slim".into(), 27 << 20),
            ("busybox:1".into(), 2 << 20),
        ],
        modules: vec![("gateway".into(), 61 << 20), ("images".into(), 33 << 20)],
    }
}

/// A large layer of a base and two small ones.
pub fn layers() -> Vec<ModuleLayer> {
    let layer = |made_by: &str, bytes| ModuleLayer {
        made_by: made_by.into(),
        bytes,
    };
    vec![
        layer("/bin/sh -c #(nop) ADD file:rootfs in /", 27 << 20),
        layer("RUN npm ci --offline", 9 << 20),
        layer("COPY --from=build /app /app", 310 << 10),
    ]
}

/// What a scanner found.
pub fn report() -> ScanReport {
    ScanReport {
        image: Digest::of("image"),
        scanner: Scanner {
            name: "trivy".into(),
            version: "0.69.3".into(),
            database: Digest::of("database"),
            database_updated_at: ago(3 * 1440),
        },
        os: Some("debian 12.5".into()),
        packages: Vec::new(),
        vulnerabilities: vec![
            Vulnerability {
                exception: Some(4),
                ..vulnerability("CVE-2026-1111")
            },
            vulnerability("CVE-2026-2222"),
        ],
    }
}
