//! The process that bears the insides: one for all steps, of which none learns anything of another.

use std::fs;
use std::path::PathBuf;

use flareo::model::event::Cancel;
use flareo::sandbox::spec::Ending;
use flareo::sandbox::{ECHO, Input, Output, Work};

use super::ground::{Deaf, run_as};
use crate::everybody::Who;

crate::everybody::for_everybody! {
    no_step_and_no_job_starts_a_program_but_its_own: |ground| {
        let nursery = super::children(std::process::id());
        assert_eq!(nursery.len(), 1, "{nursery:?}");
        for _ in 0..3 {
            ground.says("true");
            let echo = Work { job: ECHO, arguments: b"x", views: &[], input: Input::Empty, output: Output::Discard };
            assert_eq!(ground.sandbox.work(echo, &Cancel::default()).unwrap(), b"x");
        }
        assert_eq!(super::children(std::process::id()), nursery);
        let buried = super::until(|| super::children(nursery[0]).is_empty());
        assert!(buried, "{:?}", super::children(nursery[0]));
    };

    signals_of_a_terminal_do_not_reach_the_nursery: |_ground| {
        let nursery = super::children(std::process::id())[0];
        assert_ne!(super::session(nursery), super::session(std::process::id()));
    };

    a_nursery_that_somebody_killed_has_a_successor: |ground| {
        let nursery = super::children(std::process::id())[0];
        let pid = rustix::process::Pid::from_raw(nursery.cast_signed()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        assert_eq!(ground.says("echo again"), "again\n");
        let successor = super::children(std::process::id());
        assert!(successor.len() == 1 && successor[0] != nursery, "{successor:?}");
    };
}

/// What a holder has open while another step runs: its streams, one socket, upper, and the pidfd of its own pid 1.
#[test]
fn a_holder_holds_nothing_of_another_step() {
    run_as(Who::Root, "", |ground| {
        let nursery = children(std::process::id())[0];
        let cancel = Cancel::default();
        std::thread::scope(|scope| {
            let mut holders: Vec<u32> = Vec::new();
            for number in 0..2 {
                let spec = ground.script("sleep 60");
                let (sandbox, cancel) = (ground.sandbox.clone(), cancel.clone());
                scope.spawn(move || {
                    let outcome = sandbox.run(&spec, &Deaf, &cancel).unwrap();
                    assert_eq!(outcome.ending, Ending::Cancelled);
                });
                let sleeps = || {
                    let known = children(nursery);
                    let new = known.into_iter().find(|pid| !holders.contains(pid));
                    // pid 1 has a child when the payload is there.
                    new.filter(|pid| {
                        children(*pid)
                            .first()
                            .is_some_and(|pid1| !children(*pid1).is_empty())
                    })
                };
                assert!(until(|| sleeps().is_some()), "step {number} never slept");
                let new = sleeps().unwrap();
                holders.push(new);
            }
            let open: Vec<Vec<String>> = holders
                .iter()
                .map(|pid| kinds_of_open_files(*pid))
                .collect();
            cancel.cancel();
            let expected = ["folder", "null", "null", "null", "pidfd", "socket"];
            assert_eq!(open, [expected, expected]);
        });
    });
}

/// What a process has open, sorted.
fn kinds_of_open_files(pid: u32) -> Vec<String> {
    let mut kinds: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .flatten()
        .map(|entry| {
            let target = fs::read_link(entry.path()).unwrap_or_else(|_| PathBuf::from("?"));
            match target.to_str().unwrap_or("?") {
                "anon_inode:[pidfd]" => "pidfd".to_owned(),
                text if text.starts_with("socket:") => "socket".to_owned(),
                text if text.ends_with("/null") => "null".to_owned(),
                _ if entry.path().is_dir() => "folder".to_owned(),
                text => text.to_owned(),
            }
        })
        .collect();
    kinds.sort();
    kinds
}

/// A process's session; 0 where its leader is outside of this pid namespace, for which rustix has no answer.
fn session(pid: u32) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields = stat.rsplit_once(')').unwrap().1;
    fields.split_whitespace().nth(3).unwrap().parse().unwrap()
}

/// The living children of a process that are insides, or what they bore.
fn children(parent: u32) -> Vec<u32> {
    let parent = parent.to_string();
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
            let (_state, above) = (fields.next()?, fields.next()?);
            (above == parent).then_some(pid)
        })
        .collect()
}

fn until(condition: impl Fn() -> bool) -> bool {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while std::time::Instant::now() < end {
        if condition() {
            return true;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    false
}
