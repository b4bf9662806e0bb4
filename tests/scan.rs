//! Trivy and the embedded scanner on the same images with the same database: they say the same, and neither passes what
//! could not be established.
//!
//! Needs FLAREO_TEST_TRIVY (the program) and, for real bases, FLAREO_TEST_BASES (a folder with root file systems).

use std::path::PathBuf;
use std::sync::Arc;

use flareo::model::Digest;
use flareo::model::clock::FixedClock;
use flareo::model::event::Cancel;
use flareo::model::policy::ScanPolicy;
use flareo::model::scan::{GateVerdict, ScanReport};
use flareo::oci::{Descriptor, ImageConfig, Manifest, Store, media};
use flareo::scan::database::Draft;
use flareo::scan::embedded::Embedded;
use flareo::scan::trivy::Trivy;
use flareo::scan::{ScanError, Scanner, gate};

const UPDATED: &str = "2025-11-20T00:00:00Z";
const NOW: &str = "2025-11-21T00:00:00Z";

struct Lab {
    folder: tempfile::TempDir,
    store: Store,
    policy: ScanPolicy,
}

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("oci")).unwrap();
        let lab = Self {
            folder,
            store,
            policy: ScanPolicy::default(),
        };
        lab.database(&Draft::from_toml(include_str!("../data/advisories.toml")).unwrap());
        lab
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("trivy")
    }

    fn database(&self, draft: &Draft) {
        draft
            .write(&self.cache(), UPDATED.parse().unwrap())
            .unwrap();
    }

    fn put(&self, bytes: &[u8]) -> Descriptor {
        self.store.put(bytes).unwrap();
        Descriptor::of(media::LAYER_TAR, bytes)
    }

    fn base(&self, name: &str) -> Option<Descriptor> {
        let Ok(bases) = std::env::var("FLAREO_TEST_BASES") else {
            println!("skipped: FLAREO_TEST_BASES names no folder");
            return None;
        };
        let mut tar = std::fs::File::open(PathBuf::from(bases).join(name)).unwrap();
        let mut writer = self.store.writer().unwrap();
        std::io::copy(&mut tar, &mut writer).unwrap();
        let (digest, size) = writer.commit().unwrap();
        Some(Descriptor::new(media::LAYER_TAR, digest, size))
    }

    fn image(&self, layers: Vec<Descriptor>) -> Digest {
        let mut config = ImageConfig {
            architecture: "amd64".into(),
            os: "linux".into(),
            ..ImageConfig::default()
        };
        config.rootfs.diff_ids = layers.iter().map(|layer| layer.digest).collect();
        let manifest = Manifest::image(self.store.put_config(&config).unwrap(), layers);
        self.store.put_manifest(&manifest).unwrap().digest
    }

    fn files(&self, files: &[(&str, &str)]) -> Descriptor {
        self.put(&tar_of(files))
    }

    fn clock() -> Arc<FixedClock> {
        Arc::new(FixedClock::at(NOW.parse().unwrap()))
    }

    fn embedded(&self, image: Digest) -> Result<ScanReport, ScanError> {
        let scanner = Embedded::new(self.cache(), self.policy.clone(), Self::clock());
        scanner.scan(image, &self.store, &|_| {}, &Cancel::default())
    }

    fn trivy(&self, image: Digest) -> Option<Result<ScanReport, ScanError>> {
        let Ok(program) = std::env::var("FLAREO_TEST_TRIVY") else {
            println!("skipped: FLAREO_TEST_TRIVY names no program");
            return None;
        };
        let scanner = Trivy::new(program, self.cache(), self.policy.clone(), Self::clock());
        let result = scanner.scan(image, &self.store, &|_| {}, &Cancel::default());
        let left = std::fs::read_dir(self.cache()).unwrap().count();
        assert_eq!(left, 1, "nothing is left beside the database");
        Some(result)
    }

    /// Both scanners' report, once they agree.
    fn agree(&self, image: Digest) -> ScanReport {
        let embedded = self.embedded(image).unwrap();
        if let Some(trivy) = self.trivy(image) {
            let trivy = trivy.unwrap();
            assert_eq!(packages(&trivy), packages(&embedded));
            assert_eq!(trivy.vulnerabilities, embedded.vulnerabilities);
            assert_eq!(trivy.os, embedded.os);
            assert_eq!(trivy.scanner.database, embedded.scanner.database);
            assert_eq!(self.verdict(&trivy), self.verdict(&embedded));
        }
        embedded
    }

    /// Both scanners' error, once both have one.
    fn refuse(&self, image: Digest) -> ScanError {
        let embedded = self.embedded(image).unwrap_err();
        if let Some(trivy) = self.trivy(image) {
            let trivy = trivy.unwrap_err();
            assert_eq!(
                std::mem::discriminant(&trivy),
                std::mem::discriminant(&embedded),
                "{trivy} / {embedded}"
            );
        }
        embedded
    }

    fn verdict(&self, report: &ScanReport) -> GateVerdict {
        let slug = "web".parse().unwrap();
        gate(report, &[], &slug, NOW.parse().unwrap(), &self.policy).0
    }
}

