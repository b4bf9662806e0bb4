//! `flareo verify`: does the image hold what its signature says?

use std::path::Path;
use std::process::ExitCode;

use super::output::{Output, Role};
use crate::pipeline::{Site, SiteError};

/// Verifies and says what was found.
pub fn run(site: &Site, target: &str, key: Option<&Path>, output: &Output) -> Result<ExitCode, SiteError> {
    let verified = site.verify(&target.parse()?, key)?;
    if output.json() {
        output.document(&verified)?;
        return Ok(ExitCode::SUCCESS);
    }
    for one in &verified {
        output.say(&format!("{} {}", output.paint(Role::Good, "verified"), one.image));
        for line in one.findings() {
            output.say(&format!("  {line}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}
