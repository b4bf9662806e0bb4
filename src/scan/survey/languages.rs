//! What packages of npm and Python say of themselves.

use serde_json::Value;

use super::Fact;
use crate::model::scan::Package;

/// The package that a `package.json` describes; none where it has no name or version, or is no JSON that anything would
/// load.
pub(super) fn npm(path: &str, bytes: &[u8]) -> Option<Fact> {
    let described: Value = serde_json::from_slice(bytes).ok()?;
    let text = |key: &str| {
        described
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let license = match described.get("license") {
        Some(Value::String(license)) => license.clone(),
        Some(Value::Object(object)) => object
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        _ => String::new(),
    };
    package("npm", path, text("name"), text("version"), license)
}

/// The package that the headers of a `METADATA` or `PKG-INFO` describe.
pub(super) fn python(path: &str, text: &str) -> Option<Fact> {
    let field = |name: &str| {
        text.lines()
            .take_while(|line| !line.trim_end().is_empty())
            .find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
            })
            .unwrap_or_default()
    };
    let license = match field("License-Expression") {
        "" => field("License"),
        expression => expression,
    };
    let license = if license == "UNKNOWN" { "" } else { license };
    package(
        "pypi",
        path,
        field("Name"),
        field("Version"),
        license.to_owned(),
    )
}

fn package(
    ecosystem: &str,
    path: &str,
    name: &str,
    version: &str,
    license: String,
) -> Option<Fact> {
    if name.is_empty() || version.is_empty() {
        return None;
    }
    Some(Fact::Packages(vec![Package {
        ecosystem: ecosystem.into(),
        name: name.into(),
        version: version.into(),
        source: None,
        source_version: None,
        path: path.into(),
        licenses: if license.is_empty() {
            Vec::new()
        } else {
            vec![license]
        },
    }]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(fact: Option<Fact>) -> Option<(String, String, Vec<String>)> {
        match fact {
            Some(Fact::Packages(mut packages)) => {
                packages.pop().map(|p| (p.name, p.version, p.licenses))
            }
            _ => None,
        }
    }

    #[test]
    fn a_package_json_names_its_package() {
        let text = br#"{"name":"@a/b","version":"1.0.0","license":{"type":"MIT"},"name":"@a/c"}"#;
        assert_eq!(
            one(npm("p", text)),
            Some(("@a/c".into(), "1.0.0".into(), vec!["MIT".into()]))
        );
        for text in [
            "",
            "[]",
            r#"{"name":"a"}"#,
            r#"{"name":1,"version":"1"}"#,
            r#"{"name":"","version":"1"}"#,
        ] {
            assert_eq!(one(npm("p", text.as_bytes())), None, "{text}");
        }
    }

    #[test]
    fn only_the_headers_of_python_metadata_count() {
        let text =
            "Metadata-Version: 2.1\nname: PyYAML\nVersion: 5.3\nLicense: UNKNOWN\n\nName: other\n";
        assert_eq!(
            one(python("p", text)),
            Some(("PyYAML".into(), "5.3".into(), vec![]))
        );
        assert_eq!(one(python("p", "\nName: a\nVersion: 1\n")), None);
    }
}
