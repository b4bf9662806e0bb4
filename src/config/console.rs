//! Reading `console.toml`: how somebody wants their console. An error names file, line and key.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use serde::Deserialize;

use super::Paths;

/// How somebody wants their console.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConsoleSettings {
    /// A theme's name: one that is built in, or a file of the folder `themes`.
    pub theme: Option<String>,
    /// Marks and lines of ASCII only.
    pub ascii: Option<bool>,
    /// Whether the mouse chooses and scrolls from the start.
    pub mouse: bool,
    /// Other keys for actions, by the action's name; none takes its keys away.
    pub keys: BTreeMap<String, Vec<String>>,
}

/// Why the settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleSettingsError {
    /// Can't be read.
    #[error("can't read {path}: {source}", path = path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not TOML, an unknown key, or a value of the wrong kind.
    #[error("{path} is wrong:\n{why}", path = path.display())]
    Wrong {
        /// Which file.
        path: PathBuf,
        /// Line, column and key, as the parser says it.
        why: String,
    },
}

/// What the first file says that [`Paths::console_settings`] names; the defaults where there is none.
///
/// # Errors
/// If a file is there and can't be read or is wrong.
pub fn load(paths: &Paths) -> Result<ConsoleSettings, ConsoleSettingsError> {
    for path in paths.console_settings() {
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => return Err(ConsoleSettingsError::Read { path, source }),
        };
        return toml::from_str(&text).map_err(|e| ConsoleSettingsError::Wrong {
            path,
            why: e.to_string(),
        });
    }
    Ok(ConsoleSettings::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_line_is_named_and_no_file_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::at(folder.path());
        assert_eq!(load(&paths).unwrap(), ConsoleSettings::default());
        let file = folder.path().join("console.toml");
        fs::write(
            &file,
            "theme = \"light\"\n[keys]\n\"review.approve\" = [\"A\"]\n",
        )
        .unwrap();
        let settings = load(&paths).unwrap();
        assert_eq!(settings.theme.as_deref(), Some("light"));
        assert_eq!(settings.keys["review.approve"], ["A"]);
        fs::write(&file, "theme = \"light\"\nmice = true\n").unwrap();
        let said = load(&paths).unwrap_err().to_string();
        assert!(said.contains("line 2") && said.contains("mice"), "{said}");
    }
}
