//! The demo's base image: a root file system of this host's own shell, coreutils and their libraries.
//!
//! A bare machine has no network and no image to start from, but it has these. Nothing is invented: the package
//! list is that of the packages which own the copied files, so that the scan has something true to read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the base holds, where the host has it. `sh` must be there, the rest is company.
const TOOLS: &[&str] = &[
    "sh",
    "bash",
    "cat",
    "chmod",
    "chown",
    "cp",
    "cut",
    "date",
    "dirname",
    "echo",
    "env",
    "false",
    "grep",
    "head",
    "id",
    "ln",
    "ls",
    "mkdir",
    "mv",
    "printf",
    "pwd",
    "rm",
    "rmdir",
    "sed",
    "seq",
    "sha256sum",
    "sleep",
    "sort",
    "tail",
    "tee",
    "test",
    "touch",
    "tr",
    "true",
    "uname",
    "wc",
    "whoami",
];

/// Why the base can't be made here.
#[derive(Debug, thiserror::Error)]
pub enum HostBaseError {
    /// No shell.
    #[error("the demo makes its base image from this host's own tools, but `{0}` is not on it")]
    NoTool(&'static str),
    /// Not a Debian.
    #[error(
        "the demo makes its base image from a Debian host's packages, but `{0}` can't be read here"
    )]
    NoPackages(PathBuf),
    /// A tool of the host did not do its part.
    #[error("the demo could not run `{0}`: {1}")]
    Tool(&'static str, String),
    /// A file could not be copied.
    #[error("the demo could not copy {0}: {1}")]
    Copy(PathBuf, io::Error),
}

/// Makes the root file system under `root`, an empty folder.
///
/// # Errors
/// If the host lacks a shell or a package list, or a file can't be copied.
pub fn make(root: &Path) -> Result<(), HostBaseError> {
    for folder in [
        "usr/bin",
        "usr/lib",
        "etc",
        "tmp",
        "root",
        "home",
        "var/lib/dpkg",
        "proc",
        "sys",
        "dev",
        "run",
    ] {
        make_folder(&root.join(folder))?;
    }
    set_mode(&root.join("tmp"), 0o1777)?;
    for (link, target) in [("bin", "usr/bin"), ("lib", "usr/lib"), ("lib64", "usr/lib")] {
        symlink(target, root.join(link)).map_err(|e| HostBaseError::Copy(root.join(link), e))?;
    }

    let tools: BTreeMap<&str, PathBuf> = TOOLS
        .iter()
        .filter_map(|tool| Some((*tool, find(tool)?)))
        .collect();
    if !tools.contains_key("sh") {
        return Err(HostBaseError::NoTool("sh"));
    }
    let mut owners: BTreeSet<PathBuf> = BTreeSet::new();
    for (tool, path) in &tools {
        copy(path, &root.join("usr/bin").join(tool), 0o755)?;
        owners.insert(path.clone());
    }
    for library in libraries(tools.values())? {
        // Every library folder of the base is one folder: the loader looks there by itself.
        let Some(name) = library.file_name() else {
            continue;
        };
        copy(&library, &root.join("usr/lib").join(name), 0o755)?;
        owners.insert(library);
    }

    write(
        &root.join("etc/passwd"),
        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    )?;
    write(&root.join("etc/group"), "root:x:0:\nnogroup:x:65534:\n")?;
    for release in ["etc/os-release", "etc/debian_version"] {
        let host = Path::new("/").join(release);
        let text = fs::read_to_string(&host).map_err(|_| HostBaseError::NoPackages(host))?;
        write(&root.join(release), &text)?;
    }
    write(&root.join("var/lib/dpkg/status"), &package_status(&owners)?)
}

/// The release that the host's packages are of, as Trivy's database names it: `debian 12`.
///
/// # Errors
/// If `/etc/os-release` can't be read.
pub fn release() -> Result<String, HostBaseError> {
    let path = Path::new("/etc/os-release");
    let text = fs::read_to_string(path).map_err(|_| HostBaseError::NoPackages(path.to_owned()))?;
    let value = |key: &str| {
        let line = text
            .lines()
            .find_map(|l| l.strip_prefix(key)?.strip_prefix('='))?;
        Some(line.trim_matches('"').to_owned())
    };
    Ok(format!(
        "{} {}",
        value("ID").unwrap_or_default(),
        value("VERSION_ID").unwrap_or_default()
    ))
}

