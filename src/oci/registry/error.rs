//! What a registry did not do, in words that are safe to print.

use std::path::PathBuf;

use crate::model::foreign::is_hidden;

/// What a registry did not do.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// It could not be asked.
    #[error("cannot reach {host}: {why}")]
    Unreachable {
        /// The registry.
        host: String,
        /// What went wrong.
        why: String,
    },
    /// It does not let us.
    #[error(
        "{host} does not let us {doing} {what}: log in with `docker login {host}`, or check the name"
    )]
    Unauthorized {
        /// The registry.
        host: String,
        /// What was tried, as in `read`.
        doing: &'static str,
        /// The repository.
        what: String,
    },
    /// It has no such thing.
    #[error("{host} has no {what}")]
    NotFound {
        /// The registry.
        host: String,
        /// What was asked for.
        what: String,
    },
    /// It says no, or something that makes no sense.
    #[error("{host} failed to {doing} {what}: {why}")]
    Failed {
        /// The registry.
        host: String,
        /// What was tried, as in `read`.
        doing: &'static str,
        /// What was asked for.
        what: String,
        /// What it said.
        why: String,
    },
    /// This host could not keep what it sent.
    #[error("cannot keep what {host} sends: {why}")]
    NotKept {
        /// The registry.
        host: String,
        /// What this host said.
        why: String,
    },
    /// Docker's file of logins can't be used.
    #[error("cannot use the logins in {}: {why}", path.display())]
    Credentials {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// This program could not start.
    #[error("cannot start a registry client: {0}")]
    Start(String),
}

/// An error with its causes, harmless to a terminal: much of it was written by the other side.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text.chars()
        .take(500)
        .map(|c| if is_hidden(c) { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_registry_says_can_not_steer_a_terminal() {
        let error = std::io::Error::other("\x1b]0;owned\x07".repeat(200));
        let text = chain(&error);
        assert!(!text.contains('\x1b') && text.len() <= 500);
    }
}
