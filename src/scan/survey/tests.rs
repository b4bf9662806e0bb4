//! What is in the layers is found, what a later layer removes is gone, and what lies is refused.

use super::*;
use crate::oci::{Descriptor, ImageConfig, Manifest, media};

struct Images {
    _folder: tempfile::TempDir,
    store: Store,
}

type File<'a> = (&'a str, &'a [u8]);

fn layer(files: &[File<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        if let Some(target) = path.strip_prefix("-> ") {
            header.set_entry_type(tar::EntryType::Link);
            header.set_size(0);
            let to = String::from_utf8_lossy(content).into_owned();
            builder.append_link(&mut header, target, to).unwrap();
            continue;
        }
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        if path.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
        }
        builder.append_data(&mut header, path, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

impl Images {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        Self {
            _folder: folder,
            store,
        }
    }

    fn image(&self, layers: &[Vec<u8>]) -> Digest {
        let diff_ids = layers.iter().map(Digest::of).collect();
        self.image_with(layers, diff_ids)
    }

    fn image_with(&self, layers: &[Vec<u8>], diff_ids: Vec<Digest>) -> Digest {
        let mut config = ImageConfig::default();
        config.rootfs.diff_ids = diff_ids;
        let layers = layers
            .iter()
            .map(|bytes| {
                self.store.put(bytes).unwrap();
                Descriptor::of(media::LAYER_TAR, bytes)
            })
            .collect();
        let manifest = Manifest::image(self.store.put_config(&config).unwrap(), layers);
        self.store.put_manifest(&manifest).unwrap().digest
    }

    fn survey(&self, layers: &[Vec<u8>]) -> Survey {
        let image = self.image(layers);
        Survey::take(&self.store, image, &Watch::start(&Cancel::default(), 60)).unwrap()
    }
}

const NPM: &[u8] = br#"{"name":"lodash","version":"4.17.11"}"#;

fn debian() -> Vec<u8> {
    layer(&[
        ("etc/os-release", b"ID=debian\nVERSION_ID=\"12\"\n"),
        ("etc/debian_version", b"12.9\n"),
        (
            "var/lib/dpkg/status",
            b"Package: bash\nStatus: install ok installed\nVersion: 5.2\n",
        ),
        (
            "var/lib/dpkg/info/node-x.list",
            b"/.\n/usr/share/nodejs/x/package.json\n",
        ),
        (
            "usr/share/nodejs/x/package.json",
            br#"{"name":"x","version":"1.0.0"}"#,
        ),
    ])
}

fn names(survey: &Survey) -> Vec<&str> {
    survey.packages.iter().map(|p| p.name.as_str()).collect()
}

#[test]
fn system_and_packages_are_found_and_what_the_system_owns_is_the_systems() {
    let images = Images::new();
    let app = layer(&[("app/node_modules/lodash/package.json", NPM)]);
    let survey = images.survey(&[debian(), app]);
    let system = survey.system.as_ref().unwrap();
    assert_eq!(
        (system.name().as_str(), system.bucket().as_deref()),
        ("debian 12.9", Some("debian 12"))
    );
    assert_eq!(names(&survey), ["bash", "lodash"]);
    assert!(survey.check_packages(system).is_ok());
}

#[test]
fn a_later_layer_removes_and_replaces() {
    let images = Images::new();
    let path = "app/node_modules/lodash/package.json";
    let base = layer(&[(path, NPM)]);
    let newer: &[u8] = br#"{"name":"lodash","version":"4.17.21"}"#;
    for (files, expected) in [
        (
            vec![("app/node_modules/lodash/.wh.package.json", &b""[..])],
            vec![],
        ),
        (vec![("app/.wh.node_modules", b"")], vec![]),
        (vec![("app/.wh..wh..opq", b"")], vec![]),
        (vec![(".wh.app", b"")], vec![]),
        // A file in a folder's place.
        (vec![("app/node_modules", b"x")], vec![]),
        // A folder in the file's place.
        (vec![("app/node_modules/lodash/package.json/", b"")], vec![]),
        (vec![(path, newer)], vec!["4.17.21"]),
        // A whiteout is about the layers below, wherever it stands.
        (
            vec![(path, newer), ("app/.wh..wh..opq", b"")],
            vec!["4.17.21"],
        ),
        (
            vec![("app/.wh.other", b""), ("app/node_modules2", b"")],
            vec!["4.17.11"],
        ),
    ] {
        let survey = images.survey(&[base.clone(), layer(&files)]);
        let versions: Vec<_> = survey.packages.iter().map(|p| p.version.as_str()).collect();
        assert_eq!(versions, expected, "{files:?}");
    }
}

#[test]
fn a_system_without_its_packages_is_noticed() {
    let images = Images::new();
    let survey = images.survey(&[debian(), layer(&[("var/lib/.wh.dpkg", b"")])]);
    let error = survey
        .check_packages(survey.system.as_ref().unwrap())
        .unwrap_err();
    assert!(matches!(error, ScanError::NoPackages { .. }));
}

#[test]
fn only_an_image_without_any_system_may_pass_without_one() {
    let images = Images::new();
    let allowed = ScanPolicy {
        allow_no_os: true,
        ..ScanPolicy::default()
    };
    let scratch = images.survey(&[layer(&[("server", b"x")])]);
    assert!(scratch.check_no_system(&allowed).is_ok());
    assert!(scratch.check_no_system(&ScanPolicy::default()).is_err());
    let dpkg: File<'_> = ("var/lib/dpkg/status", b"Package: a\nVersion: 1\n");
    let rpm: File<'_> = ("var/lib/rpm/rpmdb.sqlite", b"x");
    for file in [dpkg, rpm] {
        let survey = images.survey(&[layer(&[file])]);
        assert!(survey.check_no_system(&allowed).is_err());
    }
}

#[test]
fn another_system_is_called_by_its_name() {
    let images = Images::new();
    let survey = images.survey(&[
        debian(),
        layer(&[("etc/os-release", b"ID=kali\nVERSION_ID=2025.1\n")]),
    ]);
    let system = survey.system.unwrap();
    assert_eq!(
        (system.name().as_str(), system.bucket()),
        ("kali 2025.1", None)
    );
}

#[test]
fn alpine_takes_the_release_of_its_repositories() {
    let images = Images::new();
    let survey = images.survey(&[layer(&[
        ("etc/alpine-release", b"3.19.1\n"),
        (
            "etc/apk/repositories",
            b"https://mirror.example/alpine/v3.20/main\n",
        ),
        ("lib/apk/db/installed", b"P:musl\nV:1.2.4-r2\n"),
    ])]);
    let system = survey.system.unwrap();
    assert_eq!(
        (system.name().as_str(), system.bucket().as_deref()),
        ("alpine 3.19.1", Some("alpine 3.20"))
    );
}

#[test]
fn a_hard_link_speaks_for_its_target_or_is_refused() {
    let images = Images::new();
    let survey = images.survey(&[layer(&[
        ("a/package.json", NPM),
        ("-> b/package.json", b"a/package.json"),
    ])]);
    assert_eq!(survey.packages.len(), 2);
    let survey = images.survey(&[layer(&[
        ("store/00", NPM),
        ("-> b/package.json", b"store/00"),
    ])]);
    assert!(matches!(
        survey.check_readable(),
        Err(ScanError::Unreadable { .. })
    ));
}

#[test]
fn layers_that_are_not_what_the_configuration_says_are_refused() {
    let images = Images::new();
    let watch = Watch::start(&Cancel::default(), 60);
    let lying = images.image_with(&[debian()], vec![Digest::of(b"another")]);
    let error = Survey::take(&images.store, lying, &watch)
        .unwrap_err()
        .to_string();
    assert!(error.contains("unpacks to"), "{error}");
    let short = images.image_with(&[debian()], Vec::new());
    assert!(Survey::take(&images.store, short, &watch).is_err());
    let damaged = images.image(&[debian()]);
    std::fs::write(
        images.store.path(Digest::of(debian())),
        layer(&[("x", b"y")]),
    )
    .unwrap();
    assert!(Survey::take(&images.store, damaged, &watch).is_err());
    let no_tar = images.image(&[b"no tar at all, but long enough".repeat(40)]);
    assert!(Survey::take(&images.store, no_tar, &watch).is_err());
}

#[test]
fn a_root_that_is_no_folder_is_refused() {
    let images = Images::new();
    let mut header = tar::Header::new_ustar();
    header.as_mut_bytes()[0] = b'.';
    header.set_size(0);
    header.set_cksum();
    let mut rootless = header.as_bytes().to_vec();
    rootless.resize(2048, 0);
    let image = images.image(&[debian(), rootless]);
    let error = Survey::take(&images.store, image, &Watch::start(&Cancel::default(), 60));
    assert!(error.unwrap_err().to_string().contains("root is no folder"));
}

#[test]
fn it_stops_when_it_should() {
    let images = Images::new();
    let image = images.image(&[debian()]);
    let cancel = Cancel::default();
    cancel.cancel();
    let error = Survey::take(&images.store, image, &Watch::start(&cancel, 60));
    assert!(matches!(error, Err(ScanError::Cancelled)));
    let error = Survey::take(&images.store, image, &Watch::start(&Cancel::default(), 0));
    assert!(matches!(error, Err(ScanError::Time { seconds: 0 })));
}
