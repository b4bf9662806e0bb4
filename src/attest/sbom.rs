//! The bill of materials: CycloneDX 1.6 out of what the scan found in the image.
//!
//! A function of image and packages alone (its time is the image's own), so that the same image has the same bill, to
//! the byte. What Trivy needs to match Debian and Alpine packages again (their source packages) stands in properties
//! under Trivy's names, so that `trivy sbom` on our bill finds what the image has.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::purl;
use crate::model::scan::{Package, ScanReport};
use crate::model::{Digest, Reference, Timestamp};

/// The bill of the image that `report` is about, which is called `identity` and was made at `created`.
pub fn bill(report: &ScanReport, identity: &Reference, created: Timestamp) -> Value {
    let mut packages: Vec<&Package> = report.packages.iter().collect();
    packages.sort_unstable();
    packages.dedup();
    let os = report.os.as_deref();

    let repository = format!("{}/{}", identity.registry(), identity.repository());
    let image = purl::of_image(&repository, identity.tag(), report.image);
    let mut refs = BTreeSet::from([image.clone()]);
    let mut components = Vec::with_capacity(packages.len() + 1);
    if let Some(os) = os {
        components.push(system(os, &mut refs));
    }
    for package in packages {
        components.push(component(package, os, &mut refs));
    }
    let components = Value::Array(components);
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": serial(report.image, &components),
        "version": 1,
        "metadata": {
            "timestamp": created.to_string(),
            "tools": { "components": [{
                "type": "application",
                "name": "flareo",
                "version": env!("CARGO_PKG_VERSION"),
            }]},
            "component": {
                "bom-ref": image,
                "type": "container",
                "name": identity.to_string(),
                "version": report.image.to_string(),
                "purl": image,
            },
        },
        "components": components,
    })
}

fn system(os: &str, refs: &mut BTreeSet<String>) -> Value {
    let (family, release) = os.split_once(' ').unwrap_or((os, ""));
    json!({
        "bom-ref": unique(format!("os:{family}-{release}"), "", refs),
        "type": "operating-system",
        "name": family,
        "version": release,
        "properties": [
            property("Class", "os-pkgs"),
            property("Type", family),
        ],
    })
}

fn component(package: &Package, os: Option<&str>, refs: &mut BTreeSet<String>) -> Value {
    let purl = purl::of(package, os);
    let name = purl
        .clone()
        .unwrap_or_else(|| format!("{}:{}@{}", package.ecosystem, package.name, package.version));
    let mut component = Map::new();
    let mut put = |key: &str, value: Value| component.insert(key.to_owned(), value);
    put("bom-ref", unique(name, &package.path, refs).into());
    put("type", "library".into());
    put("name", package.name.clone().into());
    put("version", package.version.clone().into());
    if !package.licenses.is_empty() {
        let licenses = package
            .licenses
            .iter()
            .map(|name| json!({ "license": { "name": name } }))
            .collect();
        put("licenses", Value::Array(licenses));
    }
    if let Some(purl) = purl {
        put("purl", purl.into());
    }
    put("properties", properties(package).into());
    Value::Object(component)
}

fn properties(package: &Package) -> Vec<Value> {
    let source = package.source.as_deref().unwrap_or(&package.name);
    let version = package
        .source_version
        .as_deref()
        .unwrap_or(&package.version);
    let mut properties = Vec::new();
    match package.ecosystem.as_str() {
        "debian" | "ubuntu" => {
            let (epoch, rest) = version.split_once(':').unwrap_or(("", version));
            let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
            properties.push(property("PkgType", &package.ecosystem));
            properties.push(property("SrcName", source));
            properties.push(property("SrcVersion", upstream));
            if !revision.is_empty() {
                properties.push(property("SrcRelease", revision));
            }
            if !epoch.is_empty() && epoch != "0" {
                properties.push(property("SrcEpoch", epoch));
            }
        }
        "alpine" => {
            properties.push(property("PkgType", "alpine"));
            properties.push(property("SrcName", source));
            properties.push(property("SrcVersion", version));
        }
        _ => properties.push(property("FilePath", &package.path)),
    }
    properties
}

