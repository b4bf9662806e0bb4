//! What this host can do, and how to get what it lacks.

use super::Site;
use crate::model::policy::ScannerChoice;
use crate::model::view::{Check, CheckStatus};
use crate::scan;
use crate::scan::database::Database;
use crate::store::AuditCheck;

impl Site {
    /// Looks at everything that a build, a scan and a signature need.
    pub fn doctor(&self) -> Vec<Check> {
        let mut checks = vec![self.queue_check(), self.audit_check()];
        match self.sandbox() {
            Ok(sandbox) => checks.extend(sandbox.support().checks()),
            Err(error) => checks.push(missing(
                "sandbox",
                &error.to_string(),
                "nothing can be built on this host until that is mended",
            )),
        }
        checks.push(self.scanner_check());
        checks.push(self.database_check());
        checks.push(match self.key() {
            Ok(key) => ok(
                "signing key",
                &format!("P-256, {}", key.public().fingerprint().short()),
            ),
            Err(error) => missing(
                "signing key",
                &error.to_string(),
                "restore keys/ from a backup",
            ),
        });
        checks.push(self.bases_check());
        checks
    }

    fn queue_check(&self) -> Check {
        match self.queue().check() {
            Ok(()) => ok("queue", &self.paths().queue().display().to_string()),
            Err(error) => missing(
                "queue",
                &error.to_string(),
                "restore the state folder from a backup",
            ),
        }
    }

    fn audit_check(&self) -> Check {
        match self.queue().verify_audit() {
            Ok(AuditCheck::Intact { entries, .. }) => {
                ok("audit chain", &format!("{entries} entries, unbroken"))
            }
            Ok(AuditCheck::Broken { number, why }) => missing(
                "audit chain",
                &format!("broken at entry {number}: {why}"),
                "somebody changed the database by hand: compare it with a backup",
            ),
            Err(error) => missing(
                "audit chain",
                &error.to_string(),
                "restore the state folder from a backup",
            ),
        }
    }

    fn scanner_check(&self) -> Check {
        let path = std::env::var_os("PATH");
        let cache = self.paths().vulnerabilities();
        match scan::choose(
            &self.policy().scan,
            &cache,
            path.as_deref(),
            self.clock().clone(),
        ) {
            Ok(scanner) if scanner.name() == "trivy" => ok("scanner", "Trivy"),
            Ok(_) if self.policy().scan.scanner == ScannerChoice::Embedded => {
                ok("scanner", "the embedded one, as the policy says")
            }
            Ok(_) => Check {
                status: CheckStatus::Degraded,
                help: "install Trivy to scan what the embedded scanner does not cover".into(),
                ..ok("scanner", "the embedded one: no `trivy` on the PATH")
            },
            Err(error) => missing("scanner", &error.to_string(), error.help()),
        }
    }

    fn database_check(&self) -> Check {
        let name = "vulnerability database";
        let checked = Database::open(&self.paths().vulnerabilities()).and_then(|database| {
            database
                .check_age(self.clock().now(), &self.policy().scan)
                .map(|()| database)
        });
        match checked {
            Ok(database) => ok(
                name,
                &format!(
                    "of {}, {}",
                    database.updated_at(),
                    database.digest().short()
                ),
            ),
            Err(error) => missing(name, &error.to_string(), error.help()),
        }
    }

    fn bases_check(&self) -> Check {
        match self.base_rows() {
            Ok(rows) => {
                let usable = rows
                    .iter()
                    .filter(|row| row.state == "approved" && row.held.is_some())
                    .count();
                let approved = rows.iter().filter(|row| row.state == "approved").count();
                let found = format!("{usable} of {approved} approved bases are in the cache");
                if usable == 0 {
                    Check {
                        status: CheckStatus::Degraded,
                        help: "put one there: `flareo base import debian:12-slim SRC`".into(),
                        ..ok("bases", &found)
                    }
                } else {
                    ok("bases", &found)
                }
            }
            Err(error) => missing("bases", &error.to_string(), ""),
        }
    }
}

fn ok(name: &str, found: &str) -> Check {
    Check {
        name: name.into(),
        status: CheckStatus::Ok,
        found: found.into(),
        help: String::new(),
    }
}

fn missing(name: &str, found: &str, help: &str) -> Check {
    Check {
        name: name.into(),
        status: CheckStatus::Missing,
        found: found.into(),
        help: help.into(),
    }
}
