//! Refusals as they pass the loopback: which packets matter, and what they say.
//!
//! Raw sockets hear them, one for each protocol. A packet socket would hear all of them, but to close one the kernel
//! waits until every processor has looked elsewhere, which takes longer than a small step.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libc::sock_filter;
use rustix::net::{AddressFamily, Protocol, ipproto};
use serde::{Deserialize, Serialize};

const TCP: u8 = 6;
const UDP: u8 = 17;
/// RST and ACK together: the answer to a connection that nobody takes.
const REFUSAL: u8 = 0x14;
/// ICMPv6: the destination can't be reached, because nobody listens on the port. What follows the first eight bytes is
/// the packet that was refused.
const NO_PORT: [u8; 2] = [1, 4];
const QUOTED: usize = 8;
/// A question for a name; those are answered.
const NAMES: u16 = 53;

/// What one raw socket hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ear {
    /// TCP over IPv4; a packet begins with its IP header.
    Tcp4,
    /// UDP over IPv4, likewise.
    Udp4,
    /// TCP over IPv6; a packet begins with its TCP header, and the sender is told beside it.
    Tcp6,
    /// The refusals of UDP over IPv6, which name the packet that was refused.
    Icmp6,
}

impl Ear {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Tcp4, Self::Udp4, Self::Tcp6, Self::Icmp6];

    /// The socket to make.
    pub const fn socket(self) -> (AddressFamily, Protocol) {
        match self {
            Self::Tcp4 => (AddressFamily::INET, ipproto::TCP),
            Self::Udp4 => (AddressFamily::INET, ipproto::UDP),
            Self::Tcp6 => (AddressFamily::INET6, ipproto::TCP),
            Self::Icmp6 => (AddressFamily::INET6, ipproto::ICMPV6),
        }
    }

    /// A program for the kernel that lets through only refused TCP connections, and UDP to elsewhere except for names.
    pub fn filter(self) -> Vec<sock_filter> {
        const LOAD_BYTE: u16 = 0x30;
        const LOAD_HALF: u16 = 0x28;
        const LOAD_BYTE_X: u16 = 0x50;
        const LOAD_HALF_X: u16 = 0x48;
        const LOAD_HEADER_LENGTH: u16 = 0xB1;
        const AND: u16 = 0x54;
        const EQUAL: u16 = 0x15;
        const RETURN: u16 = 0x06;
        let step = |code, k, jt, jf| sock_filter { code, jt, jf, k };
        let quoted = |at: usize| (QUOTED + at) as u32;
        let mut program = match self {
            Self::Tcp4 => vec![
                step(LOAD_HEADER_LENGTH, 0, 0, 0),
                step(LOAD_BYTE_X, 13, 0, 0),
                step(AND, REFUSAL.into(), 0, 0),
                step(EQUAL, REFUSAL.into(), 0, 3),
                step(LOAD_BYTE, 12, 0, 0),
                step(EQUAL, 127, 1, 0),
            ],
            Self::Udp4 => vec![
                step(LOAD_BYTE, 16, 0, 0),
                step(EQUAL, 127, 4, 0),
                step(LOAD_HEADER_LENGTH, 0, 0, 0),
                step(LOAD_HALF_X, 2, 0, 0),
                step(EQUAL, NAMES.into(), 1, 0),
            ],
            Self::Tcp6 => vec![
                step(LOAD_BYTE, 13, 0, 0),
                step(AND, REFUSAL.into(), 0, 0),
                step(EQUAL, REFUSAL.into(), 0, 1),
            ],
            Self::Icmp6 => vec![
                step(LOAD_HALF, 0, 0, 0),
                step(EQUAL, u16::from_be_bytes(NO_PORT).into(), 0, 5),
                step(LOAD_BYTE, quoted(6), 0, 0),
                step(EQUAL, UDP.into(), 0, 3),
                step(LOAD_HALF, quoted(40 + 2), 0, 0),
                step(EQUAL, NAMES.into(), 1, 0),
            ],
        };
        program.extend([step(RETURN, 128, 0, 0), step(RETURN, 0, 0, 0)]);
        program
    }

    /// Who was wanted, of a packet that came from `from`.
    pub fn parse(self, from: Option<IpAddr>, packet: &[u8]) -> Option<(IpAddr, u16)> {
        match self {
            Self::Tcp4 => {
                let (header, rest) = internet(packet, TCP)?;
                refusal(rest).map(|port| (address(header, 12), port))
            }
            Self::Udp4 => {
                let (header, rest) = internet(packet, UDP)?;
                datagram(rest).map(|port| (address(header, 16), port))
            }
            Self::Tcp6 => Some((from?, refusal(packet)?)),
            Self::Icmp6 => {
                let quoted = packet.strip_prefix(&NO_PORT)?.get(QUOTED - 2..)?;
                let (header, rest) = quoted.split_first_chunk::<40>()?;
                let wanted: &[u8; 16] = header.last_chunk()?;
                let port = datagram(rest).filter(|_| header[6] == UDP)?;
                Some((Ipv6Addr::from(*wanted).into(), port))
            }
        }
    }
}

