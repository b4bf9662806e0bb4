//! # Flareo: from a stranger's Dockerfile to a signed image
//!
//! ```text
//! publish ─► intake ─► lint ─► queue ─► review ─► build ─► scan ─► sign ─► catalog
//!              │         │        │        │         │        │       │        │
//!              └─────────┴────────┴─ store (SQLite, audit chain) ─────┴────────┘
//! ```
//!
//! Read the rooms in this order and you have walked the way of the data:
//!
//! | room | what it does |
//! |---|---|
//! | [`model`] | plain types that every room speaks; no I/O |
//! | [`config`] | `policy.toml`, paths, layers of settings |
//! | [`access`] | who is at the keyboard |
//! | [`store`] | the queue in SQLite, its migrations, leases, the audit chain |
//! | [`oci`] | content store, manifests, registry client |
//! | [`logs`] | spools of builds, line index, control characters made harmless |
//! | [`dockerfile`] | lexer, parser with spans, word expansion |
//! | [`sandbox`] | namespaces, limits, seccomp: where a RUN runs |
//! | [`intake`] | contexts packed and unpacked, `.dockerignore`, detection |
//! | [`lint`] | rules that read a Dockerfile |
//! | [`review`] | what a reviewer reads, and what a decision binds |
//! | [`bases`] | base images pinned by digest |
//! | [`engine`] | from a Dockerfile to an image in the content store |
//! | [`scan`] | Trivy, the embedded scanner, the gate, exceptions |
//! | [`attest`] | bill of materials, provenance, signatures, verification |
//! | [`catalog`] | published modules, export and push |
//! | [`notify`] | the outbox |
//! | [`pipeline`] | the state machine and the worker: hands one stage's output to the next |
//! | [`cli`], [`tui`], [`demo`] | faces of the pipeline, without logic of their own |
//!
//! ## Who may import whom
//!
//! `model ← {store, oci, logs, dockerfile, config, sandbox, access} ← stages ← pipeline ← {cli, tui, demo} ← main`.
//! Stages (intake, lint, review, bases, engine, scan, attest, catalog, notify) do not import each other: what one
//! needs of another's facts is a type in `model`. ratatui and crossterm stand only under `tui`, rusqlite only under
//! `store`, namespaces and mounts only under `sandbox`. `tests/architecture.rs` holds that line.

#![deny(unsafe_code)]

pub mod access;
pub mod attest;
pub mod bases;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod demo;
pub mod dockerfile;
pub mod durable;
pub mod engine;
pub mod intake;
pub mod lint;
pub mod logs;
pub mod model;
pub mod notify;
pub mod oci;
pub mod pipeline;
pub mod review;
pub mod sandbox;
pub mod scan;
pub mod store;
pub mod tui;
pub mod ustar;
