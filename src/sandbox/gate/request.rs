//! What a step asks the gate for: the head of a request to a proxy (RFC 9110, RFC 9112). Hostile input.

/// The longest head, in bytes.
pub const LONGEST: usize = 8 << 10;
/// The longest method.
const LONGEST_METHOD: usize = 16;

/// A head, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Whether it is a CONNECT: the only one that can be let through.
    pub connect: bool,
    /// The host as it was written, visible ASCII; empty where none was named.
    pub host: String,
    /// The port; 0 where none can be told.
    pub port: u16,
    /// How many bytes the head has, with the empty line.
    pub length: usize,
}

/// Why bytes are no head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// Longer than [`LONGEST`].
    #[error("the request has no end within 8 KiB")]
    TooLong,
    /// Something else than HTTP.
    #[error("it is no HTTP request")]
    NotHttp,
    /// CONNECT without `host:port`.
    #[error("CONNECT does not name a host and a port")]
    NoAuthority,
}

/// Reads a head from the first bytes of a connection; `None` while it is not complete.
///
/// # Errors
/// As soon as it can't become one.
pub fn read(bytes: &[u8]) -> Result<Option<Request>, BadRequest> {
    let window = &bytes[..bytes.len().min(LONGEST)];
    let end = window.windows(4).position(|four| four == b"\r\n\r\n");
    // What is no text is no request: said at once, not after a wait for a line that never ends.
    if !window[..end.unwrap_or(window.len())]
        .iter()
        .all(|b| matches!(b, b'\t' | b'\r' | b'\n' | b' '..=b'~'))
        || !window.first().is_none_or(u8::is_ascii_uppercase)
    {
        return Err(BadRequest::NotHttp);
    }
    let Some(end) = end else {
        return if bytes.len() >= LONGEST {
            Err(BadRequest::TooLong)
        } else {
            Ok(None)
        };
    };
    let head = std::str::from_utf8(&window[..end]).map_err(|_| BadRequest::NotHttp)?;
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap_or_default();
    let fields: Vec<(&str, &str)> = lines
        .map(field)
        .collect::<Option<_>>()
        .ok_or(BadRequest::NotHttp)?;
    if line.contains(['\r', '\n', '\t']) {
        return Err(BadRequest::NotHttp);
    }
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some("HTTP/1.1" | "HTTP/1.0"), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(BadRequest::NotHttp);
    };
    if method.len() > LONGEST_METHOD || !method.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err(BadRequest::NotHttp);
    }
    let length = end + 4;
    if method == "CONNECT" {
        let (host, port) = authority(target).ok_or(BadRequest::NoAuthority)?;
        return Ok(Some(Request {
            connect: true,
            host,
            port,
            length,
        }));
    }
    // Refused in any case: who was wanted is for the ledger.
    let named = match target.split_once("://") {
        Some((_, rest)) => rest.split(['/', '?', '#']).next().unwrap_or_default(),
        None => fields
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("host"))
            .map_or("", |(_, value)| value),
    };
    let named = named.rsplit('@').next().unwrap_or_default();
    // It is told to people: a tab would move what stands behind it.
    if named.contains(['\t', ' ']) {
        return Err(BadRequest::NotHttp);
    }
    let (host, port) = authority(named).unwrap_or_else(|| (named.to_owned(), 80));
    Ok(Some(Request {
        connect: false,
        host,
        port,
        length,
    }))
}

/// A field's name and value.
fn field(line: &str) -> Option<(&str, &str)> {
    if line.contains(['\r', '\n']) {
        return None;
    }
    let (name, value) = line.split_once(':')?;
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    (!name.is_empty() && name.bytes().all(token)).then(|| (name, value.trim()))
}

