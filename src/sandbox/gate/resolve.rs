//! Where a name is.

use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};

use crate::model::network::HostName;

/// Asks for the addresses of a name. May block; asked once a connection.
pub trait Resolve: Send + Sync {
    /// All addresses, the best first.
    ///
    /// # Errors
    /// If there is no such name, or nobody answers.
    fn resolve(&self, host: &HostName) -> io::Result<Vec<IpAddr>>;
}

/// The host's own resolver.
#[derive(Debug, Clone, Copy)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: &HostName) -> io::Result<Vec<IpAddr>> {
        let mut addresses: Vec<IpAddr> = (host.as_str(), 443)
            .to_socket_addrs()?
            .map(|address| address.ip())
            .collect();
        addresses.dedup();
        Ok(addresses)
    }
}

impl<F: Fn(&HostName) -> io::Result<Vec<IpAddr>> + Send + Sync> Resolve for F {
    fn resolve(&self, host: &HostName) -> io::Result<Vec<IpAddr>> {
        self(host)
    }
}
