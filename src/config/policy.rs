//! Reading `policy.toml`: an error names file, line and key.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Paths;
use crate::model::Policy;
use crate::model::policy::Reproduce;

/// Why there is no policy to go by. Nothing is decided or built without one.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Can't be read.
    #[error("can't read the policy {path}: {source}", path = path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not TOML, an unknown key, or a value of the wrong kind.
    #[error("the policy {path} is wrong:\n{why}", path = path.display())]
    Wrong {
        /// Which file.
        path: PathBuf,
        /// Line, column and key, as the parser says it.
        why: String,
    },
    /// A value that can't be.
    #[error("the policy {path} asks for what can't be: {why}", path = path.display())]
    Senseless {
        /// Which file.
        path: PathBuf,
        /// What.
        why: String,
    },
}

/// The policy in `given`, else the first that [`Paths::policies`] names, else the defaults.
///
/// # Errors
/// If a file is there and can't be read or is wrong; a named file has to be there.
pub fn load(paths: &Paths, given: Option<&Path>) -> Result<Policy, PolicyError> {
    if let Some(path) = given {
        return read(path);
    }
    for path in paths.policies() {
        match fs::read_to_string(&path) {
            Ok(text) => return parse(&path, &text),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(PolicyError::Read { path, source }),
        }
    }
    Ok(Policy::default())
}

