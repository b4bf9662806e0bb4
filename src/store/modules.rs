//! The catalog's rows: every version that was ever published, with what is kept beside its image.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{OptionalExtension as _, Params, Row, Transaction, params};

use super::columns::{At, Count, Json};
use super::{Queue, StoreError};
use crate::model::module::{Attachment, AttachmentKind, Module};
use crate::model::reproduction::Reproduction;
use crate::model::view::ModuleRow;
use crate::model::{Digest, Slug, State, SubmissionId, Timestamp};

const KINDS: [AttachmentKind; 5] = [
    AttachmentKind::Signature,
    AttachmentKind::Bundle,
    AttachmentKind::Sbom,
    AttachmentKind::Provenance,
    AttachmentKind::Attestations,
];

impl FromSql for AttachmentKind {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = value.as_str()?;
        KINDS
            .into_iter()
            .find(|kind| kind.word() == word)
            .ok_or_else(|| FromSqlError::Other(format!("no attachment is called `{word}`").into()))
    }
}

const COLUMNS: &str = "submission, slug, digest, published_at, bytes, layers, excepted, packages, reproduction, yanked_at";

fn module(row: &Row<'_>) -> rusqlite::Result<Module> {
    Ok(Module {
        submission: row.get(0)?,
        slug: row.get(1)?,
        digest: row.get(2)?,
        published_at: row.get::<_, At>(3)?.0,
        bytes: row.get::<_, Count>(4)?.0,
        layers: row.get(5)?,
        excepted: row.get(6)?,
        packages: row.get(7)?,
        attachments: Vec::new(),
        reproduction: row.get::<_, Json<Reproduction>>(8)?.0,
        yanked: row.get::<_, Option<At>>(9)?.is_some(),
    })
}

pub(super) fn put(t: &Transaction<'_>, module: &Module, now: Timestamp) -> Result<(), StoreError> {
    t.prepare_cached(&format!(
        "INSERT INTO modules ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, NULL)"
    ))?
    .execute(params![
        module.submission,
        module.slug,
        module.digest,
        At(now),
        Count(module.bytes),
        module.layers,
        module.excepted,
        module.packages,
        Json(&module.reproduction)
    ])?;
    for (place, attachment) in (0_i64..).zip(&module.attachments) {
        t.prepare_cached(
            "INSERT INTO attachments (submission, place, kind, manifest, tag) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            module.submission,
            place,
            attachment.kind.word(),
            attachment.manifest,
            attachment.tag
        ])?;
    }
    Ok(())
}

pub(super) fn yank(
    t: &Transaction<'_>,
    id: SubmissionId,
    now: Timestamp,
) -> Result<(), StoreError> {
    t.execute(
        "UPDATE modules SET yanked_at = ?2 WHERE submission = ?1",
        params![id, At(now)],
    )?;
    Ok(())
}

fn one(
    t: &Transaction<'_>,
    condition: &str,
    parameters: impl Params,
) -> Result<Option<Module>, StoreError> {
    let found = t
        .prepare_cached(&format!("SELECT {COLUMNS} FROM modules WHERE {condition}"))?
        .query_row(parameters, module)
        .optional()?;
    found.map(|module| with_attachments(t, module)).transpose()
}

fn with_attachments(t: &Transaction<'_>, mut module: Module) -> Result<Module, StoreError> {
    let mut statement = t.prepare_cached(
        "SELECT kind, manifest, tag FROM attachments WHERE submission = ?1 ORDER BY place",
    )?;
    let attachments = statement.query_map([module.submission], |r| {
        Ok(Attachment {
            kind: r.get(0)?,
            manifest: r.get(1)?,
            tag: r.get(2)?,
        })
    })?;
    module.attachments = attachments.collect::<Result<_, _>>()?;
    Ok(module)
}

impl Queue {
    /// The catalog, newest first: a window of every version that was ever published.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn modules(&self, offset: u32, limit: u32) -> Result<Vec<ModuleRow>, StoreError> {
        self.read(|t| {
            let mut statement = t.prepare_cached(&format!(
                "SELECT {COLUMNS}, EXISTS (SELECT 1 FROM attachments a
                     WHERE a.submission = modules.submission AND a.kind IN ('signature', 'bundle'))
                 FROM modules ORDER BY submission DESC LIMIT ?1 OFFSET ?2"
            ))?;
            let rows = statement.query_map([limit, offset], |r| {
                let module = module(r)?;
                Ok(ModuleRow {
                    slug: module.slug,
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
                    signed: r.get(10)?,
                    reproduction: module.reproduction,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// What a slug serves now: its newest version that was not yanked, else its newest.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn module(&self, slug: &Slug) -> Result<Option<Module>, StoreError> {
        self.read(|t| {
            one(
                t,
                "slug = ?1 ORDER BY yanked_at IS NOT NULL, submission DESC LIMIT 1",
                [slug],
            )
        })
    }

    /// What a submission became.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn module_of(&self, id: SubmissionId) -> Result<Option<Module>, StoreError> {
        self.read(|t| one(t, "submission = ?1", [id]))
    }

    /// The newest version with this image.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn module_by_digest(&self, digest: Digest) -> Result<Option<Module>, StoreError> {
        self.read(|t| {
            one(
                t,
                "digest = ?1 ORDER BY yanked_at IS NOT NULL, submission DESC LIMIT 1",
                [digest],
            )
        })
    }
}