fn property(name: &str, value: &str) -> Value {
    json!({ "name": format!("aquasecurity:trivy:{name}"), "value": value })
}

/// A name that no other component has: the plain one where it is free, else with the path, else with a number.
fn unique(name: String, path: &str, refs: &mut BTreeSet<String>) -> String {
    if refs.insert(name.clone()) {
        return name;
    }
    let mut candidate = format!("{name}#{path}");
    let mut number = 2_u32;
    while !refs.insert(candidate.clone()) {
        candidate = format!("{name}#{path}~{number}");
        number += 1;
    }
    candidate
}

/// A UUID (version 8: of our own making) out of the image and what the bill says of it.
fn serial(image: Digest, components: &Value) -> String {
    let mut bytes = image.to_string().into_bytes();
    bytes.extend_from_slice(components.to_string().as_bytes());
    let mut uuid: [u8; 16] = [0; 16];
    uuid.copy_from_slice(&Digest::of(&bytes).as_bytes()[..16]);
    uuid[6] = (uuid[6] & 0x0f) | 0x80;
    uuid[8] = (uuid[8] & 0x3f) | 0x80;
    let hex = hex::encode(uuid);
    format!(
        "urn:uuid:{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::scan::Scanner;

    fn package(ecosystem: &str, name: &str, version: &str, path: &str) -> Package {
        Package {
            ecosystem: ecosystem.into(),
            name: name.into(),
            version: version.into(),
            source: (name == "zlib1g").then(|| "zlib".into()),
            source_version: None,
            path: path.into(),
            licenses: vec!["MIT".into()],
        }
    }

    fn report() -> ScanReport {
        ScanReport {
            image: Digest::of(b"image"),
            scanner: Scanner {
                name: "flareo".into(),
                version: "0".into(),
                database: Digest::of(b"db"),
                database_updated_at: Timestamp::UNIX_EPOCH,
            },
            os: Some("debian 12.9".into()),
            packages: vec![
                package("npm", "lodash", "4.17.21", "b/package.json"),
                package("debian", "zlib1g", "1:1.2.13.dfsg-1", "var/lib/dpkg/status"),
                package("npm", "lodash", "4.17.21", "a/package.json"),
            ],
            vulnerabilities: Vec::new(),
        }
    }

    fn identity() -> Reference {
        "registry.example/flareo/web:7".parse().unwrap()
    }

    #[test]
    fn the_same_packages_in_any_order_give_the_same_bill() {
        let bill_of =
            |report: &ScanReport| bill(report, &identity(), Timestamp::UNIX_EPOCH).to_string();
        let mut turned = report();
        turned.packages.reverse();
        turned.packages.push(turned.packages[0].clone());
        assert_eq!(bill_of(&report()), bill_of(&turned));
        turned.packages.clear();
        assert_ne!(bill_of(&report()), bill_of(&turned));
    }

    #[test]
    fn every_component_has_its_own_reference_and_its_source_package() {
        let bill = bill(&report(), &identity(), Timestamp::UNIX_EPOCH);
        let components = bill["components"].as_array().unwrap();
        let refs: BTreeSet<_> = components.iter().map(|c| c["bom-ref"].as_str()).collect();
        assert_eq!(refs.len(), components.len());
        assert_eq!(components[0]["type"], "operating-system");
        assert_eq!(
            components[1]["purl"],
            "pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1?distro=debian-12.9"
        );
        assert_eq!(
            components[1]["properties"].to_string(),
            r#"[{"name":"aquasecurity:trivy:PkgType","value":"debian"},{"name":"aquasecurity:trivy:SrcName","value":"zlib"},{"name":"aquasecurity:trivy:SrcVersion","value":"1.2.13.dfsg"},{"name":"aquasecurity:trivy:SrcRelease","value":"1"},{"name":"aquasecurity:trivy:SrcEpoch","value":"1"}]"#
        );
        let serial = bill["serialNumber"].as_str().unwrap();
        assert_eq!(
            (serial.len(), &serial[..9], &serial[23..24]),
            (45, "urn:uuid:", "8")
        );
    }
}
