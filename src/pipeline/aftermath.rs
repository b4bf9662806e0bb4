//! What there is to know of a published image later on: its layers, and what the scanner says of it today.

use std::collections::BTreeSet;

use serde::Serialize;

use super::stages::Stop;
use super::{Site, SiteError};
use crate::model::SubmissionId;
use crate::model::module::Module;
use crate::model::scan::{ScanReport, Vulnerability};

/// A layer of a published image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModuleLayer {
    /// The instruction that made it, or its digest where nobody says.
    pub made_by: String,
    /// Compressed, in bytes.
    pub bytes: u64,
}

/// What the scanner finds in a published image today.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ModuleFindings {
    /// What it did not find when the image was published.
    pub new: Vec<Vulnerability>,
    /// What it found then.
    pub known: Vec<Vulnerability>,
}

impl Site {
    /// What the scanner found in the image of a submission when it was built.
    ///
    /// # Errors
    /// If it was not scanned, or the report can't be read.
    pub fn scan_of(&self, id: SubmissionId) -> Result<ScanReport, SiteError> {
        let row = self.queue().submission(id)?;
        self.scan_report(&row).map_err(|stop| match stop {
            Stop::Failed(failure) => SiteError::refused(failure),
            Stop::Host(error) | Stop::Lacking(error) => error,
            Stop::Cancelled => SiteError::interrupted(),
        })
    }

    /// The layers of a module's image, the lowest first.
    ///
    /// # Errors
    /// If the image can't be read.
    pub fn module_layers(&self, module: &Module) -> Result<Vec<ModuleLayer>, SiteError> {
        let manifest = self.store().manifest(module.digest)?;
        let config = self.store().config(manifest.config.digest)?;
        let mut made = config.history.iter().filter(|step| !step.empty_layer);
        let layers = manifest.layers.iter().map(|layer| ModuleLayer {
            made_by: made
                .next()
                .and_then(|step| step.created_by.clone())
                .unwrap_or_else(|| layer.digest.to_string()),
            bytes: layer.size,
        });
        Ok(layers.collect())
    }

    /// What the scanner finds in a module's image today, beside what it found when it was published.
    ///
    /// # Errors
    /// If there is no scanner, or its report of then can't be read.
    pub fn module_findings(&self, module: &Module) -> Result<ModuleFindings, SiteError> {
        let then = self.scan_of(module.submission)?;
        let now = self
            .scan_quietly(module.digest)
            .map_err(|error| SiteError::host(error.to_string()).help(error.help().to_owned()))?;
        let key = |found: &Vulnerability| (found.id.clone(), found.package.clone());
        let then: BTreeSet<_> = then.vulnerabilities.iter().map(key).collect();
        let (known, new) = now
            .vulnerabilities
            .into_iter()
            .partition(|found| then.contains(&key(found)));
        Ok(ModuleFindings { new, known })
    }
}