fn tar_of(files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder
            .append_data(&mut header, path, content.as_bytes())
            .unwrap();
    }
    builder.into_inner().unwrap()
}

/// Everything but licences, which Trivy reads from more places.
fn packages(report: &ScanReport) -> Vec<String> {
    report
        .packages
        .iter()
        .map(|p| {
            let source = p.source.as_deref().unwrap_or("");
            let source_version = p.source_version.as_deref().unwrap_or("");
            format!(
                "{} {} {} [{source} {source_version}] {}",
                p.ecosystem, p.name, p.version, p.path
            )
        })
        .collect()
}

fn found(report: &ScanReport) -> Vec<(&str, &str)> {
    report
        .vulnerabilities
        .iter()
        .map(|v| (v.id.as_str(), v.package.as_str()))
        .collect()
}

const LODASH: (&str, &str) = (
    "app/node_modules/lodash/package.json",
    r#"{"name":"lodash","version":"4.17.11","license":"MIT"}"#,
);
const YAML: (&str, &str) = (
    "venv/lib/python3.11/site-packages/PyYAML-5.3.dist-info/METADATA",
    "Metadata-Version: 2.1\nName: PyYAML\nVersion: 5.3\n\nA description.\n",
);
const DEBIAN: [(&str, &str); 3] = [
    ("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n"),
    ("etc/debian_version", "12.9\n"),
    (
        "var/lib/dpkg/status",
        "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nSource: glibc\nVersion: 2.36-9+deb12u2\n\nPackage: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nSource: zlib\nVersion: 1:1.2.13.dfsg-1\n",
    ),
];

