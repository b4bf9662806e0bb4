//! Reads a theme's file again whenever somebody has written it, so that a look can be tried out while one looks.

use std::path::Path;
use std::sync::mpsc::SyncSender;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use super::crew::Signal;
use super::message::Event;
use super::theme::Theme;

/// Watches the file `path` of the theme called `name` for as long as what this gives is kept.
///
/// # Errors
/// If the system can't watch it.
pub(super) fn watch(
    name: &str,
    path: &Path,
    out: &SyncSender<Signal>,
) -> notify::Result<RecommendedWatcher> {
    let (name, file, out) = (name.to_owned(), path.to_owned(), out.clone());
    let mut known = std::fs::read_to_string(path).ok();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let about = |event: &notify::Event| event.paths.contains(&file);
        if !event.is_ok_and(|event| about(&event) && !event.kind.is_access()) {
            return;
        }
        // A file that is just being replaced is not there for a moment: the next event tells of it.
        let Ok(text) = std::fs::read_to_string(&file) else {
            return;
        };
        if known.as_ref() == Some(&text) {
            return;
        }
        let theme = Theme::parse(&name, &text).map(Box::new);
        known = Some(text);
        let _ = out.send(Signal::Event(Event::Theme(theme)));
    })?;
    // Editors write aside and rename: the folder hears of it, a watch on the file would be lost.
    let folder = path.parent().unwrap_or(path);
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}
