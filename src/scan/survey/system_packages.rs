//! The package databases of dpkg and apk.

use crate::model::scan::Package;

/// The installed packages in dpkg's status file at `path`.
pub(super) fn status(path: &str, text: &str) -> Vec<Package> {
    stanzas(text)
        .filter_map(|stanza| {
            let field = |name: &str| {
                stanza.lines().find_map(|line| {
                    let (key, value) = line.split_once(':')?;
                    key.eq_ignore_ascii_case(name).then(|| value.trim())
                })
            };
            // Without a Status (as in status.d) a package is installed.
            let gone = field("Status").is_some_and(|status| {
                status
                    .split_whitespace()
                    .any(|word| word == "deinstall" || word == "purge")
            });
            let (name, version) = (field("Package")?, field("Version")?);
            if gone || name.is_empty() || version.is_empty() {
                return None;
            }
            // `Source: zlib (1:1.2.13.dfsg-1)`, the version only where it differs.
            let (source, source_version) = match field("Source") {
                Some(source) => match source.split_once('(') {
                    Some((source, version)) => {
                        (source.trim(), version.trim_end_matches(')').trim())
                    }
                    None => (source, version),
                },
                None => (name, version),
            };
            Some(package(
                "debian",
                path,
                name,
                version,
                source,
                source_version,
            ))
        })
        .collect()
}

/// The packages in apk's list at `path`.
pub(super) fn apk(path: &str, text: &str) -> Vec<Package> {
    stanzas(text)
        .filter_map(|stanza| {
            let field = |letter: &str| {
                stanza
                    .lines()
                    .find_map(|line| line.strip_prefix(letter)?.strip_prefix(':'))
                    .map(str::trim)
            };
            let (name, version) = (field("P")?, field("V")?);
            if name.is_empty() || version.is_empty() {
                return None;
            }
            let source = field("o")
                .filter(|source| !source.is_empty())
                .unwrap_or(name);
            let mut package = package("alpine", path, name, version, source, version);
            package.licenses = field("L")
                .filter(|license| !license.is_empty())
                .map(|license| vec![license.to_owned()])
                .unwrap_or_default();
            Some(package)
        })
        .collect()
}

fn package(
    ecosystem: &str,
    path: &str,
    name: &str,
    version: &str,
    source: &str,
    source_version: &str,
) -> Package {
    Package {
        ecosystem: ecosystem.into(),
        name: name.into(),
        version: version.into(),
        source: (source != name).then(|| source.into()),
        source_version: (source_version != version).then(|| source_version.into()),
        path: path.into(),
        licenses: Vec::new(),
    }
}

/// Blocks of lines between empty lines.
fn stanzas(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(['\n', '\r']);
        if rest.is_empty() {
            return None;
        }
        let end = rest.find("\n\n").unwrap_or(rest.len());
        let (stanza, more) = rest.split_at(end);
        rest = more;
        Some(stanza)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dpkg_packages_have_their_source_and_removed_ones_are_left_out() {
        let text = "Package: zlib1g\nStatus: install ok installed\nSource: zlib (1:1.2.13.dfsg-1)\nVersion: 1:1.2.13.dfsg-1+b1\nDescription: x\n Version: 9\n\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n\nPackage: bash\nVersion: 5.2\n";
        let packages = status("var/lib/dpkg/status", text);
        assert_eq!(packages.len(), 2);
        assert_eq!(packages[0].source.as_deref(), Some("zlib"));
        assert_eq!(
            packages[0].source_version.as_deref(),
            Some("1:1.2.13.dfsg-1")
        );
        assert_eq!(
            (packages[1].name.as_str(), &packages[1].source),
            ("bash", &None)
        );
    }

    #[test]
    fn apk_packages_have_their_origin() {
        let text = "C:Q1x=\nP:busybox-binsh\nV:1.36.1-r15\nL:GPL-2.0-only\no:busybox\nF:bin\n\nP:musl\nV:1.2.4-r2\no:musl\n";
        let packages = apk("lib/apk/db/installed", text);
        assert_eq!(packages[0].source.as_deref(), Some("busybox"));
        assert_eq!(packages[0].licenses, ["GPL-2.0-only"]);
        assert_eq!(
            (packages[1].name.as_str(), &packages[1].source),
            ("musl", &None)
        );
    }
}
