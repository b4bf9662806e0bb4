//! The console on a real terminal: drawn, left, killed, stopped; and the terminal whole afterwards.
//!
//! The child is this very test binary: [`child`] opens the console where the environment asks it to.

use std::io::{Read as _, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::desk::Sample;
use super::rows;
use crate::logs::{Pattern, Piece};
use crate::model::SubmissionId;
use crate::tui::desk::{
    Desk, EventPage, Left, Look, ModuleDetail, ModulePage, QueueFilter, QueuePage, Ruling, Sheet,
    Standing,
};
use crate::tui::registers::{Register, RegisterPage};
use crate::tui::{ExitReason, Options, run};

const ASKED: &str = "FLAREO_TEST_CONSOLE";

/// Opens the console if it is asked to, and says how it ended.
#[test]
fn child() {
    if std::env::var_os(ASKED).is_none() {
        return;
    }
    let options = Options {
        theme: "dark".into(),
        ..Options::default()
    };
    let desk: Arc<dyn Desk> = Arc::new(Fragile(Sample::many()));
    let ended = run(&desk, &options);
    let mut out = std::io::stdout();
    let _ = match ended {
        Ok(reason) => writeln!(out, "ended: {reason:?}\r"),
        Err(error) => writeln!(out, "ended: {error}\r"),
    };
    std::process::exit(0);
}

/// A desk that breaks down when it is asked for a certain submission.
struct Fragile(Sample);

#[rustfmt::skip]
impl Desk for Fragile {
    fn who(&self) -> crate::model::Actor { self.0.who() }
    fn now(&self) -> crate::model::Timestamp { rows::ago(0) }
    fn changes(&self) -> u64 { 0 }
    fn standing(&self) -> Result<Standing, String> { self.0.standing() }
    fn queue(&self, f: &QueueFilter, o: u64, l: usize) -> Result<QueuePage, String> { self.0.queue(f, o, l) }
    fn recall(&self) -> Left { self.0.recall() }
    fn remember(&self, left: &Left) -> Result<(), String> { self.0.remember(left) }
    fn review(&self, id: SubmissionId) -> Result<crate::model::view::ReviewPage, String> {
        assert_ne!(id, SubmissionId(13), "the desk broke down");
        self.0.review(id)
    }
    fn look(&self, id: SubmissionId, look: &Look) -> Result<Sheet, String> { self.0.look(id, look) }
    fn claim(&self, id: SubmissionId, steal: bool) -> Result<String, String> { self.0.claim(id, steal) }
    fn comment(&self, id: SubmissionId, line: u32, text: &str) -> Result<String, String> { self.0.comment(id, line, text) }
    fn decide(&self, ruling: &Ruling) -> Result<String, String> { self.0.decide(ruling) }
    fn events(&self, id: SubmissionId, f: u64, l: usize) -> Result<EventPage, String> { self.0.events(id, f, l) }
    fn events_before(&self, id: SubmissionId, b: Option<u64>, l: usize) -> Result<EventPage, String> { self.0.events_before(id, b, l) }
    fn outline(&self, id: SubmissionId, f: u64) -> Result<Piece<(u64, crate::model::Event)>, String> { self.0.outline(id, f) }
    fn search(&self, id: SubmissionId, f: u64, p: &Pattern) -> Result<Piece<u64>, String> { self.0.search(id, f, p) }
    fn events_at(&self, id: SubmissionId, p: &[u64]) -> Result<Vec<(u64, crate::model::Event)>, String> { self.0.events_at(id, p) }
    fn save(&self, id: SubmissionId, n: &str, p: Option<&Pattern>) -> Result<String, String> { self.0.save(id, n, p) }
    fn modules(&self, t: &str, o: u64, l: usize) -> Result<ModulePage, String> { self.0.modules(t, o, l) }
    fn module(&self, id: SubmissionId) -> Result<ModuleDetail, String> { self.0.module(id) }
    fn register(&self, r: Register, t: &str, o: u64, l: usize) -> Result<RegisterPage, String> { self.0.register(r, t, o, l) }
    fn stop_build(&self, id: SubmissionId) -> Result<String, String> { self.0.stop_build(id) }
    fn retry(&self, id: SubmissionId) -> Result<String, String> { self.0.retry(id) }
    fn entry(&self, r: Register, k: &str) -> Result<Sheet, String> { self.0.entry(r, k) }
}

const SIZE: PtySize = PtySize {
    rows: 24,
    cols: 80,
    pixel_width: 0,
    pixel_height: 0,
};

struct Tty {
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    screen: Arc<Mutex<(vt100::Parser, usize)>>,
    modes: String,
}

fn command() -> CommandBuilder {
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    command.args(["--exact", "tui::tests::terminal::child", "--nocapture"]);
    command.env(ASKED, "1");
    command.env("TERM", "xterm-256color");
    command
}

impl Tty {
    fn open(command: CommandBuilder) -> Self {
        let pair = native_pty_system().openpty(SIZE).unwrap();
        let modes = format!("{:?}", pair.master.get_termios());
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let screen = Arc::new(Mutex::new((vt100::Parser::new(24, 80, 0), 0)));
        let shown = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut bytes) {
                let mut shown = shown.lock().unwrap();
                shown.0.process(&bytes[..length]);
                shown.1 += length;
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

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().0.screen().contents()
    }

    fn written(&self) -> usize {
        self.screen.lock().unwrap().1
    }

    /// Waits until `text` stands on the screen; the deadline only keeps a broken console from hanging the test.
    fn wait_for(&self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.text().contains(text) {
            assert!(
                Instant::now() < deadline,
                "no `{text}` in:\n{}",
                self.text()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn kill(&self, signal: rustix::process::Signal) {
        let id = self
            .child
            .process_id()
            .and_then(|id| rustix::process::Pid::from_raw(id as i32))
            .unwrap();
        rustix::process::kill_process(id, signal).unwrap();
    }

    /// The terminal is as it was before.
    fn assert_whole(&self) {
        let screen = self.screen.lock().unwrap();
        let screen = screen.0.screen();
        assert!(!screen.alternate_screen(), "the first screen is back");
        assert!(!screen.hide_cursor(), "the cursor is back");
        assert!(!screen.bracketed_paste(), "pasting is as it was");
        assert_eq!(
            format!("{:?}", self.master.get_termios()),
            self.modes,
            "the modes are as they were"
        );
    }
}

#[test]
fn it_opens_answers_keys_and_leaves_the_terminal_whole() {
    let mut tty = Tty::open(command());
    tty.wait_for("payments-api");
    assert!(tty.screen.lock().unwrap().0.screen().alternate_screen());
    tty.press("\r");
    tty.wait_for("RUN curl");
    tty.press("q");
    tty.wait_for("MODULE");
    tty.press("q");
    tty.wait_for(&format!("ended: {:?}", ExitReason::Quit));
    tty.assert_whole();
}

#[test]
fn it_writes_nothing_while_nothing_happens() {
    let tty = Tty::open(command());
    tty.wait_for("1 worker alive");
    std::thread::sleep(Duration::from_millis(300));
    let before = tty.written();
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(tty.written(), before);
}

#[test]
fn signals_end_it_and_leave_the_terminal_whole() {
    for (signal, reason) in [
        (rustix::process::Signal::TERM, ExitReason::Terminated),
        (rustix::process::Signal::INT, ExitReason::Interrupted),
        (rustix::process::Signal::HUP, ExitReason::HungUp),
    ] {
        let tty = Tty::open(command());
        tty.wait_for("payments-api");
        tty.kill(signal);
        tty.wait_for(&format!("ended: {reason:?}"));
        tty.assert_whole();
    }
}

#[test]
fn a_panic_on_any_thread_ends_it_and_leaves_the_terminal_whole() {
    let mut tty = Tty::open(command());
    tty.wait_for("payments-api");
    tty.press("j2");
    tty.wait_for("ended: the console broke down in desk-");
    tty.assert_whole();
}

#[test]
fn a_terminal_that_goes_away_ends_it() {
    let pair = native_pty_system().openpty(SIZE).unwrap();
    let mut child = pair.slave.spawn_command(command()).unwrap();
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().unwrap();
    let mut bytes = [0; 4096];
    let mut seen = String::new();
    while !seen.contains("payments-api") {
        let length = reader.read(&mut bytes).unwrap();
        seen += &String::from_utf8_lossy(&bytes[..length]);
    }
    drop((reader, pair.master));
    let deadline = Instant::now() + Duration::from_secs(20);
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "it stayed");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_storm_of_sizes_ends_in_a_whole_picture() {
    let tty = Tty::open(command());
    tty.wait_for("payments-api");
    // What is drawn between the sizes is for other terminals; the last picture has to be whole all the same.
    for (rows, cols) in [(10, 40), (5, 20), (50, 200), (1, 1), (24, 80)] {
        tty.master.resize(PtySize { rows, cols, ..SIZE }).unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    tty.wait_for("1 worker alive");
    tty.wait_for("legacy");
}

#[test]
fn a_pasted_megabyte_is_no_keys() {
    let mut tty = Tty::open(command());
    tty.wait_for("payments-api");
    let paste = format!("\x1b[200~{}\x1b[201~", "q\n".repeat(1 << 19));
    tty.press(&paste);
    tty.press("4");
    tty.wait_for("SIGNATURE");
    tty.press("\x03");
    tty.wait_for("ended: Quit");
    tty.assert_whole();
}

#[test]
fn ctrl_z_gives_the_shell_back_and_fg_brings_the_console_back() {
    let mut shell = CommandBuilder::new("/bin/sh");
    shell.args(["-i"]);
    shell.env("PS1", "ready> ");
    shell.env("ENV", "");
    shell.env("TERM", "xterm-256color");
    let mut tty = Tty::open(shell);
    tty.wait_for("ready>");
    let exe = std::env::current_exe().unwrap();
    tty.press(&format!(
        "set -m; {ASKED}=1 '{}' --exact tui::tests::terminal::child --nocapture\n",
        exe.display()
    ));
    tty.wait_for("payments-api");
    tty.press("\x1a");
    let deadline = Instant::now() + Duration::from_secs(20);
    while tty.screen.lock().unwrap().0.screen().alternate_screen() {
        assert!(Instant::now() < deadline, "it did not stop");
        std::thread::sleep(Duration::from_millis(10));
    }
    // What is typed before the shell has its terminal again, it throws away.
    tty.wait_for("Stopped");
    while !tty.text().trim_end().ends_with("ready>") {
        assert!(Instant::now() < deadline, "the shell is not back");
        std::thread::sleep(Duration::from_millis(10));
    }
    tty.press("echo the-$((40+2))nd\n");
    tty.wait_for("the-42nd");
    tty.press("fg\n");
    tty.wait_for("payments-api");
    tty.press("q");
    tty.wait_for("ended: Quit");
    tty.press("exit\nexit\n");
}
