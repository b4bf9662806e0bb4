//! Blocks of private addresses, as `10.0.0.0/8`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A block of addresses that are private to a site (RFC 1918, RFC 4193, RFC 6598) or to this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Block {
    network: IpAddr,
    prefix: u8,
}

/// Why a text is no such block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no block of private addresses: {why}")]
pub struct InvalidBlock {
    /// The text, cut.
    pub text: String,
    /// Why.
    pub why: &'static str,
}

/// What may be named. Link-local addresses are left out: what answers there is the host's own (169.254.169.254).
const PRIVATE: [(IpAddr, u8); 7] = [
    (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), 12),
    (IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(100, 64, 0, 0)), 10),
    (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
    (IpAddr::V6(Ipv6Addr::new(0xFC00, 0, 0, 0, 0, 0, 0, 0)), 7),
    (IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
];

impl Block {
    /// Whether an address is in it. One that maps IPv4 into IPv6 never is.
    pub fn contains(&self, address: IpAddr) -> bool {
        within(address, self.network, self.prefix)
    }
}

/// Whether an address begins with the first `prefix` bits of `network`.
fn within(address: IpAddr, network: IpAddr, prefix: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let differs = u32::from(address) ^ u32::from(network);
            differs.leading_zeros() >= u32::from(prefix)
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let differs = u128::from(address) ^ u128::from(network);
            differs.leading_zeros() >= u32::from(prefix)
        }
        _ => false,
    }
}

impl FromStr for Block {
    type Err = InvalidBlock;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |why| InvalidBlock {
            text: text.chars().filter(|c| !c.is_control()).take(80).collect(),
            why,
        };
        let (network, prefix) = text
            .split_once('/')
            .ok_or_else(|| invalid("write ADDRESS/BITS, as in 10.0.0.0/8"))?;
        let network: IpAddr = network
            .parse()
            .map_err(|_| invalid("what stands before the slash is no address"))?;
        let bits = if network.is_ipv4() { 32 } else { 128 };
        let prefix: u8 = prefix
            .parse()
            .ok()
            .filter(|prefix| *prefix <= bits)
            .ok_or_else(|| invalid("what stands after the slash is no number of bits"))?;
        if !PRIVATE
            .iter()
            .any(|(all, least)| prefix >= *least && within(network, *all, *least))
        {
            return Err(invalid(
                "it has to lie in 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, 127.0.0.0/8, fc00::/7 or ::1/128",
            ));
        }
        Ok(Self { network, prefix })
    }
}

impl TryFrom<String> for Block {
    type Error = InvalidBlock;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Block> for String {
    fn from(block: Block) -> Self {
        block.to_string()
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_holds_what_begins_like_it() {
        for (block, address, is) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.1.2.3/32", "10.1.2.3", true),
            ("10.1.2.3/32", "10.1.2.4", false),
            ("fc00::/7", "fd00::1", true),
            ("fc00::/7", "fe80::1", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", false),
        ] {
            let block: Block = block.parse().unwrap();
            assert_eq!(
                block.contains(address.parse().unwrap()),
                is,
                "{block} {address}"
            );
        }
    }

    #[test]
    fn only_private_addresses_can_be_named() {
        for text in [
            "0.0.0.0/0",
            "::/0",
            "9.9.9.0/24",
            "10.0.0.0/7",
            "10.0.0.0",
            "10.0.0.0/33",
            "169.254.169.254/32",
            "224.0.0.0/4",
            "fe80::/10",
            "::ffff:10.0.0.0/104",
            "x/8",
        ] {
            assert!(text.parse::<Block>().is_err(), "{text}");
        }
    }
}
