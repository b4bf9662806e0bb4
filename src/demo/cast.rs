//! A recording of the scripted run, as an asciicast of version 2: what a terminal would have been sent, scene by scene.

use std::fmt::Write as _;

use serde_json::json;

use super::script::{Scene, play_as};
use super::{Ending, Stage};
use crate::pipeline::SiteError;
use crate::tui::Options;

/// How long each scene stands, in milliseconds: long enough to be read.
const SCENE: u64 = 2_500;

/// The recording, for a terminal of `width` × `height`, and how each submission ended. Nothing in it is of the day on
/// which it was made.
///
/// # Errors
/// If the site fails.
pub fn record(stage: &Stage, width: u16, height: u16) -> Result<(String, Vec<Ending>), SiteError> {
    let head = json!({
        "version": 2,
        "width": width,
        "height": height,
        "title": "flareo demo",
        "env": { "TERM": "xterm-256color" },
    });
    let mut cast = format!("{head}\n[0.000, \"o\", {}]\n", json!("\u{1b}[?25l"));
    let mut at = 0;
    let options = Options {
        theme: "dark".into(),
        ..Options::default()
    };
    let endings = play_as(stage, &options, width, height, &mut |scene: Scene| {
        at += SCENE;
        let seconds = format!("{}.{:03}", at / 1000, at % 1000);
        let text = String::from_utf8_lossy(&scene.bytes).into_owned();
        // Writing to a string can't fail.
        let _ = writeln!(cast, "[{seconds}, \"m\", {}]", json!(scene.name));
        let _ = writeln!(cast, "[{seconds}, \"o\", {}]", json!(text));
    })?;
    Ok((cast, endings))
}
