//! The catalog: what is published, and how it leaves this host.

use std::path::Path;

use super::{Site, SiteError};
use crate::attest::{self, PublicKey, Verified};
use crate::catalog::{self, CatalogError, Exported, Item};
use crate::model::module::Module;
use crate::model::{Digest, Failure, Slug};
use crate::oci::registry::RegistrySettings;
use crate::store::{Move, Transition};

/// What `flareo verify` is asked about.
#[derive(Debug, Clone)]
pub enum Target {
    /// A module of this catalog.
    Module(Slug),
    /// A published image, by its manifest.
    Image(Digest),
    /// An exported OCI layout.
    Layout(std::path::PathBuf),
}

impl std::str::FromStr for Target {
    type Err = SiteError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(folder) = text.strip_prefix("oci:") {
            return Ok(Self::Layout(folder.into()));
        }
        if let Ok(digest) = text.parse() {
            return Ok(Self::Image(digest));
        }
        text.parse().map(Self::Module).map_err(|_| {
            SiteError::usage(format!(
                "`{text}` is neither a module, nor a digest `sha256:…`, nor `oci:DIR`"
            ))
        })
    }
}

impl Site {
    /// The newest published version of a module.
    ///
    /// # Errors
    /// If there is none.
    pub fn module(&self, slug: &Slug) -> Result<Module, SiteError> {
        self.queue().module(slug)?.ok_or_else(|| {
            SiteError::usage(format!(
                "no module is called `{slug}`: `flareo module list` shows them"
            ))
        })
    }

    /// Writes a module's image with its signature and attestations to `destination`.
    ///
    /// # Errors
    /// If the destination makes no sense, or can't be written.
    pub fn export(&self, module: &Module, destination: &str) -> Result<Exported, SiteError> {
        let item = Item {
            image: module.digest,
            attachments: &module.attachments,
        };
        self.write_out(&item, destination)
    }

    pub(super) fn write_out(
        &self,
        item: &Item<'_>,
        destination: &str,
    ) -> Result<Exported, SiteError> {
        let settings = RegistrySettings::of_user();
        catalog::export(self.store(), item, destination, &settings).map_err(|error| match error {
            CatalogError::Location(_) | CatalogError::Destination { .. } => {
                SiteError::usage(error.to_string())
            }
            other => SiteError::host(other),
        })
    }

    /// Takes a module out of the catalog.
    ///
    /// # Errors
    /// If there is no such module, or no reason is given.
    pub fn yank(&self, slug: &Slug, reason: &str) -> Result<Module, SiteError> {
        if reason.trim().is_empty() {
            return Err(SiteError::usage("say why: --reason …"));
        }
        let module = self.module(slug)?;
        let row = self.queue().submission(module.submission)?;
        let step = Move::Yank {
            reason: reason.to_owned(),
        };
        self.queue()
            .transition(&Transition::new(&row, self.actor(), step))?;
        Ok(Module {
            yanked: true,
            ..module
        })
    }

    /// Checks signature, bill of materials and provenance.
    ///
    /// # Errors
    /// If anything does not hold.
    pub fn verify(&self, target: &Target, key: Option<&Path>) -> Result<Vec<Verified>, SiteError> {
        let public = match key {
            Some(path) => PublicKey::read(path).map_err(|e| SiteError::usage(e.to_string()))?,
            None => self.key()?.public().clone(),
        };
        let untrusted = |e: attest::VerifyError| {
            SiteError::refused(Failure::new(e.to_string()))
                .help("do not use this image until you know why")
        };
        let module = match target {
            Target::Layout(folder) => {
                return attest::verify_layout(folder, &public).map_err(untrusted);
            }
            Target::Module(slug) => self.module(slug)?,
            Target::Image(digest) => self
                .queue()
                .module_by_digest(*digest)?
                .ok_or_else(|| SiteError::usage(format!("no module has the digest {digest}")))?,
        };
        let verified = attest::verify(self.store(), module.digest, &module.attachments, &public)
            .map_err(untrusted)?;
        Ok(vec![verified])
    }
}
