//! The cache of base images and the approved list, as an operator changes them.

use serde::Serialize;
use serde_json::json;

use super::{Site, SiteError, Trouble};
use crate::bases::{self, ImportOptions};
use crate::engine;
use crate::model::audit::Record;
use crate::model::base::{ApprovedBase, Base};
use crate::model::image::Platform;
use crate::model::{Failure, Reference};
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

impl Site {
    /// Puts a base into the cache under a name, every digest checked.
    ///
    /// # Errors
    /// If the source can't be read or lies about itself. Nothing is kept under the name then.
    pub fn import_base(&self, reference: &Reference, source: &str) -> Result<Base, SiteError> {
        if reference.digest().is_some() {
            return Err(SiteError::usage(format!(
                "`{}` names a digest: the cache finds that out by itself; write the tag alone",
                reference.familiar()
            )));
        }
        let (store, fresh) = self.store().noting()?;
        let kept = self.take_base(&store, reference, source);
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
            source: source.to_owned(),
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
