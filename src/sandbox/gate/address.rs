//! Which addresses a granted name may lead to: those of the public internet, and what the policy says beside them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::network::Allowance;

/// Whether the gate connects to an address.
///
/// # Errors
/// What kind of address it is, in words that go behind "resolves to".
pub fn check(address: IpAddr, allowance: &Allowance) -> Result<(), &'static str> {
    if allowance.allows_private(address) {
        return Ok(());
    }
    match address {
        IpAddr::V4(v4) => public_v4(v4),
        IpAddr::V6(v6) => public_v6(v6),
    }
}

/// RFC 6890 and its updates.
const fn public_v4(address: Ipv4Addr) -> Result<(), &'static str> {
    Err(match address.octets() {
        [0, ..] => "an address of this network",
        [127, ..] => "a loopback address",
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => "a private address",
        [100, 64..=127, ..] => "an address shared by a carrier",
        [169, 254, ..] => "a link-local address",
        [224..=239, ..] => "a multicast address",
        [240..=255, ..] => "a reserved address",
        [192, 0, 0 | 2, _] | [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => {
            "an address for tests and documents"
        }
        [192, 88, 99, _] => "a relay's address",
        _ => return Ok(()),
    })
}

/// Only global unicast, and none that carries an IPv4 address to be reached by another way.
const fn public_v6(address: Ipv6Addr) -> Result<(), &'static str> {
    Err(match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => "an address of this network",
        [0, 0, 0, 0, 0, 0, 0, 1] => "a loopback address",
        [0, 0, 0, 0, 0, 0xFFFF, ..] => "an IPv4 address in IPv6",
        [0xFC00..=0xFDFF, ..] => "a private address",
        [0xFE80..=0xFEBF, ..] => "a link-local address",
        [0xFF00..=0xFFFF, ..] => "a multicast address",
        // 6to4, Teredo, and what is left of 2001::/23.
        [0x2002, ..] | [0x2001, 0x0..=0x1FF, ..] => "an IPv4 address in IPv6",
        [0x2001, 0xDB8, ..] | [0x3FFF, 0x0..=0xFFF, ..] => "an address for tests and documents",
        [0x2000..=0x3FFF, ..] => return Ok(()),
        _ => "a reserved address",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::network::NetworkPolicy;

    fn allowance(blocks: &[&str]) -> Allowance {
        let policy = NetworkPolicy {
            private_addresses: blocks.iter().map(|b| b.parse().unwrap()).collect(),
            ..NetworkPolicy::default()
        };
        policy.allow(&[], "local").unwrap()
    }

    #[test]
    fn only_public_addresses_are_reached() {
        for address in [
            "9.9.9.9",
            "198.20.0.1",
            "172.32.0.1",
            "2620:fe::fe",
            "2a00:1450::1",
        ] {
            assert_eq!(
                check(address.parse().unwrap(), &allowance(&[])),
                Ok(()),
                "{address}"
            );
        }
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "192.88.99.1",
            "::",
            "::1",
            "::ffff:9.9.9.9",
            "::9.9.9.9",
            "64:ff9b::9.9.9.9",
            "64:ff9b:1::1",
            "100::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "2001:10::1",
            "2001:db8::1",
            "2002:a00:1::",
            "3fff::1",
            "4000::1",
        ] {
            assert!(
                check(address.parse().unwrap(), &allowance(&[])).is_err(),
                "{address}"
            );
        }
    }

    #[test]
    fn a_policy_can_name_private_ones() {
        let allowed = allowance(&["10.1.0.0/16", "fd00::/8"]);
        for (address, is) in [
            ("10.1.2.3", true),
            ("10.2.2.3", false),
            ("fd00::1", true),
            ("::ffff:10.1.2.3", false),
        ] {
            assert_eq!(
                check(address.parse().unwrap(), &allowed).is_ok(),
                is,
                "{address}"
            );
        }
    }
}
