//! Finding a place in the log: by a text, or by what failed.

use super::{Build, Pane, log};
use crate::model::event::StepOutcome;
use crate::tui::figures::count;
use crate::tui::screens::{Out, Scene};
use crate::tui::search::{contains, next_match};

impl Build {
    /// Searches what is in memory of the log, from the top row on.
    pub fn search_for(&mut self, needle: &str, scene: Scene, out: &mut Out) {
        needle.clone_into(&mut self.search);
        self.pane = Pane::Log;
        if needle.is_empty() {
            return;
        }
        let matches = self.matches();
        let found = matches
            .iter()
            .rev()
            .find(|&&row| row <= self.at.top)
            .or(matches.first());
        match found {
            Some(&row) => {
                self.follow = false;
                self.at.show(row, self.parts(scene.body).log.height.into());
                out.say(format!(
                    "{} of \"{needle}\"{}",
                    count(matches.len() as u64, "line"),
                    self.reach()
                ));
            }
            None => out.warn(format!("nothing holds \"{needle}\"{}", self.reach())),
        }
    }

    /// Says so where not all of the log was searched.
    fn reach(&self) -> String {
        if self.log.begin() == 0 && self.log.end() == self.seen {
            String::new()
        } else {
            format!(" in the {} lines read", self.log.lines().len())
        }
    }

    fn matches(&self) -> Vec<usize> {
        let holds = |line: &log::LogLine| contains(&line.text, &self.search);
        self.log
            .lines()
            .iter()
            .enumerate()
            .filter(|(_, line)| holds(line))
            .map(|(at, _)| at)
            .collect()
    }

    /// To the next match from the top row on, or the one before; without a search to the step that failed.
    pub(super) fn step_match(&mut self, forward: bool, scene: Scene, out: &mut Out) {
        if self.search.is_empty() {
            let failed = self
                .progress
                .steps
                .iter()
                .find(|s| s.outcome == Some(StepOutcome::Failed))
                .map(|s| s.at);
            match failed {
                Some(at) => self.jump(at, self.parts(scene.body).log.height.into()),
                None => out.say("no step has failed"),
            }
            return;
        }
        match next_match(&self.matches(), self.at.top, forward) {
            Some(row) => {
                self.follow = false;
                self.at.top = row;
            }
            None => out.warn(format!("nothing holds \"{}\"{}", self.search, self.reach())),
        }
    }
}
