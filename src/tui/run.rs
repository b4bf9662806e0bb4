//! The console on a terminal: waits for something to happen, updates, draws once.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use crossterm::Command as _;
use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{Event as Input, MouseButton, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Signal as Number, kill_current_process_group};
use tokio::signal::unix::{SignalKind, signal};

use super::app::App;
use super::canvas::Canvas;
use super::crew::{Crew, Signal, spawn};
use super::desk::Desk;
use super::message::{Effect, Event, ExitReason};
use super::reload;
use super::terminal::Terminal;
use super::theme::Theme;
use super::{ConsoleError, Options};

/// Frames that nobody's key asked for come no faster than this.
const FRAME: Duration = Duration::from_millis(33);

/// Signals that wait to be heard before a thread that sends more has to wait itself.
const WAITING: usize = 1024;

/// How long to wait for a stop to take hold before going on.
const STOPPING: Duration = Duration::from_millis(300);

/// Opens the console over `desk` and returns when somebody leaves it.
///
/// # Errors
/// If there is no terminal, it can't be read or written, or a thread panicked. The terminal is given back before.
pub fn run(desk: &Arc<dyn Desk>, options: &Options) -> Result<ExitReason, ConsoleError> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(ConsoleError::NoTerminal);
    }
    let size = crossterm::terminal::size()?;
    let app = options.app(&**desk, size)?;
    let (out, signals) = sync_channel(WAITING);
    let crew = Crew::start(desk, &out)?;
    let (ready, listening) = sync_channel(0);
    spawn("signals", &out, move |out| hear(out, &ready))?;
    // From here on no signal ends us without the terminal being given back.
    listening.recv().unwrap_or(Ok(()))?;
    let terminal = Terminal::take()?;
    spawn("keyboard", &out, gone)?;
    spawn("keys", &out, read)?;
    if let Some(file) = Theme::file(&options.theme, &options.themes) {
        let name = options.theme.clone();
        spawn("theme", &out, move |out| reload::watch(&name, &file, out))?;
    }
    drop(out);
    let mut console = Console {
        app,
        // Not through the standard library's buffer: it would cut a frame in two at a line feed.
        canvas: Canvas::new(File::from(io::stdout().as_fd().try_clone_to_owned()?)),
        terminal,
        crew,
        size,
        mouse: false,
    };
    let ended = console.run(&signals);
    // Whoever comes back finds it as it was; that it could not be kept is no reason to end badly.
    let _ = desk.remember(&console.app.left());
    ended
}

struct Console {
    app: App,
    canvas: Canvas<File>,
    terminal: Terminal,
    crew: Crew,
    size: (u16, u16),
    mouse: bool,
}

impl Console {
    fn run(&mut self, signals: &Receiver<Signal>) -> Result<ExitReason, ConsoleError> {
        let effects = self.app.start();
        if let Some(reason) = self.perform(effects, signals)? {
            return Ok(reason);
        }
        self.draw()?;
        let mut drawn = Instant::now();
        loop {
            let Ok(first) = signals.recv() else {
                return Ok(ExitReason::HungUp);
            };
            let mut pressed = false;
            let mut next = Some(first);
            loop {
                while let Some(signal) = next {
                    pressed |= matches!(
                        signal,
                        Signal::Event(
                            Event::Key(_)
                                | Event::Paste(_)
                                | Event::Resize(..)
                                | Event::Click(..)
                                | Event::Wheel(..)
                        )
                    );
                    if let Some(reason) = self.take(signal, signals)? {
                        return Ok(reason);
                    }
                    next = signals.try_recv().ok();
                }
                // A build that prints fast is drawn thirty times a second; a key is answered at once.
                let wait = FRAME.saturating_sub(drawn.elapsed());
                if pressed || wait.is_zero() {
                    break;
                }
                match signals.recv_timeout(wait) {
                    Ok(signal) => next = Some(signal),
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => return Ok(ExitReason::HungUp),
                }
            }
            self.draw()?;
            drawn = Instant::now();
        }
    }

    fn take(
        &mut self,
        signal: Signal,
        signals: &Receiver<Signal>,
    ) -> Result<Option<ExitReason>, ConsoleError> {
        match signal {
            Signal::Event(event) => {
                if let Event::Resize(width, height) = event {
                    self.size = (width, height);
                    self.canvas.forget();
                }
                let effects = self.app.update(event);
                self.perform(effects, signals)
            }
            Signal::Continued => {
                self.resume()?;
                Ok(None)
            }
            Signal::Leave(reason) => Ok(Some(reason)),
            Signal::Panicked(said) => Err(ConsoleError::Panicked(said)),
        }
    }

