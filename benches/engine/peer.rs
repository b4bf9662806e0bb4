//! The other side: a Docker Engine's BuildKit, and skopeo for the way to an OCI layout.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::cases::BASE;
use super::{must, seconds};

/// A Docker Engine that runs already.
pub struct Peer {
    docker: String,
    host: String,
    /// The client's configuration folder, where it needs one to find its plugins.
    config: Option<String>,
    skopeo: String,
    work: PathBuf,
}

const TAG: &str = "bench:result";

impl Peer {
    /// The engine that `tests/run` started, the newer one where there are two; none if there is none.
    pub fn find(work: &Path) -> Option<Self> {
        let value = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
        let newer = value("FLAREO_TEST_DOCKER_NEW").zip(value("FLAREO_TEST_DOCKER_NEW_HOST"));
        let config = newer
            .as_ref()
            .and_then(|_| value("FLAREO_TEST_DOCKER_NEW_CONFIG"));
        let (docker, host) = match newer {
            Some(newer) => newer,
            None => value("FLAREO_TEST_DOCKER").zip(value("FLAREO_TEST_DOCKER_HOST"))?,
        };
        Some(Self {
            docker,
            host,
            config,
            skopeo: value("FLAREO_TEST_SKOPEO")?,
            work: work.into(),
        })
    }

    /// What it says it is.
    pub fn version(&self) -> String {
        let format = "Docker Engine {{.Server.Version}}, client {{.Client.Version}}";
        let output = self.docker().args(["version", "--format", format]).output();
        output.map_or_else(
            |e| e.to_string(),
            |o| String::from_utf8_lossy(&o.stdout).trim().to_owned(),
        )
    }

    /// Imports the base.
    pub fn import(&self, rootfs: &Path) {
        must(self.docker().arg("import").arg(rootfs).arg(BASE));
    }

    /// Builds; `cold` makes it run every step.
    pub fn build(&self, context: &Path, cold: bool) -> f64 {
        let mut command = self.docker();
        command.args(["build", "--network", "none", "--quiet", "--tag", TAG]);
        if cold {
            command.arg("--no-cache");
        }
        command.arg(context);
        seconds(|| must(&mut command))
    }

    /// Brings what was built last to an OCI layout.
    pub fn export(&self) -> f64 {
        let (archive, layout) = (self.work.join("saved.tar"), self.work.join("theirs"));
        let took = seconds(|| {
            must(
                self.docker()
                    .args(["save", "--output"])
                    .arg(&archive)
                    .arg(TAG),
            );
            must(
                Command::new(&self.skopeo)
                    .args(["copy", "--insecure-policy", "--quiet"])
                    .arg(format!("docker-archive:{}", archive.display()))
                    .arg(format!("oci:{}:1", layout.display())),
            );
        });
        let _ = std::fs::remove_dir_all(layout);
        let _ = std::fs::remove_file(archive);
        took
    }

    fn docker(&self) -> Command {
        let mut command = Command::new(&self.docker);
        command
            .arg("--host")
            .arg(&self.host)
            .env("DOCKER_BUILDKIT", "1");
        if let Some(config) = &self.config {
            command.env("DOCKER_CONFIG", config);
        }
        command
    }
}
