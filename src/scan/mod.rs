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
pub mod versions;

pub use error::ScanError;
pub use gate::gate;

use crate::model::Digest;
use crate::model::event::{Cancel, EventSink};
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
