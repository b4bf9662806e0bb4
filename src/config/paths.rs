//! Where everything lies: the state folder and what stands in it.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// The state folder of one site, and the configuration folder of whoever calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    state: PathBuf,
    config: Option<PathBuf>,
}

/// Why the state folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum PathsError {
    /// No home.
    #[error(
        "no place for the state folder: HOME is not set; name one with --state-dir or FLAREO_STATE_DIR"
    )]
    NoHome,
    /// Can't be made.
    #[error("can't make the folder {path}: {source}; name another with --state-dir", path = path.display())]
    Make {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others can write there.
    #[error("{path} can be written by others (mode {mode:o}): whoever can do that can forge approvals; `chmod go-w {path}`", path = path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
}

impl Paths {
    /// The state folder `given`, else the XDG data folder's `flareo`. `policy` names the policy file, else it is
    /// looked for in the configuration folder and then in the state folder.
    ///
    /// # Errors
    /// If nothing is given and there is no home.
    pub fn find(given: Option<&Path>) -> Result<Self, PathsError> {
        let xdg = directories::ProjectDirs::from("", "", "flareo");
        let state = match (given, &xdg) {
            (Some(given), _) => std::path::absolute(given).map_err(|source| PathsError::Make {
                path: given.to_owned(),
                source,
            })?,
            (None, Some(xdg)) => xdg.data_dir().to_owned(),
            (None, None) => return Err(PathsError::NoHome),
        };
        Ok(Self {
            state,
            config: xdg.map(|x| x.config_dir().to_owned()),
        })
    }

    /// A state folder that no configuration folder speaks for: tests and the demo.
    pub fn at(state: impl Into<PathBuf>) -> Self {
        Self {
            state: state.into(),
            config: None,
        }
    }

    /// Makes the state folder and its parts where they are missing, readable by their owner only.
    ///
    /// # Errors
    /// If a folder can't be made, or the state folder is open to others.
    pub fn make(&self) -> Result<(), PathsError> {
        for folder in [
            self.state.clone(),
            self.contexts(),
            self.snapshots(),
            self.logs(),
            self.keys(),
            self.workers(),
            self.database_folder(),
        ] {
            let failed = |source| PathsError::Make {
                path: folder.clone(),
                source,
            };
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&folder)
                .map_err(failed)?;
        }
        let failed = |source| PathsError::Make {
            path: self.state.clone(),
            source,
        };
        let mode = fs::metadata(&self.state).map_err(failed)?.mode() & 0o7777;
        if mode & 0o022 != 0 {
            return Err(PathsError::Open {
                path: self.state.clone(),
                mode,
            });
        }
        Ok(())
    }

    /// The state folder.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// The queue's database.
    pub fn queue(&self) -> PathBuf {
        self.state.join("flareo.db")
    }

    /// The content store: one OCI image layout.
    pub fn oci(&self) -> PathBuf {
        self.state.join("oci")
    }

    /// Stored contexts, by digest.
    pub fn contexts(&self) -> PathBuf {
        self.state.join("contexts")
    }

    /// Unpacked layers: a cache.
    pub fn snapshots(&self) -> PathBuf {
        self.state.join("snapshots")
    }

    /// What was read of contexts, by what the kernel says of their files: a cache.
    pub fn digests(&self) -> PathBuf {
        self.snapshots().join("digests")
    }

    /// Spools of builds.
    pub fn logs(&self) -> PathBuf {
        self.state.join("logs")
    }

    /// How people left their consoles.
    pub fn consoles(&self) -> PathBuf {
        self.state.join("consoles")
    }

    /// Workers that are alive: a locked file each.
    pub fn workers(&self) -> PathBuf {
        self.state.join("workers")
    }

    /// The signing key.
    pub fn keys(&self) -> PathBuf {
        self.state.join("keys")
    }

    /// The vulnerability database's cache folder, as Trivy's `--cache-dir`: the files stand in its `db`.
    pub fn vulnerabilities(&self) -> PathBuf {
        self.state.join("trivy")
    }

    fn database_folder(&self) -> PathBuf {
        self.vulnerabilities().join("db")
    }

    /// Where somebody's settings of the console are looked for, in this order.
    pub fn console_settings(&self) -> Vec<PathBuf> {
        self.config
            .iter()
            .chain([&self.state])
            .map(|folder| folder.join("console.toml"))
            .collect()
    }

    /// Where themes of somebody's own are looked for, in this order.
    pub fn themes(&self) -> Vec<PathBuf> {
        self.config
            .iter()
            .chain([&self.state])
            .map(|folder| folder.join("themes"))
            .collect()
    }

    /// Where a policy is looked for, in this order.
    pub fn policies(&self) -> Vec<PathBuf> {
        self.config
            .iter()
            .chain([&self.state])
            .map(|folder| folder.join("policy.toml"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_state_folder_is_private_and_one_that_others_can_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::at(folder.path().join("state"));
        paths.make().unwrap();
        paths.make().unwrap();
        assert_eq!(fs::metadata(paths.keys()).unwrap().mode() & 0o777, 0o700);
        fs::set_permissions(paths.state(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(
            paths.make(),
            Err(PathsError::Open { mode: 0o777, .. })
        ));
    }

    #[test]
    fn a_given_folder_wins() {
        let paths = Paths::find(Some(Path::new("/somewhere/flareo"))).unwrap();
        assert_eq!(paths.queue(), Path::new("/somewhere/flareo/flareo.db"));
    }
}
