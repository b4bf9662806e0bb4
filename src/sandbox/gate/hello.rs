//! Whom a TLS client greets: the server name in its ClientHello (RFC 8446, RFC 6066), read as it comes in, in as many
//! records as the client likes. Hostile input.

/// The longest ClientHello, in bytes. Ordinary ones have up to about two thousand.
const LONGEST: usize = 32 << 10;
/// The most records that one may come in.
const RECORDS: usize = 64;
/// The most in one record (RFC 8446, 5.1).
const LONGEST_RECORD: usize = 1 << 14;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const HOST_NAME: u8 = 0;
/// RFC 9849, and the draft before it.
const ENCRYPTED: [u16; 2] = [0xFE0D, 0xFFCE];

/// Why it is not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadHello {
    /// Something else than TLS.
    #[error("what follows CONNECT is not TLS")]
    NotTls,
    /// Longer, or in more pieces, than any client's.
    #[error("the ClientHello is too long")]
    TooLong,
    /// Its lengths do not add up.
    #[error("the ClientHello is malformed")]
    Malformed,
    /// No server name: who is greeted can't be told.
    #[error("the ClientHello names no server (no SNI)")]
    NoName,
    /// The real server name is encrypted.
    #[error("the ClientHello hides its server name (ECH)")]
    Encrypted,
}

/// A ClientHello in the making. Each byte is looked at once, however it comes.
#[derive(Debug, Default)]
pub struct Hello {
    raw: Vec<u8>,
    /// Where the next record begins in `raw`.
    at: usize,
    records: usize,
    /// What the records carry.
    message: Vec<u8>,
}

impl Hello {
    /// Takes more bytes; answers with the server name, in lower case, once the message is complete.
    ///
    /// # Errors
    /// As soon as it can't become a ClientHello with one readable server name.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<String>, BadHello> {
        self.raw.extend_from_slice(bytes);
        loop {
            let rest = self.raw.get(self.at..).unwrap_or_default();
            if rest.first().is_some_and(|kind| *kind != HANDSHAKE)
                || rest.get(1).is_some_and(|major| *major != 3)
            {
                return Err(BadHello::NotTls);
            }
            let Some(header) = rest.first_chunk::<5>() else {
                return Ok(None);
            };
            let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
            if length == 0 || length > LONGEST_RECORD {
                return Err(BadHello::Malformed);
            }
            let Some(part) = rest.get(5..5 + length) else {
                return Ok(None);
            };
            self.message.extend_from_slice(part);
            self.at += 5 + length;
            self.records += 1;
            let Some([kind, a, b, c]) = self.message.first_chunk::<4>().copied() else {
                if self.records >= RECORDS {
                    return Err(BadHello::TooLong);
                }
                continue;
            };
            if kind != CLIENT_HELLO {
                return Err(BadHello::NotTls);
            }
            let length = 4 + u32::from_be_bytes([0, a, b, c]) as usize;
            if length > LONGEST {
                return Err(BadHello::TooLong);
            }
            if self.message.len() == length {
                return server_name(&self.message[4..]).map(Some);
            }
            // Another handshake message has no place behind it (RFC 8446, 5.1).
            if self.message.len() > length {
                return Err(BadHello::Malformed);
            }
            if self.records >= RECORDS {
                return Err(BadHello::TooLong);
            }
        }
    }

    /// Everything that came in, also what stands behind the message.
    pub fn into_bytes(self) -> Vec<u8> {
        self.raw
    }
}