/// The header of an IPv4 packet of this protocol, and what follows it.
fn internet(packet: &[u8], protocol: u8) -> Option<(&[u8; 20], &[u8])> {
    let header: &[u8; 20] = packet.first_chunk()?;
    let length = usize::from(header[0] & 15) * 4;
    let rest = packet.get(length.max(20)..)?;
    (header[0] >> 4 == 4 && header[9] == protocol).then_some((header, rest))
}

fn address(header: &[u8; 20], at: usize) -> IpAddr {
    Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3]).into()
}

fn port(header: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*header.get(at..)?.first_chunk()?))
}

/// The port that refused, if this TCP packet is the answer to a first one: its sequence number is 0. Another reset ends
/// a connection that existed.
fn refusal(segment: &[u8]) -> Option<u16> {
    let refuses = segment.get(13)? & REFUSAL == REFUSAL && segment.get(4..8)? == [0; 4];
    port(segment, 0).filter(|_| refuses)
}

/// The port that a UDP packet is for, but for questions for names.
fn datagram(header: &[u8]) -> Option<u16> {
    port(header, 2).filter(|port| *port != NAMES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::refuse::Refused;
    use crate::sandbox::refuse::names::tests::query;
    use proptest::prelude::*;

    fn refusal(from: [u8; 4], port: u16) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 40, 0, 0, 0, 0, 64, TCP, 0, 0];
        packet.extend(from);
        packet.extend(from);
        packet.extend(port.to_be_bytes());
        packet.extend([
            0x80, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x50, REFUSAL, 0, 0, 0, 0, 0, 0,
        ]);
        packet
    }

    /// The filter as the kernel would run it on a packet that comes in.
    fn passes(ear: Ear, packet: &[u8]) -> bool {
        let program = ear.filter();
        let (mut a, mut x, mut at) = (0_u32, 0_u32, 0_usize);
        let half = |at: usize| {
            packet
                .get(at..at + 2)
                .map(|b| u32::from(b[0]) << 8 | u32::from(b[1]))
        };
        loop {
            let step = program[at];
            at += 1;
            let index = step.k as usize;
            match step.code {
                0x28 => a = half(index).unwrap(),
                0x30 => a = packet[index].into(),
                0x50 => a = packet[x as usize + index].into(),
                0x48 => a = half(x as usize + index).unwrap(),
                0xB1 => x = u32::from(packet[index] & 15) * 4,
                0x54 => a &= step.k,
                0x15 => at += usize::from(if a == step.k { step.jt } else { step.jf }),
                0x06 => return step.k > 0,
                other => panic!("{other:#x}"),
            }
        }
    }

    #[test]
    fn a_refusal_names_who_was_asked_for() {
        let packet = refusal([9, 9, 9, 9], 443);
        assert!(passes(Ear::Tcp4, &packet));
        let wanted = Ear::Tcp4.parse(None, &packet);
        assert_eq!(wanted, Some(("9.9.9.9".parse().unwrap(), 443)));
        assert!(!passes(Ear::Tcp4, &refusal([127, 0, 0, 1], 443)));
    }

    #[test]
    fn an_accepted_connection_does_not_pass() {
        let mut packet = refusal([9, 9, 9, 9], 443);
        packet[33] = 0x12;
        assert!(!passes(Ear::Tcp4, &packet));
        assert_eq!(Ear::Tcp4.parse(None, &packet), None);
        assert!(!passes(Ear::Tcp6, &packet[20..]));
    }

    #[test]
    fn ipv6_and_udp_pass_but_questions_for_names_do_not() {
        let host: IpAddr = "2001:db8::1".parse().unwrap();
        let packet = refusal([9, 9, 9, 9], 80);
        assert!(passes(Ear::Tcp6, &packet[20..]));
        let wanted = Ear::Tcp6.parse(Some(host), &packet[20..]);
        assert_eq!(wanted, Some((host, 80)));
        assert_eq!(Ear::Tcp6.parse(None, &packet[20..]), None);

        let mut udp = packet;
        udp[9] = UDP;
        udp[22..24].copy_from_slice(&123_u16.to_be_bytes());
        assert!(passes(Ear::Udp4, &udp));
        let wanted = Ear::Udp4.parse(None, &udp);
        assert_eq!(wanted, Some(("9.9.9.9".parse().unwrap(), 123)));
        udp[22..24].copy_from_slice(&53_u16.to_be_bytes());
        assert!(!passes(Ear::Udp4, &udp));
        assert_eq!(Ear::Udp4.parse(None, &udp), None);
    }

    #[test]
    fn udp_over_ipv6_is_known_by_what_its_refusal_quotes() {
        let mut told = vec![1, 4, 0, 0, 0, 0, 0, 0];
        told.extend([0x60, 0, 0, 0, 0, 8, UDP, 64]);
        told.extend([0; 16]);
        told.extend("2001:db8::1".parse::<Ipv6Addr>().unwrap().octets());
        told.extend([0x80, 0, 0, 123, 0, 8, 0, 0]);
        assert!(passes(Ear::Icmp6, &told));
        let wanted = Ear::Icmp6.parse(None, &told);
        assert_eq!(wanted, Some(("2001:db8::1".parse().unwrap(), 123)));
        let mut names = told.clone();
        names[51] = 53;
        assert!(!passes(Ear::Icmp6, &names));
        let mut tcp = told.clone();
        tcp[14] = TCP;
        assert!(!passes(Ear::Icmp6, &tcp));
        assert_eq!(Ear::Icmp6.parse(None, &tcp), None);
        told[1] = 0;
        assert!(!passes(Ear::Icmp6, &told));
    }

    #[test]
    fn each_host_is_news_once_and_by_its_name() {
        let mut refused = Refused::default();
        let (answer, told) = refused.question(&query("example.org", 1), true, true);
        let answer = answer.unwrap();
        assert_eq!(told, None);
        let address: [u8; 4] = answer[answer.len() - 4..].try_into().unwrap();
        assert_eq!(
            refused.packet(Ear::Tcp4, None, &refusal(address, 443)),
            Some("example.org".into())
        );
        assert_eq!(refused.packet(Ear::Tcp4, None, &refusal(address, 80)), None);
        assert_eq!(
            refused.packet(Ear::Tcp4, None, &refusal([9, 9, 9, 9], 80)),
            Some("9.9.9.9:80".into())
        );
        assert_eq!(refused.into_hosts(), ["example.org", "9.9.9.9:80"]);
    }

    #[test]
    fn where_refusals_are_not_seen_questions_count() {
        let mut refused = Refused::default();
        assert_eq!(
            refused.question(&query("example.org", 1), true, false).1,
            Some("example.org".into())
        );
        assert_eq!(
            refused.question(&query("localhost", 1), true, false).1,
            None
        );
    }

    proptest! {
        #[test]
        fn no_packet_does_harm(packet: Vec<u8>) {
            for ear in Ear::ALL {
                ear.parse(None, &packet);
                Refused::default().packet(ear, Some(Ipv6Addr::UNSPECIFIED.into()), &packet);
            }
        }
    }
}
