//! A build's log as a plain text file, for whoever wants to keep or send it.

use std::io::{BufWriter, Write as _};
use std::path::Path;

use super::{Site, SiteError};
use crate::logs::SpoolReader;
use crate::model::{Event, Failure};

/// Lines that are read at once.
const LINES: usize = 4000;

impl Site {
    /// Writes what `words` makes of each event of the spool at `path` to the new file `name` of the folder in which this
    /// process was started: aside first, whole or not at all. Gives a sentence about it.
    ///
    /// # Errors
    /// If the name is none, there is such a file, or it can't be written.
    pub fn save_log(
        &self,
        path: &Path,
        name: &str,
        words: &dyn Fn(&Event) -> Option<String>,
    ) -> Result<String, SiteError> {
        // A name and no path: somebody who may read logs does not get to write anywhere.
        let plain = !name.starts_with('.') && !name.chars().any(|c| c == '/' || c.is_control());
        if name.is_empty() || !plain {
            return Err(SiteError::refused(Failure::new(
                "a file's name is wanted, without folders and without a dot at its beginning",
            )));
        }
        let folder = std::env::current_dir().map_err(SiteError::host)?;
        let target = folder.join(name);
        let aside = tempfile::NamedTempFile::new_in(&folder).map_err(SiteError::host)?;
        let mut reader = SpoolReader::new(path);
        let (mut place, mut lines) = (0, 0u64);
        let mut out = BufWriter::new(aside);
        loop {
            let page = reader.page(place, LINES).map_err(SiteError::host)?;
            for text in page.events.iter().filter_map(|(_, event)| words(event)) {
                writeln!(out, "{text}").map_err(SiteError::host)?;
                lines += 1;
            }
            place = page.next;
            if page.end {
                break;
            }
        }
        let aside = out
            .into_inner()
            .map_err(|e| SiteError::host(e.error().to_string()))?;
        aside.as_file().sync_all().map_err(SiteError::host)?;
        aside
            .persist_noclobber(&target)
            .map_err(|error| match error.error.kind() {
                std::io::ErrorKind::AlreadyExists => SiteError::refused(Failure::new(format!(
                    "there is a file {name} already: it is left alone, take another name"
                ))),
                _ => SiteError::host(error.error),
            })?;
        Ok(format!("{lines} lines are in {}", target.display()))
    }
}
