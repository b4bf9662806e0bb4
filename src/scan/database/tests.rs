//! What is written is read; what is damaged is an error.

use proptest::prelude::*;

use super::bolt::{Bolt, Value};
use super::tree::Tree;
use super::*;

fn open(bytes: &[u8]) -> Result<Bolt, BoltError> {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
    Bolt::open(file)
}

type Items = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// Reads everything there is, to any depth that a database has.
fn read_all(bolt: &Bolt, bucket: &Bucket, depth: u32) -> Result<Items, BoltError> {
    let mut items = Vec::new();
    let mut inner = Vec::new();
    bolt.each(bucket, b"", &mut |key, value| {
        match value {
            Value::Bytes(bytes) => items.push((key.to_vec(), Some(bytes))),
            Value::Bucket(bucket) => {
                items.push((key.to_vec(), None));
                inner.push(bucket);
            }
        }
        Ok::<(), BoltError>(())
    })?;
    if depth > 0 {
        for bucket in inner.iter().take(20) {
            items.extend(read_all(bolt, bucket, depth - 1)?);
        }
    }
    Ok(items)
}

#[test]
fn a_tree_of_many_pages_is_read_in_order_and_by_key() {
    let mut tree = Tree::default();
    for n in 0..2000 {
        tree.bucket("many")
            .put(&format!("key-{n:05}"), format!("value {n}"));
        tree.bucket("buckets")
            .bucket(&format!("package-{n:05}"))
            .put("CVE", "{}");
    }
    tree.bucket("long").put("long", vec![7; 20_000]);
    tree.bucket("empty");
    tree.put("plain", "bytes");
    let bolt = open(&tree.to_bytes()).unwrap();
    let root = bolt.root();

    let many = bolt.bucket(&root, b"many").unwrap().unwrap();
    assert_eq!(read_all(&bolt, &many, 0).unwrap().len(), 2000);
    for n in [0, 1, 999, 1999] {
        let value = bolt.get(&many, format!("key-{n:05}").as_bytes()).unwrap();
        assert!(matches!(value, Some(Value::Bytes(v)) if v == format!("value {n}").into_bytes()));
    }
    for absent in ["", "key-", "key-00000x", "z"] {
        assert!(bolt.get(&many, absent.as_bytes()).unwrap().is_none());
    }
    let mut with_prefix = 0;
    bolt.each(&many, b"key-012", &mut |_, _| {
        with_prefix += 1;
        Ok::<(), BoltError>(())
    })
    .unwrap();
    assert_eq!(with_prefix, 100);

    let buckets = bolt.bucket(&root, b"buckets").unwrap().unwrap();
    let one = bolt.bucket(&buckets, b"package-01234").unwrap().unwrap();
    assert!(matches!(one, Bucket::Inline(_)));
    assert!(bolt.get(&one, b"CVE").unwrap().is_some());
    let long = bolt.bucket(&root, b"long").unwrap().unwrap();
    assert!(
        matches!(bolt.get(&long, b"long").unwrap(), Some(Value::Bytes(v)) if v.len() == 20_000)
    );
    let empty = bolt.bucket(&root, b"empty").unwrap().unwrap();
    assert!(read_all(&bolt, &empty, 0).unwrap().is_empty());
    assert!(bolt.bucket(&root, b"plain").unwrap().is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_written_is_read_back(items in proptest::collection::btree_map("[a-z]{0,300}", "[ -~]{0,500}", 0..60)) {
        let mut tree = Tree::default();
        for (key, value) in &items {
            tree.bucket("bucket").put(key, value.as_bytes());
        }
        tree.bucket("bucket");
        let bolt = open(&tree.to_bytes()).unwrap();
        let bucket = bolt.bucket(&bolt.root(), b"bucket").unwrap().unwrap();
        let expected: Vec<_> = items
            .iter()
            .map(|(k, v)| (k.as_bytes().to_vec(), Some(v.as_bytes().to_vec())))
            .collect();
        prop_assert_eq!(read_all(&bolt, &bucket, 0).unwrap(), expected);
    }

    #[test]
    fn a_damaged_file_never_does_more_than_fail(places in proptest::collection::vec((0..40_000_usize, any::<u8>()), 1..40), cut in 0..50_000_usize) {
        let mut tree = Tree::default();
        for n in 0..300 {
            tree.bucket("a").bucket(&format!("p{n}")).put("CVE", "{}");
            tree.bucket("b").put(&format!("k{n}"), vec![0; 100]);
        }
        let mut bytes = tree.to_bytes();
        for (at, byte) in places {
            if let Some(place) = bytes.get_mut(8192 + at) {
                *place = byte;
            }
        }
        let _ = open(&bytes).and_then(|bolt| read_all(&bolt, &bolt.root(), 2));
        bytes.truncate(cut);
        let _ = open(&bytes).and_then(|bolt| read_all(&bolt, &bolt.root(), 2));
    }
}

#[test]
fn a_file_cut_short_or_of_another_kind_is_refused() {
    let mut tree = Tree::default();
    tree.bucket("a").put("b", "c");
    let bytes = tree.to_bytes();
    assert!(open(&bytes).is_ok());
    assert!(open(&bytes[..bytes.len() - 1]).is_err());
    assert!(open(b"").is_err());
    assert!(open(&[0; 10_000]).is_err());
    // One broken meta page is what bbolt has two for.
    let mut one_meta = bytes.clone();
    one_meta[30] ^= 0xff;
    assert!(open(&one_meta).is_ok());
    one_meta[4096 + 30] ^= 0xff;
    assert!(open(&one_meta).is_err());
}

const ADVISORIES: &str = r#"
    [source]
    "debian 12" = { id = "debian", name = "Debian Security Tracker" }
    "npm::GitHub Security Advisory npm" = { id = "ghsa", name = "GitHub Security Advisory npm" }
    [vulnerability]
    CVE-2023-45853 = { title = "zlib: overflow", severity = { nvd = "CRITICAL" } }
    CVE-2019-10744 = { title = "lodash: pollution", severity = { ghsa = "CRITICAL" } }
    [[advisory]]
    bucket = "debian 12"
    package = "zlib"
    id = "CVE-2023-45853"
    [[advisory]]
    bucket = "npm::GitHub Security Advisory npm"
    package = "lodash"
    id = "CVE-2019-10744"
    vulnerable = ["<4.17.12"]
    patched = ["4.17.12"]
"#;

fn drafted(updated_at: &str) -> (tempfile::TempDir, Result<Database, DatabaseError>) {
    let cache = tempfile::tempdir().unwrap();
    let draft = Draft::from_toml(ADVISORIES).unwrap();
    draft
        .write(cache.path(), updated_at.parse().unwrap())
        .unwrap();
    let database = Database::open(cache.path());
    (cache, database)
}

#[test]
fn a_draft_is_looked_up_as_a_database() {
    let (_cache, database) = drafted("2025-01-01T00:00:00Z");
    let database = database.unwrap();
    let zlib = &database.advisories("debian 12", "zlib").unwrap()[0];
    assert_eq!(
        (zlib.id.as_str(), zlib.fixed_version.as_str()),
        ("CVE-2023-45853", "")
    );
    assert_eq!(zlib.data_source, "debian");
    let lodash = &database.advisories_of_all("npm::", "lodash").unwrap()[0];
    assert_eq!(lodash.vulnerable_versions, ["<4.17.12"]);
    assert_eq!(lodash.data_source, "ghsa");
    assert!(
        database
            .advisories("debian 12", "lodash")
            .unwrap()
            .is_empty()
    );
    assert!(database.advisories("debian 99", "zlib").unwrap().is_empty());
    assert!(database.has_bucket("debian 12").unwrap());
    assert!(!database.has_bucket("debian 13").unwrap());
    assert!(database.has_buckets("npm::").unwrap());
    assert!(!database.has_buckets("pip::").unwrap());
    let details = database.details("CVE-2023-45853").unwrap().unwrap();
    assert_eq!(
        (details.title.as_str(), details.vendor_severity["nvd"]),
        ("zlib: overflow", 4)
    );
    assert!(database.details("CVE-0").unwrap().is_none());
}

#[test]
fn the_same_draft_has_the_same_digest() {
    let (_a, a) = drafted("2025-01-01T00:00:00Z");
    let (_b, b) = drafted("2025-02-01T00:00:00Z");
    assert_eq!(a.unwrap().digest(), b.unwrap().digest());
}

#[test]
fn an_old_a_future_and_a_missing_database_are_refused() {
    let (cache, database) = drafted("2025-01-01T00:00:00Z");
    let database = database.unwrap();
    let policy = ScanPolicy::default();
    let at = |now: &str| database.check_age(now.parse().unwrap(), &policy);
    assert!(at("2025-01-01T00:00:00Z").is_ok());
    assert!(at("2025-01-07T23:59:00Z").is_ok());
    assert!(matches!(
        at("2025-01-08T00:00:00Z"),
        Err(DatabaseError::Stale { .. })
    ));
    assert!(at("2024-12-31T12:00:00Z").is_ok());
    assert!(matches!(
        at("2024-12-30T00:00:00Z"),
        Err(DatabaseError::Future { .. })
    ));
    fs::remove_file(cache.path().join("db/metadata.json")).unwrap();
    assert!(matches!(
        Database::open(cache.path()),
        Err(DatabaseError::Missing { .. })
    ));
}

#[test]
fn another_schema_and_a_file_without_vulnerabilities_are_refused() {
    let (cache, _) = drafted("2025-01-01T00:00:00Z");
    let metadata = cache.path().join("db/metadata.json");
    fs::write(
        &metadata,
        r#"{"Version":3,"UpdatedAt":"2025-01-01T00:00:00Z"}"#,
    )
    .unwrap();
    assert!(matches!(
        Database::open(cache.path()),
        Err(DatabaseError::Damaged { .. })
    ));
    fs::write(
        &metadata,
        r#"{"Version":2,"UpdatedAt":"2025-01-01T00:00:00Z"}"#,
    )
    .unwrap();
    assert!(Database::open(cache.path()).is_ok());
    fs::write(cache.path().join("db/trivy.db"), Tree::default().to_bytes()).unwrap();
    assert!(matches!(
        Database::open(cache.path()),
        Err(DatabaseError::Damaged { .. })
    ));
}

#[test]
fn a_pinned_database_stays_what_it_was() {
    let (cache, database) = drafted("2025-01-01T00:00:00Z");
    let place = tempfile::tempdir_in(cache.path()).unwrap();
    pin(cache.path(), place.path()).unwrap();
    Draft::default()
        .write(cache.path(), "2025-03-01T00:00:00Z".parse().unwrap())
        .unwrap();
    let pinned = Database::open(place.path()).unwrap();
    assert_eq!(pinned.digest(), database.unwrap().digest());
    assert_eq!(pinned.updated_at().to_string(), "2025-01-01T00:00:00Z");
}