/// The parts of a message, one after the other.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], BadHello> {
        let (part, rest) = self.0.split_at_checked(length).ok_or(BadHello::Malformed)?;
        self.0 = rest;
        Ok(part)
    }

    fn byte(&mut self) -> Result<u8, BadHello> {
        Ok(self.take(1)?[0])
    }

    fn number(&mut self) -> Result<u16, BadHello> {
        let two = self.take(2)?;
        Ok(u16::from_be_bytes([two[0], two[1]]))
    }

    /// A part that carries its length in one byte.
    fn short(&mut self) -> Result<&'a [u8], BadHello> {
        let length = self.byte()?.into();
        self.take(length)
    }

    /// A part that carries its length in two bytes.
    fn long(&mut self) -> Result<Reader<'a>, BadHello> {
        let length = self.number()?.into();
        self.take(length).map(Reader)
    }

    const fn is_done(&self) -> bool {
        self.0.is_empty()
    }
}

fn server_name(body: &[u8]) -> Result<String, BadHello> {
    let mut body = Reader(body);
    // Version and random bytes, session, ciphers, compression.
    body.take(2 + 32)?;
    body.short()?;
    body.long()?;
    body.short()?;
    if body.is_done() {
        return Err(BadHello::NoName);
    }
    let mut extensions = body.long()?;
    if !body.is_done() {
        return Err(BadHello::Malformed);
    }
    let mut name = None;
    while !extensions.is_done() {
        let kind = extensions.number()?;
        let content = extensions.long()?;
        if ENCRYPTED.contains(&kind) {
            return Err(BadHello::Encrypted);
        }
        if kind == SERVER_NAME && name.replace(one_name(content)?).is_some() {
            return Err(BadHello::Malformed);
        }
    }
    name.ok_or(BadHello::NoName)
}

