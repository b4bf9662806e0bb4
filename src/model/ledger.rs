//! What a granted build said over the network: one entry a connection (R14).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Timestamp;

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
