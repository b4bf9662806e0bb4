//! The cache of base images and the approved list, as an operator changes them.

use serde::Serialize;
use serde_json::json;

use super::{Site, SiteError, Trouble};
use crate::bases::{self, ImportOptions};
use crate::engine;
use crate::model::audit::Record;
use crate::model::base::{ApprovedBase, Base};
use crate::model::image::Platform;
use crate::model::scan::Vulnerability;
use crate::model::{Digest, Failure, Reference, Slug, State, SubmissionId};
use crate::oci::Store;
use crate::oci::registry::RegistrySettings;

/// One line of `flareo base list`: a base in the cache, on the approved list, or both.
#[derive(Debug, Clone, Serialize)]
pub struct BaseRow {
    /// As people write it.
    pub reference: String,
    /// `approved`, or `cached` for one that may not be used.
    pub state: &'static str,
    /// What the cache holds of it.
    #[serde(flatten)]
    pub held: Option<Base>,
    /// What the list says it is for.
    pub purpose: Option<String>,
}

/// What there is to know of a base.
#[derive(Debug, Clone, Serialize)]
pub struct BaseStory {
    /// How it stands.
    #[serde(flatten)]
    pub row: BaseRow,
    /// What it was pinned to before, the latest first.
    pub before: Vec<Base>,
    /// How many submissions were approved on it.
    pub used: u64,
    /// The latest of them.
    pub users: Vec<(SubmissionId, Slug, State)>,
    /// What the scanner finds in it today, or why it can't look; none where nobody asked it.
    pub findings: Option<Result<Vec<Vulnerability>, String>>,
}

/// Submissions that are named of those that stand on a base.
const USERS: u32 = 40;

impl Site {
    /// What there is to know of a base; what the scanner says of it only where `scanned`, for that takes its time.
    ///
    /// # Errors
    /// If nobody knows it, or the queue can't be read.
    pub fn base_story(&self, reference: &Reference, scanned: bool) -> Result<BaseStory, SiteError> {
        let name = reference.without_digest().familiar();
        let rows = self.base_rows()?;
        let Some(row) = rows.into_iter().find(|row| row.reference == name) else {
            return Err(SiteError::usage(format!(
                "{name} is neither in the cache nor on the approved list"
            ))
            .help("`flareo base list` shows those that are"));
        };
        let versions = self.queue().base_history(reference)?;
        let now = row.held.as_ref().map(|base| base.imported_at);
        let before = versions.into_iter().map(|version| version.base);
        let users = self.queue().base_users(reference, USERS)?;
        let held = row.held.as_ref().filter(|_| scanned);
        let findings = held.map(|base| self.findings_of(base.digest));
        Ok(BaseStory {
            before: before
                .filter(|base| Some(base.imported_at) != now)
                .collect(),
            used: users.count,
            users: users.latest,
            findings,
            row,
        })
    }

    fn findings_of(&self, image: Digest) -> Result<Vec<Vulnerability>, String> {
        self.scan_quietly(image)
            .map(|report| report.vulnerabilities)
            .map_err(|error| error.to_string())
    }

    /// Puts a base into the cache under a name, every digest checked.
    ///
    /// # Errors
    /// If the source can't be read or lies about itself. Nothing is kept under the name then.
    pub fn import_base(&self, reference: &Reference, source: &str) -> Result<Base, SiteError> {
        self.import_base_as(reference, source, source)
    }

    /// The same where `source` is a place of the moment: what is put on record is `told`.
    ///
    /// # Errors
    /// As [`import_base`](Self::import_base).
    pub fn import_base_as(
        &self,
        reference: &Reference,
        source: &str,
        told: &str,
    ) -> Result<Base, SiteError> {
        if reference.digest().is_some() {
            return Err(SiteError::usage(format!(
                "`{}` names a digest: the cache finds that out by itself; write the tag alone",
                reference.familiar()
            )));
        }
        let (store, fresh) = self.store().noting()?;
        let kept = self.take_base(&store, reference, source, told);
        if kept.is_err() {
            fresh.forget();
        }
        kept
    }

