//! The same test as root, as a user with a range of ids, and as a user without: by starting this binary again as them.

use std::os::unix::process::CommandExt;
use std::process::Command;

use flareo::model::passwd::users;

/// Who runs a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Root,
    Ranges,
    Plain,
}

/// Runs a test as somebody: here if that is who we are, else by starting this test again as that user. Without a
/// ground to stand on (which says what is missing) it is skipped.
pub fn run_as<G>(who: Who, name: &str, ground: fn() -> Option<G>, test: fn(&G)) {
    let root = rustix::process::geteuid().is_root();
    if root && who != Who::Root {
        if let Some((text, passed, user)) = printed_as(who, name) {
            print!("{text}");
            assert!(passed, "as {user}");
        }
    } else if !root && who == Who::Root {
        println!("skipped: needs root");
    } else if let Some(ground) = ground() {
        test(&ground);
    }
}

/// A busybox that needs nothing beside it.
pub fn busybox() -> Option<&'static str> {
    let all = ["/bin/busybox", "/usr/bin/busybox", "/bin/busybox.static"];
    let found = all.into_iter().find(|path| {
        let runs = Command::new(path).arg("true").status();
        runs.is_ok_and(|s| s.success()) && std::fs::read(path).is_ok_and(|elf| is_static(&elf))
    });
    if found.is_none() {
        println!("skipped: no static busybox");
    }
    found
}

/// Whether a program names no loader.
fn is_static(elf: &[u8]) -> bool {
    const INTERPRETER: usize = 3;
    let number = |at: usize, size: usize| -> usize {
        let bytes = elf.get(at..at + size).unwrap_or_default();
        bytes.iter().rev().fold(0, |n, b| n << 8 | usize::from(*b))
    };
    let (table, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    (0..count).all(|i| number(table + i * size, 4) != INTERPRETER)
}

/// What a test prints when it is run as somebody else, and whether it passed; none if there is no such user.
pub fn printed_as(who: Who, name: &str) -> Option<(String, bool, String)> {
    let (variable, default) = match who {
        Who::Ranges => ("FLAREO_TEST_USER_RANGES", "flareo-ranges"),
        _ => ("FLAREO_TEST_USER_PLAIN", "flareo-plain"),
    };
    let user = std::env::var(variable)
        .ok()
        .filter(|user| !user.is_empty())
        .unwrap_or(default.into());
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let Some(there) = users(&passwd).find(|u| u.name == user) else {
        println!("skipped: there is no user {user}");
        return None;
    };
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", name.split_once("::").unwrap().1])
        .uid(there.uid)
        .gid(there.gid)
        .current_dir("/")
        .env("TMPDIR", "/tmp")
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            println!("skipped: {user} can't start this test: {error}");
            return None;
        }
    };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    let passed = output.status.success() && text.contains("1 passed");
    Some((text, passed, user))
}

/// Each test three times, with the `Test` and the `run_as` of the `ground` beside the file that says this.
macro_rules! for_everybody {
    ($($name:ident: $test:expr;)*) => { $(
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            use super::super::ground::{Test, run_as};
            use crate::everybody::Who;
            const TEST: Test = $test;
            #[test]
            fn as_root() { run_as(Who::Root, concat!(module_path!(), "::as_root"), TEST); }
            #[test]
            fn with_a_range_of_ids() { run_as(Who::Ranges, concat!(module_path!(), "::with_a_range_of_ids"), TEST); }
            #[test]
            fn with_one_id() { run_as(Who::Plain, concat!(module_path!(), "::with_one_id"), TEST); }
        }
    )* };
}
pub(crate) use for_everybody;
