//! Made-up rows, pages, builds and modules.

use crate::model::decision::{Binding, Decision, Grant, Verdict};
use crate::model::event::{Happening, StepOutcome, Stream, Usage};
use crate::model::finding::Span;
use crate::model::limits::{GIB, MIB};
use crate::model::module::{Attachment, AttachmentKind, Module};
use crate::model::reproduction::Reproduction;
use crate::model::submission::{Detection, Lease, Signal, Wishes};
use crate::model::view::{BasePin, Previous, QueueRow, ReviewPage};
use crate::model::{
    Actor, Digest, Event, Finding, Severity, Slug, State, Submission, SubmissionId, Timestamp,
};
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