    fn take_base(
        &self,
        store: &Store,
        reference: &Reference,
        source: &str,
        told: &str,
    ) -> Result<Base, SiteError> {
        let options = ImportOptions {
            registry: RegistrySettings::of_user(),
            ..ImportOptions::default()
        };
        let imported = bases::import(store, source, &Platform::host(), &options).map_err(|e| {
            match e.is_host() {
                true => SiteError::host(e),
                false => SiteError::refused(Failure::new(e.to_string())),
            }
        })?;
        let snapshots = self.paths().snapshots();
        let unpacked = options.limits.unpacked;
        engine::admit(store, &snapshots, imported.digest, unpacked).map_err(|e| {
            let error = SiteError::from(e);
            if error.trouble == Trouble::Refused && error.failure.help.is_empty() {
                return error.help("no build could stand on it: take another image");
            }
            error
        })?;
        let base = Base {
            reference: reference.without_digest(),
            digest: imported.digest,
            bytes: imported.bytes,
            layers: imported.layers,
            source: told.to_owned(),
            imported_at: self.clock().now(),
        };
        Ok(self.queue().put_base(&base, self.actor())?)
    }

    /// Every base that is in the cache or on the approved list, by name.
    ///
    /// # Errors
    /// If the queue can't be read.
    pub fn base_rows(&self) -> Result<Vec<BaseRow>, SiteError> {
        let mut held = self.queue().bases()?;
        let mut rows = Vec::new();
        for ApprovedBase { reference, purpose } in self.approved_bases()? {
            let at = held.iter().position(|base| base.reference == reference);
            rows.push(BaseRow {
                reference: reference.familiar(),
                state: "approved",
                held: at.map(|at| held.swap_remove(at)),
                purpose: Some(purpose),
            });
        }
        rows.extend(held.into_iter().map(|base| BaseRow {
            reference: base.reference.familiar(),
            state: "cached",
            held: Some(base),
            purpose: None,
        }));
        rows.sort_by(|a, b| a.reference.cmp(&b.reference));
        Ok(rows)
    }

    /// The approved list: the policy's, where it has one, else the one that people change.
    pub(super) fn approved_bases(&self) -> Result<Vec<ApprovedBase>, SiteError> {
        let Some(approved) = &self.policy().bases.approved else {
            return Ok(self.queue().approved_bases()?);
        };
        let each = approved.iter().map(|(reference, purpose)| ApprovedBase {
            reference: reference.without_digest(),
            purpose: purpose.clone(),
        });
        Ok(each.collect())
    }

    /// Whether the list can be changed from here.
    fn list_is_ours(&self) -> Result<(), SiteError> {
        match self.policy().bases.approved {
            None => Ok(()),
            Some(_) => Err(SiteError::usage("the approved list stands in the policy")
                .help("change [bases.approved] in policy.toml; `flareo policy replay` says what that would have decided")),
        }
    }

    /// Puts a reference on the approved list.
    ///
    /// # Errors
    /// If it is there already, or the list stands in the policy.
    pub fn approve_base(&self, reference: &Reference, purpose: &str) -> Result<(), SiteError> {
        self.list_is_ours()?;
        let base = ApprovedBase {
            reference: reference.without_digest(),
            purpose: purpose.to_owned(),
        };
        Ok(self.queue().approve_base(&base, self.actor())?)
    }

    /// Takes a reference off the approved list.
    ///
    /// # Errors
    /// If it is not on it, or the list stands in the policy.
    pub fn remove_base(&self, reference: &Reference) -> Result<(), SiteError> {
        self.list_is_ours()?;
        Ok(self.queue().disapprove_base(reference, self.actor())?)
    }

    pub(super) fn record(&self, action: &str, facts: serde_json::Value) -> Result<(), SiteError> {
        self.queue()
            .record(&Record::new(self.actor(), action, None, facts))?;
        Ok(())
    }

    /// Makes state folder and key, and records that.
    ///
    /// # Errors
    /// If the key can't be made.
    pub fn init(&self) -> Result<String, SiteError> {
        let public = self.key()?.public();
        self.record("site.init", json!({ "key": public.fingerprint() }))?;
        Ok(public.to_pem())
    }
}
