//! What comes of a spool: its end first, then what is wanted of the rest, then what just comes.

use super::{AHEAD, Build, Pane};
use crate::logs::Piece;
use crate::model::event::Happening;
use crate::model::{Event, SubmissionId};
use crate::tui::desk::EventPage;
use crate::tui::message::{Effect, LINES, Request, Toward};
use crate::tui::screens::{Out, Scene};

impl Build {
    /// Takes a stretch of the spool.
    pub fn answered(
        &mut self,
        id: SubmissionId,
        from: u64,
        toward: Toward,
        result: Result<EventPage, String>,
        scene: Scene,
    ) {
        if self.id != Some(id) {
            return;
        }
        let page = match result {
            Ok(page) => page,
            Err(error) => {
                self.error = Some(error);
                self.watched = None;
                self.asked = None;
                return;
            }
        };
        self.error = None;
        if page.attempt != self.attempt {
            let fresh = self.attempt == 0;
            self.attempt = page.attempt;
            if !fresh {
                self.begin_anew();
                return;
            }
        }
        match toward {
            Toward::End => self.take_end(&page, scene),
            Toward::New => self.take_new(from, &page, scene),
            Toward::Earlier => {
                self.asked = None;
                if from == self.log.begin() {
                    self.at.top += self.log.prepend(&page.events, page.begin);
                }
            }
            Toward::Later => {
                self.asked = None;
                if from == self.log.end() {
                    let gone = self.log.append(&page.events, page.next);
                    self.at.top = self.at.top.saturating_sub(gone);
                }
            }
        }
    }

    /// Another attempt: everything from the beginning.
    fn begin_anew(&mut self) {
        *self = Self {
            id: self.id,
            slug: std::mem::take(&mut self.slug),
            attempt: self.attempt,
            pane: self.pane,
            wrap: self.wrap,
            stamps: self.stamps,
            ..Self::default()
        };
    }

    /// The spool was opened at its end.
    fn take_end(&mut self, page: &EventPage, scene: Scene) {
        self.asked = None;
        if self.seen > 0 {
            return;
        }
        self.log.restart(page.begin);
        self.log.append(&page.events, page.next);
        self.seen = page.next;
        self.live = page.live;
        self.complete = page.end && !page.live;
        self.outdated = false;
        if page.begin == 0 {
            self.take_progress(&page.events, page.next);
        }
        self.settle_log(scene);
    }

    /// Takes a piece of what the steps are.
    pub fn outline(
        &mut self,
        id: SubmissionId,
        from: u64,
        result: Result<Piece<(u64, Event)>, String>,
    ) {
        if self.id != Some(id) || from != self.outlined {
            return;
        }
        self.outlining = false;
        match result {
            // A spool that became shorter has no more to say.
            Ok(piece) if piece.end && piece.next <= from => self.outlined = self.seen,
            Ok(piece) => self.take_progress(&piece.found, piece.next),
            Err(error) => self.error = Some(error),
        }
    }

    /// Takes what these events say of the steps, and knows them up to `next`.
    fn take_progress(&mut self, events: &[(u64, Event)], next: u64) {
        let present = self.present();
        for (at, event) in events {
            self.progress.take(*at, &event.what);
            if let Happening::Build { .. } = event.what {
                self.begun.get_or_insert(event.at);
            }
            if let (true, Some(slug)) = (self.slug.is_empty(), &event.slug) {
                slug.as_str().clone_into(&mut self.slug);
            }
        }
        self.outlined = next;
        // What is chosen goes with what happens, unless somebody looks at the steps.
        if self.pane != Pane::Steps && self.present() != present {
            let rows = self.step_rows();
            let at = rows.iter().position(|row| Some(*row) == self.present());
            self.step.at = at.unwrap_or(rows.len().saturating_sub(1));
        }
    }

    fn take_new(&mut self, from: u64, page: &EventPage, scene: Scene) {
        if self.watched == Some(from) {
            self.watched = None;
        }
        if from != self.seen {
            return;
        }
        if self.outlined == from {
            self.take_progress(&page.events, page.next);
        }
        if self.log.end() == self.seen {
            let gone = self.log.append(&page.events, page.next);
            self.at.top = self.at.top.saturating_sub(gone);
        }
        self.seen = page.next;
        self.live = page.live;
        self.complete = page.end && !page.live;
        self.outdated = false;
        self.settle_log(scene);
    }

    /// Asks for what lies before or after the stretch in memory, when it is nearly reached.
    pub(super) fn read_back(&mut self, id: SubmissionId, scene: Scene, out: &mut Out) {
        if self.asked.is_some() || self.error.is_some() {
            return;
        }
        let height = self.log_height(scene);
        let (begin, end) = (self.log.begin(), self.log.end());
        let lines = self.log.lines().len();
        let below = self.at.top + height + AHEAD >= lines;
        let above = self.at.top < AHEAD && (!self.follow || lines < height + AHEAD);
        let (from, toward) = if below && end < self.seen {
            (end, Toward::Later)
        } else if above && begin > 0 {
            (begin, Toward::Earlier)
        } else {
            return;
        };
        self.asked = Some(toward);
        out.effects.push(Effect::Ask(Request::Events {
            id,
            from,
            limit: LINES,
            toward,
        }));
    }
}
