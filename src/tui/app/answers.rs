//! What the desk answers.

use super::App;
use crate::model::SubmissionId;
use crate::model::decision::Verdict;
use crate::tui::message::{Answer, Event, Reply};
use crate::tui::screens::popup::{Message, Popup};
use crate::tui::screens::{Note, Out};
use crate::tui::theme::Role;

impl App {
    pub(super) fn answered(&mut self, reply: Reply, out: &mut Out) {
        self.now = reply.now;
        let scene = self.scene();
        match reply.answer {
            Answer::Standing(Ok(standing)) => {
                self.queue.standing = standing;
                self.standing_known = true;
            }
            Answer::Standing(Err(error)) => {
                self.complain(self.standing_known, &Err::<(), _>(error));
            }
            Answer::Remembered(result) => self.complain(true, &result),
            Answer::Queue {
                filter,
                offset,
                result,
            } => {
                self.complain(self.queue.is_known(), &result);
                self.queue.answered(&filter, offset, result);
            }
            Answer::Review { id, result } => {
                self.complain(self.review.is_known(), &result);
                let before = self.review.state().filter(|_| self.review.id() == Some(id));
                self.review.answered(id, result);
                let elsewhere =
                    before.and_then(|before| self.review.decided_elsewhere(before, &self.who));
                if let Some(text) = elsewhere {
                    self.overtaken(id, text);
                }
            }
            Answer::Decided {
                id,
                verdict,
                result,
            } => self.decided(id, verdict, result, out),
            Answer::Looked { id, look, result } if look.is_of_a_module() => {
                self.catalog.looked(id, &look, result);
            }
            Answer::Looked { id, look, result } if look.is_of_a_build() => {
                self.build.looked(id, &look, result);
            }
            Answer::Looked { id, look, result } => self.review.looked(id, &look, result),
            Answer::Said(Ok(text)) => {
                self.note = Some(Note {
                    text,
                    role: Role::Good,
                });
                out.effects.extend(self.update(Event::Changed));
            }
            Answer::Said(Err(error)) => self.note = Some(failed(error)),
            Answer::Events {
                id,
                from,
                toward,
                result,
            } => {
                self.complain(self.build.is_known(), &result);
                self.build.answered(id, from, toward, result, scene);
            }
            Answer::Outline { id, from, result } => self.build.outline(id, from, result),
            Answer::Search {
                id,
                from,
                pattern,
                result,
            } if self.build.id() == Some(id) => {
                self.build.searched(from, &pattern, result, scene, out);
            }
            Answer::Matches { id, offset, result } if self.build.id() == Some(id) => {
                self.build.matched(offset, result);
            }
            Answer::Search { .. } | Answer::Matches { .. } => {}
            Answer::Modules {
                text,
                offset,
                result,
            } => {
                self.complain(self.catalog.is_known(), &result);
                self.catalog.answered(&text, offset, result);
            }
            Answer::Module { id, result } => self.catalog.detailed(id, result),
            Answer::Register {
                register,
                text,
                offset,
                result,
            } => {
                self.complain(self.listings[register as usize].is_known(), &result);
                self.listings[register as usize].answered(&text, offset, result);
            }
            Answer::Entry {
                register,
                key,
                result,
            } => self.listings[register as usize].detailed(&key, result),
        }
    }

    /// Somebody else has decided about `id`: whoever writes a reason for it now should know.
    fn overtaken(&mut self, id: SubmissionId, text: String) {
        for popup in &mut self.popups {
            if let Popup::Deciding(deciding) = popup
                && deciding.id() == id
                && !deciding.sent
            {
                deciding.error = Some(text.clone());
            }
        }
        self.note = Some(Note {
            text,
            role: Role::Warn,
        });
    }

    /// Says what went wrong where the screen can't: an old picture stays, and nobody should take it for new.
    fn complain<T>(&mut self, is_known: bool, result: &Result<T, String>) {
        if let (true, Err(error)) = (is_known, result) {
            self.note = Some(failed(error.clone()));
        }
    }

    fn decided(
        &mut self,
        id: SubmissionId,
        verdict: Verdict,
        result: Result<String, String>,
        out: &mut Out,
    ) {
        let deciding = self
            .popups
            .iter()
            .rposition(|p| matches!(p, Popup::Deciding(d) if d.sent));
        match result {
            Ok(said) => {
                if let Some(at) = deciding {
                    self.popups.truncate(at);
                }
                self.note = Some(Note {
                    text: said,
                    role: Role::Good,
                });
                out.effects.extend(self.update(Event::Changed));
            }
            Err(error) => match deciding.and_then(|at| self.popups.get_mut(at)) {
                // The reason that somebody wrote is still there, to be used again.
                Some(Popup::Deciding(deciding)) => {
                    deciding.sent = false;
                    deciding.error = Some(error);
                }
                _ => {
                    let verb = match verdict {
                        Verdict::Approve => "approved",
                        Verdict::Reject => "rejected",
                    };
                    self.popups.push(Popup::Message(Message {
                        title: format!("#{id} was not {verb}"),
                        text: error,
                        role: Role::Bad,
                    }));
                }
            },
        }
    }
}

fn failed(text: String) -> Note {
    Note {
        text,
        role: Role::Bad,
    }
}
