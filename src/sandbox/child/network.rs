//! A network that refuses: every address in the world is this machine, and nobody listens on it.
//!
//! So a connection to anywhere ends at once in "connection refused" instead of in a time-out, and the sockets that
//! are made here tell the host process who was wanted: one takes the questions for names, the others hear the refusals.
//! A step with a pass finds one more that listens: the gate.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType};

use super::fault::{At, Fault};
use crate::sandbox::gate::PORT;
use crate::sandbox::kernel;
use crate::sandbox::refuse::packets::Ear;

/// The sockets, as far as this host lets us have them; one for the gate only where there is to be one.
pub struct Refusing {
    pub names: Option<OwnedFd>,
    pub packets: Vec<(Ear, OwnedFd)>,
    pub gate: Option<OwnedFd>,
    /// Whether IPv6 is refused at once, too.
    pub v6: bool,
}

/// Sets up the network namespace that we are in.
pub fn refuse_everything(gate: bool) -> Result<Refusing, Fault> {
    let doing = || "set up the network that refuses".to_owned();
    let kind = SocketType::RAW;
    let flags = SocketFlags::CLOEXEC;
    let netlink = rustix::net::socket_with(AddressFamily::NETLINK, kind, flags, None).at(doing)?;
    ask(&netlink, &link_up()).at(doing)?;
    ask(
        &netlink,
        &everything_is_local(AddressFamily::INET.as_raw() as u8),
    )
    .at(doing)?;
    let v6 = ask(
        &netlink,
        &everything_is_local(AddressFamily::INET6.as_raw() as u8),
    )
    .is_ok();
    // Lets USER listen on port 80, as in Docker.
    let _ = fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
    Ok(Refusing {
        names: names().ok(),
        packets: Ear::ALL
            .into_iter()
            .filter_map(|ear| Some((ear, listen(ear).ok()?)))
            .collect(),
        gate: match gate {
            true => Some(doorway().at(|| "open the network gate".to_owned())?),
            false => None,
        },
        v6,
    })
}

/// A socket on port 53 of every address.
fn names() -> rustix::io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, flags, None)?;
    rustix::net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 53))?;
    Ok(socket)
}

/// A socket that listens where a granted step finds the gate. The host process takes what comes in: accepted from
/// outside, a connection still ends in this namespace, and what answers it does not.
fn doorway() -> rustix::io::Result<OwnedFd> {
    const WAITING: i32 = 128;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    rustix::net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, PORT))?;
    rustix::net::listen(&socket, WAITING)?;
    Ok(socket)
}

/// A socket that hears refusals.
fn listen(ear: Ear) -> std::io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (family, protocol) = ear.socket();
    let socket = rustix::net::socket_with(family, SocketType::RAW, flags, Some(protocol))?;
    kernel::attach_packet_filter(std::os::fd::AsFd::as_fd(&socket), &ear.filter())?;
    Ok(socket)
}

const RTM_NEWLINK: u16 = 16;
const RTM_NEWROUTE: u16 = 24;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_CREATE: u16 = 0x400;
const NLMSG_ERROR: u16 = 2;
/// In a new network namespace the loopback is always the first.
const LOOPBACK: u32 = 1;

/// `ip link set lo up`.
fn link_up() -> Vec<u8> {
    const IFF_UP: u32 = 1;
    let mut body = vec![0, 0, 0, 0];
    body.extend(LOOPBACK.to_ne_bytes());
    body.extend(IFF_UP.to_ne_bytes());
    body.extend(IFF_UP.to_ne_bytes());
    message(RTM_NEWLINK, 0, &body)
}

/// `ip route add local default dev lo`.
fn everything_is_local(family: u8) -> Vec<u8> {
    const TABLE_LOCAL: u8 = 255;
    const PROTOCOL_BOOT: u8 = 3;
    const SCOPE_HOST: u8 = 254;
    const TYPE_LOCAL: u8 = 2;
    const RTA_OIF: u16 = 4;
    let mut body = vec![
        family,
        0,
        0,
        0,
        TABLE_LOCAL,
        PROTOCOL_BOOT,
        SCOPE_HOST,
        TYPE_LOCAL,
        0,
        0,
        0,
        0,
    ];
    body.extend(8_u16.to_ne_bytes());
    body.extend(RTA_OIF.to_ne_bytes());
    body.extend(LOOPBACK.to_ne_bytes());
    message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &body)
}

fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let length = 16 + body.len() as u32;
    let mut message = Vec::with_capacity(length as usize);
    message.extend(length.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend((NLM_F_REQUEST | NLM_F_ACK | flags).to_ne_bytes());
    message.extend(1_u32.to_ne_bytes());
    message.extend(0_u32.to_ne_bytes());
    message.extend(body);
    message
}

/// Sends a request to the kernel and waits for its yes or no.
fn ask(netlink: &OwnedFd, request: &[u8]) -> rustix::io::Result<()> {
    rustix::net::send(netlink, request, SendFlags::empty())?;
    let mut answer = [0_u8; 4096];
    let (length, _) = rustix::net::recv(netlink, &mut answer[..], rustix::net::RecvFlags::empty())?;
    let answer = &answer[..length];
    let kind = answer
        .get(4..6)
        .and_then(|b| b.try_into().ok())
        .map(u16::from_ne_bytes);
    let code = answer
        .get(16..20)
        .and_then(|b| b.try_into().ok())
        .map(i32::from_ne_bytes);
    match (kind, code) {
        (Some(NLMSG_ERROR), Some(0)) => Ok(()),
        (Some(NLMSG_ERROR), Some(code)) => Err(rustix::io::Errno::from_raw_os_error(-code)),
        _ => Err(rustix::io::Errno::PROTO),
    }
}
