//! What a registry may do to us by answering: how long, how much, and from where else.

use std::error::Error;
use std::time::Duration;

use reqwest::redirect::{Attempt, Policy};

use super::is_loopback;

/// A short answer takes no longer than this.
pub const ANSWER: Duration = Duration::from_secs(120);
/// A registry sends us on so many times.
const REDIRECTS: usize = 5;
/// Slower than this, in bytes a second, nobody sends a layer who means it.
const SLOWEST: u64 = 16 << 10;

/// How long an answer of `size` bytes may take.
pub const fn patience(size: u64) -> Duration {
    ANSWER.saturating_add(Duration::from_secs(size / SLOWEST))
}

/// The whole answer, if it has no more than `limit` bytes.
///
/// # Errors
/// If it has more, or breaks off.
pub async fn short(
    mut response: reqwest::Response,
    limit: usize,
) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if bytes.len() + chunk.len() > limit {
            return Err(format!("it sends more than {limit} bytes").into());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Where a registry may send us on to: registries keep their blobs elsewhere. Never from an encrypted address to one
/// that is not, and never from the outside to this very host, or to where clouds tell a machine its secrets.
pub fn redirects(plain: bool) -> Policy {
    Policy::custom(move |attempt| match refused(&attempt, plain) {
        Some(why) => attempt.error(why),
        None => attempt.follow(),
    })
}

fn refused(attempt: &Attempt<'_>, plain: bool) -> Option<String> {
    let to = attempt.url();
    let from = attempt.previous().last()?;
    if attempt.previous().len() > REDIRECTS {
        return Some(format!("it sends us on more than {REDIRECTS} times"));
    }
    let host = to.host_str().unwrap_or_default();
    let why = reason(
        (from.scheme(), from.host_str().unwrap_or_default()),
        (to.scheme(), host),
        plain,
    )?;
    Some(format!("it sends us to {}://{host}, {why}", to.scheme()))
}

/// Why not from one scheme and host to another.
fn reason(from: (&str, &str), to: (&str, &str), plain: bool) -> Option<&'static str> {
    if to.0 != "https" && (from.0 == "https" || !plain) {
        return Some("which is not encrypted");
    }
    if is_loopback(to.1) && !is_loopback(from.1) {
        return Some("which is this very host");
    }
    let address = to.1.trim_start_matches('[').trim_end_matches(']').parse();
    let local = match address {
        Ok(std::net::IpAddr::V4(address)) => address.is_link_local() || address.is_unspecified(),
        Ok(std::net::IpAddr::V6(address)) => {
            address.is_unicast_link_local() || address.is_unspecified()
        }
        Err(_) => false,
    };
    local.then_some("which is no address of a registry")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_sends_us_only_where_it_may() {
        let (secure, clear) = (("https", "a.example"), ("http", "a.example"));
        for (from, to, plain, goes) in [
            (secure, ("https", "b.example"), false, true),
            (secure, ("http", "a.example"), true, false),
            (clear, ("http", "b.example"), true, true),
            (clear, ("http", "b.example"), false, false),
            (clear, ("https", "b.example"), true, true),
            (secure, ("https", "127.0.0.1"), false, false),
            (secure, ("https", "localhost"), false, false),
            (secure, ("https", "[::1]"), false, false),
            (("http", "127.0.0.1"), ("http", "127.0.0.1"), true, true),
            (clear, ("http", "169.254.169.254"), true, false),
            (secure, ("https", "0.0.0.0"), false, false),
            (secure, ("file", "a.example"), false, false),
        ] {
            assert_eq!(
                reason(from, to, plain).is_none(),
                goes,
                "{from:?} -> {to:?}"
            );
        }
    }

    #[test]
    fn patience_grows_with_what_is_sent() {
        assert_eq!(patience(0), ANSWER);
        assert_eq!(patience(16 << 20), ANSWER + Duration::from_secs(1024));
    }
}
