//! A step, from the host's side: starts it, reads what it prints, answers its questions for names, and decides when
//! it has had enough.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::pipe::PipeFlags;
use rustix::process::Signal;

use super::hearing::Hearing;
use super::launch::Inside;
use super::lines::{Budget, Lines};
use super::{maps, order};
use crate::model::event::{Cancel, Stream};
use crate::sandbox::Sandbox;
use crate::sandbox::cgroup::Group;
use crate::sandbox::error::SandboxError;
use crate::sandbox::gate::{Gate, Pass};
use crate::sandbox::spec::{Ending, Observer, Outcome, Reached, RunSpec, StepLimits, StepUsage};
use crate::sandbox::support::Held;
use crate::sandbox::together::{Member, Together, Used};
use crate::sandbox::wire::{self, Measure, Order, Payload, Report, RunOrder};

/// How often the use is told and the limits are looked at.
const TICK: Duration = Duration::from_millis(250);
/// How soon a cancellation is seen.
const SOON: Duration = Duration::from_millis(100);

/// Runs a step to its end.
pub fn run(
    sandbox: &Sandbox,
    together: &Together,
    spec: &RunSpec,
    observer: &dyn Observer,
    cancel: &Cancel,
) -> Result<Outcome, SandboxError> {
    run_payload(sandbox, together, spec, Payload::Program, observer, cancel)
}

/// The same with something else than the specification's program in it: for the self-test.
pub fn run_payload(
    sandbox: &Sandbox,
    together: &Together,
    spec: &RunSpec,
    payload: Payload,
    observer: &dyn Observer,
    cancel: &Cancel,
) -> Result<Outcome, SandboxError> {
    order::check(sandbox, spec)?;
    let member = together
        .enter()
        .map_err(SandboxError::host("make the step's cgroup"))?;
    let doors = member.group().map(Group::doors).transpose();
    let doors = doors.map_err(SandboxError::host("open the step's cgroup"))?;
    let doors = doors.unwrap_or_default();
    let order = RunOrder {
        payload,
        ..order::order(sandbox, spec, doors.len(), member.group().is_some())
    };
    let order = Order::Run(Box::new(order));
    let filters = if payload.without_filters() {
        Vec::new()
    } else {
        sandbox.filters().for_step(sandbox.ids().is_single())
    };
    let order = wire::pack(&order, &filters, &[]).map_err(SandboxError::host("write the order"))?;
    let stdin = if spec.stdin.is_empty() {
        None
    } else {
        Some(memory_with(&spec.stdin)?)
    };
    let (out_read, out_write) = pipe()?;
    let (err_read, err_write) = pipe()?;
    let inside = sandbox
        .program()
        .start(Some(out_write.as_fd()), err_write.as_fd())?;
    // They must end with the step.
    drop((out_write, err_write));
    let descriptors: Vec<BorrowedFd<'_>> = [&order]
        .into_iter()
        .chain(&doors)
        .chain(&stdin)
        .map(AsFd::as_fd)
        .collect();
    inside.send(b"order", &descriptors)?;
    drop((order, stdin));
    let goes_in = !doors.is_empty();
    drop(doors);

    let mut step = Step {
        sandbox,
        limits: &spec.limits,
        pass: spec.gate.as_ref(),
        gate: None,
        observer,
        inside,
        member,
        goes_in,
        outputs: [
            Output {
                pipe: Some(out_read),
                lines: Lines::new(Stream::Stdout),
            },
            Output {
                pipe: Some(err_read),
                lines: Lines::new(Stream::Stderr),
            },
        ],
        budget: Budget::new(spec.limits.log_bytes),
        pid1: None,
        ready: false,
        hearing: Hearing::default(),
        measure: Measure::default(),
        most_pids: 0,
        sum: Used::default(),
        usage: StepUsage::default(),
        verdict: None,
        exit: None,
        failure: None,
    };
    step.attend(cancel)?;
    step.outcome()
}

struct Step<'a> {
    sandbox: &'a Sandbox,
    limits: &'a StepLimits,
    pass: Option<&'a Pass>,
    gate: Option<Gate>,
    observer: &'a dyn Observer,
    inside: Inside,
    member: Member,
    /// Whether the step goes into its cgroup by itself.
    goes_in: bool,
    outputs: [Output; 2],
    budget: Budget,
    pid1: Option<OwnedFd>,
    ready: bool,
    hearing: Hearing,
    measure: Measure,
    most_pids: u64,
    /// The most that it and the steps beside it were seen to use.
    sum: Used,
    usage: StepUsage,
    /// Why it was killed.
    verdict: Option<Ending>,
    /// How the payload ended by itself.
    exit: Option<Ending>,
    failure: Option<SandboxError>,
}

