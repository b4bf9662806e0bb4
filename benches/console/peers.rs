//! Other programs that fill a terminal, by the same measures in the same run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use portable_pty::CommandBuilder;

use super::state::{SLUG, State};
use super::tty::{Pictures, Tty};
use super::{SIZE, table};

const STARTS: usize = 5;
const IDLE: Duration = Duration::from_secs(10);
/// The bytes of a key are those of so long after it.
const ANSWER: Duration = Duration::from_millis(150);
/// So often a key is pressed: of a program that draws by a clock as well, most answers are those of the key alone.
const KEYS: usize = 9;

struct Peer {
    name: &'static str,
    /// Its package, for those who lack it.
    package: &'static str,
    arguments: &'static [&'static str],
    /// Stands on its first picture with anything in it.
    shows: &'static str,
}

const PEERS: [Peer; 3] = [
    Peer {
        name: "gitui",
        package: "gitui",
        arguments: &[],
        shows: "file-00",
    },
    Peer {
        name: "btm",
        package: "bottom",
        arguments: &[],
        shows: "CPU",
    },
    Peer {
        name: "trip",
        package: "trippy",
        arguments: &["127.0.0.1"],
        shows: "127.0.0.1",
    },
];

pub fn measure(state: &State) {
    println!(
        "\n{:<14} {:>14} {:>13} {:>14} {:>12} {:>12} {:>10}",
        "beside peers",
        "first picture",
        "one key",
        "idle 10 s",
        "wake-ups/s",
        "processor",
        "resident"
    );
    row("flareo", SLUG, &|| state.console());
    let folder = repository(state);
    let mut missing = Vec::new();
    for peer in PEERS {
        let Some(program) = find(peer.name) else {
            missing.push(peer);
            continue;
        };
        row(peer.name, peer.shows, &|| {
            let mut command = CommandBuilder::new(&program);
            command.args(peer.arguments);
            command.cwd(&folder);
            command.env("HOME", &folder);
            command.env("TERM", "xterm-256color");
            command.env("LC_ALL", "C.UTF-8");
            command
        });
    }
    for peer in missing {
        println!(
            "{:<14} not found: cargo install --root target/peers --locked {}",
            peer.name, peer.package
        );
    }
}

fn row(name: &str, shows: &str, command: &dyn Fn() -> CommandBuilder) {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let mut tty = Tty::start(command(), SIZE, Pictures::Any, None);
        let within = Duration::from_secs(20);
        let Some(first) = tty.until(within, |shown| shown.contains(shows)) else {
            println!("{name:<14} does not start here:\n{}", tty.text().trim_end());
            tty.end();
            return;
        };
        times.push(first - tty.started);
        tty.end();
    }
    let mut tty = Tty::start(command(), SIZE, Pictures::Any, None);
    tty.shows(shows);
    tty.within(Duration::from_secs(2));
    let process = tty.process();
    let (wake_ups, cpu) = (process.wake_ups(), process.cpu());
    let idle = tty.within(IDLE);
    let wake_ups = (process.wake_ups() - wake_ups) as f64 / IDLE.as_secs_f64();
    let cpu = (process.cpu() - cpu).as_secs_f64() / IDLE.as_secs_f64() * 100.0;
    let mut keys: Vec<usize> = (0..KEYS)
        .map(|_| {
            tty.press("\x1b[B");
            tty.within(ANSWER)
        })
        .collect();
    keys.sort_unstable();
    println!(
        "{name:<14} {:>14} {:>13} {:>14} {wake_ups:>12.1} {:>12} {:>10}",
        table::ms(table::percentile(&mut times, 50)),
        format!("{} B", keys[KEYS / 2]),
        format!("{idle} B"),
        format!("{cpu:.2} %"),
        table::megabytes(process.memory().0),
    );
    tty.end();
}

/// A folder under version control in which something has changed, for those that show such.
fn repository(state: &State) -> PathBuf {
    let folder = state.path("repository");
    std::fs::create_dir(&folder).unwrap();
    for n in 0..40 {
        std::fs::write(folder.join(format!("file-{n:02}")), "new\n").unwrap();
    }
    // Without git its peer says that it can't start.
    let _ = Command::new("git")
        .args(["init", "--quiet"])
        .current_dir(&folder)
        .stdout(Stdio::null())
        .status();
    folder
}

fn find(name: &str) -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::iter::once(own)
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}
