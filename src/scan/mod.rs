//! Trivy, the embedded scanner, the gate, exceptions.
//!
//! Two scanners, one result: [`trivy`] runs the program where it is on the PATH, [`embedded`] reads image and database
//! itself. Both check every digest of the image first ([`survey`]), both stand on the same [`database`], and both fail
//! on whatever could not be established. [`gate()`] judges what they found.
//!
//! This room must not know who asked, nor the queue.

pub mod database;
mod detect;
pub mod embedded;
mod error;
pub mod gate;
pub mod survey;
pub mod trivy;
pub mod versions;

pub use error::ScanError;
pub use gate::gate;
pub use survey::Vendored;

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use crate::model::Digest;
use crate::model::clock::Clock;
use crate::model::event::{Cancel, EventSink};
use crate::model::policy::{ScanPolicy, ScannerChoice};
use crate::model::scan::ScanReport;
use crate::oci::Store;

/// Finds out what is in an image and what is known against it.
pub trait Scanner: Send + Sync {
    /// `trivy` or `flareo`, as it stands in reports.
    fn name(&self) -> &'static str;

    /// Scans `image`, which is in `store`, saying what it does to `events`, until `cancel` is asked for.
    ///
    /// # Errors
    /// If anything that the verdict would stand on could not be established.
    fn scan(
        &self,
        image: Digest,
        store: &Store,
        events: &dyn EventSink,
        cancel: &Cancel,
    ) -> Result<ScanReport, ScanError>;
}

/// The scanner that `policy` asks for: Trivy, looked for in the folders of `path` (the variable PATH), or the embedded
/// one; with the database in `cache`, a cache folder as Trivy's.
///
/// # Errors
/// [`ScanError::NoTrivy`] if the policy insists on Trivy and it is not there.
pub fn choose(
    policy: &ScanPolicy,
    cache: &Path,
    path: Option<&OsStr>,
    clock: Arc<dyn Clock>,
) -> Result<Box<dyn Scanner>, ScanError> {
    let embedded = |clock| Box::new(embedded::Embedded::new(cache, policy.clone(), clock));
    if policy.scanner == ScannerChoice::Embedded {
        return Ok(embedded(clock));
    }
    match trivy::Trivy::find(path) {
        Some(program) => Ok(Box::new(trivy::Trivy::new(
            program,
            cache,
            policy.clone(),
            clock,
        ))),
        None if policy.scanner == ScannerChoice::Auto => Ok(embedded(clock)),
        None => Err(ScanError::NoTrivy),
    }
}
