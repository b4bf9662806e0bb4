//! Finding a place in the log: by a pattern, through the whole spool, or by what failed.

use super::log::LogLine;
use super::{Build, Pane};
use crate::logs::{Pattern, Piece};
use crate::model::event::StepOutcome;
use crate::model::{Event, SubmissionId, Timestamp};
use crate::tui::figures::{bytes, count, took};
use crate::tui::message::{Effect, Request};
use crate::tui::screens::{Out, Scene};
use crate::tui::widgets::cursor::Scroll;
use crate::tui::widgets::window::{STRETCH, Window};

/// Matches whose places are kept; more are counted and no more.
const MOST: usize = 2_000_000;

/// A search: it goes through the spool piece by piece, as far as the spool goes, and on when that grows.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) pattern: Pattern,
    /// The places of the matches, in order.
    pub(super) places: Vec<u64>,
    /// How many there are, also those that are not kept.
    total: u64,
    /// Up to here it was looked.
    searched: u64,
    asked: bool,
    /// Which match one is at.
    current: Option<usize>,
    /// Where one was when it began: the match before that is gone to, as soon as it is known.
    from: Option<u64>,
    begun: Timestamp,
}

/// Only the lines that match.
#[derive(Debug, Default)]
pub(super) struct Only {
    pub(super) rows: Window<LogLine>,
    pub(super) at: Scroll,
}

impl Search {
    /// How it stands, for the head of the log.
    pub(super) fn words(&self, seen: u64, now: Timestamp) -> String {
        let lines = count(self.total, "line");
        if self.searched >= seen {
            return match self.current {
                Some(at) => format!("{} of {}", at + 1, self.total),
                None => lines,
            };
        }
        let ms = u64::try_from(now.duration_since(self.begun).as_millis()).unwrap_or(0);
        let rate = self.searched.saturating_mul(1000) / ms.max(1);
        if self.searched == 0 || rate == 0 {
            return format!("{lines} so far");
        }
        let left = (seen - self.searched).saturating_mul(1000) / rate;
        format!("{lines} so far, {}/s, {} left", bytes(rate), took(left))
    }
}

impl Build {
    /// Searches the log for what is written, from where one is.
    pub fn search_for(&mut self, text: &str, scene: Scene, out: &mut Out) {
        self.only = None;
        self.search = Pattern::new(text).map(|pattern| Search {
            pattern,
            places: Vec::new(),
            total: 0,
            searched: 0,
            asked: false,
            current: None,
            from: Some(self.here()),
            begun: scene.now,
        });
        self.pane = Pane::Log;
        if let Some(search) = &self.search
            && search.pattern.is_literal()
            && regex_like(text)
        {
            out.say(format!(
                "\"{text}\" is no regular expression: it is taken as it stands"
            ));
        }
    }

    /// The place of the first line that is shown.
    fn here(&self) -> u64 {
        match self.log.lines().get(self.at.top) {
            Some(line) => line.at,
            None => self.log.end(),
        }
    }

    /// Asks for the next piece, as long as there is one, and for the matches that are to be shown.
    pub(super) fn seek_on(&mut self, id: SubmissionId, height: usize, out: &mut Out) {
        let seen = self.seen;
        let Some(search) = &mut self.search else {
            return;
        };
        if !search.asked && search.searched < seen {
            search.asked = true;
            let request = Request::Search(id, search.searched, search.pattern.clone());
            out.effects.push(Effect::Ask(request));
        }
        let Some(only) = &mut self.only else { return };
        only.at.settle(search.places.len(), height);
        let shown = (only.at.top + height).min(search.places.len());
        if only.rows.total().is_some_and(|total| total < shown) {
            only.rows.outdate();
        }
        if let Some(offset) = only.rows.question(only.at.top, height) {
            let offset = offset.min(search.places.len());
            let end = (offset + STRETCH).min(search.places.len());
            out.effects.push(Effect::Ask(Request::Matches {
                id,
                offset,
                places: search.places[offset..end].to_vec(),
            }));
        }
    }

