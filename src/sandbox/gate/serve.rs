//! One connection, from the step's request to its end.

use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::address;
use super::hello::Hello;
use super::keeper::Keeper;
use super::relay::{End, relay};
use super::request::{self, Request};
use super::wait::{self, Bell, Broken};
use crate::model::ledger::{Connection, Passage};
use crate::model::network::HostName;

/// The only port.
const HTTPS: u16 = 443;
/// The most addresses of a name that are tried.
const TRIES: usize = 4;
/// How often a wait for the resolver looks up.
const LOOK: Duration = Duration::from_millis(50);
/// A fatal alert: access_denied (RFC 8446, 6).
const DENIED: [u8; 7] = [21, 3, 1, 0, 2, 2, 49];

/// A connection that came to nothing, and what its client is told.
struct Refusal {
    verdict: Passage,
    reason: String,
    word: Vec<u8>,
}

impl Refusal {
    fn new(verdict: Passage, status: u16, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        let word = answer(status, &reason);
        Self {
            verdict,
            reason,
            word,
        }
    }

    fn refused(reason: impl Into<String>) -> Self {
        Self::new(Passage::Refused, 403, reason)
    }

    /// The tunnel stands already: only TLS is understood.
    fn in_tunnel(reason: impl Into<String>) -> Self {
        Self {
            verdict: Passage::Refused,
            reason: reason.into(),
            word: DENIED.to_vec(),
        }
    }

    fn broken(broken: Broken, what: &str) -> Self {
        let reason = match broken {
            Broken::Closing => format!("the step ended before {what}"),
            Broken::Late => format!("{what} did not come in time"),
            Broken::Gone(_) => format!("the step hung up before {what}"),
        };
        Self {
            verdict: Passage::Refused,
            reason,
            word: Vec::new(),
        }
    }
}

/// An answer of the proxy. Clients show the words behind the number.
pub(super) fn answer(status: u16, reason: &str) -> Vec<u8> {
    let reason: String = reason
        .chars()
        .map(|c| if matches!(c, ' '..='~') { c } else { '?' })
        .take(200)
        .collect();
    format!(
        "HTTP/1.1 {status} flareo: {reason}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{reason}\n",
        reason.len() + 1
    )
    .into_bytes()
}

/// Serves one connection; answers with its entry in the ledger.
pub fn serve(client: &OwnedFd, keeper: &Keeper, step: u32, bell: &Bell) -> Connection {
    let mut entry = Connection {
        step,
        host: String::new(),
        port: 0,
        address: None,
        started_at: keeper.clock().now(),
        took_ms: 0,
        up: 0,
        down: 0,
        verdict: Passage::Allowed,
        reason: String::new(),
    };
    let began = Instant::now();
    if let Err(refusal) = attend(client, keeper, bell, &mut entry) {
        entry.verdict = refusal.verdict;
        entry.reason = refusal.reason;
        if !refusal.word.is_empty() {
            wait::dismiss(client, &refusal.word, bell);
        }
    }
    entry.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    entry
}

fn attend(
    client: &OwnedFd,
    keeper: &Keeper,
    bell: &Bell,
    entry: &mut Connection,
) -> Result<(), Refusal> {
    let patience = keeper.waits();
    let (request, rest) = listen(client, keeper, bell)?;
    entry.host.clone_from(&request.host);
    entry.host.truncate(256);
    entry.port = request.port;
    if !request.connect {
        return Err(Refusal::refused(
            "plain HTTP: only HTTPS by CONNECT is let through",
        ));
    }
    let host: HostName = request
        .host
        .parse()
        .map_err(|error: crate::model::network::InvalidHost| Refusal::refused(error.why))?;
    if request.port != HTTPS {
        return Err(Refusal::refused(format!(
            "port {}: only 443 is let through",
            request.port
        )));
    }
    if !keeper.allowance().allows(&host) {
        return Err(Refusal::refused(format!(
            "{host} is in none of the granted groups ({})",
            keeper.allowance().groups.join(", ")
        )));
    }
    let addresses = addresses(&host, keeper, bell)?;
    let upstream = connect(&addresses, keeper, bell, entry)?;
    let deadline = Instant::now() + patience.greeting;
    wait::write(
        client,
        b"HTTP/1.1 200 Connection established\r\n\r\n",
        bell,
        deadline,
    )
    .map_err(|broken| Refusal::broken(broken, "the ClientHello"))?;
    let hello = greeting(client, rest, &host, bell, deadline)?;
    if !keeper.spend(hello.len() as u64) {
        return Err(Refusal::in_tunnel(all_spent(keeper)));
    }
    wait::write(&upstream, &hello, bell, deadline).map_err(|_| Refusal {
        verdict: Passage::Failed,
        reason: "the host hung up".into(),
        word: Vec::new(),
    })?;
    let (up, down, end) = relay(client, &upstream, keeper, patience.idle, bell);
    entry.up = hello.len() as u64 + up;
    entry.down = down;
    let cut = |reason: String| Refusal {
        verdict: Passage::Cut,
        reason,
        word: Vec::new(),
    };
    match end {
        End::Said => Ok(()),
        End::Closing => {
            entry.reason = "until the end of the step".into();
            Ok(())
        }
        End::Idle => Err(cut(format!(
            "nothing was said for {} seconds",
            patience.idle.as_secs()
        ))),
        End::Bytes => Err(cut(all_spent(keeper))),
    }
}

