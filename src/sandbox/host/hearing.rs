//! What is heard on a network that refuses: questions for names, which are answered, and refusals.

use std::os::fd::OwnedFd;

use rustix::net::{RecvFlags, SendFlags};

use crate::sandbox::refuse::Refused;
use crate::sandbox::refuse::packets::Ear;
use crate::sandbox::spec::Observer;

/// Questions and packets that are read at one go.
const BURST: usize = 64;

/// The sockets of a step's network, and who was wanted.
#[derive(Default)]
pub struct Hearing {
    names: Option<OwnedFd>,
    packets: Vec<(Ear, OwnedFd)>,
    v6: bool,
    refused: Refused,
}

impl Hearing {
    /// Listens to these.
    pub fn open(names: Option<OwnedFd>, packets: Vec<(Ear, OwnedFd)>, v6: bool) -> Self {
        Self {
            names,
            packets,
            v6,
            refused: Refused::default(),
        }
    }

    /// The socket of questions.
    pub const fn names(&self) -> Option<&OwnedFd> {
        self.names.as_ref()
    }

    /// The sockets that hear refusals.
    pub fn packets(&self) -> impl Iterator<Item = &OwnedFd> {
        self.packets.iter().map(|(_, socket)| socket)
    }

    /// Answers the questions that are there.
    pub fn answer_names(&mut self, observer: &dyn Observer) {
        let Some(socket) = &self.names else { return };
        let mut buffer = [0_u8; 1500];
        for _ in 0..BURST {
            let Ok((length, _, Some(from))) =
                rustix::net::recvfrom(socket, &mut buffer, RecvFlags::DONTWAIT)
            else {
                return;
            };
            let (answer, news) =
                self.refused
                    .question(&buffer[..length], self.v6, !self.packets.is_empty());
            if let Some(answer) = answer {
                let _ = rustix::net::sendto(socket, &answer, SendFlags::DONTWAIT, &from);
            }
            if let Some(host) = news {
                observer.refused(&host);
            }
        }
    }

    /// Reads what one socket heard; false when there is nothing more to be read for now.
    pub fn read_packets(&mut self, index: usize, observer: &dyn Observer) -> bool {
        let Some((ear, socket)) = self.packets.get(index) else {
            return false;
        };
        let mut buffer = [0_u8; 256];
        for _ in 0..BURST {
            let Ok((length, _, from)) =
                rustix::net::recvfrom(socket, &mut buffer, RecvFlags::DONTWAIT)
            else {
                return false;
            };
            let from = from.and_then(|from| std::net::SocketAddr::try_from(from).ok());
            let from = from.map(|from| from.ip());
            if let Some(host) = self.refused.packet(*ear, from, &buffer[..length]) {
                observer.refused(&host);
            }
        }
        true
    }

    /// Reads what was refused at the very end, as far as a step may fill it.
    pub fn read_the_rest(&mut self, observer: &dyn Observer) {
        for index in 0..self.packets.len() {
            for _ in 0..BURST {
                if !self.read_packets(index, observer) {
                    break;
                }
            }
        }
    }

    /// Who was wanted, each once, in order.
    pub fn into_hosts(self) -> Vec<String> {
        self.refused.into_hosts()
    }
}
