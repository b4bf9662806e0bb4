//! A host process that is killed leaves nothing behind.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use flareo::sandbox::Sandbox;

use super::ground::settings;

/// Says to the test that was started again that it is the one to be killed.
const VICTIM: &str = "FLAREO_TEST_VICTIM";

crate::everybody::for_everybody! {
    nothing_outlives_a_killed_host: |ground| {
        if std::env::var_os(super::VICTIM).is_some() {
            println!("NAP {}", ground.nap());
            ground.run(&ground.script(&format!("setsid {} & {}", ground.nap(), ground.nap())));
            return;
        }
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", super::own_name()])
            .env(super::VICTIM, "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let nap = super::nap_of(&mut victim);
        assert!(super::until(|| super::alive(&nap) == 2), "it never slept");
        victim.kill().unwrap();
        victim.wait().unwrap();
        assert!(super::until(|| super::alive(&nap) == 0), "{nap} goes on");
        // The next one sweeps.
        Sandbox::open(super::settings()).unwrap();
        let left: Vec<_> = super::groups_of(victim.id());
        assert!(left.is_empty(), "{left:?}");
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(&*ground.path().to_string_lossy()));
    };
}

fn own_name() -> &'static str {
    match rustix::process::geteuid().as_raw() {
        0 => "sandbox::orphans::nothing_outlives_a_killed_host::as_root",
        _ if Sandbox::open(settings()).unwrap().ids().is_single() => {
            "sandbox::orphans::nothing_outlives_a_killed_host::with_one_id"
        }
        _ => "sandbox::orphans::nothing_outlives_a_killed_host::with_a_range_of_ids",
    }
}

/// Reads what the victim says.
fn nap_of(victim: &mut std::process::Child) -> String {
    use std::io::BufRead;
    let output = std::io::BufReader::new(victim.stdout.take().unwrap());
    let mut lines = output.lines().map_while(Result::ok);
    let nap = lines.find_map(|line| line.split_once("NAP ").map(|(_, nap)| nap.to_owned()));
    // Its output must stay open: it would die of writing.
    std::thread::spawn(move || lines.for_each(drop));
    nap.unwrap()
}

fn alive(nap: &str) -> usize {
    let line = nap.replace(' ', "\0") + "\0";
    let lines = fs::read_dir("/proc").unwrap().flatten();
    lines
        .filter(|entry| {
            fs::read_to_string(entry.path().join("cmdline")).is_ok_and(|found| found == line)
        })
        .count()
}

fn until(condition: impl Fn() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

/// The groups that a process made and that are still there, in whichever hierarchy.
pub fn groups_of(pid: u32) -> Vec<std::path::PathBuf> {
    let start = format!("{pid}-");
    let mut found = Vec::new();
    let mut folders = vec![(std::path::PathBuf::from("/sys/fs/cgroup"), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            let ours = folder.ends_with("flareo");
            if ours && entry.file_name().to_string_lossy().starts_with(&start) {
                found.push(entry.path());
            } else if !ours && depth < 4 {
                folders.push((entry.path(), depth + 1));
            }
        }
    }
    found
}
