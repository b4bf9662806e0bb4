//! A resolver that knows every name: it answers with an address of a range that is nobody's (RFC 2544, RFC 5180), one
//! a name, so that the connection that follows tells which name was meant.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Types of questions.
const A: u16 = 1;
const AAAA: u16 = 28;
/// The most names that get an address of their own.
const MOST: usize = 16_384;
/// 198.18.0.0/15.
const V4: u32 = 0xC612_0000;
/// 2001:2::/48.
const V6: u128 = 0x2001_0002 << 96;

/// A question, as far as it was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// In lower case, without the last dot.
    pub name: String,
    /// What was asked for.
    pub kind: u16,
    /// Where the question ends in the packet.
    end: usize,
}

impl Question {
    /// Whether it asks where the name is.
    pub const fn is_for_an_address(&self) -> bool {
        matches!(self.kind, A | AAAA)
    }
}

/// Reads a query with one question.
pub fn parse(packet: &[u8]) -> Option<Question> {
    let header: &[u8; 12] = packet.first_chunk()?;
    // A query (not an answer) of the ordinary kind, with one question.
    if header[2] & 0xF8 != 0 || header[4..6] != [0, 1] {
        return None;
    }
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*packet.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        // Compression has no place in a question.
        if length > 63 || at - 12 > 254 {
            return None;
        }
        let label = packet.get(at..at + length)?;
        if !label
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
        {
            return None;
        }
        labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes(*packet.get(at..)?.first_chunk()?);
    let class = u16::from_be_bytes(*packet.get(at + 2..)?.first_chunk()?);
    (class == 1).then(|| Question {
        name: labels.join("."),
        kind,
        end: at + 4,
    })
}

/// Whether a name is this machine's own.
pub fn is_local(name: &str) -> bool {
    name.is_empty()
        || name == "localhost"
        || name.ends_with(".localhost")
        || name.ends_with(".arpa")
}

/// Which address stands for which name.
#[derive(Debug, Default)]
pub struct Book {
    numbers: HashMap<String, u32>,
    names: Vec<String>,
}

impl Book {
    /// The answer to a question that came in `packet`.
    pub fn answer(&mut self, question: &Question, packet: &[u8], v6: bool) -> Vec<u8> {
        let own = question.name == "localhost" || question.name.ends_with(".localhost");
        let address: Option<Vec<u8>> = match question.kind {
            A if own => Some(Ipv4Addr::LOCALHOST.octets().into()),
            AAAA if own => Some(Ipv6Addr::LOCALHOST.octets().into()),
            _ if is_local(&question.name) => None,
            A => Some(
                Ipv4Addr::from(V4 | self.number(&question.name))
                    .octets()
                    .into(),
            ),
            AAAA if v6 => Some(
                Ipv6Addr::from(V6 | u128::from(self.number(&question.name)))
                    .octets()
                    .into(),
            ),
            _ => None,
        };
        // An answer, with authority, recursion as asked and available. "No such name" only where we are asked who an
        // address belongs to; else "no such record".
        let code = if question.name.ends_with(".arpa") {
            3
        } else {
            0
        };
        let mut answer = Vec::with_capacity(question.end + 28);
        answer.extend(packet.get(..2).unwrap_or(&[0, 0]));
        answer.extend([0x84 | (packet.get(2).unwrap_or(&0) & 1), 0x80 | code]);
        answer.extend([0, 1, 0, u8::from(address.is_some()), 0, 0, 0, 0]);
        answer.extend(packet.get(12..question.end).unwrap_or_default());
        if let Some(address) = address {
            // The name of the question, its type, class IN, one minute.
            answer.extend([0xC0, 12]);
            answer.extend(question.kind.to_be_bytes());
            answer.extend([0, 1, 0, 0, 0, 60, 0, address.len() as u8]);
            answer.extend(address);
        }
        answer
    }

    /// A name's number, from 1; 0 for all that come too late.
    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        if self.names.len() >= MOST {
            return 0;
        }
        self.names.push(name.to_owned());
        let number = self.names.len() as u32;
        self.numbers.insert(name.to_owned(), number);
        number
    }

    /// The name that an address stands for.
    pub fn name(&self, address: IpAddr) -> Option<&str> {
        let number = match address {
            IpAddr::V4(v4) => u32::from(v4).checked_sub(V4),
            IpAddr::V6(v6) => u128::from(v6)
                .checked_sub(V6)
                .and_then(|number| u32::try_from(number).ok()),
        }?;
        self.names
            .get((number as usize).checked_sub(1)?)
            .map(String::as_str)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub fn query(name: &str, kind: u16) -> Vec<u8> {
        let mut packet = vec![0xAB, 0xCD, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.').filter(|label| !label.is_empty()) {
            packet.push(label.len() as u8);
            packet.extend(label.as_bytes());
        }
        packet.push(0);
        packet.extend(kind.to_be_bytes());
        packet.extend([0, 1]);
        packet
    }

    #[test]
    fn a_name_gets_one_address_and_is_known_by_it() {
        let mut book = Book::default();
        let ask = |book: &mut Book, name: &str, kind| {
            let packet = query(name, kind);
            let question = parse(&packet).unwrap();
            book.answer(&question, &packet, true)
        };
        let first = ask(&mut book, "Example.org", A);
        assert_eq!(first[..2], [0xAB, 0xCD]);
        assert_eq!(first[7], 1);
        assert_eq!(first[first.len() - 4..], [198, 18, 0, 1]);
        assert_eq!(ask(&mut book, "example.org", A), {
            let mut same = first.clone();
            same[13] = b'e';
            same
        });
        let other = ask(&mut book, "other.test", AAAA);
        let v6: [u8; 16] = other[other.len() - 16..].try_into().unwrap();
        assert_eq!(book.name(IpAddr::from(v6)), Some("other.test"));
        assert_eq!(
            book.name("198.18.0.1".parse().unwrap()),
            Some("example.org")
        );
        assert_eq!(book.name("198.18.0.0".parse().unwrap()), None);
        assert_eq!(book.name("9.9.9.9".parse().unwrap()), None);
    }

    #[test]
    fn localhost_is_here() {
        let packet = query("localhost", A);
        let answer = Book::default().answer(&parse(&packet).unwrap(), &packet, false);
        assert_eq!(answer[answer.len() - 4..], [127, 0, 0, 1]);
    }

    #[test]
    fn other_questions_have_no_answer() {
        for (name, kind, code) in [
            ("example.org", 33, 0),
            ("1.0.0.127.in-addr.arpa", 12, 3),
            ("v6.test", AAAA, 0),
        ] {
            let packet = query(name, kind);
            let answer = Book::default().answer(&parse(&packet).unwrap(), &packet, false);
            assert_eq!((answer[3] & 15, answer[7]), (code, 0), "{name}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_comes_in_does_harm(packet: Vec<u8>) {
            if let Some(question) = parse(&packet) {
                Book::default().answer(&question, &packet, true);
            }
        }

        #[test]
        fn every_name_is_read_as_written(name in "[a-z0-9-]{1,20}(\\.[a-z0-9_]{1,20}){0,5}", kind: u16) {
            let packet = query(&name, kind);
            let question = parse(&packet).unwrap();
            prop_assert_eq!(question.name, name);
            prop_assert_eq!(question.kind, kind);
        }
    }
}