fn find(tool: &str) -> Option<PathBuf> {
    ["/usr/bin", "/bin"]
        .iter()
        .map(|folder| Path::new(folder).join(tool))
        .find(|path| path.exists())
}

/// The shared libraries of these programs, as the host's own loader finds them.
fn libraries<'a>(
    programs: impl Iterator<Item = &'a PathBuf>,
) -> Result<BTreeSet<PathBuf>, HostBaseError> {
    let output = Command::new("ldd")
        .args(programs)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .output()
        .map_err(|e| HostBaseError::Tool("ldd", e.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let found: BTreeSet<PathBuf> = text
        .lines()
        .filter(|line| line.starts_with([' ', '\t']))
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')))
        .map(PathBuf::from)
        .collect();
    if found.is_empty() {
        return Err(HostBaseError::Tool(
            "ldd",
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ));
    }
    Ok(found)
}

/// The paragraphs of the host's dpkg status for the packages that own `files`, sorted by name.
fn package_status(files: &BTreeSet<PathBuf>) -> Result<String, HostBaseError> {
    let mut spellings: BTreeSet<PathBuf> = BTreeSet::new();
    for file in files {
        for path in [Some(file.clone()), fs::canonicalize(file).ok()]
            .into_iter()
            .flatten()
        {
            // On a merged /usr the list of files may have either name.
            if let Ok(inside) = path.strip_prefix("/usr") {
                spellings.insert(Path::new("/").join(inside));
            } else if let Ok(inside) = path.strip_prefix("/") {
                spellings.insert(Path::new("/usr").join(inside));
            }
            spellings.insert(path);
        }
    }
    let owned = Command::new("dpkg-query")
        .arg("--search")
        .args(&spellings)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .output()
        .map_err(|e| HostBaseError::Tool("dpkg-query", e.to_string()))?;
    // Spellings that no package has make it exit with 1: what it did find is on standard output.
    let text = String::from_utf8_lossy(&owned.stdout);
    let packages: BTreeSet<&str> = text
        .lines()
        .filter(|line| !line.starts_with("diversion "))
        .filter_map(|line| line.split_once(": "))
        .flat_map(|(names, _)| names.split(", "))
        .map(|name| name.split(':').next().unwrap_or(name))
        .collect();
    let status = Path::new("/var/lib/dpkg/status");
    let all =
        fs::read_to_string(status).map_err(|_| HostBaseError::NoPackages(status.to_owned()))?;
    let mut kept: Vec<&str> = all
        .split("\n\n")
        .filter(|paragraph| {
            let name = paragraph
                .lines()
                .find_map(|line| line.strip_prefix("Package: "));
            name.is_some_and(|name| packages.contains(name.trim()))
        })
        .collect();
    kept.sort_unstable();
    Ok(kept
        .into_iter()
        .map(|paragraph| format!("{}\n\n", paragraph.trim_matches('\n')))
        .collect())
}

fn make_folder(path: &Path) -> Result<(), HostBaseError> {
    fs::create_dir_all(path).map_err(|e| HostBaseError::Copy(path.to_owned(), e))?;
    set_mode(path, 0o755)
}

fn set_mode(path: &Path, mode: u32) -> Result<(), HostBaseError> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(|e| HostBaseError::Copy(path.to_owned(), e))
}

fn copy(from: &Path, to: &Path, mode: u32) -> Result<(), HostBaseError> {
    fs::copy(from, to).map_err(|e| HostBaseError::Copy(from.to_owned(), e))?;
    set_mode(to, mode)
}

fn write(path: &Path, text: &str) -> Result<(), HostBaseError> {
    fs::write(path, text).map_err(|e| HostBaseError::Copy(path.to_owned(), e))?;
    set_mode(path, 0o644)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_runs_its_own_shell_and_names_its_packages() {
        if !Path::new("/var/lib/dpkg/status").exists() {
            println!("skipped: this host has no dpkg");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        make(folder.path()).unwrap();
        let status = fs::read_to_string(folder.path().join("var/lib/dpkg/status")).unwrap();
        for package in [
            "Package: coreutils\n",
            "Package: libc6\n",
            "Package: dash\n",
        ] {
            assert!(status.contains(package), "{package}");
        }
        let ran = Command::new("chroot")
            .arg(folder.path())
            .args(["/bin/sh", "-c", "echo one | wc -l"])
            .output();
        match ran {
            Ok(output) if output.status.success() => assert_eq!(output.stdout, b"1\n"),
            _ => println!("skipped: chroot needs root"),
        }
    }
}
