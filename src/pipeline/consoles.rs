//! How somebody left the console: where they find it again. What is kept is the console's affair.

use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Site, SiteError};
use crate::durable;
use crate::model::Digest;

impl Site {
    /// How the caller left the console; what can't be read is as good as nothing.
    pub fn console_left<T: DeserializeOwned>(&self) -> Option<T> {
        let bytes = std::fs::read(self.console_of_caller()).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Keeps it.
    ///
    /// # Errors
    /// If the state folder can't be written.
    pub fn keep_console<T: Serialize>(&self, left: &T) -> Result<(), SiteError> {
        let path = self.console_of_caller();
        let bytes = serde_json::to_vec(left).map_err(SiteError::host)?;
        std::fs::create_dir_all(durable::folder_of(&path)).map_err(SiteError::host)?;
        durable::write(&path, &bytes, 0o600).map_err(SiteError::host)
    }

    /// A name may be anything, so that its digest names the file.
    fn console_of_caller(&self) -> PathBuf {
        let who = Digest::of(&self.actor().0);
        self.paths().consoles().join(format!("{}.json", who.hex()))
    }
}
