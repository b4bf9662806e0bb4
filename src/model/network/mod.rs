//! Which hosts a build may reach when a reviewer has granted it the network (R14, R15).
//!
//! The program ships no host: groups are named by the operator in `policy.toml`, and without a group nothing can be
//! granted.

mod block;
mod host;

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

pub use block::{Block, InvalidBlock};
pub use host::{HostName, HostPattern, InvalidHost};

use super::Digest;
use super::limits::GIB;

/// The longest name of a group.
const LONGEST_NAME: usize = 40;

/// What can be granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkPolicy {
    /// Connections of one build at the same time.
    pub connections: u32,
    /// What all connections of one build may carry together, both ways, in bytes.
    pub bytes: u64,
    /// Private addresses that allowed names may resolve to: an in-house mirror's. Without, none may.
    pub private_addresses: Vec<Block>,
    /// Where a name is, instead of asking the resolver.
    pub addresses: BTreeMap<HostName, Vec<IpAddr>>,
    /// Hosts by the name under which they are granted.
    pub groups: BTreeMap<String, Group>,
}

impl Default for NetworkPolicy {
    fn default() -> Self {
        Self {
            connections: 64,
            bytes: 2 * GIB,
            private_addresses: Vec::new(),
            addresses: BTreeMap::new(),
            groups: BTreeMap::new(),
        }
    }
}

/// Hosts that are granted together. Always HTTPS on port 443.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Exact names, or `*.suffix` for every name below one.
    pub hosts: Vec<HostPattern>,
    /// What they are for: reviewers read it.
    pub reason: String,
}

/// What one granted build may reach. Everything that decides about a connection is in here, so that its digest tells
/// one grant from another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// Whose grant it is: the approval's hash, or `local` for a build without a submission.
    pub grant: String,
    /// The groups, sorted.
    pub groups: Vec<String>,
    /// Their hosts, sorted.
    pub hosts: Vec<HostPattern>,
    /// As in [`NetworkPolicy`].
    pub private_addresses: Vec<Block>,
    /// As in [`NetworkPolicy`].
    pub addresses: BTreeMap<HostName, Vec<IpAddr>>,
    /// As in [`NetworkPolicy`].
    pub connections: u32,
    /// As in [`NetworkPolicy`].
    pub bytes: u64,
}

/// A group that the policy does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the policy has no network group `{name}` ({})", listed(.known))]
pub struct UnknownGroup {
    /// Which.
    pub name: String,
    /// Those that it has.
    pub known: Vec<String>,
}

fn listed(groups: &[String]) -> String {
    if groups.is_empty() {
        "it has none: an operator names hosts under [network.groups.NAME]".to_owned()
    } else {
        format!("it has {}", groups.join(", "))
    }
}

impl NetworkPolicy {
    /// What a grant of `groups` allows.
    ///
    /// # Errors
    /// If there is no such group.
    pub fn allow(&self, groups: &[String], grant: &str) -> Result<Allowance, UnknownGroup> {
        let mut groups = groups.to_vec();
        groups.sort();
        groups.dedup();
        let mut hosts = Vec::new();
        for name in &groups {
            let group = self.groups.get(name).ok_or_else(|| UnknownGroup {
                name: name.clone(),
                known: self.groups.keys().cloned().collect(),
            })?;
            hosts.extend(group.hosts.iter().cloned());
        }
        hosts.sort();
        hosts.dedup();
        Ok(Allowance {
            grant: grant.to_owned(),
            groups,
            hosts,
            private_addresses: self.private_addresses.clone(),
            addresses: self.addresses.clone(),
            connections: self.connections,
            bytes: self.bytes,
        })
    }

    /// Whether it makes sense.
    ///
    /// # Errors
    /// The key at fault, and why.
    pub fn check(&self) -> Result<(), String> {
        for (key, value) in [
            ("network.connections", u64::from(self.connections)),
            ("network.bytes", self.bytes),
        ] {
            if value == 0 {
                return Err(format!("{key} has to be above 0"));
            }
        }
        for (name, group) in &self.groups {
            let key = format!("network.groups.{name}");
            let plain = name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            if !plain || name.is_empty() || name.len() > LONGEST_NAME {
                return Err(format!(
                    "{key} is no name for a group: use up to {LONGEST_NAME} lower-case letters, digits and hyphens"
                ));
            }
            if group.hosts.is_empty() {
                return Err(format!("{key}.hosts is empty: name at least one host"));
            }
            if group.reason.trim().is_empty() {
                return Err(format!("{key}.reason is empty: say what the hosts are for"));
            }
        }
        for (host, addresses) in &self.addresses {
            if addresses.is_empty() {
                return Err(format!("network.addresses.{host} names no address"));
            }
        }
        Ok(())
    }
}

impl Allowance {
    /// Whether a host may be reached.
    pub fn allows(&self, host: &HostName) -> bool {
        self.hosts.iter().any(|pattern| pattern.matches(host))
    }

    /// Whether a private address may be connected to.
    pub fn allows_private(&self, address: IpAddr) -> bool {
        self.private_addresses
            .iter()
            .any(|block| block.contains(address))
    }

    /// The digest of all of it, over its JSON.
    pub fn digest(&self) -> Digest {
        // Numbers, strings and maps with strings for keys: this can't fail.
        Digest::of(serde_json::to_vec(self).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> NetworkPolicy {
        let group = |hosts: &[&str]| Group {
            hosts: hosts.iter().map(|h| h.parse().unwrap()).collect(),
            reason: "packages".into(),
        };
        NetworkPolicy {
            groups: [
                ("npm".to_owned(), group(&["registry.example"])),
                (
                    "pypi".to_owned(),
                    group(&["index.example", "*.files.example"]),
                ),
            ]
            .into(),
            ..NetworkPolicy::default()
        }
    }

    #[test]
    fn a_grant_allows_the_hosts_of_its_groups_and_no_others() {
        let allowed = policy().allow(&["pypi".into()], "local").unwrap();
        for (host, is) in [
            ("index.example", true),
            ("a.files.example", true),
            ("files.example", false),
            ("registry.example", false),
        ] {
            assert_eq!(allowed.allows(&host.parse().unwrap()), is, "{host}");
        }
    }

    #[test]
    fn two_grants_are_never_the_same() {
        let both = ["pypi".to_owned(), "npm".to_owned(), "npm".to_owned()];
        let one = policy().allow(&both, "sha256:1").unwrap();
        assert_eq!(one.groups, ["npm", "pypi"]);
        assert_ne!(
            one.digest(),
            policy().allow(&both, "sha256:2").unwrap().digest()
        );
        assert_ne!(
            one.digest(),
            policy().allow(&both[..1], "sha256:1").unwrap().digest()
        );
    }

    #[test]
    fn a_group_that_is_not_there_is_named_with_those_that_are() {
        let error = policy().allow(&["pip".into()], "local").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the policy has no network group `pip` (it has npm, pypi)"
        );
        let none = NetworkPolicy::default().allow(&["npm".into()], "local");
        assert!(none.unwrap_err().to_string().contains("it has none"));
    }
}