    fn perform(
        &mut self,
        effects: Vec<Effect>,
        signals: &Receiver<Signal>,
    ) -> Result<Option<ExitReason>, ConsoleError> {
        for effect in effects {
            match effect {
                Effect::Ask(request) => self.crew.ask(request),
                Effect::Watch(what) => self.crew.watch(what),
                Effect::Copy(text) => {
                    let mut bytes = String::new();
                    // Writing to a string can't fail.
                    let _ = CopyToClipboard::to_clipboard_from(text).write_ansi(&mut bytes);
                    self.canvas.pass(bytes.as_bytes())?;
                }
                Effect::Redraw => self.canvas.forget(),
                Effect::Mouse(ours) => {
                    self.mouse = ours;
                    self.terminal.mouse(ours)?;
                }
                Effect::Suspend => {
                    if let Some(reason) = self.suspend(signals)? {
                        return Ok(Some(reason));
                    }
                }
                Effect::Leave(reason) => return Ok(Some(reason)),
            }
        }
        Ok(None)
    }

    /// Stops until the shell goes on with us. Without a shell that could, the kernel does not stop us at all.
    fn suspend(&mut self, signals: &Receiver<Signal>) -> Result<Option<ExitReason>, ConsoleError> {
        self.terminal.rest();
        // The whole group stops, as it would if the terminal had seen the key.
        let _ = kill_current_process_group(Number::TSTP);
        let until = Instant::now() + STOPPING;
        loop {
            match signals.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Signal::Continued) | Err(RecvTimeoutError::Timeout) => break,
                Ok(signal @ (Signal::Leave(_) | Signal::Panicked(_))) => {
                    return self.take(signal, signals);
                }
                Ok(Signal::Event(Event::Key(_) | Event::Paste(_))) => {}
                Ok(signal) => {
                    self.take(signal, signals)?;
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(Some(ExitReason::HungUp)),
            }
        }
        self.resume()?;
        Ok(None)
    }

    fn resume(&mut self) -> Result<(), ConsoleError> {
        self.terminal.take_again()?;
        self.terminal.mouse(self.mouse)?;
        self.canvas.forget();
        let size = crossterm::terminal::size()?;
        self.size = size;
        // A size asks for nothing that could not wait for the next event.
        for effect in self.app.update(Event::Resize(size.0, size.1)) {
            match effect {
                Effect::Ask(request) => self.crew.ask(request),
                Effect::Watch(what) => self.crew.watch(what),
                _ => {}
            }
        }
        self.draw()
    }

    fn draw(&mut self) -> Result<(), ConsoleError> {
        let (width, height) = self.size;
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        self.app.draw(&mut buffer);
        self.canvas.show(&buffer)?;
        Ok(())
    }
}

/// Waits for the keyboard to go away. Reading keys never says so: crossterm takes the end of a terminal for nothing yet,
/// and would ask for ever.
fn gone(out: &SyncSender<Signal>) {
    let keyboard = rustix::stdio::stdin();
    // Nothing is asked for: a terminal that has hung up is told all the same.
    let mut asked = [PollFd::from_borrowed_fd(keyboard, PollFlags::empty())];
    loop {
        match poll(&mut asked, None) {
            Err(Errno::INTR) | Ok(0) => {}
            // It can't be asked: whoever leaves does so by other ways.
            Err(_) => return,
            Ok(_) => {
                let _ = out.send(Signal::Leave(ExitReason::HungUp));
                return;
            }
        }
    }
}

/// Reads keys, pastes and sizes until there are no more.
fn read(out: &SyncSender<Signal>) {
    loop {
        let event = match crossterm::event::read() {
            Ok(Input::Key(key)) => Event::Key(key),
            Ok(Input::Paste(text)) => Event::Paste(text),
            Ok(Input::Resize(width, height)) => Event::Resize(width, height),
            Ok(Input::Mouse(mouse)) => match mouse.kind {
                MouseEventKind::Down(MouseButton::Left) => Event::Click(mouse.column, mouse.row),
                MouseEventKind::ScrollDown => Event::Wheel(mouse.column, mouse.row, true),
                MouseEventKind::ScrollUp => Event::Wheel(mouse.column, mouse.row, false),
                _ => continue,
            },
            Ok(_) => continue,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => {
                let _ = out.send(Signal::Leave(ExitReason::HungUp));
                return;
            }
        };
        if out.send(Signal::Event(event)).is_err() {
            return;
        }
    }
}

/// Hears signals from outside.
fn hear(out: &SyncSender<Signal>, ready: &SyncSender<io::Result<()>>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build();
    let heard = runtime.and_then(|runtime| runtime.block_on(pass_on(out, ready)));
    if heard.is_err() {
        let _ = ready.send(heard);
    }
}

async fn pass_on(out: &SyncSender<Signal>, ready: &SyncSender<io::Result<()>>) -> io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut proceed = signal(SignalKind::from_raw(Number::CONT.as_raw()))?;
    let _ = ready.send(Ok(()));
    loop {
        let heard = tokio::select! {
            _ = interrupt.recv() => Signal::Leave(ExitReason::Interrupted),
            _ = terminate.recv() => Signal::Leave(ExitReason::Terminated),
            _ = hangup.recv() => Signal::Leave(ExitReason::HungUp),
            _ = proceed.recv() => Signal::Continued,
        };
        if out.send(heard).is_err() {
            return Ok(());
        }
    }
}
