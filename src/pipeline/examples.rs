//! A policy's own tests: the Dockerfiles of `policy.toml` through the very lint that judges submissions.

use super::read::Read;
use super::{Site, SiteError};
use crate::model::Severity;
use crate::model::context::MemoryContext;
use crate::model::policy::{Example, Expectation};

/// What an example came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// What it came to, if that is not what was expected.
    pub otherwise: Option<String>,
}

impl Site {
    /// Runs the examples of this site's policy.
    ///
    /// # Errors
    /// If the queue can't be read.
    pub fn examples(&self) -> Result<Vec<Outcome>, SiteError> {
        let linter = self.linter(&[])?;
        let each = self.policy().examples.iter().map(|example| {
            let text = example.dockerfile.as_str();
            let mut context = MemoryContext::default().file("Dockerfile", 0o644, text);
            for (path, text) in &example.files {
                context = context.file(path, 0o644, text.as_str());
            }
            let read = Read::of("Dockerfile", text.as_bytes().to_vec());
            let report = linter.check(&read, Some(&context));
            let blocks = report
                .findings
                .into_iter()
                .filter(|f| f.severity == Severity::Block);
            let mut rules: Vec<String> = blocks.map(|f| f.rule).collect();
            rules.sort();
            rules.dedup();
            Outcome {
                name: example.name.clone(),
                otherwise: judge(example, &rules).err(),
            }
        });
        Ok(each.collect())
    }
}

fn judge(example: &Example, rules: &[String]) -> Result<(), String> {
    let by = match rules {
        [] => "nothing blocks it".to_owned(),
        rules => format!("it is blocked by {}", rules.join(", ")),
    };
    if (example.expect == Expectation::Blocked) == rules.is_empty() {
        return Err(by);
    }
    let mut wanted = example.rules.clone().unwrap_or_else(|| rules.to_vec());
    wanted.sort();
    match wanted == rules {
        true => Ok(()),
        false => Err(format!("{by}, not by {}", wanted.join(", "))),
    }
}
