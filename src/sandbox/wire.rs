//! What the host process and the inside say to each other, over one socket that keeps packets apart.
//!
//! Orders go down once, in a memory file (an environment can be larger than a packet); everything else is small.
//! Nothing here is written by the payload: it never holds the socket.

use std::io::{self, IoSlice, IoSliceMut, Read, Seek, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use libc::sock_filter;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use serde::{Deserialize, Serialize};

use super::ids::Ids;
use super::job::View;
use super::probe::Appetite;
use super::refuse::packets::Ear;
use super::spec::Mount;

/// `argv[0]` of the inside.
pub const NAME: &str = "flareo-sandbox";
/// The longest packet.
const PACKET: usize = 64 << 10;
/// The most descriptors in one packet.
const DESCRIPTORS: usize = 8;

/// What the inside is there for.
#[derive(Debug, Serialize, Deserialize)]
pub enum Order {
    /// A step.
    Run(Box<RunOrder>),
    /// A job.
    Work(WorkOrder),
}

/// A step.
#[derive(Debug, Serialize, Deserialize)]
pub struct RunOrder {
    pub ids: Ids,
    pub lower: Vec<PathBuf>,
    pub upper: PathBuf,
    pub work: PathBuf,
    pub argv: Vec<String>,
    pub env: Vec<(String, String)>,
    pub cwd: String,
    pub uid: u32,
    pub gid: u32,
    pub groups: Vec<u32>,
    pub hostname: String,
    pub mounts: Vec<Mount>,
    /// Whether to open the gate's socket.
    pub gate: bool,
    /// The id that the payload is to get.
    pub first_process: Option<u32>,
    pub limits: Limits,
    /// How many doors of cgroups come along, before the standard input: who writes 0 to one goes in.
    pub doors: usize,
    /// Whether the payload may start without a word from the host process, which has nothing left to do then.
    pub at_once: bool,
    /// What the step's process becomes.
    pub payload: Payload,
}

/// What the step's process becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Payload {
    /// The program that the order names: what every step of a build is.
    Program,
    /// The self-test's probes.
    Probes {
        /// Whether under the system-call filters.
        seccomp: bool,
    },
    /// A part of the self-test that wants too much of something.
    Appetite(Appetite),
}

impl Payload {
    /// Whether it is to run without system-call filters. A program never is.
    pub const fn without_filters(self) -> bool {
        matches!(self, Self::Probes { seccomp: false })
    }
}

#[cfg(test)]
impl RunOrder {
    /// An order to do nothing.
    pub fn nothing() -> Self {
        Self {
            ids: Ids::Single { uid: 0, gid: 0 },
            lower: Vec::new(),
            upper: PathBuf::new(),
            work: PathBuf::new(),
            argv: Vec::new(),
            env: Vec::new(),
            cwd: String::new(),
            uid: 0,
            gid: 0,
            groups: Vec::new(),
            hostname: String::new(),
            mounts: Vec::new(),
            gate: false,
            first_process: None,
            limits: Limits {
                file_bytes: 0,
                inodes: 0,
                processes: None,
                cores: None,
                watch_memory: None,
            },
            doors: 0,
            at_once: false,
            payload: Payload::Program,
        }
    }
}

/// Limits that the inside sets on itself, and what it is to watch.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Limits {
    /// The largest file.
    pub file_bytes: u64,
    /// Most entries of `upper` that are worth counting.
    pub inodes: u64,
    /// Processes of the user, where no cgroup counts them.
    pub processes: Option<u64>,
    /// How many cores to be bound to, where no cgroup holds the CPU limit.
    pub cores: Option<usize>,
    /// Whether memory and processes must be watched, with the memory at which it is worth counting exactly.
    pub watch_memory: Option<u64>,
}

/// A job.
#[derive(Debug, Serialize, Deserialize)]
pub struct WorkOrder {
    pub ids: Ids,
    pub job: String,
    pub views: Vec<View>,
}

/// What the inside says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// The inside was born, with this id; its pidfd comes along.
    Started(u32),
    /// The user namespace is there: write its maps.
    Unshared,
    /// pid 1 was born, with this id outside; its pidfd comes along.
    Born(i32),
    /// The sockets of the network, in this order, as far as they could be made.
    Network {
        names: bool,
        packets: Vec<Ear>,
        gate: bool,
        v6: bool,
    },
    /// Everything is set up; pid 1 waits for the word.
    Ready,
    /// What the step uses, as far as it is watched from inside.
    Measured(Measure),
    /// So many processes were there when the payload ended, where no cgroup counts them.
    Left(u64),
    /// The payload exited.
    Exited(i32),
    /// A signal ended the payload.
    Signalled(i32),
    /// The job is done; its answer is in the file.
    Done,
    /// It can't be done.
    Failed { doing: String, reason: String },
}

