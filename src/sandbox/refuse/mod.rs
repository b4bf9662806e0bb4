//! Who a step wanted to talk to.
//!
//! Names are answered with an address that stands for the name; when that address is then refused, the name is what
//! the submitter reads. Everything that comes in here was written by the step.

pub mod names;
pub mod packets;

use std::collections::HashSet;
use std::net::IpAddr;

use names::Book;
use packets::Ear;

/// The most hosts that one step is told about.
const MOST: usize = 256;

/// Remembers who was refused, each once, in order.
#[derive(Debug, Default)]
pub struct Refused {
    book: Book,
    seen: HashSet<String>,
    order: Vec<String>,
}

impl Refused {
    /// Answers a question for a name; `None` if it is no question. Where refusals can't be seen, the question itself
    /// counts as one: `told` gets the name then.
    pub fn question(
        &mut self,
        packet: &[u8],
        v6: bool,
        sees_refusals: bool,
    ) -> (Option<Vec<u8>>, Option<String>) {
        let Some(question) = names::parse(packet) else {
            return (None, None);
        };
        let answer = self.book.answer(&question, packet, v6);
        let told =
            (!sees_refusals && question.is_for_an_address() && !names::is_local(&question.name))
                .then(|| self.note(question.name.clone()))
                .flatten();
        (Some(answer), told)
    }

    /// A packet was heard; answers with the host that it refused, if that is news.
    pub fn packet(&mut self, ear: Ear, from: Option<IpAddr>, packet: &[u8]) -> Option<String> {
        let (address, port) = ear.parse(from, packet)?;
        if address.is_loopback() || address.is_unspecified() {
            return None;
        }
        let host = match (self.book.name(address), address) {
            (Some(name), _) => name.to_owned(),
            (None, IpAddr::V4(v4)) => format!("{v4}:{port}"),
            (None, IpAddr::V6(v6)) => format!("[{v6}]:{port}"),
        };
        self.note(host)
    }

    fn note(&mut self, host: String) -> Option<String> {
        if self.order.len() >= MOST || !self.seen.insert(host.clone()) {
            return None;
        }
        self.order.push(host.clone());
        Some(host)
    }

    /// All of them.
    pub fn into_hosts(self) -> Vec<String> {
        self.order
    }
}
