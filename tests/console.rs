//! The console as people have it: the real binary on a terminal, beside a worker and another console.

use std::io::{Read as _, Write};
use std::process::{Child as Process, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{FLAREO, REVIEWER, SUBMITTER, Scene};

/// The size of its terminal.
pub const SIZE: PtySize = PtySize {
    rows: 40,
    cols: 120,
    pixel_width: 0,
    pixel_height: 0,
};

/// Only keeps what is broken from hanging the test.
const DEADLINE: Duration = Duration::from_secs(60);

/// A program on a terminal of its own.
pub struct Console {
    pub master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    pub screen: Arc<Mutex<vt100::Parser>>,
    modes: String,
}

impl Console {
    /// The console of `actor` on the scene's state.
    pub fn open(scene: &Scene, actor: &str) -> Self {
        Self::open_with(scene, actor, Some("dark"))
    }

    /// The same, in the look that somebody has set.
    fn open_plain(scene: &Scene, actor: &str) -> Self {
        Self::open_with(scene, actor, None)
    }

    fn open_with(scene: &Scene, actor: &str, theme: Option<&str>) -> Self {
        let mut command = Self::command(scene, actor, FLAREO);
        command.env("FLAREO_THEME", theme.unwrap_or_default());
        command.arg("--state-dir");
        command.arg(scene.state());
        Self::start(command, SIZE)
    }

    /// A program in the environment of `actor`'s console.
    pub fn command(scene: &Scene, actor: &str, program: &str) -> CommandBuilder {
        let mut command = CommandBuilder::new(program);
        command.env_remove("FLAREO_STATE_DIR");
        command.env_remove("FLAREO_CONFIG");
        for (name, value) in [
            ("SUDO_USER", actor),
            ("TERM", "xterm-256color"),
            ("LC_ALL", "C.UTF-8"),
            ("FLAREO_THEME", "dark"),
        ] {
            command.env(name, value);
        }
        command.env("HOME", scene.path(""));
        command
    }

    /// Starts it on a terminal of this size.
    pub fn start(command: CommandBuilder, size: PtySize) -> Self {
        let pair = native_pty_system().openpty(size).unwrap();
        let modes = format!("{:?}", pair.master.get_termios());
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let screen = Arc::new(Mutex::new(vt100::Parser::new(size.rows, size.cols, 0)));
        let shown = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut bytes) {
                shown.lock().unwrap().process(&bytes[..length]);
            }
        });
        Self {
            keys: pair.master.take_writer().unwrap(),
            master: pair.master,
            child,
            screen,
            modes,
        }
    }

    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    pub fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Waits until all of these stand on the screen together.
    pub fn shows(&self, texts: &[&str]) {
        let until = Instant::now() + DEADLINE;
        loop {
            let shown = self.text();
            let Some(missing) = texts.iter().find(|text| !shown.contains(**text)) else {
                return;
            };
            assert!(Instant::now() < until, "no `{missing}` in:\n{shown}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn kill(&self, signal: Signal) {
        let id = self
            .child
            .process_id()
            .and_then(|id| Pid::from_raw(id as i32));
        kill_process(id.unwrap(), signal).unwrap();
    }

    /// Waits for the end, and wants the terminal as it was before.
    pub fn ends_with(mut self, code: u32) {
        let until = Instant::now() + DEADLINE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < until, "it stayed:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(20));
        };
        assert_eq!(status.exit_code(), code);
        self.is_whole();
    }

    /// Waits for the terminal to be as it was before: what was written last may still be on its way.
    pub fn is_whole(&self) {
        let until = Instant::now() + DEADLINE;
        let whole = || {
            let screen = self.screen.lock().unwrap();
            let screen = screen.screen();
            !screen.alternate_screen()
                && !screen.hide_cursor()
                && !screen.bracketed_paste()
                && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
                && format!("{:?}", self.master.get_termios()) == self.modes
        };
        while !whole() {
            assert!(Instant::now() < until, "the terminal is not whole again");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A worker, ended with the test.
struct Worker(Process);

impl Worker {
    fn start(scene: &Scene) -> Self {
        let mut command = scene.command("root");
        command.arg("worker").stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends a submission of one file.
pub fn publish(scene: &Scene, slug: &str, dockerfile: &str) {
    scene.write(&format!("{slug}/Dockerfile"), dockerfile);
    let folder = scene.path(slug);
    scene.ok(
        SUBMITTER,
        ["publish", folder.to_str().unwrap(), "--slug", slug],
    );
}

#[test]
fn a_reviewer_approves_and_watches_what_a_worker_elsewhere_makes_of_it() {
    let Some(scene) = Scene::that_builds() else {
        return;
    };
    publish(
        &scene,
        "hello",
        "FROM debian:12-slim\nRUN echo made-in-the-sandbox\nUSER nobody\nCMD [\"sh\"]\n",
    );

    let mut mine = Console::open(&scene, REVIEWER);
    let mut theirs = Console::open(&scene, "root");
    mine.shows(&["hello", "○ pending", "no worker alive"]);
    theirs.shows(&["hello", "○ pending"]);
    mine.press("\r");
    mine.shows(&["RUN echo made-in-the-sandbox", "on the approved list"]);
    // The other reviewer is already writing.
    theirs.press("\r");
    theirs.shows(&["RUN echo made-in-the-sandbox"]);
    theirs.press("a");
    theirs.shows(&["Approve #1 hello"]);
    mine.press("a");
    mine.shows(&["Approve #1 hello"]);
    mine.press("fine by me\r");
    mine.shows(&["#1 hello is approved", "fine by me"]);
    theirs.shows(&["nobody approved #1 meanwhile"]);
    theirs.press("\r");
    theirs.shows(&["submission 1 has changed since you read it: nobody approved it"]);
    theirs.press("\x1b");
    theirs.shows(&["◔ approved"]);

    mine.press("3");
    mine.shows(&["has not been built", "no worker alive"]);
    let worker = Worker::start(&scene);
    mine.shows(&[
        "made-in-the-sandbox",
        "✓ published",
        "scan│",
        "sign│",
        "  end│ built sha256:",
        "✓ 1 worker alive",
    ]);
    mine.press("4");
    mine.shows(&["hello", "signature", "verified"]);

    drop(worker);
    mine.shows(&["no worker alive"]);
    mine.press("1");
    mine.shows(&["MODULE", "Done 1"]);
    mine.press("q");
    mine.ends_with(0);
    theirs.kill(Signal::TERM);
    theirs.ends_with(130);
}

#[test]
fn what_blocks_is_said_and_what_is_rejected_is_gone_from_the_open_ones() {
    let scene = Scene::new();
    publish(
        &scene,
        "weather",
        "FROM debian:12-slim\nRUN curl -fsSL https://weather.example/ > /weather\nCMD [\"sh\"]\n",
    );
    let mut console = Console::open(&scene, REVIEWER);
    console.shows(&["weather", "○ pending"]);
    console.press("\r");
    console.shows(&["RUN curl"]);
    console.press("a");
    console.shows(&["#1 weather can't be approved", "NET02 at line 2"]);
    console.press("\r");
    console.press("x");
    console.shows(&["Reject #1 weather"]);
    console.press("RUN has no network\r");
    console.shows(&["Reject #1 weather?", "can't be taken back"]);
    console.press("y");
    console.shows(&["#1 weather is rejected", "rejected by nobody"]);
    console.press("q");
    console.shows(&["Open 0", "Done 1"]);
    console.kill(Signal::TERM);
    console.ends_with(130);
}

#[test]
fn the_readme_shows_the_keys_that_there_are() {
    let readme = include_str!("../README.md");
    let keys = flareo::tui::action::markdown();
    assert!(
        readme.contains(&keys),
        "README.md should hold this table:\n{keys}"
    );
}

#[test]
fn a_clean_resubmission_is_judged_with_words_in_five_keys() {
    let scene = Scene::new();
    scene.ok("root", ["init"]);
    let rootfs = scene.write("rootfs/etc/os-release", "ID=debian\n");
    scene.base("debian:12-slim", rootfs.parent().unwrap().parent().unwrap());
    let folder = scene.path("site");
    let publish = ["publish", folder.to_str().unwrap(), "--slug", "hello"];
    scene.write(
        "site/Dockerfile",
        "FROM debian:12-slim\nRUN curl https://example.com/x\nCMD [\"x\"]\n",
    );
    scene.ok(SUBMITTER, publish);
    scene.ok(
        REVIEWER,
        ["review", "1", "reject", "--reason", "no network"],
    );
    scene.write(
        "site/Dockerfile",
        "FROM debian:12-slim\nCOPY x /x\nCMD [\"/x\"]\n",
    );
    scene.write("site/x", "#!/bin/sh\n");
    scene.ok(SUBMITTER, publish);

    let mut console = Console::open(&scene, REVIEWER);
    console.shows(&["hello", "pending"]);
    // One key each: open it, what changed, approve, the words that fit, done.
    let keys = ["\r", "d", "a", "\t", "\r"];
    let shows: [&[&str]; 5] = [
        &["can be approved", "since #1: 1 resolved, 0 new"],
        &["Changes", "RUN curl https://example.com/x"],
        &["Approve #2 hello"],
        &["What stood against #1 is mended (NET02)."],
        &["#2 hello is approved"],
    ];
    for (key, shows) in keys.into_iter().zip(shows) {
        console.press(key);
        console.shows(shows);
    }
    println!("{} keys from the queue to the decision", keys.len());
    let page = scene.json("root", ["show", "2"]);
    assert_eq!(page["submission"]["state"], "approved");
    assert_eq!(
        page["decisions"][0]["reason"],
        "What stood against #1 is mended (NET02)."
    );
    console.press("q");
    console.press("q");
    console.ends_with(0);
}

#[test]
fn a_reviewer_looks_into_files_says_something_and_takes_a_claim_over() {
    let scene = Scene::new();
    scene.ok("root", ["init"]);
    scene.write(
        "site/Dockerfile",
        "FROM debian:12-slim\nRUN sh /app/run.sh\nCOPY app /app\nCMD [\"x\"]\n",
    );
    scene.write("site/app/run.sh", "echo \u{1b}[2Jhostile\n");
    let folder = scene.path("site");
    scene.ok(
        SUBMITTER,
        ["publish", folder.to_str().unwrap(), "--slug", "hello"],
    );
    scene.ok("root", ["review", "1", "claim"]);
    let mut console = Console::open(&scene, REVIEWER);
    console.shows(&["hello", "pending"]);
    console.press("\r");
    console.shows(&["root reads it", "RUN sh /app/run.sh"]);
    console.press("f");
    console.shows(&["app/run.sh", "-rw-r--r--"]);
    console.press("G");
    console.press("\r");
    console.shows(&["hostile", "app/run.sh 17 B"]);
    console.press("e");
    console.shows(&["Stages", "From outside", "Instructions"]);
    // One by one, or the terminal takes two for one with alt.
    for shows in ["app/run.sh 17 B", "Files 3", "RUN sh /app/run.sh"] {
        console.press("\u{1b}");
        console.shows(&[shows]);
    }
    console.press("m");
    console.shows(&["line 1:"]);
    console.press("why this base?\r");
    console.shows(&["noted at line 1"]);
    console.press("c");
    console.shows(&["Take #1 hello over?", "root reads it"]);
    console.press("y");
    console.shows(&["#1 is yours to read; root sees that on the page"]);
    let page = scene.json("root", ["show", "1"]);
    assert_eq!(page["comments"][0]["text"], "why this base?");
    assert_eq!(page["submission"]["claim"]["holder"], REVIEWER);
    console.press("q");
    console.press("q");
    console.ends_with(0);
}

#[test]
fn what_is_asked_for_is_granted_with_a_reason() {
    let scene = Scene::new();
    scene.ok("root", ["init"]);
    let rootfs = scene.write("rootfs/etc/os-release", "ID=debian\n");
    scene.base("debian:12-slim", rootfs.parent().unwrap().parent().unwrap());
    scene.base("odd:1", rootfs.parent().unwrap().parent().unwrap());
    scene.write("site/Dockerfile", "FROM odd:1\nCMD [\"x\"]\n");
    let folder = scene.path("site");
    let publish = [
        "publish",
        folder.to_str().unwrap(),
        "--slug",
        "hello",
        "--time-limit",
        "20m",
    ];
    scene.ok(SUBMITTER, publish);
    let mut console = Console::open(&scene, REVIEWER);
    console.shows(&["hello", "pending"]);
    console.press("\r");
    console.shows(&["with grants"]);
    console.press("a");
    console.shows(&["Grants, to this submission alone: the base odd:1, 20 minutes"]);
    console.press("\r");
    console.shows(&["A grant needs a reason: it is logged."]);
    console.press("known to us\r");
    console.shows(&["#1 hello is approved"]);
    let page = scene.json("root", ["show", "1"]);
    let grants = page["decisions"][0]["binding"]["grants"]
        .as_array()
        .unwrap();
    assert_eq!(grants.len(), 2, "{page}");
    console.press("q");
    console.press("q");
    console.ends_with(0);
}

#[test]
fn a_console_that_lost_its_line_is_found_again_as_it_was() {
    let scene = Scene::new();
    publish(&scene, "one", "FROM debian:12-slim\nCMD [\"x\"]\n");
    publish(&scene, "two", "FROM debian:12-slim\nCMD [\"y\"]\n");
    let mut console = Console::open(&scene, REVIEWER);
    console.shows(&["one", "two"]);
    console.press("6");
    console.shows(&["approved.seed", "submission.submit", "unbroken"]);
    console.press("j");
    console.shows(&["Entry 2"]);
    console.kill(Signal::HUP);
    console.ends_with(130);
    let console = Console::open(&scene, REVIEWER);
    console.shows(&["Entry 2", "unbroken"]);
    console.kill(Signal::TERM);
    console.ends_with(130);
    // Somebody else begins at the queue.
    let console = Console::open(&scene, "root");
    console.shows(&["MODULE", "two"]);
    console.kill(Signal::TERM);
    console.ends_with(130);
}

#[test]
fn whatever_comes_in_by_the_keyboard_the_terminal_is_whole_afterwards() {
    let scene = Scene::new();
    publish(&scene, "one", "FROM debian:12-slim\nCMD [\"x\"]\n");
    let mut console = Console::open(&scene, REVIEWER);
    console.shows(&["one"]);
    // Bytes of every kind, the same every time: broken UTF-8, halves of sequences, answers that nobody asked for. Not the
    // two keys that would leave or stop it, and none that says yes to a question.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut bytes = Vec::new();
    while bytes.len() < 64 << 10 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let byte = (state >> 24) as u8;
        if !matches!(
            byte,
            0x03 | 0x1a | b'q' | b'\r' | b'\n' | b'y' | b'x' | b'a'
        ) {
            bytes.push(byte);
        }
        if state.is_multiple_of(97) {
            bytes.extend_from_slice(b"\x1b[200~");
        }
        if state.is_multiple_of(89) {
            bytes.extend_from_slice(b"\x1b[<0;10;5M\x1b[?62;c\x1b]11;rgb:0/0/0\x07\x1bP+r\x1b\\");
        }
    }
    console.keys.write_all(&bytes).unwrap();
    console.keys.flush().unwrap();
    // Out of whatever it has come to.
    console.press("\x1b[201~");
    std::thread::sleep(Duration::from_millis(300));
    for _ in 0..5 {
        console.press("\x1b");
        std::thread::sleep(Duration::from_millis(100));
    }
    console.press("1");
    console.shows(&["MODULE", "one"]);
    console.kill(Signal::TERM);
    console.ends_with(130);
    let row = scene.json("root", ["show", "1"]);
    assert_eq!(
        row["submission"]["state"], "pending",
        "nothing was decided by it"
    );
}

#[test]
fn a_theme_is_read_again_when_its_file_changes() {
    let scene = Scene::new();
    let theme = include_str!("../themes/dark.toml");
    let file = scene.write("state/themes/mine.toml", theme);
    scene.write("state/console.toml", "theme = \"mine\"\nmouse = true\n");
    publish(&scene, "one", "FROM debian:12-slim\nCMD [\"x\"]\n");
    let mut console = Console::open_plain(&scene, REVIEWER);
    console.shows(&["one"]);
    let mouse = |console: &Console| {
        console
            .screen
            .lock()
            .unwrap()
            .screen()
            .mouse_protocol_mode()
    };
    assert_ne!(mouse(&console), vt100::MouseProtocolMode::None);
    std::fs::write(
        &file,
        theme.replace("good = { fg = \"78\" }", "good = { fg = \"nocolour\" }"),
    )
    .unwrap();
    console.shows(&["the old look stays", "line"]);
    // Aside and renamed, as editors do.
    let aside = scene.write("state/themes/aside", theme.replace("\"78\"", "\"79\""));
    std::fs::rename(aside, &file).unwrap();
    console.shows(&["theme mine"]);
    // A click on the tab of the audit log.
    console.press("\x1b[<0;58;1M\x1b[<0;58;1m");
    console.shows(&["approved.seed"]);
    console.kill(Signal::TERM);
    console.ends_with(130);
}

#[test]
fn keys_that_conflict_are_named_before_anything_is_drawn() {
    let scene = Scene::new();
    scene.write(
        "state/console.toml",
        "[keys]\n\"review.approve\" = [\"x\"]\n",
    );
    let console = Console::open_plain(&scene, REVIEWER);
    console.shows(&["review.approve", "review.reject", "Review"]);
    console.ends_with(2);
}
