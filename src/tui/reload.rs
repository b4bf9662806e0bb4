//! Reads a theme's file again whenever somebody has written it, so that a look can be tried out while one looks.

use std::io;
use std::mem::MaybeUninit;
use std::path::Path;
use std::sync::mpsc::SyncSender;

use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};

use super::crew::Signal;
use super::message::Event;
use super::theme::Theme;

/// Watches the file `path` of the theme called `name`, until nobody listens any more or the system can't watch it.
pub(super) fn watch(name: &str, path: &Path, out: &SyncSender<Signal>) {
    // Where nothing can be watched, a theme is read once: no reason to do without a console.
    let _ = try_watch(name, path, out);
}

fn try_watch(name: &str, path: &Path, out: &SyncSender<Signal>) -> io::Result<()> {
    let (Some(folder), Some(file)) = (path.parent(), path.file_name()) else {
        return Ok(());
    };
    let mut known = std::fs::read_to_string(path).ok();
    let descriptor = inotify::init(CreateFlags::CLOEXEC)?;
    // Editors write aside and rename: the folder hears of it, a watch on the file would be lost.
    let written = WatchFlags::CLOSE_WRITE | WatchFlags::MOVED_TO;
    inotify::add_watch(&descriptor, folder, written)?;
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut events = Reader::new(&descriptor, &mut buffer);
    loop {
        let event = match events.next() {
            Ok(event) => event,
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        };
        let about = event
            .file_name()
            .is_some_and(|name| name.to_bytes() == file.as_encoded_bytes());
        if !about {
            continue;
        }
        // One that is gone again already: the next event tells of it.
        let Ok(text) = std::fs::read_to_string(path) else {
            continue;
        };
        if known.as_ref() == Some(&text) {
            continue;
        }
        let theme = Theme::parse(name, &text).map(Box::new);
        known = Some(text);
        if out.send(Signal::Event(Event::Theme(theme))).is_err() {
            return Ok(());
        }
    }
}
