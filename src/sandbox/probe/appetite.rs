//! Steps that want too much, without a program of an image: for the part of the self-test that is about limits.

use std::io::Write;

use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};

use super::super::kernel::{self, Fork};
use super::{Inside, OUTSIDE};
use crate::sandbox::wire::RunOrder;

/// What is wanted too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Appetite {
    /// Memory, in a grandchild below a process that does not mind.
    Memory,
    /// Memory, as files in a memory file system.
    Files,
    /// Processes.
    Processes,
    /// Disk, as a file without a name that is held open.
    Disk,
    /// Files, each empty.
    Inodes,
    /// Time, with every signal that can be ignored ignored, beside a daemon.
    Time,
    /// Output.
    Output,
}

/// A block that is written again and again.
const BLOCK: usize = 1 << 20;

/// Wants too much of something. Answers with an exit code if it got it.
pub fn run(order: &RunOrder, appetite: Appetite) -> i32 {
    if Inside::look(order).is_none() {
        return OUTSIDE;
    }
    if !super::settle() {
        return 1;
    }
    let wanted = match appetite {
        Appetite::Memory => memory(),
        Appetite::Files => file("/dev/shm/file", false),
        Appetite::Processes => processes(),
        Appetite::Disk => file("/file", true),
        Appetite::Inodes => inodes(),
        Appetite::Time => time(),
        Appetite::Output => output(),
    };
    i32::from(wanted.is_err())
}

/// Far more than any limit of the self-test.
const MOST: usize = 512;

fn memory() -> std::io::Result<()> {
    match kernel::fork()? {
        Fork::Child => {
            let mut held = Vec::new();
            for round in 0..MOST {
                // Not zeros: those would be one page for all.
                held.push(vec![u8::try_from(round % 255).unwrap_or(0) + 1; BLOCK]);
                pause(2);
            }
            pause(5_000);
            kernel::exit_now(i32::from(held.is_empty()));
        }
        Fork::Parent(pid) => {
            let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
            pause(1_000);
            Ok(())
        }
    }
}

fn file(path: &str, without_name: bool) -> std::io::Result<()> {
    let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::from_raw_mode(0o600))?;
    if without_name {
        rustix::fs::unlink(path)?;
    }
    let mut file = std::fs::File::from(file);
    let block = vec![1; BLOCK];
    for _ in 0..MOST {
        if file.write_all(&block).is_err() {
            break;
        }
    }
    // Held until somebody finds it.
    pause(20_000);
    Ok(())
}

fn processes() -> std::io::Result<()> {
    let mut refused = Ok(());
    for _ in 0..MOST {
        match kernel::fork() {
            Ok(Fork::Child) => {
                pause(20_000);
                kernel::exit_now(0);
            }
            Ok(Fork::Parent(_)) => {}
            Err(error) => refused = Err(error),
        }
    }
    pause(2_000);
    refused
}

fn inodes() -> std::io::Result<()> {
    for number in 0..20_000 {
        std::fs::File::create(format!("/f{number}"))?;
    }
    Ok(())
}

fn time() -> std::io::Result<()> {
    kernel::ignore_signals();
    if let Fork::Child = kernel::fork()? {
        let _ = rustix::process::setsid();
        pause(60_000);
        kernel::exit_now(0);
    }
    pause(60_000);
    Ok(())
}

fn output() -> std::io::Result<()> {
    let line = [b'x'; 1000];
    for _ in 0..10_000 {
        rustix::io::write(rustix::stdio::stdout(), &line)?;
        rustix::io::write(rustix::stdio::stdout(), b"\n")?;
    }
    Ok(())
}

fn pause(milliseconds: u64) {
    std::thread::sleep(std::time::Duration::from_millis(milliseconds));
}
