//! Which files in an image say what is installed, and how each is read.

use std::io::{self, Read};

use super::{Fact, elf, languages, system_packages};

/// A package database longer than this is not read.
const DATABASE_LIMIT: u64 = 128 << 20;
/// A package's own description longer than this is not read.
const DESCRIPTION_LIMIT: u64 = 8 << 20;

/// What a name of an uncovered kind ends with where it is a system's list of packages.
pub(super) const PACKAGES: &str = "packages";

/// Why a file is of interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interest {
    OsRelease,
    DebianVersion,
    AlpineRelease,
    ApkRepositories,
    DpkgStatus,
    ApkInstalled,
    /// A list of files that the system's package manager installed.
    OwnedFiles,
    Npm,
    Python,
    /// Something that may be run, and may be a Go or Rust program.
    Program,
    /// The system's package database of a family that we don't cover.
    OtherSystem(&'static str),
    /// A package of an ecosystem that we don't cover.
    OtherLanguage(&'static str),
}

impl Interest {
    /// Whether it does not count where the system's package manager installed it.
    pub(super) const fn is_ownable(self) -> bool {
        matches!(
            self,
            Self::Npm | Self::Python | Self::Program | Self::OtherLanguage(_)
        )
    }

    /// Whether only its content tells if it is of interest.
    pub(super) const fn is_program(self) -> bool {
        matches!(self, Self::Program)
    }
}

/// Why the file at `path` is of interest, if it is.
pub(super) fn interest(path: &str, mode: u32) -> Option<Interest> {
    use Interest::{OtherLanguage, OtherSystem};
    let exact = match path {
        "etc/os-release" | "usr/lib/os-release" => Some(Interest::OsRelease),
        "etc/debian_version" => Some(Interest::DebianVersion),
        "etc/alpine-release" => Some(Interest::AlpineRelease),
        "etc/apk/repositories" => Some(Interest::ApkRepositories),
        "var/lib/dpkg/status" => Some(Interest::DpkgStatus),
        "lib/apk/db/installed" | "usr/lib/apk/db/installed" => Some(Interest::ApkInstalled),
        "var/lib/opkg/status" | "usr/lib/opkg/status" => Some(OtherSystem("opkg packages")),
        "nix/var/nix/db/db.sqlite" => Some(OtherSystem("Nix packages")),
        _ => None,
    };
    if exact.is_some() {
        return exact;
    }
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let parent = folder.rsplit('/').next().unwrap_or(folder);
    if folder == "var/lib/dpkg/status.d" {
        return Some(if name.ends_with(".md5sums") {
            Interest::OwnedFiles
        } else {
            Interest::DpkgStatus
        });
    }
    if folder == "var/lib/dpkg/info" && name.ends_with(".list") {
        return Some(Interest::OwnedFiles);
    }
    let rpm = ["var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm"];
    if rpm.contains(&folder) && ["Packages", "Packages.db", "rpmdb.sqlite"].contains(&name)
        || folder == "var/lib/rpmmanifest"
    {
        return Some(OtherSystem("RPM packages"));
    }
    if folder.starts_with("var/lib/pacman/local/") && name == "desc" {
        return Some(OtherSystem("pacman packages"));
    }
    if folder.starts_with("var/db/pkg/") && name == "PF" {
        return Some(OtherSystem("Portage packages"));
    }
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let language = match name {
        "package.json" => Some(Interest::Npm),
        "METADATA" if parent.ends_with(".dist-info") => Some(Interest::Python),
        "PKG-INFO" if parent.ends_with(".egg-info") || parent == "EGG-INFO" => {
            Some(Interest::Python)
        }
        "installed.json" if parent == "composer" => Some(OtherLanguage("PHP Composer packages")),
        ".pnp.cjs" => Some(OtherLanguage("a Yarn Plug'n'Play installation")),
        "version.php" if parent == "wp-includes" => Some(OtherLanguage("WordPress")),
        _ if parent == "conda-meta" && extension == "json" => {
            Some(OtherLanguage("a Conda package"))
        }
        _ if name.ends_with(".deps.json") => Some(OtherLanguage("a .NET application")),
        _ if [".spdx", ".spdx.json", ".cdx", ".cdx.json"]
            .iter()
            .any(|end| name.ends_with(end)) =>
        {
            Some(OtherLanguage("another tool's bill of materials"))
        }
        _ => match extension {
            "egg-info" => Some(Interest::Python),
            "egg" => Some(OtherLanguage("a Python egg")),
            "jar" | "war" | "ear" | "par" => Some(OtherLanguage("a Java archive")),
            "gemspec" if folder.split('/').any(|part| part == "specifications") => {
                Some(OtherLanguage("a Ruby gem"))
            }
            _ => None,
        },
    };
    language.or((mode & 0o111 != 0).then_some(Interest::Program))
}

/// What the file at `path` says; `content` may be left half read.
///
/// # Errors
/// If `content` can't be read: what can't be understood is a fact.
pub(super) fn read(
    path: &str,
    interest: Interest,
    size: u64,
    content: &mut impl Read,
) -> io::Result<Option<Fact>> {
    let limit = match interest {
        Interest::OtherSystem(what) | Interest::OtherLanguage(what) => {
            return Ok(Some(Fact::NotCovered(what.to_owned())));
        }
        Interest::Program => return elf::read(path, content),
        Interest::DpkgStatus | Interest::ApkInstalled | Interest::OwnedFiles => DATABASE_LIMIT,
        _ => DESCRIPTION_LIMIT,
    };
    if size > limit {
        let why = format!("it is {size} bytes long; at most {limit} are read");
        return Ok(Some(Fact::Unreadable(why)));
    }
    let mut bytes = Vec::new();
    content.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(match interest {
        Interest::OsRelease => Some(os_release(&text)),
        Interest::DebianVersion => Some(Fact::DebianVersion(first_line(&text))),
        Interest::AlpineRelease => Some(Fact::AlpineRelease(first_line(&text))),
        Interest::ApkRepositories => repository(&text).map(Fact::ApkRepository),
        Interest::DpkgStatus => Some(Fact::Packages(system_packages::status(path, &text))),
        Interest::ApkInstalled => Some(Fact::Packages(system_packages::apk(path, &text))),
        Interest::Npm => languages::npm(path, &bytes),
        Interest::Python => languages::python(path, &text),
        Interest::OwnedFiles
        | Interest::Program
        | Interest::OtherSystem(_)
        | Interest::OtherLanguage(_) => None,
    })
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default().trim();
    line.chars().take(100).collect()
}

/// `ID` and `VERSION_ID` of an `os-release`.
fn os_release(text: &str) -> Fact {
    let value = |key: &str| {
        text.lines()
            .filter_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='))
            .next_back()
            .map(|value| value.trim().trim_matches(['"', '\'']).to_owned())
            .unwrap_or_default()
    };
    Fact::OsRelease(value("ID"), value("VERSION_ID"))
}

/// The release in `https://HOST/alpine/v3.19/main`, the highest if there are several; `edge` is above all.
fn repository(text: &str) -> Option<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            line.split('/')
                .find_map(|part| match part.strip_prefix('v') {
                    _ if part == "edge" => Some((u64::MAX, 0, part.to_owned())),
                    Some(release) => {
                        let (major, minor) = release.split_once('.')?;
                        Some((major.parse().ok()?, minor.parse().ok()?, release.to_owned()))
                    }
                    None => None,
                })
        })
        .max()
        .map(|(_, _, release)| release)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_os_release_is_read_in_any_quotes() {
        let text = "NAME=\"Debian\"\nID=debian\nVERSION_ID=\"12\"\nID_LIKE=x\n";
        assert_eq!(
            os_release(text),
            Fact::OsRelease("debian".into(), "12".into())
        );
        assert_eq!(
            os_release(""),
            Fact::OsRelease(String::new(), String::new())
        );
    }

    #[test]
    fn the_highest_repository_counts() {
        let text = "#https://x.example/alpine/edge/main\nhttps://x.example/alpine/v3.9/main\nhttps://x.example/alpine/v3.19/community\n";
        assert_eq!(repository(text).as_deref(), Some("3.19"));
        assert_eq!(
            repository("https://x.example/alpine/edge/main").as_deref(),
            Some("edge")
        );
        assert_eq!(repository("/var/local/packages"), None);
    }

    #[test]
    fn what_is_not_covered_is_seen() {
        for path in [
            "var/lib/rpm/rpmdb.sqlite",
            "usr/lib/sysimage/rpm/Packages.db",
            "var/lib/pacman/local/bash-5/desc",
            "app/lib/x.jar",
            "usr/lib/ruby/gems/3.0/specifications/rack-2.gemspec",
            "srv/vendor/composer/installed.json",
            "app/App.deps.json",
            "opt/conda/conda-meta/x.json",
            "opt/.spdx-x.spdx",
            "site-packages/x.egg",
            "var/lib/opkg/status",
        ] {
            let seen = interest(path, 0o644);
            assert!(
                matches!(
                    seen,
                    Some(Interest::OtherSystem(_) | Interest::OtherLanguage(_))
                ),
                "{path}"
            );
        }
        assert_eq!(interest("app/readme.txt", 0o644), None);
        assert_eq!(interest("app/server", 0o755), Some(Interest::Program));
    }
}
