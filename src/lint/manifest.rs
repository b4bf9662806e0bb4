//! What a project says of itself in the files of its language: where its source is, its license, what it is for.

use serde_json::Value;

use crate::model::context::ContextSource;

/// The longest manifest that is read.
const LONGEST: u64 = 1 << 20;

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// An address of the source.
    pub(super) source: Option<String>,
    /// A license, as SPDX writes it.
    pub(super) license: Option<String>,
    /// One line.
    pub(super) description: Option<String>,
}

/// Reads `package.json`, `Cargo.toml`, `pyproject.toml` and `composer.json`; the first that says something counts.
pub(super) fn facts(context: &dyn ContextSource) -> Facts {
    let mut facts = Facts::default();
    for (name, table) in [
        ("package.json", None),
        ("composer.json", None),
        ("Cargo.toml", Some("package")),
        ("pyproject.toml", Some("project")),
    ] {
        let Some(document) = read(context, name) else {
            continue;
        };
        let Some(said) = table.map_or(Some(&document), |table| document.get(table)) else {
            continue;
        };
        let text = |value: &Value| value.as_str().map(|text| text.trim().to_owned());
        let license = said.get("license");
        let license = license.and_then(|l| text(l).or_else(|| l.get("text").and_then(text)));
        let repository = said.get("repository").or_else(|| {
            let urls = said.get("urls")?;
            ["repository", "Repository", "source", "Source"]
                .iter()
                .find_map(|key| urls.get(key))
        });
        let source = repository.and_then(|r| text(r).or_else(|| r.get("url").and_then(text)));
        facts.source = facts
            .source
            .or_else(|| source.and_then(|url| address(&url)));
        facts.license = facts.license.or_else(|| license.filter(|l| is_license(l)));
        let description = said.get("description").and_then(text);
        facts.description = facts
            .description
            .or_else(|| description.filter(|d| !d.is_empty()));
    }
    facts
}

fn read(context: &dyn ContextSource, name: &str) -> Option<Value> {
    let bytes = context.read(name, LONGEST).ok()?;
    let text = std::str::from_utf8(&bytes).ok()?;
    match name.ends_with(".json") {
        true => serde_json::from_str(text).ok(),
        false => toml::from_str(text).ok(),
    }
}

/// The address that a browser takes.
fn address(url: &str) -> Option<String> {
    let url = url.strip_prefix("git+").unwrap_or(url);
    if url.starts_with("https://") {
        return Some(url.to_owned());
    }
    let path = url.strip_prefix("github:")?;
    Some(format!("https://github.com/{path}"))
}

/// An expression of SPDX, and no sentence.
fn is_license(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || " .-+()/".contains(c);
    !text.is_empty() && text.len() < 100 && text.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::context::MemoryContext;

    #[test]
    fn several_languages_are_read() {
        let cargo =
            "[package]\nlicense = \"MIT OR Apache-2.0\"\nrepository = \"https://example.com/r\"\n";
        let python = "[project]\ndescription = \"Does it\"\nlicense = {text = \"BSD\"}\n";
        let context = MemoryContext::default()
            .file("Cargo.toml", 0o644, cargo)
            .file("pyproject.toml", 0o644, python)
            .file("package.json", 0o644, "not JSON");
        assert_eq!(
            facts(&context),
            Facts {
                source: Some("https://example.com/r".into()),
                license: Some("MIT OR Apache-2.0".into()),
                description: Some("Does it".into()),
            }
        );
        assert_eq!(facts(&MemoryContext::default()), Facts::default());
    }
}
