//! Any bytes as Trivy's database: every look-up answers or fails, in bounded time and memory.
#![no_main]

use std::sync::LazyLock;

use flareo::scan::database::Database;
use libfuzzer_sys::fuzz_target;

static PLACE: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir(place.path().join("db")).unwrap();
    let metadata = br#"{"Version":2,"NextUpdate":"2030-01-01T00:00:00Z","UpdatedAt":"2025-01-01T00:00:00Z","DownloadedAt":"2025-01-01T00:00:00Z"}"#;
    std::fs::write(place.path().join("db/metadata.json"), metadata).unwrap();
    place
});

/// FNV-1a: the checksum of a meta page.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fuzz_target!(|data: &[u8]| {
    let mut bytes = data.to_vec();
    // Else nothing but the checksum would be tried.
    for at in [0, 4096] {
        if let Some(meta) = bytes.get_mut(at + 16..at + 80) {
            let sum = checksum(&meta[..56]);
            meta[56..64].copy_from_slice(&sum.to_le_bytes());
        }
    }
    std::fs::write(PLACE.path().join("db/trivy.db"), &bytes).unwrap();
    let Ok(database) = Database::open(PLACE.path()) else {
        return;
    };
    let _ = database.has_buckets("npm::");
    let _ = database.advisories("debian 12", "openssl");
    let _ = database.advisories_of_all("npm::", "left-pad");
    let _ = database.details("CVE-2024-0001");
});
