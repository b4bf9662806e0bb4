//! Refusals as they pass the loopback: which packets matter, and what they say.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libc::sock_filter;

const TCP: u8 = 6;
const UDP: u8 = 17;
/// RST and ACK together: the answer to a connection that nobody takes.
const REFUSAL: u8 = 0x14;

/// A program for the kernel that lets through only refused TCP connections, and UDP to elsewhere except for names.
/// Each packet begins at its network header.
pub fn filter() -> Vec<sock_filter> {
    const LOAD_BYTE: u16 = 0x30;
    const LOAD_HALF: u16 = 0x28;
    const LOAD_BYTE_X: u16 = 0x50;
    const LOAD_HALF_X: u16 = 0x48;
    const LOAD_HEADER_LENGTH: u16 = 0xB1;
    const AND: u16 = 0x54;
    const EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    const ANCILLARY: u32 = 0xFFFF_F000;
    const PROTOCOL: u32 = ANCILLARY;
    const DIRECTION: u32 = ANCILLARY + 4;
    const OUTGOING: u32 = 4;
    let step = |code, k, jt, jf| sock_filter { code, jt, jf, k };
    vec![
        // Each packet is seen on its way out and on its way in; once is enough.
        step(LOAD_HALF, DIRECTION, 0, 0),
        step(EQUAL, OUTGOING, 29, 0),
        step(LOAD_HALF, PROTOCOL, 0, 0),
        step(EQUAL, 0x0800, 1, 0),
        step(EQUAL, 0x86DD, 17, 26),
        // 5: IPv4.
        step(LOAD_HEADER_LENGTH, 0, 0, 0),
        step(LOAD_BYTE, 9, 0, 0),
        step(EQUAL, TCP as u32, 0, 6),
        step(LOAD_BYTE_X, 13, 0, 0),
        step(AND, REFUSAL as u32, 0, 0),
        step(EQUAL, REFUSAL as u32, 0, 20),
        step(LOAD_BYTE, 12, 0, 0),
        step(EQUAL, 127, 18, 0),
        step(RETURN, 128, 0, 0),
        // 14: UDP.
        step(EQUAL, UDP as u32, 0, 16),
        step(LOAD_BYTE, 16, 0, 0),
        step(EQUAL, 127, 14, 0),
        step(LOAD_HALF_X, 2, 0, 0),
        step(EQUAL, 53, 12, 0),
        step(RETURN, 128, 0, 0),
        step(RETURN, 0, 0, 0),
        step(RETURN, 0, 0, 0),
        // 22: IPv6.
        step(LOAD_BYTE, 6, 0, 0),
        step(EQUAL, TCP as u32, 0, 4),
        step(LOAD_BYTE, 40 + 13, 0, 0),
        step(AND, REFUSAL as u32, 0, 0),
        step(EQUAL, REFUSAL as u32, 0, 4),
        step(RETURN, 128, 0, 0),
        step(EQUAL, UDP as u32, 0, 2),
        step(LOAD_HALF, 40 + 2, 0, 0),
        step(EQUAL, 53, 0, 1),
        // 31
        step(RETURN, 0, 0, 0),
        step(RETURN, 128, 0, 0),
    ]
}

/// Who was wanted: the sender of a refusal, the receiver of anything else.
pub fn parse(packet: &[u8]) -> Option<(IpAddr, u16)> {
    let (protocol, source, target, rest): (u8, IpAddr, IpAddr, &[u8]) = match packet.first()? >> 4 {
        4 => {
            let header: &[u8; 20] = packet.first_chunk()?;
            let address = |at: usize| {
                Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3]).into()
            };
            let length = usize::from(header[0] & 15) * 4;
            (
                header[9],
                address(12),
                address(16),
                packet.get(length.max(20)..)?,
            )
        }
        6 => {
            let header: &[u8; 40] = packet.first_chunk()?;
            let address = |at: usize| -> Option<IpAddr> {
                header
                    .get(at..)?
                    .first_chunk::<16>()
                    .map(|bytes| Ipv6Addr::from(*bytes).into())
            };
            (header[6], address(8)?, address(24)?, &packet[40..])
        }
        _ => return None,
    };
    let port = |at: usize| Some(u16::from_be_bytes(*rest.get(at..)?.first_chunk()?));
    match protocol {
        // The sequence number of the answer to a first packet is 0; another reset ends a connection that existed.
        TCP if rest.get(13)? & REFUSAL == REFUSAL && rest.get(4..8)? == [0; 4] => {
            Some((source, port(0)?))
        }
        UDP if port(2)? != 53 => Some((target, port(2)?)),
        _ => None,
    }
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

    /// The filter as the kernel would run it on an IPv4 or IPv6 packet that comes in.
    fn passes(packet: &[u8]) -> bool {
        let program = filter();
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
                0x28 if step.k == 0xFFFF_F004 => a = 0,
                0x28 if step.k == 0xFFFF_F000 => {
                    a = if packet[0] >> 4 == 4 { 0x800 } else { 0x86DD }
                }
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
        assert!(passes(&packet));
        assert_eq!(parse(&packet), Some(("9.9.9.9".parse().unwrap(), 443)));
        assert!(!passes(&refusal([127, 0, 0, 1], 443)));
    }

    #[test]
    fn an_accepted_connection_does_not_pass() {
        let mut packet = refusal([9, 9, 9, 9], 443);
        packet[33] = 0x12;
        assert!(!passes(&packet));
        assert_eq!(parse(&packet), None);
    }

    #[test]
    fn ipv6_and_udp_pass_but_questions_for_names_do_not() {
        let mut v6 = vec![0x60, 0, 0, 0, 0, 20, TCP, 64];
        v6.extend("2001:db8::1".parse::<Ipv6Addr>().unwrap().octets());
        v6.extend([0; 16]);
        v6.extend(&refusal([0; 4], 80)[20..]);
        assert!(passes(&v6));
        assert_eq!(parse(&v6), Some(("2001:db8::1".parse().unwrap(), 80)));
        let mut udp = refusal([9, 9, 9, 9], 1);
        udp[9] = UDP;
        udp[22..24].copy_from_slice(&123_u16.to_be_bytes());
        assert!(passes(&udp));
        assert_eq!(parse(&udp), Some(("9.9.9.9".parse().unwrap(), 123)));
        udp[22..24].copy_from_slice(&53_u16.to_be_bytes());
        assert!(!passes(&udp));
        v6[6] = UDP;
        v6[42..44].copy_from_slice(&53_u16.to_be_bytes());
        assert!(!passes(&v6));
        v6[42..44].copy_from_slice(&54_u16.to_be_bytes());
        assert!(passes(&v6));
    }

    #[test]
    fn each_host_is_news_once_and_by_its_name() {
        let mut refused = Refused::default();
        let (answer, told) = refused.question(&query("example.org", 1), true, true);
        let answer = answer.unwrap();
        assert_eq!(told, None);
        let address: [u8; 4] = answer[answer.len() - 4..].try_into().unwrap();
        assert_eq!(
            refused.packet(&refusal(address, 443)),
            Some("example.org".into())
        );
        assert_eq!(refused.packet(&refusal(address, 80)), None);
        assert_eq!(
            refused.packet(&refusal([9, 9, 9, 9], 80)),
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
            parse(&packet);
            Refused::default().packet(&packet);
        }
    }
}