/// A look at the step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// In `upper`, with files that are deleted but open.
    pub disk_bytes: u64,
    /// Entries of `upper`.
    pub inodes: u64,
    /// Resident memory, where it is watched.
    pub memory_bytes: u64,
    /// Processes and threads, where they are watched.
    pub pids: u64,
    /// CPU time of living processes, in milliseconds, where it is watched.
    pub cpu_ms: u64,
}

/// Writes an order, its seccomp filters, and a job's arguments into a memory file: the length and the text of each,
/// in this order.
pub fn pack(order: &Order, filters: &[&[sock_filter]], arguments: &[u8]) -> io::Result<OwnedFd> {
    let head = serde_json::to_vec(order)?;
    let mut bytes = Vec::with_capacity(head.len() + arguments.len() + (64 << 10));
    let mut add = |part: &[u8]| {
        bytes.extend((part.len() as u64).to_le_bytes());
        bytes.extend(part);
    };
    add(&head);
    add(arguments);
    for filter in filters {
        add(&flat(filter));
    }
    let file = rustix::fs::memfd_create("flareo-order", rustix::fs::MemfdFlags::CLOEXEC)?;
    let mut file = std::fs::File::from(file);
    file.write_all(&bytes)?;
    file.rewind()?;
    Ok(file.into())
}

/// What [`pack`] packed.
pub struct Unpacked {
    pub order: Order,
    pub filters: Vec<Vec<sock_filter>>,
    pub arguments: Vec<u8>,
}

/// Reads what [`pack`] wrote.
pub fn unpack(file: OwnedFd) -> io::Result<Unpacked> {
    let mut bytes = Vec::new();
    std::fs::File::from(file).read_to_end(&mut bytes)?;
    let mut parts = Vec::new();
    let mut rest = bytes.as_slice();
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let (part, after) = after
            .split_at_checked(length)
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        parts.push(part);
        rest = after;
    }
    let [head, arguments, filters @ ..] = parts.as_slice() else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    Ok(Unpacked {
        order: serde_json::from_slice(head)?,
        filters: filters.iter().map(|filter| instructions(filter)).collect(),
        arguments: arguments.to_vec(),
    })
}

/// Eight bytes an instruction, as the kernel has them.
fn flat(filter: &[sock_filter]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(filter.len() * 8);
    for instruction in filter {
        bytes.extend(instruction.code.to_le_bytes());
        bytes.extend([instruction.jt, instruction.jf]);
        bytes.extend(instruction.k.to_le_bytes());
    }
    bytes
}

fn instructions(flat: &[u8]) -> Vec<sock_filter> {
    let instruction = |[c0, c1, jt, jf, k0, k1, k2, k3]: &[u8; 8]| sock_filter {
        code: u16::from_le_bytes([*c0, *c1]),
        jt: *jt,
        jf: *jf,
        k: u32::from_le_bytes([*k0, *k1, *k2, *k3]),
    };
    flat.as_chunks().0.iter().map(instruction).collect()
}

/// Sends a packet.
pub fn send(socket: impl AsFd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    rustix::io::retry_on_intr(|| {
        rustix::net::sendmsg(
            &socket,
            &[IoSlice::new(bytes)],
            &mut control,
            SendFlags::NOSIGNAL,
        )
    })?;
    Ok(())
}

/// Receives a packet; `None` when the other side is gone.
pub fn receive(socket: impl AsFd) -> io::Result<Option<(Vec<u8>, Vec<OwnedFd>)>> {
    // How long is it? A buffer for the longest costs a new process more than the question: it has no memory yet.
    let peek = RecvFlags::PEEK | RecvFlags::TRUNC;
    let (_, length) =
        rustix::io::retry_on_intr(|| rustix::net::recv(&socket, &mut [0_u8; 1], peek))?;
    let mut bytes = vec![0; length.min(PACKET)];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let got = rustix::io::retry_on_intr(|| {
        rustix::net::recvmsg(
            &socket,
            &mut [IoSliceMut::new(&mut bytes)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )
    })?;
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = message {
            descriptors.extend(fds);
        }
    }
    if got.bytes == 0 && descriptors.is_empty() {
        return Ok(None);
    }
    bytes.truncate(got.bytes);
    Ok(Some((bytes, descriptors)))
}

/// Sends a report.
pub fn report(
    socket: impl AsFd,
    report: &Report,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    send(socket, &serde_json::to_vec(report)?, descriptors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_and_filters_survive_the_way() {
        let order = Order::Work(WorkOrder {
            ids: Ids::Single { uid: 1, gid: 2 },
            job: "j".into(),
            views: vec![View::Layers {
                lower: vec!["/a".into()],
            }],
        });
        let filter = vec![sock_filter {
            code: 0x15,
            jt: 3,
            jf: 255,
            k: 0xdead_beef,
        }];
        let back = unpack(pack(&order, &[&filter], &[0, 255]).unwrap()).unwrap();
        assert_eq!(format!("{:?}", back.order), format!("{order:?}"));
        assert_eq!(flat(&back.filters[0]), flat(&filter));
        assert_eq!(back.arguments, [0, 255]);
    }
}
