//! A full disk: said so, and nothing half there.

use std::path::PathBuf;
use std::process::Command;

use flareo::catalog::{Item, export};
use flareo::oci::Store;
use flareo::oci::registry::RegistrySettings;

use super::{Bench, import_into};

/// Set in the process that has the small disk, to its folder.
const DISK: &str = "FLAREO_TEST_SMALL_DISK";
const NAME: &str = "images::small_disk::a_full_disk_is_said_and_nothing_is_half_there";

/// Text that does not compress away.
fn noise() -> Vec<u8> {
    let blocks =
        (0..32_768_u32).flat_map(|n| *flareo::model::Digest::of(n.to_le_bytes()).as_bytes());
    blocks.collect()
}

#[test]
fn a_full_disk_is_said_and_nothing_is_half_there() {
    if let Ok(disk) = std::env::var(DISK) {
        return on(&PathBuf::from(disk));
    }
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can make a small disk");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs -o size=512k none \"$0\" && exec \"$@\"";
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", mount])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(DISK, folder.path())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(e) => return eprintln!("skipped: cannot make a small disk: {e}"),
    };
    let text = String::from_utf8_lossy(&output.stderr);
    if text.contains("mount:") || text.contains("unshare:") {
        return eprintln!("skipped: cannot make a small disk: {text}");
    }
    assert!(output.status.success(), "{text}");
}

fn on(disk: &std::path::Path) {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("root")).unwrap();
    std::fs::write(bench.path("root/file"), noise()).unwrap();
    let source = format!("rootfs:{}", bench.path("root").display());

    let small = Store::open(&disk.join("store")).unwrap();
    let error = import_into(&small, &source).unwrap_err().to_string();
    assert!(error.contains("No space left on device"), "{error}");
    assert_eq!(small.digests().unwrap(), []);
    assert_eq!(
        std::fs::read_dir(disk.join("store/ingest"))
            .unwrap()
            .count(),
        0
    );

    let image = bench.import(&source).digest;
    let item = Item {
        image,
        attachments: &[],
    };
    for transport in ["oci", "oci-archive", "docker-archive"] {
        let to = format!("{transport}:{}", disk.join("out").display());
        let result = export(&bench.store, &item, &to, &RegistrySettings::default());
        let error = result.unwrap_err().to_string();
        assert!(error.contains("No space left on device"), "{error}");
        let left: Vec<_> = std::fs::read_dir(disk)
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(left, ["store"], "{transport}");
    }
}