struct Output {
    pipe: Option<OwnedFd>,
    lines: Lines,
}

/// Whom a ready descriptor belongs to.
#[derive(Clone, Copy, PartialEq)]
enum From {
    Inside,
    Output(usize),
    Names,
    Packets(usize),
}

impl Step<'_> {
    /// Attends to the step until it is gone, with everything in it.
    fn attend(&mut self, cancel: &Cancel) -> Result<(), SandboxError> {
        let mut next_tick = Instant::now() + TICK;
        loop {
            let now = Instant::now();
            if cancel.is_cancelled() {
                self.kill(Ending::Cancelled);
            }
            if now >= self.limits.deadline {
                self.kill(Ending::Time);
            }
            if now >= next_tick {
                self.look();
                next_tick = now + TICK;
            }
            for from in self.wait(SOON.min(next_tick.saturating_duration_since(now)))? {
                match from {
                    From::Inside => {
                        if !self.listen()? {
                            self.inside
                                .end()
                                .map_err(SandboxError::host("wait for the inside"))?;
                            return Ok(());
                        }
                    }
                    From::Output(index) => self.read_output(index),
                    From::Names => self.hearing.answer_names(self.observer),
                    From::Packets(index) => {
                        self.hearing.read_packets(index, self.observer);
                    }
                }
            }
        }
    }

    /// Waits for something to do; answers with whose turn it is.
    fn wait(&self, timeout: Duration) -> Result<Vec<From>, SandboxError> {
        let mut who = vec![From::Inside];
        let mut fds = vec![PollFd::from_borrowed_fd(
            self.inside.control()?,
            PollFlags::IN,
        )];
        for (index, output) in self.outputs.iter().enumerate() {
            if let Some(pipe) = &output.pipe {
                who.push(From::Output(index));
                fds.push(PollFd::new(pipe, PollFlags::IN));
            }
        }
        let packets = self.hearing.packets().enumerate();
        let packets = packets.map(|(index, socket)| (From::Packets(index), socket));
        let names = self.hearing.names().map(|socket| (From::Names, socket));
        for (from, socket) in names.into_iter().chain(packets) {
            who.push(from);
            fds.push(PollFd::new(socket, PollFlags::IN));
        }
        let timeout = Timespec {
            tv_sec: 0,
            tv_nsec: timeout.subsec_nanos().into(),
        };
        match rustix::event::poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(SandboxError::sys("wait for the step")(error)),
        }
        Ok(who
            .into_iter()
            .zip(&fds)
            .filter(|(_, fd)| !fd.revents().is_empty())
            .map(|(from, _)| from)
            .collect())
    }

    /// Takes a report; false at the end.
    fn listen(&mut self) -> Result<bool, SandboxError> {
        let Some((report, descriptors)) = self.inside.receive()? else {
            return Ok(false);
        };
        match report {
            Report::Unshared => {
                maps::write(self.sandbox.ids(), self.inside.pid())?;
                self.inside.send(b"ids", &[])?;
            }
            Report::Born(pid) => {
                self.pid1 = descriptors.into_iter().next();
                if let Some(group) = self.member.group()
                    && !self.goes_in
                    && let Err(error) = group.take(pid)
                    && error.raw_os_error() != Some(libc::ESRCH)
                {
                    return Err(SandboxError::host("put the step into its cgroup")(error));
                }
                self.start_if_ready()?;
                if self.verdict.is_some() {
                    self.strike();
                }
            }
            Report::Network {
                names,
                packets,
                gate,
                v6,
            } => {
                let mut descriptors = descriptors.into_iter();
                let names = if names { descriptors.next() } else { None };
                let packets = packets.into_iter().zip(descriptors.by_ref()).collect();
                self.hearing = Hearing::open(names, packets, v6);
                if let (true, Some(pass), Some(listener)) = (gate, self.pass, descriptors.next()) {
                    self.gate = Some(Gate::open(listener, pass)?);
                }
            }
            Report::Ready => {
                self.ready = true;
                self.start_if_ready()?;
            }
            Report::Measured(measure) => self.judge(measure),
            // With the payload itself.
            Report::Left(processes) => self.most_pids = self.most_pids.max(processes + 1),
            Report::Exited(code) => {
                self.exit = Some(Ending::Exited(code));
                self.look();
            }
            Report::Signalled(signal) => {
                self.exit = Some(Ending::Signalled(signal));
                self.look();
            }
            Report::Failed { doing, reason } => {
                self.failure
                    .get_or_insert(SandboxError::Inside { doing, reason });
            }
            Report::Done | Report::Started(_) => {}
        }
        Ok(true)
    }

    fn start_if_ready(&mut self) -> Result<(), SandboxError> {
        if self.ready && self.pid1.is_some() {
            self.inside.send(b"go", &[])?;
        }
        Ok(())
    }

    /// Looks at what the inside measured.
    fn judge(&mut self, measure: Measure) {
        let limits = self.limits;
        self.most_pids = self.most_pids.max(measure.pids);
        if measure.disk_bytes > limits.disk_bytes {
            self.kill(Ending::Disk);
        } else if measure.inodes > limits.inodes {
            self.kill(Ending::Inodes);
        } else {
            self.judge_sum(measure);
        }
        let cpu_ms = measure.cpu_ms.max(self.measure.cpu_ms);
        self.measure = Measure { cpu_ms, ..measure };
    }

    /// Looks at what the inside measured together with what the steps beside it use.
    fn judge_sum(&mut self, measure: Measure) {
        let support = self.sandbox.support();
        let watched = |held: Held| held == Held::Watched;
        if !watched(support.memory) && !watched(support.pids) {
            return;
        }
        let sum = self.member.note(Used {
            memory_bytes: measure.memory_bytes,
            pids: measure.pids,
        });
        self.note_sum(sum);
        if watched(support.memory) && sum.memory_bytes > self.limits.memory_bytes {
            self.kill(Ending::Memory);
        } else if watched(support.pids) && sum.pids > self.limits.pids {
            self.kill(Ending::Pids);
        }
    }

    fn note_sum(&mut self, sum: Used) {
        self.sum.memory_bytes = self.sum.memory_bytes.max(sum.memory_bytes);
        self.sum.pids = self.sum.pids.max(sum.pids);
    }

    /// Looks at what the kernel counted, and tells.
    fn look(&mut self) {
        for connection in self.gate.iter().flat_map(Gate::news) {
            self.observer.connection(&connection);
        }
        let mut usage = StepUsage {
            memory_bytes: self.measure.memory_bytes,
            cpu: Duration::from_millis(self.measure.cpu_ms),
            disk_bytes: self.measure.disk_bytes,
            pids: self.measure.pids,
            ..self.usage
        };
        if let Some(used) = self.member.usage() {
            usage.memory_bytes = used.memory_bytes;
            usage.cpu = used.cpu;
            // pid 1 is ours.
            usage.pids = used.pids.saturating_sub(1);
            self.most_pids = self.most_pids.max(usage.pids);
            let sum = self.member.note(Used {
                memory_bytes: usage.memory_bytes,
                pids: usage.pids,
            });
            self.note_sum(sum);
            if self.exit.is_none() && self.member.memory_kills() > 0 {
                self.kill(self.kind_of_memory_kill());
            }
        }
        usage.memory_peak_bytes = usage.memory_peak_bytes.max(usage.memory_bytes);
        self.usage = usage;
        self.observer.usage(usage);
    }

    /// Whose memory ended when the kernel killed for it.
    fn kind_of_memory_kill(&self) -> Ending {
        if self.member.reached_memory_limit() {
            Ending::Memory
        } else {
            Ending::HostMemory
        }
    }

    /// Kills the step for a reason; the first reason counts.
    fn kill(&mut self, why: Ending) {
        if self.verdict.is_none() && self.exit.is_none() {
            self.verdict = Some(why);
            self.strike();
        } else if self.exit.is_some() && matches!(why, Ending::Disk | Ending::Inodes) {
            // Found in the last look.
            self.verdict.get_or_insert(why);
        }
    }

    /// Kills pid 1, and the kernel everybody else with it.
    fn strike(&mut self) {
        match &self.pid1 {
            Some(pid1) => {
                let _ = rustix::process::pidfd_send_signal(pid1, Signal::KILL);
            }
            // Not born, or its birth was not told yet: then it ends when it sees the hang-up.
            None => self.inside.kill(),
        }
    }

    fn read_output(&mut self, index: usize) {
        let mut buffer = [0_u8; 64 << 10];
        let Some(output) = self.outputs.get_mut(index) else {
            return;
        };
        let Some(pipe) = &output.pipe else { return };
        match rustix::io::read(pipe, &mut buffer) {
            Ok(length) if length > 0 => {
                output
                    .lines
                    .push(&buffer[..length], &mut self.budget, self.observer);
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            _ => output.pipe = None,
        }
    }

    /// Whether something was printed that nobody read yet. Nobody can write any more, so what is there comes at once.
    fn has_more(&self, index: usize) -> bool {
        let Some(pipe) = self
            .outputs
            .get(index)
            .and_then(|output| output.pipe.as_ref())
        else {
            return false;
        };
        let mut fds = [PollFd::new(pipe, PollFlags::IN)];
        rustix::event::poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }

    /// Everybody is dead: says how it went.
    fn outcome(mut self) -> Result<Outcome, SandboxError> {
        for connection in self.gate.take().map(Gate::close).unwrap_or_default() {
            self.observer.connection(&connection);
        }
        for index in 0..self.outputs.len() {
            while self.has_more(index) {
                self.read_output(index);
            }
            self.outputs[index].lines.finish(self.observer);
        }
        self.hearing.read_the_rest(self.observer);
        let kills = self.member.memory_kills();
        let refused_forks = self.member.refused_forks();
        let killer = self.kind_of_memory_kill();
        let company = self.member.has_company();
        if let Some(used) = self.member.usage() {
            self.usage.cpu = self.usage.cpu.max(used.cpu);
        }
        self.usage.disk_bytes = self.measure.disk_bytes;
        if let Err(error) = self.member.remove_group() {
            // The step is over either way; the next process sweeps it.
            tracing::warn!(%error, "a step's cgroup could not be removed");
        }
        let ending = match (self.verdict, self.exit) {
            (Some(verdict), _) => verdict,
            _ if kills > 0 => killer,
            (None, Some(exit)) => self.explained(exit, refused_forks),
            (None, None) => {
                return Err(self.failure.unwrap_or_else(|| SandboxError::Inside {
                    doing: "run the step".into(),
                    reason: "pid 1 was killed by somebody outside".into(),
                }));
            }
        };
        let reached = self.reached(ending, company);
        // What failed before the payload ran is no exit code of the payload's.
        if let (Ending::Exited(_), Some(failure)) = (ending, self.failure) {
            return Err(failure);
        }
        if let (Ending::Memory, Some(reached)) = (ending, reached) {
            self.usage.memory_peak_bytes = reached.used;
        }
        Ok(Outcome {
            ending,
            usage: self.usage,
            reached,
            refused: self.hearing.into_hosts(),
            log_cut: self.budget.cut,
        })
    }

    /// How far a step went that a limit ended. What the kernel holds was reached to the last byte, whatever was seen
    /// of it between two looks; by this step, if it was alone.
    fn reached(&self, ending: Ending, company: bool) -> Option<Reached> {
        let support = self.sandbox.support();
        let of = |held: Held, used: u64, sum: u64, limit: u64| {
            let together = if held == Held::Kernel {
                limit
            } else {
                sum.max(used)
            };
            let used = if company { used } else { together };
            Some(Reached {
                used: used.min(together),
                together,
                limit,
            })
        };
        let alone = |used: u64, limit: u64| of(Held::Watched, used, used, limit);
        let limits = self.limits;
        match ending {
            Ending::Memory => of(
                support.memory,
                self.usage.memory_peak_bytes,
                self.sum.memory_bytes,
                limits.memory_bytes,
            ),
            Ending::Pids => of(support.pids, self.most_pids, self.sum.pids, limits.pids),
            Ending::Disk => alone(self.measure.disk_bytes, limits.disk_bytes),
            Ending::Inodes => alone(self.measure.inodes, limits.inodes),
            _ => None,
        }
    }

    /// The limit behind a payload's own end, if there is one.
    fn explained(&self, exit: Ending, refused_forks: u64) -> Ending {
        let failed = exit != Ending::Exited(0);
        let watched = self.sandbox.support().pids == Held::Watched;
        if exit == Ending::Signalled(libc::SIGXFSZ) {
            Ending::Disk
        } else if failed && (refused_forks > 0 || (watched && self.most_pids > self.limits.pids)) {
            Ending::Pids
        } else {
            exit
        }
    }
}

fn pipe() -> Result<(OwnedFd, OwnedFd), SandboxError> {
    rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(SandboxError::sys("make a pipe"))
}

/// A file in memory that nobody can change.
fn memory_with(bytes: &[u8]) -> Result<OwnedFd, SandboxError> {
    use rustix::fs::{MemfdFlags, SealFlags};
    use std::io::{Seek, Write};
    let doing = "write the standard input";
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = rustix::fs::memfd_create("stdin", flags).map_err(SandboxError::sys(doing))?;
    let mut file = std::fs::File::from(file);
    file.write_all(bytes)
        .and_then(|()| file.rewind())
        .map_err(SandboxError::host(doing))?;
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    rustix::fs::fcntl_add_seals(&file, seals).map_err(SandboxError::sys(doing))?;
    Ok(file.into())
}
