//! System calls by their number, for probes: what a hostile program would ask the kernel for, without a library between.
#![allow(unsafe_code)]

use std::ffi::CStr;

/// Room that a pointer argument points to: more than any call of the probes reads or writes there.
const ROOM: usize = 4096;

/// An argument.
pub enum Arg<'a> {
    /// A number.
    Is(i64),
    /// A pointer to a text.
    Text(&'a CStr),
    /// A pointer to these words, with zeros behind them.
    Words(&'a [u64]),
}

/// Asks; answers with what the kernel said, or with its error's number.
pub fn ask(number: libc::c_long, args: &[Arg<'_>]) -> Result<i64, i32> {
    let mut rooms = [[0_u64; ROOM / 8]; 6];
    let mut values = [0_i64; 6];
    for ((arg, value), room) in args.iter().zip(&mut values).zip(&mut rooms) {
        *value = match arg {
            Arg::Is(number) => *number,
            Arg::Text(text) => text.as_ptr() as i64,
            Arg::Words(words) => {
                let count = words.len().min(room.len());
                room[..count].copy_from_slice(&words[..count]);
                room.as_mut_ptr() as i64
            }
        };
    }
    let [a, b, c, d, e, f] = values;
    // SAFETY: the numbers come from the table of probes beside this file alone. Each pointer is a NUL-ended text or a room
    // of 4 KiB of our own, and no call of the table is told that there is more. None of them frees, maps or moves
    // memory of this process, and the process ends right after its probe.
    let answer = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if answer == -1 {
        return Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0));
    }
    Ok(answer)
}