/// `host:port`.
fn authority(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let port = port.parse().ok().filter(|port| digits && *port != 0)?;
    (!host.is_empty() && !host.contains('@')).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asked(text: &str) -> Result<Option<Request>, BadRequest> {
        read(text.as_bytes())
    }

    #[test]
    fn a_connect_names_host_and_port() {
        let text = "CONNECT registry.example:443 HTTP/1.1\r\nHost: other.example:443\r\nProxy-Connection: keep-alive\r\n\r\n\u{16}\u{3}";
        let request = asked(text).unwrap().unwrap();
        assert_eq!(
            (request.connect, request.host.as_str(), request.port),
            (true, "registry.example", 443)
        );
        assert_eq!(&text[request.length..], "\u{16}\u{3}");
        let v6 = asked("CONNECT [::1]:443 HTTP/1.1\r\n\r\n")
            .unwrap()
            .unwrap();
        assert_eq!(v6.host, "[::1]");
    }

    #[test]
    fn a_host_with_a_tab_or_a_space_in_it_is_none() {
        for host in ["a\tb", "a b", "a@b \tc", "a\t:80"] {
            let text = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
            assert_eq!(asked(&text), Err(BadRequest::NotHttp), "{host:?}");
        }
    }

    #[test]
    fn other_requests_name_whom_they_wanted() {
        for (text, host, port) in [
            ("GET http://a.example/x HTTP/1.1\r\n\r\n", "a.example", 80),
            (
                "GET http://u:p@a.example:8080/ HTTP/1.1\r\nHost: b\r\n\r\n",
                "a.example",
                8080,
            ),
            (
                "POST / HTTP/1.0\r\nhOST:  b.example:81 \r\n\r\n",
                "b.example",
                81,
            ),
            ("OPTIONS * HTTP/1.1\r\n\r\n", "", 80),
        ] {
            let request = asked(text).unwrap().unwrap();
            assert_eq!(
                (request.connect, request.host.as_str(), request.port),
                (false, host, port),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_request_is_refused_at_once() {
        for text in [
            "\u{16}\u{3}\u{1}",
            "connect a:443",
            "\r\n",
            "CONNECT a:443 HTTP/1.1\u{0}",
            "CONNECT a:443 HTTP/2.0\r\n\r\n",
            "CONNECT a:443\r\n\r\n",
            "CONNECT  a:443 HTTP/1.1\r\n\r\n",
            "CONNECT a:443 HTTP/1.1 x\r\n\r\n",
            "CONNECT\ta:443 HTTP/1.1\r\n\r\n",
            "CONNECT a:443 HTTP/1.1\nX: y\r\n\r\n",
            "CONNECT a:443 HTTP/1.1\r\nno colon\r\n\r\n",
            "CONNECT a:443 HTTP/1.1\r\n : empty\r\n\r\n",
            "CONNECT a:443 HTTP/1.1\r\nX: 1\r\n folded: y\r\n\r\n",
            "ABCDEFGHIJKLMNOPQ a:443 HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(asked(text), Err(BadRequest::NotHttp), "{text:?}");
        }
        for target in [
            "a", "a:", ":443", "a:0", "a:65536", "a:+443", "u@a:443", "/",
        ] {
            let text = format!("CONNECT {target} HTTP/1.1\r\n\r\n");
            assert_eq!(asked(&text), Err(BadRequest::NoAuthority), "{target}");
        }
    }

    #[test]
    fn a_head_without_an_end_is_not_waited_for_for_ever() {
        let long = format!("CONNECT a:443 HTTP/1.1\r\nX: {}", "y".repeat(LONGEST));
        assert_eq!(asked(&long[..LONGEST - 1]), Ok(None));
        assert_eq!(asked(&long), Err(BadRequest::TooLong));
        let late = format!(
            "CONNECT a:443 HTTP/1.1\r\nX: {}\r\n\r\n",
            "y".repeat(LONGEST)
        );
        assert_eq!(asked(&late), Err(BadRequest::TooLong));
    }

    proptest! {
        #[test]
        fn nothing_that_comes_in_does_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
        }

        #[test]
        fn what_comes_in_pieces_reads_the_same(
            host in "[a-zA-Z0-9.\\[\\]:_-]{1,40}", port in 1..=u16::MAX, rest in "\\PC{0,20}", cut in 0..200_usize,
        ) {
            let text = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}\r\n\r\n{rest}");
            let whole = asked(&text).unwrap().unwrap();
            prop_assert_eq!(&whole.host, &host);
            prop_assert_eq!(whole.port, port);
            let cut = cut.min(text.len());
            let part = read(&text.as_bytes()[..cut]).unwrap();
            prop_assert_eq!(part, (cut >= whole.length).then_some(whole));
        }
    }
}