#[test]
fn debian_with_npm_and_python() {
    let lab = Lab::new();
    let report = lab.agree(lab.image(vec![
        lab.files(&DEBIAN),
        lab.files(&[
            LODASH,
            YAML,
            (
                "opt/requests.egg-info/PKG-INFO",
                "Name: requests\nVersion: 2.30.0\n",
            ),
            ("opt/b-1.egg-info", "Name: b\nVersion: 1\n"),
            ("app/package.json", r#"{"name":"app","version":"0.0.1"}"#),
            (
                "app/node_modules/@a/b/package.json",
                r#"{"name":"@a/b","version":"1.0.0-rc.1"}"#,
            ),
            ("app/node_modules/test/package.json", "not JSON"),
        ]),
    ]));
    assert_eq!(
        found(&report),
        [
            ("CVE-2019-10744", "lodash"),
            ("CVE-2020-14343", "PyYAML"),
            ("CVE-2023-45853", "zlib1g"),
            ("CVE-2023-4911", "libc6"),
            ("CVE-2023-32681", "requests"),
        ]
    );
    assert_eq!(
        lab.verdict(&report),
        GateVerdict::Reject(
            "Trivy found CRITICAL CVEs: CVE-2019-10744 in lodash, CVE-2020-14343 in PyYAML, CVE-2023-45853 in zlib1g; HIGH CVEs: CVE-2023-4911 in libc6"
                .into()
        )
    );
}

#[test]
fn alpine() {
    let lab = Lab::new();
    let report = lab.agree(lab.image(vec![lab.files(&[
        ("etc/alpine-release", "3.19.1\n"),
        ("etc/os-release", "ID=alpine\nVERSION_ID=3.19.1\n"),
        ("lib/apk/db/installed", "P:busybox-binsh\nV:1.35.0-r0\nA:x86_64\nL:GPL-2.0-only\no:busybox\n\nP:musl\nV:1.2.4-r2\nA:x86_64\no:musl\n"),
    ])]));
    assert_eq!(found(&report), [("CVE-2022-30065", "busybox-binsh")]);
}

#[test]
fn what_a_later_layer_mends_or_removes_is_gone() {
    let lab = Lab::new();
    let mended = (LODASH.0, r#"{"name":"lodash","version":"4.17.21"}"#);
    let report = lab.agree(lab.image(vec![
        lab.files(&DEBIAN),
        lab.files(&[LODASH, YAML]),
        lab.files(&[mended, ("venv/.wh.lib", "")]),
    ]));
    assert_eq!(
        found(&report),
        [("CVE-2023-45853", "zlib1g"), ("CVE-2023-4911", "libc6")]
    );
}

#[test]
fn real_debian_bases() {
    for name in ["debian.tar", "debian-node.tar", "debian-python.tar"] {
        let lab = Lab::new();
        let Some(base) = lab.base(name) else { return };
        let report = lab.agree(lab.image(vec![base, lab.files(&[LODASH, YAML])]));
        let ids = found(&report);
        assert!(
            ids.contains(&("CVE-2023-45853", "zlib1g")),
            "{name}: {ids:?}"
        );
        assert!(
            ids.contains(&("CVE-2019-10744", "lodash")),
            "{name}: {ids:?}"
        );
    }
}

#[test]
fn a_base_with_go_in_it_and_a_program_made_by_it() {
    let lab = Lab::new();
    let Some(base) = lab.base("debian-go.tar") else {
        return;
    };
    // A Go program that no package owns: Trivy itself, where it is there.
    let Ok(program) = std::env::var("FLAREO_TEST_TRIVY") else {
        return;
    };
    let bytes = std::fs::read(program).unwrap();
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o755);
    builder
        .append_data(&mut header, "usr/local/bin/server", bytes.as_slice())
        .unwrap();
    let report = lab.agree(lab.image(vec![base, lab.put(&builder.into_inner().unwrap())]));
    let modules = report
        .packages
        .iter()
        .filter(|p| p.ecosystem == "golang")
        .count();
    assert!(modules > 100, "{modules}");
}

#[test]
fn no_system_no_packages_and_no_advisories_do_not_pass() {
    let lab = Lab::new();
    let scratch = lab.image(vec![lab.files(&[("server", "x")])]);
    assert!(matches!(lab.refuse(scratch), ScanError::UnknownSystem));
    let deleted = lab.image(vec![
        lab.files(&DEBIAN),
        lab.files(&[("var/lib/.wh.dpkg", "")]),
    ]);
    assert!(matches!(lab.refuse(deleted), ScanError::NoPackages { .. }));
    let newer = lab.image(vec![
        lab.files(&DEBIAN),
        lab.files(&[("etc/debian_version", "13.1\n")]),
    ]);
    let error = lab.refuse(newer).to_string();
    assert_eq!(
        error,
        "cannot scan: the vulnerability database has no advisories for debian 13"
    );
    let draft = include_str!("../data/advisories.toml").replace("npm::", "npx::");
    lab.database(&Draft::from_toml(&draft).unwrap());
    let npm = lab.image(vec![lab.files(&DEBIAN), lab.files(&[LODASH])]);
    assert!(matches!(lab.refuse(npm), ScanError::NoAdvisories { .. }));
}

#[test]
fn a_version_that_cannot_be_compared_does_not_pass() {
    let lab = Lab::new();
    for version in ["v4.17.0", "4.17", "latest"] {
        let package = format!(r#"{{"name":"lodash","version":"{version}"}}"#);
        let image = lab.image(vec![lab.files(&DEBIAN), lab.files(&[(LODASH.0, &package)])]);
        assert!(
            matches!(lab.refuse(image), ScanError::Version { .. }),
            "{version}"
        );
    }
}

#[test]
fn an_image_from_scratch_passes_where_the_policy_allows_it() {
    let mut lab = Lab::new();
    lab.policy.allow_no_os = true;
    let report = lab.agree(lab.image(vec![lab.files(&[("server", "x")])]));
    assert_eq!((report.os, report.packages.len()), (None, 0));
    let hidden = lab.image(vec![lab.files(&[DEBIAN[2]])]);
    assert!(matches!(lab.refuse(hidden), ScanError::UnknownSystem));
}

#[test]
fn an_image_that_lies_about_a_layer_is_not_scanned() {
    let lab = Lab::new();
    let layer = lab.files(&DEBIAN);
    let image = lab.image(vec![layer.clone()]);
    std::fs::write(lab.store.path(layer.digest), tar_of(&[("x", "y")])).unwrap();
    assert!(matches!(lab.refuse(image), ScanError::Image { .. }));
}

#[test]
fn an_old_and_a_missing_database_do_not_do() {
    let mut lab = Lab::new();
    let image = lab.image(vec![lab.files(&DEBIAN)]);
    lab.policy.database_max_age_hours = 24;
    assert!(matches!(lab.refuse(image), ScanError::Database(_)));
    std::fs::write(lab.cache().join("db/trivy.db"), "x").unwrap();
    assert!(matches!(lab.refuse(image), ScanError::Database(_)));
    std::fs::remove_file(lab.cache().join("db/trivy.db")).unwrap();
    assert!(
        lab.refuse(image)
            .to_string()
            .contains("no vulnerability database")
    );
}

#[test]
fn the_embedded_scanner_names_what_it_does_not_cover() {
    let lab = Lab::new();
    let image = lab.image(vec![
        lab.files(&DEBIAN),
        lab.files(&[("srv/lib/x.jar", "PK")]),
    ]);
    assert_eq!(
        lab.embedded(image).unwrap_err().to_string(),
        "cannot scan: found a Java archive at srv/lib/x.jar, which the embedded scanner does not cover"
    );
    let ubuntu = lab.image(vec![lab.files(&[
        ("etc/os-release", "ID=ubuntu\nVERSION_ID=\"24.04\"\n"),
        DEBIAN[2],
    ])]);
    let error = lab.embedded(ubuntu).unwrap_err().to_string();
    assert!(
        error.contains("the operating system ubuntu 24.04"),
        "{error}"
    );
}

/// A zip archive of one file, not compressed.
fn jar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(content);
    let size = (content.len() as u32).to_le_bytes();
    let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    common.extend(crc.sum().to_le_bytes());
    common.extend(size);
    common.extend(size);
    common.extend((name.len() as u16).to_le_bytes());
    common.extend([0; 2]);
    let mut zip = b"PK\x03\x04".to_vec();
    zip.extend(&common);
    zip.extend(name.as_bytes());
    zip.extend(content);
    let directory = zip.len() as u32;
    zip.extend(b"PK\x01\x02\x14\x00");
    zip.extend(&common);
    zip.extend([0; 14]);
    zip.extend(name.as_bytes());
    let length = zip.len() as u32 - directory;
    zip.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    zip.extend(length.to_le_bytes());
    zip.extend(directory.to_le_bytes());
    zip.extend([0; 2]);
    zip
}

#[test]
fn what_trivy_itself_cannot_judge_does_not_pass_with_it_either() {
    let lab = Lab::new();
    // Archives of Java need a second database, which is not here.
    let archive = jar("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\n");
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(archive.len() as u64);
    header.set_mode(0o644);
    builder
        .append_data(&mut header, "srv/x-1.0.jar", archive.as_slice())
        .unwrap();
    let image = lab.image(vec![
        lab.files(&DEBIAN),
        lab.put(&builder.into_inner().unwrap()),
    ]);
    if let Some(result) = lab.trivy(image) {
        let error = result.unwrap_err();
        assert!(error.to_string().contains("Java DB"), "{error}");
    }
}

#[test]
fn trivy_reads_our_bill_of_materials_and_finds_the_same() {
    use std::process::Command;
    let lab = Lab::new();
    let report = lab
        .embedded(lab.image(vec![lab.files(&DEBIAN), lab.files(&[LODASH, YAML])]))
        .unwrap();
    let Ok(program) = std::env::var("FLAREO_TEST_TRIVY") else {
        println!("skipped: FLAREO_TEST_TRIVY names no program");
        return;
    };
    let identity = "registry.example/flareo/web:1".parse().unwrap();
    let bill = flareo::attest::sbom::bill(&report, &identity, NOW.parse().unwrap());
    let path = lab.folder.path().join("bill.cdx.json");
    std::fs::write(&path, bill.to_string()).unwrap();
    let output = Command::new(program)
        .args([
            "sbom",
            "--skip-db-update",
            "--skip-java-db-update",
            "--offline-scan",
            "--quiet",
            "--format",
            "json",
        ])
        .arg("--cache-dir")
        .arg(lab.cache())
        .arg(&path)
        .env("TRIVY_SKIP_VERSION_CHECK", "true")
        .env("TRIVY_DISABLE_TELEMETRY", "true")
        .current_dir(lab.folder.path())
        .output()
        .unwrap();
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut ids: Vec<&str> = found["Results"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|result| result["Vulnerabilities"].as_array())
        .flatten()
        .filter_map(|vulnerability| vulnerability["VulnerabilityID"].as_str())
        .collect();
    ids.sort_unstable();
    let mut expected: Vec<&str> = report
        .vulnerabilities
        .iter()
        .map(|v| v.id.as_str())
        .collect();
    expected.sort_unstable();
    assert_eq!(ids, expected);
}
