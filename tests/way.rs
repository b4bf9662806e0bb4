//! The whole way, on real parts: the three services of the submission rules become signed images, and cosign, Docker
//! and Trivy agree on what was published.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{REVIEWER, SUBMITTER, Scene, can_build, part};
use crate::vulnerabilities;

/// A service, the bases that it needs, and the root file systems that stand in for them.
struct Service {
    name: &'static str,
    bases: &'static [(&'static str, &'static str)],
    /// What the gate says of it while no exception stands.
    turned_away: Option<&'static str>,
    /// What its bases really carry, by advisory and package: the exceptions that let it pass.
    carries: &'static [(&'static str, &'static str)],
}

const SERVICES: &[Service] = &[
    Service {
        name: "node",
        bases: &[("node:20-slim", "debian-node.tar")],
        // Debian 12 itself carries this one, and will not mend it (R23).
        turned_away: Some("Trivy found CRITICAL CVEs: CVE-2023-45853 in zlib1g"),
        carries: &[("CVE-2023-45853", "zlib")],
    },
    Service {
        name: "python",
        bases: &[("python:3.11-slim", "debian-python.tar")],
        turned_away: None,
        carries: &[],
    },
    Service {
        name: "go",
        bases: &[
            ("golang:1.22", "debian-go.tar"),
            ("alpine:3.19", "alpine-like.tar"),
        ],
        // The stand-ins are an old busybox and Debian's old Go.
        turned_away: Some(
            "Trivy found HIGH CVEs: CVE-2022-30065 in busybox, CVE-2023-39325 in stdlib",
        ),
        carries: &[("CVE-2022-30065", "busybox"), ("CVE-2023-39325", "stdlib")],
    },
];

/// A port that nobody listens on.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// What a web service answers, once it is up.
fn get(port: u16, path: &str) -> Option<String> {
    use std::io::{Read as _, Write as _};
    for _ in 0..100 {
        if let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", port)) {
            write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).ok()?;
            return Some(answer);
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    None
}

/// The real programs on the PATH of `flareo`: Trivy where the machine has it.
fn path_with(trivy: &str) -> String {
    let folder = Path::new(trivy).parent().unwrap().display().to_string();
    format!("{folder}:{}", std::env::var("PATH").unwrap_or_default())
}

