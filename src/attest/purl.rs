//! Package URLs: one spelling for a package of any ecosystem.

use std::fmt::Write as _;

use crate::model::Digest;
use crate::model::scan::Package;

/// The package URL of `package` in an image of the system `os` (as `debian 12.9`); none for an ecosystem without a type.
pub fn of(package: &Package, os: Option<&str>) -> Option<String> {
    let ecosystem = package.ecosystem.as_str();
    let name = package.name.as_str();
    let version = encode(&package.version);
    Some(match ecosystem {
        "debian" | "ubuntu" => {
            let mut purl = format!("pkg:deb/{ecosystem}/{}@{version}", encode(name));
            if let Some(release) = os.and_then(|os| os.strip_prefix(ecosystem)) {
                let _ = write!(purl, "?distro={ecosystem}-{}", encode(release.trim()));
            }
            purl
        }
        "alpine" => {
            let mut purl = format!("pkg:apk/alpine/{}@{version}", encode(name));
            if let Some(release) = os.and_then(|os| os.strip_prefix("alpine")) {
                let _ = write!(purl, "?distro={}", encode(release.trim()));
            }
            purl
        }
        "npm" => format!("pkg:npm/{}@{version}", path(name)),
        "pypi" => format!(
            "pkg:pypi/{}@{version}",
            encode(&name.to_lowercase().replace('_', "-"))
        ),
        "golang" => format!("pkg:golang/{}@{version}", path(&name.to_lowercase())),
        "maven" => format!("pkg:maven/{}@{version}", path(&name.replace(':', "/"))),
        "cargo" | "gem" | "nuget" | "composer" => {
            format!("pkg:{ecosystem}/{}@{version}", path(name))
        }
        _ => return None,
    })
}

/// The package URL of an image: `repository` is its full name, as in `registry.example/flareo/web`.
pub fn of_image(repository: &str, tag: Option<&str>, digest: Digest) -> String {
    let name = repository.rsplit('/').next().unwrap_or(repository);
    let mut purl = format!(
        "pkg:oci/{}@sha256%3A{}?repository_url={}",
        encode(&name.to_lowercase()),
        digest.hex(),
        path(repository),
    );
    if let Some(tag) = tag {
        let _ = write!(purl, "&tag={}", encode(tag));
    }
    purl
}

/// Several segments, each encoded by itself.
fn path(segments: &str) -> String {
    segments
        .split('/')
        .map(encode)
        .collect::<Vec<_>>()
        .join("/")
}

/// Percent-encoding as package URLs have it: the unreserved characters and the colon stay.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(ecosystem: &str, name: &str, version: &str) -> Package {
        Package {
            ecosystem: ecosystem.into(),
            name: name.into(),
            version: version.into(),
            source: None,
            source_version: None,
            path: String::new(),
            licenses: Vec::new(),
        }
    }

    #[test]
    fn each_ecosystem_is_spelled_as_the_specification_has_it() {
        for (ecosystem, name, version, os, purl) in [
            (
                "debian",
                "zlib1g",
                "1:1.2.13.dfsg-1+b1",
                Some("debian 12.9"),
                "pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1%2Bb1?distro=debian-12.9",
            ),
            (
                "debian",
                "libstdc++6",
                "12.2.0-14~deb12",
                None,
                "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14~deb12",
            ),
            (
                "alpine",
                "musl",
                "1.2.4-r2",
                Some("alpine 3.19.1"),
                "pkg:apk/alpine/musl@1.2.4-r2?distro=3.19.1",
            ),
            (
                "npm",
                "@types/node",
                "20.1.0",
                None,
                "pkg:npm/%40types/node@20.1.0",
            ),
            ("npm", "lodash", "4.17.11", None, "pkg:npm/lodash@4.17.11"),
            (
                "pypi",
                "Django_Rest",
                "1.0",
                None,
                "pkg:pypi/django-rest@1.0",
            ),
            (
                "golang",
                "github.com/Foo/bar",
                "v1.2.3",
                None,
                "pkg:golang/github.com/foo/bar@v1.2.3",
            ),
            (
                "maven",
                "org.apache:log4j",
                "2.0",
                None,
                "pkg:maven/org.apache/log4j@2.0",
            ),
        ] {
            assert_eq!(
                of(&package(ecosystem, name, version), os).as_deref(),
                Some(purl)
            );
        }
        assert_eq!(of(&package("mystery", "a", "1"), None), None);
    }

    #[test]
    fn an_image_is_named_by_digest_and_place() {
        let digest = Digest::of(b"");
        assert_eq!(
            of_image("registry.example:5000/flareo/web", Some("3"), digest),
            format!(
                "pkg:oci/web@sha256%3A{}?repository_url=registry.example:5000/flareo/web&tag=3",
                digest.hex()
            )
        );
    }
}
