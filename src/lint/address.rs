//! Addresses in commands: is this one, and does it leave the machine?

/// Whether a text is an address with a scheme, as in `https://…`.
pub(super) fn has_scheme(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once("://") else {
        return false;
    };
    let mut letters = scheme.chars();
    letters.next().is_some_and(|c| c.is_ascii_alphabetic())
        && letters.all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c))
}

/// Whether a text is an address of a git repository without a scheme: `git@host:path`, `github.com/…`.
pub(super) fn is_bare_git(text: &str) -> bool {
    if text.starts_with("github.com/") {
        return true;
    }
    let Some((host, _)) = text.split_once(':') else {
        return false;
    };
    match host.split_once('@') {
        Some((user, host)) => {
            !user.is_empty() && !host.is_empty() && !host.contains('/') && !user.contains('/')
        }
        None => false,
    }
}

/// Whether an address, with or without a scheme, stays on this machine: a loopback host or a file.
pub(super) fn is_local(address: &str) -> bool {
    let rest = match address.split_once("://") {
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("file") => return true,
        Some((_, rest)) => rest,
        None => address,
    };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or("");
    let host = authority.rsplit('@').next().unwrap_or("");
    let host = match host.strip_prefix('[') {
        Some(v6) => match v6.split_once(']') {
            Some((address, port)) if port.is_empty() || is_port(port) => address,
            _ => return false,
        },
        None => match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            Some(_) => return false,
            None => host,
        },
    };
    is_loopback(host)
}

/// The host of an address that the network gate could let through: `https://` (also as in `git+https://`), port 443.
pub(super) fn https_host(address: &str) -> Option<&str> {
    let (scheme, rest) = address.split_once("://")?;
    let scheme = scheme.rsplit('+').next().unwrap_or(scheme);
    if !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or("");
    let host = authority.rsplit('@').next().unwrap_or("");
    match host.rsplit_once(':') {
        Some((name, "443")) => Some(name),
        Some(_) => None,
        None => Some(host),
    }
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':')
        .is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether a host is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let name = host.to_ascii_lowercase();
    if name == "localhost" || name.ends_with(".localhost") || name == "::1" || name == "0.0.0.0" {
        return true;
    }
    let parts: Vec<&str> = name.split('.').collect();
    parts.len() == 4
        && parts[0] == "127"
        && parts.iter().all(|p| {
            !p.is_empty() && p.parse::<u8>().is_ok() && p.bytes().all(|b| b.is_ascii_digit())
        })
}

/// The addresses with a scheme in a text such as a program.
pub(super) fn addresses(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("://") {
        let scheme = text[..at]
            .bytes()
            .rev()
            .take_while(|b| b.is_ascii_alphanumeric() || b"+.-".contains(b))
            .count();
        let end = text[at + 3..]
            .find(|c: char| c.is_whitespace() || "'\"`)<>,;".contains(c))
            .map_or(text.len(), |i| at + 3 + i);
        found.push(&text[at - scheme..end]);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine() {
        for address in [
            "http://localhost",
            "http://localhost:8080/health",
            "https://127.0.0.1/x",
            "http://127.8.9.10",
            "http://[::1]:80/",
            "http://user:secret@localhost:1/",
            "localhost:3000",
            "app.localhost",
            "file:///etc/passwd",
            "HTTP://LOCALHOST",
        ] {
            assert!(is_local(address), "{address}");
        }
    }

    #[test]
    fn other_machines_in_disguise() {
        for address in [
            "http://example.com",
            "http://localhost@example.com/",
            "http://localhost:80@example.com/",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://example.com/#@localhost",
            "http://example.com?localhost",
            "http://{localhost,example.com}/",
            "http://127.1.1.1111",
            "http://[::1]example.com",
            "http://localhost:http@x",
            "http://example.com\\@localhost",
            "",
            "http://",
        ] {
            assert!(!is_local(address), "{address}");
        }
    }

    #[test]
    fn addresses_are_found_in_programs() {
        let code = "urlopen('http://a/b').read(); get(\"https://c:1/d?e\")";
        assert_eq!(addresses(code), ["http://a/b", "https://c:1/d?e"]);
    }

    #[test]
    fn only_https_on_its_own_port_has_a_host_to_grant() {
        for (address, host) in [
            ("https://a.example/x?y", Some("a.example")),
            ("HTTPS://user:secret@a.example:443/", Some("a.example")),
            ("git+https://a.example/b.git", Some("a.example")),
            ("https://a.example:8443/", None),
            ("https://a.example\\@b.example/", Some("a.example")),
            ("http://a.example/", None),
            ("ssh://a.example/", None),
            ("a.example", None),
        ] {
            assert_eq!(https_host(address), host, "{address}");
        }
    }

    #[test]
    fn git_without_a_scheme() {
        assert!(is_bare_git("git@example.com:a/b.git"));
        assert!(is_bare_git("github.com/a/b"));
        for path in ["a/b", "a:b", "./git@x:y", "/x@y:z", "@x:y", "x"] {
            assert!(!is_bare_git(path), "{path}");
        }
    }
}
