//! What a granted build said over the network: one entry a connection (R14).

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::limits::MIB;
use super::{Digest, Timestamp};

/// What became of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Passage {
    /// Let through to its end.
    Allowed,
    /// Not let through.
    Refused,
    /// It would have been let through, but nobody answered.
    Failed,
    /// Let through, and ended by the gate.
    Cut,
}

impl Passage {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Allowed, Self::Refused, Self::Failed, Self::Cut];

    /// The word for it, as in the database and in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Cut => "cut",
        }
    }
}

/// One connection to the gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// The build's step, from 1.
    pub step: u32,
    /// Whom the step asked for, as it wrote it; empty where it named nobody. Visible ASCII.
    pub host: String,
    /// The port that it asked for; 0 where it named none.
    pub port: u16,
    /// The address that was connected to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// When the step came to the gate.
    pub started_at: Timestamp,
    /// Until its end, in milliseconds.
    pub took_ms: u64,
    /// Bytes to the host, behind the CONNECT.
    pub up: u64,
    /// Bytes from the host.
    pub down: u64,
    /// What became of it.
    pub verdict: Passage,
    /// Why, where it was not simply allowed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// A connection, with the attempt at the submission that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// From 1. An attempt whose worker died has entries and no closed ledger.
    pub attempt: u32,
    /// What was said.
    #[serde(flatten)]
    pub connection: Connection,
}

impl Connection {
    /// `host:port`, as far as they were named.
    pub fn target(&self) -> String {
        match (self.host.as_str(), self.port) {
            ("", _) => "nobody".to_owned(),
            (host, 0) => host.to_owned(),
            (host, port) => format!("{host}:{port}"),
        }
    }
}

/// What a build used of one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostUse {
    /// Its name, in lower case.
    pub host: String,
    /// Connections that were let through.
    pub connections: u64,
    /// Bytes to it.
    pub up: u64,
    /// Bytes from it.
    pub down: u64,
}

/// What a granted build used of the network, in all: the closing of its ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkUse {
    /// The attempt whose build it was, from 1.
    pub attempt: u32,
    /// The groups that were granted.
    pub groups: Vec<String>,
    /// The digest of the ledger: the JSON array of its connections.
    pub ledger: Digest,
    /// Connections in the ledger.
    pub connections: u64,
    /// Those that were not let through.
    pub refused: u64,
    /// Bytes out.
    pub up: u64,
    /// Bytes in.
    pub down: u64,
    /// Hosts that were reached, by name.
    pub hosts: Vec<HostUse>,
}

impl NetworkUse {
    /// Sums a ledger up.
    pub fn of(attempt: u32, groups: &[String], ledger: Digest, connections: &[Connection]) -> Self {
        let mut hosts: BTreeMap<String, HostUse> = BTreeMap::new();
        let mut refused = 0;
        for connection in connections {
            if !matches!(connection.verdict, Passage::Allowed | Passage::Cut) {
                refused += 1;
                continue;
            }
            let name = connection.host.trim_end_matches('.').to_ascii_lowercase();
            let host = hosts.entry(name.clone()).or_insert(HostUse {
                host: name,
                connections: 0,
                up: 0,
                down: 0,
            });
            host.connections += 1;
            host.up = host.up.saturating_add(connection.up);
            host.down = host.down.saturating_add(connection.down);
        }
        let hosts: Vec<HostUse> = hosts.into_values().collect();
        let sum = |of: fn(&HostUse) -> u64| hosts.iter().map(of).fold(0, u64::saturating_add);
        Self {
            attempt,
            groups: groups.to_vec(),
            ledger,
            connections: connections.len() as u64,
            refused,
            up: sum(|host| host.up),
            down: sum(|host| host.down),
            hosts,
        }
    }
}

/// How a build's use of a host differs from an earlier build's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The host.
    pub host: String,
    /// How.
    #[serde(flatten)]
    pub change: HostChange,
}

/// How.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "lowercase")]
pub enum HostChange {
    /// It was not reached before.
    New,
    /// It is not reached any more.
    Gone,
    /// Much more was carried: more than twice as much, and at least a mebibyte more.
    Grown {
        /// Bytes both ways, before.
        before: u64,
        /// And now.
        now: u64,
    },
}

/// What a reviewer should look at: hosts that are new, gone, or grown since `before`, by name.
pub fn differences(before: &[HostUse], now: &[HostUse]) -> Vec<Difference> {
    let all = |uses: &[HostUse]| -> BTreeMap<String, u64> {
        uses.iter()
            .map(|host| (host.host.clone(), host.up.saturating_add(host.down)))
            .collect()
    };
    let (before, now) = (all(before), all(now));
    let mut names: Vec<&String> = before.keys().chain(now.keys()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter_map(|host| {
            let change = match (before.get(host), now.get(host)) {
                (None, _) => HostChange::New,
                (_, None) => HostChange::Gone,
                (Some(before), Some(now)) => {
                    let grown = *now > before.saturating_mul(2) && now - before >= MIB;
                    grown.then_some(HostChange::Grown {
                        before: *before,
                        now: *now,
                    })?
                }
            };
            Some(Difference {
                host: host.clone(),
                change,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(host: &str, verdict: Passage, down: u64) -> Connection {
        Connection {
            step: 1,
            host: host.into(),
            port: 443,
            address: None,
            started_at: Timestamp::UNIX_EPOCH,
            took_ms: 1,
            up: 10,
            down,
            verdict,
            reason: String::new(),
        }
    }

    #[test]
    fn a_ledger_is_summed_up_by_host() {
        let all = [
            connection("B.example", Passage::Allowed, 1),
            connection("b.example", Passage::Cut, 2),
            connection("a.example", Passage::Allowed, 4),
            connection("evil.example", Passage::Refused, 0),
        ];
        let used = NetworkUse::of(1, &["g".into()], Digest::of("l"), &all);
        assert_eq!((used.connections, used.refused), (4, 1));
        assert_eq!((used.up, used.down), (30, 7));
        let hosts: Vec<_> = used
            .hosts
            .iter()
            .map(|h| (h.host.as_str(), h.down))
            .collect();
        assert_eq!(hosts, [("a.example", 4), ("b.example", 3)]);
    }

    #[test]
    fn a_reviewer_sees_hosts_that_are_new_gone_or_grown() {
        let uses = |all: &[(&str, u64)]| -> Vec<HostUse> {
            all.iter()
                .map(|(host, down)| HostUse {
                    host: (*host).into(),
                    connections: 1,
                    up: 0,
                    down: *down,
                })
                .collect()
        };
        let before = uses(&[("a", 5 * MIB), ("gone", 1), ("small", 1), ("some", 2 * MIB)]);
        let now = uses(&[("a", 20 * MIB), ("new", 1), ("small", 9), ("some", 4 * MIB)]);
        let found = differences(&before, &now);
        assert_eq!(
            found
                .iter()
                .map(|d| (d.host.as_str(), d.change))
                .collect::<Vec<_>>(),
            [
                (
                    "a",
                    HostChange::Grown {
                        before: 5 * MIB,
                        now: 20 * MIB
                    }
                ),
                ("gone", HostChange::Gone),
                ("new", HostChange::New),
            ]
        );
        assert_eq!(differences(&now, &now), []);
    }
}
