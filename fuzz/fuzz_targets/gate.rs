//! Any bytes at the network gate: as a request, as a ClientHello whole and in pieces, as a host's name.
//!
//! `cargo +nightly fuzz run gate`
#![no_main]

use flareo::model::network::{HostName, HostPattern};
use flareo::sandbox::gate::hello::Hello;
use flareo::sandbox::gate::request;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(Some(request)) = request::read(bytes) {
        assert!(request.length <= bytes.len().min(request::LONGEST));
        assert!(request.host.bytes().all(|b| (b' '..=b'~').contains(&b)));
        // What stands behind the head changes nothing.
        assert_eq!(request::read(&bytes[..request.length]), Ok(Some(request)));
    }
    // How a ClientHello is cut must not matter: neither for whom it greets nor for whether it is refused.
    let whole = Hello::default().push(bytes);
    let size = usize::from(bytes.first().copied().unwrap_or(1)).max(1);
    let mut hello = Hello::default();
    let mut pieces = Ok(None);
    for piece in bytes.chunks(size) {
        pieces = hello.push(piece);
        if !matches!(pieces, Ok(None)) {
            break;
        }
    }
    assert_eq!(whole, pieces);
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(name) = text.parse::<HostName>() {
            assert!(text.parse::<std::net::IpAddr>().is_err());
            assert_eq!(name.as_str().parse::<HostName>().as_ref(), Ok(&name));
        }
        if let Ok(pattern) = text.parse::<HostPattern>() {
            assert_eq!(pattern.to_string().parse::<HostPattern>(), Ok(pattern));
        }
    }
});