    /// Takes a piece of the search.
    pub fn searched(
        &mut self,
        from: u64,
        pattern: &Pattern,
        result: Result<Piece<u64>, String>,
        scene: Scene,
        out: &mut Out,
    ) {
        let height = self.log_height(scene);
        let Some(search) = &mut self.search else {
            return;
        };
        if search.pattern != *pattern || search.searched != from {
            return;
        }
        search.asked = false;
        let piece = match result {
            Ok(piece) => piece,
            Err(error) => {
                out.warn(error);
                self.search = None;
                return;
            }
        };
        search.total += piece.found.len() as u64;
        let room = MOST - search.places.len();
        search.places.extend(piece.found.iter().take(room));
        // A spool that became shorter has no more to say.
        let stuck = piece.end && piece.next <= from;
        search.searched = if stuck { self.seen } else { piece.next };
        let done = search.searched >= self.seen;
        let Some(goal) = search.from.filter(|goal| done || search.searched > *goal) else {
            return;
        };
        let before = search.places.partition_point(|place| *place <= goal);
        let to = match before.checked_sub(1) {
            Some(at) => Some(at),
            None if search.places.is_empty() => None,
            None => Some(0),
        };
        match to {
            Some(at) => {
                search.from = None;
                self.go_to_match(at, height);
            }
            None if done => {
                search.from = None;
                let text = pattern.text();
                let note = match pattern.is_literal() && regex_like(text) {
                    true => ": it is no regular expression, and was taken as it stands",
                    false => "",
                };
                out.warn(format!("nothing holds \"{text}\"{note}"));
            }
            None => {}
        }
    }

    /// Takes the matches that are to be shown alone.
    pub fn matched(&mut self, offset: usize, result: Result<Vec<(u64, Event)>, String>) {
        let total = self.search.as_ref().map_or(0, |search| search.places.len());
        if let Some(only) = &mut self.only {
            let rows = result.map(|events| {
                let lines = events
                    .iter()
                    .filter_map(|(at, event)| super::log::shown(*at, event));
                (total as u64, lines.collect())
            });
            only.rows.answer(offset, rows);
        }
    }

    fn go_to_match(&mut self, at: usize, height: usize) {
        let Some(search) = &mut self.search else {
            return;
        };
        let Some(&place) = search.places.get(at) else {
            return;
        };
        search.current = Some(at);
        match &mut self.only {
            Some(only) => only.at.show(at, height),
            None => self.jump(place, height),
        }
    }

    /// To the next match, or the one before; without a search to the step that failed.
    pub(super) fn step_match(&mut self, forward: bool, scene: Scene, out: &mut Out) {
        let height = self.log_height(scene);
        let here = self.here();
        let Some(search) = &self.search else {
            self.show_failed_step(scene, out);
            return;
        };
        let last = search.places.len().checked_sub(1);
        let Some(last) = last else {
            out.warn(format!("nothing holds \"{}\"", search.pattern.text()));
            return;
        };
        let to = match (search.current, forward) {
            (Some(at), true) if at < last => at + 1,
            (Some(_), true) => 0,
            (Some(0), false) => last,
            (Some(at), false) => at - 1,
            (None, true) => search
                .places
                .partition_point(|place| *place <= here)
                .min(last),
            (None, false) => search
                .places
                .partition_point(|place| *place < here)
                .checked_sub(1)
                .unwrap_or(last),
        };
        self.go_to_match(to, height);
    }

    /// To the step that failed.
    pub(super) fn show_failed_step(&mut self, scene: Scene, out: &mut Out) {
        let mut steps = self.progress.steps.iter();
        match steps
            .find(|s| s.outcome == Some(StepOutcome::Failed))
            .map(|s| s.at)
        {
            Some(at) => {
                self.only = None;
                self.pane = Pane::Log;
                self.jump(at, self.log_height(scene));
            }
            None => out.say("no step has failed"),
        }
    }

    /// Shows only what matches, or everything again, and stays where one is.
    pub(super) fn toggle_only(&mut self, scene: Scene, out: &mut Out) {
        let height = self.log_height(scene);
        let here = self.here();
        let Some(search) = &self.search else {
            out.warn("search for something first (/): then & shows only the lines that hold it");
            return;
        };
        match self.only.take() {
            Some(only) => {
                let place = search.places.get(only.at.top).copied();
                self.jump(place.unwrap_or(here), height);
            }
            None => {
                let at = search.current;
                let at = at.unwrap_or_else(|| search.places.partition_point(|place| *place < here));
                self.selection = None;
                self.only = Some(Only {
                    rows: Window::default(),
                    at: Scroll {
                        top: at.min(search.places.len().saturating_sub(1)),
                        left: self.at.left,
                    },
                });
            }
        }
    }
}

/// Whether a text looks as if it were meant to be a regular expression.
fn regex_like(text: &str) -> bool {
    text.contains(['*', '[', '(', '+', '?', '{', '|', '\\'])
}
