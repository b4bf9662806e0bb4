//! What a context brings along that is known by name and version: the packages that a scan of the image will see, before
//! there is an image.

use std::io::Read;

use super::Fact;
use super::files::{self, Interest};
use crate::model::context::{ContextSource, EntryKind};
use crate::model::scan::{Package, Vulnerability};
use crate::scan::ScanError;
use crate::scan::database::Database;
use crate::scan::detect::Detector;

/// Files that are read.
const FILES: usize = 50_000;
/// Bytes that are read of them in all.
const BYTES: u64 = 256 << 20;

/// What was found in a context.
#[derive(Debug, Default)]
pub struct Vendored {
    /// The packages, sorted, none twice.
    pub packages: Vec<Package>,
    /// What is there and can't be judged, in words.
    pub gaps: Vec<String>,
}

impl Vendored {
    /// Looks through the files that COPY can take.
    pub fn of(context: &dyn ContextSource) -> Self {
        let mut found = Self::default();
        let (mut left, mut bytes) = (FILES, BYTES);
        for (at, entry) in context.entries().iter().enumerate() {
            let EntryKind::File { size } = entry.kind else {
                continue;
            };
            found.packages.extend(wheel(&entry.path));
            let modules =
                entry.path == "vendor/modules.txt" || entry.path.ends_with("/vendor/modules.txt");
            let interest = files::interest(&entry.path, entry.mode);
            let wanted = modules || interest.is_some_and(Interest::is_ownable);
            if !wanted || context.is_hidden(at) {
                continue;
            }
            if left == 0 || size > bytes {
                found
                    .gaps
                    .push("more files than are read for a forecast".to_owned());
                break;
            }
            left -= 1;
            bytes -= size;
            let Ok(mut content) = context.open(at) else {
                found.gaps.push(format!("{} can't be read", entry.path));
                continue;
            };
            if modules {
                let mut text = String::new();
                if content.take(size).read_to_string(&mut text).is_ok() {
                    found.packages.extend(go_modules(&entry.path, &text));
                }
                continue;
            }
            let Some(interest) = interest else { continue };
            match files::read(&entry.path, interest, size, &mut content) {
                Ok(Some(Fact::Packages(packages))) => found.packages.extend(packages),
                Ok(Some(Fact::NotCovered(what))) => {
                    found.gaps.push(format!("{what} ({})", entry.path));
                }
                Ok(Some(Fact::Unreadable(why))) => {
                    found.gaps.push(format!("{}: {why}", entry.path));
                }
                Ok(_) => {}
                Err(error) => found.gaps.push(format!("{}: {error}", entry.path)),
            }
        }
        found.packages.sort_unstable();
        found.packages.dedup();
        found.gaps.dedup();
        found
    }

    /// What is known against them.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn vulnerabilities(&self, database: &Database) -> Result<Vec<Vulnerability>, ScanError> {
        Detector::new(database).vulnerabilities(None, &self.packages)
    }
}

fn package(ecosystem: &str, name: &str, version: &str, path: &str) -> Package {
    Package {
        ecosystem: ecosystem.to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
        source: None,
        source_version: None,
        path: path.to_owned(),
        licenses: Vec::new(),
    }
}

/// The package of a wheel that waits to be installed: its file's name says it (PEP 427).
fn wheel(path: &str) -> Option<Package> {
    let name = path.rsplit('/').next()?.strip_suffix(".whl")?;
    let mut parts = name.split('-');
    let (name, version) = (parts.next()?, parts.next()?);
    // Two more say for which Python it is.
    parts.next()?;
    let name = name.to_ascii_lowercase().replace(['_', '.'], "-");
    Some(package("pypi", &name, version, path))
}

/// The modules that `go mod vendor` lists: they will be in the program.
fn go_modules(path: &str, text: &str) -> Vec<Package> {
    let module = |line: &str| {
        let line = line.strip_prefix("# ")?;
        let line = line.rsplit(" => ").next()?;
        let mut words = line.split_ascii_whitespace();
        let (name, version) = (words.next()?, words.next()?);
        let is_version = version.starts_with('v') && name.contains('.');
        is_version.then(|| package("golang", name, version.trim_start_matches('v'), path))
    };
    text.lines().filter_map(module).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::context::MemoryContext;

    #[test]
    fn packages_of_three_languages_are_found() {
        let context = MemoryContext::default()
            .file("node_modules/left/package.json", 0o644, r#"{"name":"left","version":"1.0.0"}"#)
            .file("vendor/modules.txt", 0o644, "# example.com/a v1.2.3\n## explicit\nexample.com/a/b\n# example.com/c v0.1.0 => example.com/d v0.2.0\n")
            .file("wheels/Some_Thing-2.0-py3-none-any.whl", 0o644, "x")
            .file("README.md", 0o644, "x");
        let found = Vendored::of(&context);
        let named: Vec<_> = found
            .packages
            .iter()
            .map(|p| format!("{} {} {}", p.ecosystem, p.name, p.version))
            .collect();
        assert_eq!(
            named,
            [
                "golang example.com/a 1.2.3",
                "golang example.com/d 0.2.0",
                "npm left 1.0.0",
                "pypi some-thing 2.0"
            ]
        );
        assert!(found.gaps.is_empty(), "{:?}", found.gaps);
    }
}