/// The one host name of the extension.
fn one_name(mut content: Reader<'_>) -> Result<String, BadHello> {
    let mut list = content.long()?;
    let kind = list.byte()?;
    let name = list.long()?.0;
    let plain = name
        .iter()
        .all(|b| b.is_ascii_alphanumeric() || b".-_".contains(b));
    if kind != HOST_NAME || !list.is_done() || !content.is_done() || name.is_empty() || !plain {
        return Err(BadHello::Malformed);
    }
    Ok(String::from_utf8_lossy(name).to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn long(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
    }

    fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &long(content)].concat()
    }

    fn sni(name: &str) -> Vec<u8> {
        let entry = [&[HOST_NAME][..], &long(name.as_bytes())].concat();
        extension(SERVER_NAME, &long(&entry))
    }

    /// A ClientHello message with these extensions.
    fn message(extensions: &[u8]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([0]);
        body.extend(long(&[0x13, 0x01]));
        body.extend([1, 0]);
        body.extend(long(extensions));
        let length = (body.len() as u32).to_be_bytes();
        [&[CLIENT_HELLO], &length[1..], &body].concat()
    }

    fn records(message: &[u8], size: usize) -> Vec<u8> {
        message
            .chunks(size)
            .flat_map(|part| [&[HANDSHAKE, 3, 1][..], &long(part)].concat())
            .collect()
    }

    fn read(bytes: &[u8]) -> Result<Option<String>, BadHello> {
        Hello::default().push(bytes)
    }

    #[test]
    fn the_server_name_is_read() {
        let extensions = [
            extension(43, &[2, 3, 4]),
            sni("Registry.Example"),
            extension(16, &[0]),
        ];
        let hello = records(&message(&extensions.concat()), 1 << 14);
        assert_eq!(read(&hello), Ok(Some("registry.example".into())));
        assert_eq!(read(&hello[..hello.len() - 1]), Ok(None));
    }

    #[test]
    fn what_follows_is_kept() {
        let mut hello = Hello::default();
        let bytes = [
            records(&message(&sni("a.example")), 100),
            vec![23, 3, 3, 0, 1, 9],
        ]
        .concat();
        assert!(hello.push(&bytes).unwrap().is_some());
        assert_eq!(hello.into_bytes(), bytes);
    }

    #[test]
    fn what_names_no_one_server_is_refused() {
        let two = [sni("a.example"), sni("b.example")].concat();
        let two_in_one = {
            let entry = [&[HOST_NAME][..], &long(b"a.example")].concat();
            extension(SERVER_NAME, &long(&[entry.clone(), entry].concat()))
        };
        let hidden = [sni("front.example"), extension(0xFE0D, &[0; 9])].concat();
        for (extensions, why) in [
            (vec![], BadHello::NoName),
            (extension(43, &[2, 3, 4]), BadHello::NoName),
            (two, BadHello::Malformed),
            (two_in_one, BadHello::Malformed),
            (sni(""), BadHello::Malformed),
            (sni("a\0.example"), BadHello::Malformed),
            (hidden, BadHello::Encrypted),
            (extension(0xFFCE, &[]), BadHello::Encrypted),
        ] {
            let hello = records(&message(&extensions), 1 << 14);
            assert_eq!(read(&hello), Err(why), "{extensions:?}");
        }
        let mut bare = message(&[]);
        bare.truncate(bare.len() - 2);
        bare[3] -= 2;
        assert_eq!(read(&records(&bare, 999)), Err(BadHello::NoName));
    }

    #[test]
    fn what_is_not_tls_is_refused_at_once() {
        for bytes in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"SSH-2.0-x\r\n",
            &[0x80, 0x2E, 1, 0, 2],
            &[HANDSHAKE, 2],
            &[HANDSHAKE, 3, 1, 0, 4, 2, 0, 0, 0],
        ] {
            assert_eq!(read(bytes), Err(BadHello::NotTls), "{bytes:?}");
        }
        assert_eq!(read(&[HANDSHAKE, 3, 1, 0, 0]), Err(BadHello::Malformed));
        assert_eq!(read(&[HANDSHAKE, 3, 1, 0x40, 1]), Err(BadHello::Malformed));
    }

    #[test]
    fn neither_length_nor_pieces_are_without_end() {
        let long = [HANDSHAKE, 3, 1, 0, 4, CLIENT_HELLO, 0, 0x80, 0];
        assert_eq!(read(&long), Err(BadHello::TooLong));
        let crumbs = records(&message(&sni("a.example")), 1);
        assert_eq!(read(&crumbs), Err(BadHello::TooLong));
        let slow = records(&[CLIENT_HELLO; 3], 1).repeat(30);
        assert_eq!(read(&slow), Err(BadHello::TooLong));
    }

    #[test]
    fn nothing_stands_behind_it_in_its_records() {
        let more = [message(&sni("a.example")), vec![CLIENT_HELLO, 0, 0, 0]].concat();
        assert_eq!(read(&records(&more, 999)), Err(BadHello::Malformed));
    }

    proptest! {
        #[test]
        fn nothing_that_comes_in_does_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&bytes);
            let _ = read(&[&[HANDSHAKE, 3, 1], &long(&bytes)[..]].concat());
            let _ = server_name(&bytes);
        }

        #[test]
        fn a_hello_that_was_cut_or_changed_does_no_harm(at in 0..150_usize, byte: u8, size in 4..200_usize) {
            let mut bytes = records(&message(&sni("registry.example")), size);
            let at = at.min(bytes.len() - 1);
            bytes[at] = byte;
            let _ = read(&bytes);
        }

        #[test]
        fn pieces_and_records_do_not_matter(
            name in "[a-z0-9.-]{1,60}", size in 4..300_usize, cuts in proptest::collection::vec(1..60_usize, 0..40),
        ) {
            let bytes = records(&message(&[extension(10, &[1; 40]), sni(&name)].concat()), size);
            let mut hello = Hello::default();
            let mut rest = bytes.as_slice();
            let mut found = None;
            for cut in cuts.into_iter().chain([usize::MAX]) {
                let (part, after) = rest.split_at(cut.min(rest.len()));
                rest = after;
                if let Some(name) = hello.push(part).unwrap() {
                    found = Some(name);
                    break;
                }
            }
            prop_assert_eq!(found, Some(name));
        }
    }
}
