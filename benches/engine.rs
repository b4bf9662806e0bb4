//! The embedded engine beside the Docker Engine's BuildKit: from the same Dockerfile, context and base to an OCI layout
//! on disk. Prints medians and ratios; asserts nothing.
//!
//! `tests/run --up` starts the real parts and says how to export their environment; then `cargo bench --bench engine`.
//! Both stores should lie on a tmpfs, or the disk's mood is measured: `TMPDIR=/dev/shm`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const FLAREO: &str = env!("CARGO_BIN_EXE_flareo");
const ROUNDS: usize = 5;

struct Case {
    name: &'static str,
    dockerfile: String,
    files: Vec<(String, Vec<u8>)>,
}

fn cases() -> Vec<Case> {
    let mut steps = "FROM bench:base\n".to_owned();
    steps.push_str(&"RUN true\n".repeat(20));
    steps.push_str("CMD [\"sh\"]\n");
    let many = |files: usize, bytes: usize| {
        (0..files)
            .map(|i| (format!("data/{:02}/{i:05}", i % 50), text(i as u64, bytes)))
            .collect::<Vec<_>>()
    };
    vec![
        Case { name: "20 x RUN true", dockerfile: steps, files: Vec::new() },
        Case {
            name: "5,000 files 60 MB, RUN touches 200",
            dockerfile: "FROM bench:base\nCOPY data /data\nRUN cd /data/00 && for f in *; do echo x >> $f; done\nCMD [\"sh\"]\n".into(),
            files: many(5000, 12_000),
        },
        Case {
            name: "3,000 vendored files 40 MB",
            dockerfile: "FROM bench:base\nCOPY data /app/node_modules\nCMD [\"sh\"]\n".into(),
            files: many(3000, 13_000),
        },
        Case {
            name: "one 200 MB file",
            dockerfile: "FROM bench:base\nCOPY data /data\nCMD [\"sh\"]\n".into(),
            files: vec![("data/large".into(), noise(200 << 20))],
        },
    ]
}

/// Bytes that do not compress, the same every time.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut out = Vec::with_capacity(bytes + 8);
    while out.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(bytes);
    out
}

/// Bytes that compress as source code does, other ones for each seed.
fn text(seed: u64, bytes: usize) -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "function",
        "return",
        "const",
        "export",
        "(value)",
        "=>",
        "{\n",
        "}\n",
        "this.",
        "module",
        "require",
        "'use strict'",
        ";\n",
        "prototype",
        "index",
        "length",
    ];
    let mut state = seed.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1;
    let mut out = String::with_capacity(bytes + 32);
    while out.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.push_str(WORDS[(state % 16) as usize]);
        out.push(' ');
        if state.is_multiple_of(7) {
            out.push_str(&(state >> 40).to_string());
        }
    }
    out.truncate(bytes);
    out.into_bytes()
}

fn write(case: &Case, folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("Dockerfile"), &case.dockerfile).unwrap();
    for (name, bytes) in &case.files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

fn must(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

struct Peers {
    docker: String,
    host: String,
    skopeo: String,
    rootfs: PathBuf,
}

fn peers() -> Option<Peers> {
    let value = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    Some(Peers {
        docker: value("FLAREO_TEST_DOCKER")?,
        host: value("FLAREO_TEST_DOCKER_HOST")?,
        skopeo: value("FLAREO_TEST_SKOPEO")?,
        rootfs: PathBuf::from(value("FLAREO_TEST_BASES")?).join("busybox.tar"),
    })
}

fn main() {
    let Some(peers) = peers() else {
        println!(
            "skipped: the Docker Engine, skopeo and the bases are not there: `tests/run --up` starts them"
        );
        return;
    };
    let work = tempfile::tempdir().unwrap();
    let state = work.path().join("state");
    let flareo = || {
        let mut command = Command::new(FLAREO);
        command.arg("--state-dir").arg(&state);
        command
    };
    let docker = || {
        let mut command = Command::new(&peers.docker);
        command
            .arg("--host")
            .arg(&peers.host)
            .env("DOCKER_BUILDKIT", "1");
        command
    };
    must(
        flareo()
            .args(["base", "import", "bench:base"])
            .arg(format!("rootfs:{}", peers.rootfs.display())),
    );
    must(docker().arg("import").arg(&peers.rootfs).arg("bench:base"));
    println!(
        "{:<38} {:>8} {:>8} {:>8} {:>14} {:>12}",
        "case (cold)", "ours", "build", "+ OCI", "ours/build+OCI", "ours/build"
    );
    for case in cases() {
        let folder = work.path().join("context");
        let _ = std::fs::remove_dir_all(&folder);
        write(&case, &folder);
        let (mut ours, mut built, mut exported) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let layout = work.path().join(format!("ours-{round}"));
            ours.push(seconds(|| {
                let output = format!("oci:{}:1", layout.display());
                must(
                    flareo()
                        .args(["build", "--no-cache", "--no-policy", "--output", &output])
                        .arg(&folder),
                );
            }));
            let tag = "bench:result";
            let build = seconds(|| {
                must(
                    docker()
                        .args([
                            "build",
                            "--no-cache",
                            "--network",
                            "none",
                            "--quiet",
                            "--tag",
                            tag,
                        ])
                        .arg(&folder),
                );
            });
            let archive = work.path().join("saved.tar");
            let theirs = work.path().join(format!("theirs-{round}"));
            let export = seconds(|| {
                must(docker().args(["save", "--output"]).arg(&archive).arg(tag));
                must(
                    Command::new(&peers.skopeo)
                        .args(["copy", "--insecure-policy", "--quiet"])
                        .arg(format!("docker-archive:{}", archive.display()))
                        .arg(format!("oci:{}:1", theirs.display())),
                );
            });
            built.push(build);
            exported.push(build + export);
            for leftover in [layout, theirs] {
                let _ = std::fs::remove_dir_all(leftover);
            }
            let _ = std::fs::remove_file(archive);
        }
        let (ours, built, exported) = (median(ours), median(built), median(exported));
        println!(
            "{:<38} {ours:>7.2}s {built:>7.2}s {exported:>7.2}s {:>14.2} {:>12.2}",
            case.name,
            ours / exported,
            ours / built
        );
    }
}