/// Publishes, approves and builds. What the last line of `--batch` says.
fn publish_and_build(
    scene: &Scene,
    service: &Service,
    folder: &Path,
    path: &str,
) -> serde_json::Value {
    let published = scene.json(
        SUBMITTER,
        [
            "publish",
            folder.to_str().unwrap(),
            "--slug",
            service.name,
            "--email",
            "ann@example.org",
        ],
    );
    let id = published["id"].to_string();
    assert_eq!(published["state"], "pending");
    assert_eq!(published["lint"]["blocked"], false, "{published}");
    let own = scene.run(SUBMITTER, ["review", &id, "approve"]);
    assert_eq!(own.code(), 1, "R29: {own:?}");
    scene.ok(REVIEWER, ["review", &id, "approve"]);
    let batch = scene
        .command("root")
        .env("PATH", path)
        .args(["--batch", "--format", "json"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&batch.stdout);
    let last: serde_json::Value =
        serde_json::from_str(text.lines().last().unwrap_or("{}")).unwrap();
    assert_eq!(
        last["event"],
        "result",
        "{text}\n{}",
        String::from_utf8_lossy(&batch.stderr)
    );
    assert_eq!(batch.status.success(), last["ok"] == true);
    last
}

#[test]
fn the_three_services_become_signed_images_on_which_cosign_docker_and_trivy_agree() {
    let (
        Some(bases),
        Some(services),
        Some(trivy),
        Some(registry),
        Some(cosign2),
        Some(cosign3),
        Some(docker),
        Some(host),
    ) = (
        part("FLAREO_TEST_BASES"),
        part("FLAREO_TEST_SERVICES"),
        part("FLAREO_TEST_TRIVY"),
        part("FLAREO_TEST_REGISTRY"),
        part("FLAREO_TEST_COSIGN2"),
        part("FLAREO_TEST_COSIGN3"),
        part("FLAREO_TEST_DOCKER"),
        part("FLAREO_TEST_DOCKER_HOST"),
    )
    else {
        return;
    };
    if !can_build() {
        return;
    }
    let scene = Scene::new();
    // The Go service ends on a static image that has no operating system: the policy says that this may pass.
    let policy = scene.write(
        "policy.toml",
        "[scan]\nscanner = \"trivy\"\nallow_no_os = true\n",
    );
    let bases = PathBuf::from(bases);
    scene.ok("root", ["init"]);
    vulnerabilities::install(&scene.state().join("trivy"));
    std::fs::copy(&policy, scene.state().join("policy.toml")).unwrap();
    let path = path_with(&trivy);
    for service in SERVICES {
        let folder = PathBuf::from(&services).join(service.name);
        for (name, rootfs) in service.bases {
            scene.base(name, &bases.join(rootfs));
        }
        if let Some(message) = service.turned_away {
            let result = publish_and_build(&scene, service, &folder, &path);
            assert_eq!(result["error"], message);
        }
        for (id, package) in service.carries {
            let until = ["--reason", "known", "--expires", "2099-01-01"];
            scene.ok(
                REVIEWER,
                ["exception", "add", id, "--package", package]
                    .into_iter()
                    .chain(until),
            );
        }
        let result = publish_and_build(&scene, service, &folder, &path);
        assert_eq!(result["ok"], true, "{}: {result}", service.name);
        let digest = result["digest"].as_str().unwrap().to_owned();

        let module = scene.json("root", ["module", "show", service.name]);
        assert_eq!(module["digest"], digest);
        scene.ok("root", ["verify", service.name]);

        // Into a real registry, where real clients look for it.
        let repository = format!("{registry}/way-{}-{}", service.name, &digest[7..15]);
        scene.ok(
            "root",
            [
                "module",
                "export",
                service.name,
                "--output",
                &format!("docker://{repository}:1"),
            ],
        );
        let key = scene.state().join("keys/flareo.pub");
        for cosign in [&cosign2, &cosign3] {
            let verified = Command::new(cosign)
                .env("HOME", scene.path("cosign"))
                .args(["verify", "--key"])
                .arg(&key)
                .args(["--insecure-ignore-tlog=true", "--allow-http-registry=true"])
                .arg(format!("{repository}@{digest}"))
                .output()
                .unwrap();
            assert!(
                verified.status.success(),
                "{cosign}: {}",
                String::from_utf8_lossy(&verified.stderr)
            );
        }

        // Docker loads the archive and runs the result.
        let archive = scene.path(&format!("{}.tar", service.name));
        let tag = format!("flareo-way/{}:1", service.name);
        let destination = format!("docker-archive:{}:{tag}", archive.display());
        scene.ok(
            "root",
            ["module", "export", service.name, "--output", &destination],
        );
        let run = |arguments: &[&str]| {
            let output = Command::new(&docker)
                .arg("--host")
                .arg(&host)
                .args(arguments)
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "docker {arguments:?}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        run(&["load", "--input", archive.to_str().unwrap()]);
        let name = format!("flareo-way-{}-{}", service.name, std::process::id());
        let port = free_port();
        let (at, listen) = (format!("PORT={port}"), "HOST=127.0.0.1");
        run(&[
            "run",
            "--detach",
            "--network",
            "host",
            "--name",
            &name,
            "--env",
            &at,
            "--env",
            listen,
            &tag,
        ]);
        let health = get(port, "/health");
        let logs = run(&["logs", &name]);
        run(&["rm", "--force", &name]);
        run(&["rmi", "--force", &tag]);
        assert!(
            health
                .as_deref()
                .is_some_and(|h| h.starts_with("HTTP/1.") && h.contains(" 200 ")),
            "{}: {health:?}\n{logs}",
            service.name
        );

        // Trivy itself, on the exported layout, finds nothing that would have rejected.
        let layout = scene.path(&format!("{}-layout", service.name));
        scene.ok(
            "root",
            [
                "module",
                "export",
                service.name,
                "--output",
                &format!("oci:{}", layout.display()),
            ],
        );
        scene.ok("root", ["verify", &format!("oci:{}", layout.display())]);
        let excepted: Vec<_> = SERVICES
            .iter()
            .flat_map(|s| s.carries)
            .map(|(id, _)| *id)
            .collect();
        let ignored = scene.write("ignored", excepted.join("\n"));
        let scanned = Command::new(&trivy)
            .args(["image", "--input"])
            .arg(&layout)
            .args([
                "--skip-db-update",
                "--skip-java-db-update",
                "--offline-scan",
                "--cache-backend",
                "memory",
            ])
            .args([
                "--scanners",
                "vuln",
                "--severity",
                "CRITICAL,HIGH",
                "--exit-code",
                "7",
                "--quiet",
                "--ignorefile",
            ])
            .arg(&ignored)
            .arg("--cache-dir")
            .arg(scene.state().join("trivy"))
            .output()
            .unwrap();
        assert_eq!(
            scanned.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&scanned.stdout)
        );
    }

    let modules = scene.json("root", ["module", "list"]);
    let slugs: Vec<_> = modules
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["slug"].as_str().unwrap())
        .collect();
    assert_eq!(slugs, ["go", "python", "node"], "the newest first");
    scene.ok("root", ["audit", "verify"]);
}