fn all_spent(keeper: &Keeper) -> String {
    format!(
        "the build has used up its {} bytes of network",
        keeper.allowance().bytes
    )
}

/// Reads the request, and what the client sent behind it already.
fn listen(client: &OwnedFd, keeper: &Keeper, bell: &Bell) -> Result<(Request, Vec<u8>), Refusal> {
    let deadline = Instant::now() + keeper.waits().greeting;
    let mut head = Vec::new();
    let mut buffer = [0_u8; 4096];
    loop {
        let length = wait::read(client, &mut buffer, bell, deadline)
            .map_err(|broken| Refusal::broken(broken, "a whole request"))?;
        if length == 0 {
            return Err(Refusal::refused("the step hung up before a whole request"));
        }
        // No end of the head can stand further back than three bytes before what is new; but what comes byte by byte
        // is looked at again each time, 8 KiB at most.
        head.extend_from_slice(buffer.get(..length).unwrap_or_default());
        match request::read(&head) {
            Ok(None) => {}
            Ok(Some(request)) => {
                let rest = head.split_off(request.length);
                return Ok((request, rest));
            }
            Err(error) => return Err(Refusal::new(Passage::Refused, 400, error.to_string())),
        }
    }
}

/// Where a host is. Every address must be one that may be reached: a name that leads anywhere else is not what the
/// operator meant.
fn addresses(host: &HostName, keeper: &Keeper, bell: &Bell) -> Result<Vec<IpAddr>, Refusal> {
    let failed = |reason: String| Refusal::new(Passage::Failed, 502, reason);
    let found = match keeper.allowance().addresses.get(host) {
        Some(fixed) => fixed.clone(),
        None => resolve(host, keeper, bell)?,
    };
    if found.is_empty() {
        return Err(failed(format!("{host} has no address")));
    }
    for address in &found {
        address::check(*address, keeper.allowance())
            .map_err(|kind| Refusal::refused(format!("{host} resolves to {kind} ({address})")))?;
    }
    Ok(found)
}

/// Asks the resolver on a thread of its own: nothing can break off a question, and the gate must close in time.
fn resolve(host: &HostName, keeper: &Keeper, bell: &Bell) -> Result<Vec<IpAddr>, Refusal> {
    let failed = |reason: String| Refusal::new(Passage::Failed, 502, reason);
    let (tell, told) = channel();
    let (name, resolver) = (host.clone(), keeper.resolver_handle());
    std::thread::Builder::new()
        .name("gate-resolve".into())
        .spawn(move || tell.send(resolver.resolve(&name)))
        .map_err(|error| failed(format!("the resolver could not be asked: {error}")))?;
    let deadline = Instant::now() + keeper.waits().resolving;
    loop {
        match told.recv_timeout(LOOK) {
            Ok(Ok(addresses)) => return Ok(addresses),
            Ok(Err(error)) => return Err(failed(format!("{host} does not resolve: {error}"))),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(failed(format!("{host} does not resolve")));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        if wait::rings(bell) {
            return Err(Refusal::broken(Broken::Closing, "the resolver's answer"));
        }
        if Instant::now() >= deadline {
            return Err(failed(format!("{host}: the resolver does not answer")));
        }
    }
}

/// Connects to the first of the checked addresses that answers.
fn connect(
    addresses: &[IpAddr],
    keeper: &Keeper,
    bell: &Bell,
    entry: &mut Connection,
) -> Result<OwnedFd, Refusal> {
    let deadline = Instant::now() + keeper.waits().connecting;
    let mut why = String::new();
    for address in addresses.iter().take(TRIES) {
        match wait::connect(*address, HTTPS, bell, deadline) {
            Ok(socket) => {
                entry.address = Some(*address);
                return Ok(socket);
            }
            Err(Broken::Closing) => {
                return Err(Refusal::broken(Broken::Closing, "the host's answer"));
            }
            Err(Broken::Late) => why = format!("{address} does not answer"),
            Err(Broken::Gone(error)) => why = format!("{address}: {error}"),
        }
    }
    Err(Refusal::new(Passage::Failed, 502, why))
}

/// Reads the ClientHello, which must greet `host`; answers with all bytes so far.
fn greeting(
    client: &OwnedFd,
    rest: Vec<u8>,
    host: &HostName,
    bell: &Bell,
    deadline: Instant,
) -> Result<Vec<u8>, Refusal> {
    let mut hello = Hello::default();
    let mut part = rest;
    let name = loop {
        if let Some(name) = hello
            .push(&part)
            .map_err(|error| Refusal::in_tunnel(error.to_string()))?
        {
            break name;
        }
        part.resize(4096, 0);
        let length = wait::read(client, &mut part, bell, deadline)
            .map_err(|broken| Refusal::broken(broken, "the ClientHello"))?;
        if length == 0 {
            return Err(Refusal::broken(
                Broken::Gone(rustix::io::Errno::PIPE),
                "the ClientHello",
            ));
        }
        part.truncate(length);
    };
    if name != host.as_str() {
        return Err(Refusal::in_tunnel(format!(
            "the ClientHello greets {name}, not {host}"
        )));
    }
    Ok(hello.into_bytes())
}