/// The policy in this file and no other.
///
/// # Errors
/// If it can't be read or is wrong.
pub fn read(path: &Path) -> Result<Policy, PolicyError> {
    let text = fs::read_to_string(path).map_err(|source| PolicyError::Read {
        path: path.to_owned(),
        source,
    })?;
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<Policy, PolicyError> {
    let policy: Policy = toml::from_str(text).map_err(|e| PolicyError::Wrong {
        path: path.to_owned(),
        why: e.to_string(),
    })?;
    let senseless = |why: &str| {
        Err(PolicyError::Senseless {
            path: path.to_owned(),
            why: why.to_owned(),
        })
    };
    let limits = &policy.limits;
    if !(limits.cpus.is_finite() && limits.cpus > 0.0) {
        return senseless("limits.cpus has to be a number above 0");
    }
    for (key, value) in [
        ("limits.memory_bytes", limits.memory_bytes),
        ("limits.time_seconds", limits.time_seconds),
        ("limits.layer_bytes", limits.layer_bytes),
        ("limits.pids", limits.pids),
        ("limits.inodes", limits.inodes),
        ("context.bytes", policy.context.bytes),
        ("context.entries", policy.context.entries),
    ] {
        if value == 0 {
            return senseless(&format!("{key} has to be above 0"));
        }
    }
    if let Err(why) = policy.network.check() {
        return senseless(&why);
    }
    let review = &policy.review;
    if review.approvals == 0 || review.approvals_with_grants == 0 {
        return senseless("review.approvals and review.approvals_with_grants have to be above 0");
    }
    for (rule, switch) in &policy.lint.rules {
        if rule == "PARSE" {
            return senseless(
                "lint.rules.PARSE can't be switched: what can't be read can't be built",
            );
        }
        if switch.reason.trim().is_empty() {
            return senseless(&format!(
                "lint.rules.{rule} needs a reason: reviewers read it"
            ));
        }
    }
    let build = &policy.build;
    if !(0.0..=1.0).contains(&build.sample_share) {
        return senseless("build.sample_share has to be a number from 0 to 1");
    }
    if build.require_reproduced && build.reproduce != Reproduce::Always {
        return senseless(
            "build.require_reproduced needs build.reproduce = \"always\": what is not built twice can't be reproduced",
        );
    }
    let named = format!("{}/x:1", policy.catalog.prefix).parse::<crate::model::Reference>();
    if let Err(error) = named {
        return senseless(&format!("catalog.prefix is no repository: {error}"));
    }
    Ok(policy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::policy::ScannerChoice;

    fn read(text: &str) -> Result<Policy, String> {
        super::parse(Path::new("policy.toml"), text).map_err(|e| e.to_string())
    }

    #[test]
    fn an_empty_file_is_the_default_policy() {
        assert_eq!(read(""), Ok(Policy::default()));
    }

    #[test]
    fn one_key_changes_one_thing() {
        let policy = read("[scan]\nscanner = \"embedded\"\n").unwrap();
        assert_eq!(policy.scan.scanner, ScannerChoice::Embedded);
        assert_eq!(policy.limits, Policy::default().limits);
    }

    #[test]
    fn a_wrong_key_is_named_with_its_line() {
        let error = read("[limits]\nmemory = 3\n").unwrap_err();
        assert!(
            error.contains("line 2") && error.contains("memory"),
            "{error}"
        );
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for text in [
            "[limits]\ncpus = 0.0",
            "[limits]\ncpus = nan",
            "[limits]\ntime_seconds = 0",
            "[catalog]\nprefix = \"NOT A NAME\"",
            "[limits]\nmemory_bytes = -1",
            "limits = 3",
            "[network]\nconnections = 0",
            "[network]\nprivate_addresses = [\"0.0.0.0/0\"]",
            "[network.addresses]\n\"a.example\" = []",
            "[network.groups.npm]\nhosts = [\"a.example\"]",
            "[network.groups.npm]\nhosts = []\nreason = \"r\"",
            "[network.groups.npm]\nhosts = [\"a.example\"]\nreason = \" \"",
            "[network.groups.NPM]\nhosts = [\"a.example\"]\nreason = \"r\"",
            "[bases.approved]\n\"NOT A NAME\" = \"x\"",
            "[review]\napprovals = 0",
            "[lint.rules.NET01]\nseverity = \"warn\"",
            "[lint.rules.NET01]\nseverity = \"warn\"\nreason = \" \"",
            "[lint.rules.NET01]\nseverity = \"loud\"\nreason = \"r\"",
            "[lint.rules.NET01]\nseverity = \"warn\"\nreason = \"r\"\nuntil = \"soon\"",
            "[lint.rules.PARSE]\nseverity = \"off\"\nreason = \"r\"",
            "[[example]]\nname = \"x\"\ndockerfile = \"FROM x\"\nexpect = \"fine\"",
            "[build]\nsample_share = 1.5",
            "[build]\nsample_share = nan",
            "[build]\nreproduce = \"sometimes\"",
            "[build]\nreproduce = \"sample\"\nrequire_reproduced = true",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_host_that_cannot_be_granted_is_named_with_its_line() {
        for host in [
            "*",
            "*.example",
            "127.0.0.1",
            "a.example:443",
            "bücher.example",
        ] {
            let text = format!("[network.groups.npm]\nreason = \"r\"\nhosts = [\"{host}\"]\n");
            let error = read(&text).unwrap_err();
            assert!(
                error.starts_with("the policy policy.toml is wrong")
                    && error.contains("line 3")
                    && error.contains(host),
                "{error}"
            );
        }
    }

    #[test]
    fn groups_of_hosts_are_part_of_what_an_approval_binds() {
        let plain = read("").unwrap();
        let text = "[network.groups.npm]\nhosts = [\"a.example\"]\nreason = \"packages\"\n";
        let npm = read(text).unwrap();
        let more = read(&text.replace("]\nr", ", \"*.b.example\"]\nr")).unwrap();
        assert_eq!(npm.network.groups["npm"].hosts.len(), 1);
        assert_ne!(npm.digest(), plain.digest());
        assert_ne!(npm.digest(), more.digest());
    }

    #[test]
    fn what_is_as_it_always_was_leaves_the_digest_alone() {
        let plain = read("").unwrap();
        assert_eq!(
            read("[review]\napprovals = 1").unwrap().digest(),
            plain.digest()
        );
        let example = "[[example]]\nname = \"x\"\ndockerfile = \"FROM x\"\nexpect = \"blocked\"";
        assert_eq!(read(example).unwrap().digest(), plain.digest());
        let bases = read("[bases.approved]\n\"node\" = \"the web\"").unwrap();
        assert_ne!(bases.digest(), plain.digest());
        assert!(
            bases
                .bases
                .approved
                .unwrap()
                .contains_key(&"node:latest".parse().unwrap())
        );
        let two = read("[review]\napprovals = 2").unwrap();
        assert_ne!(two.digest(), plain.digest());
        assert_eq!((two.review.needed(false), two.review.needed(true)), (2, 2));
        let switch = "[lint.rules.HLT01]\nseverity = \"off\"\nreason = \"tools only\"\nuntil = \"2027-01-31\"";
        let switched = read(switch).unwrap();
        assert_ne!(switched.digest(), plain.digest());
        let then = |at: &str| switched.in_force(at.parse().unwrap()).digest();
        assert_eq!(then("2027-01-30T00:00:00Z"), switched.digest());
        assert_eq!(then("2027-01-31T00:00:00Z"), plain.digest());
        let switch = &switched.lint.rules["HLT01"];
        assert!(switch.counts("2027-01-30T23:59:59Z".parse().unwrap()));
        assert!(!switch.counts("2027-01-31T00:00:00Z".parse().unwrap()));
    }

    #[test]
    fn the_help_shows_the_defaults() {
        let help = include_str!("../../data/help/policy.md");
        let block = help
            .split("```toml\n")
            .nth(1)
            .and_then(|rest| rest.split("```").next());
        assert_eq!(read(block.unwrap()), Ok(Policy::default()));
    }

    #[test]
    fn a_named_file_has_to_be_there() {
        let paths = Paths::at("/nowhere");
        assert!(load(&paths, Some(Path::new("/nowhere/policy.toml"))).is_err());
        assert_eq!(load(&paths, None).unwrap(), Policy::default());
    }
}
