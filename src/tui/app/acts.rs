//! What a key, or a choice of the palette, does.

use super::{App, Asking};
use crate::model::decision::Verdict;
use crate::model::{State, SubmissionId};
use crate::tui::action::Action;
use crate::tui::message::{Effect, Event, ExitReason, Request};
use crate::tui::screens::help::Help;
use crate::tui::screens::palette::{Offer, Palette};
use crate::tui::screens::popup::{Confirm, Popup, Yes};
use crate::tui::screens::{Out, ScreenId};
use crate::tui::theme::Theme;
use crate::tui::widgets::prompt::Prompt;

impl App {
    pub(super) fn act(&mut self, action: Action, out: &mut Out) {
        let scene = self.scene();
        match action {
            Action::Quit => out.effects.push(Effect::Leave(ExitReason::Quit)),
            Action::Suspend => out.effects.push(Effect::Suspend),
            Action::Redraw => {
                out.effects.push(Effect::Redraw);
                out.effects.extend(self.update(Event::Changed));
            }
            Action::ShowQueue => out.go = Some((ScreenId::Queue, None)),
            Action::ShowCatalog => out.go = Some((ScreenId::Catalog, None)),
            Action::ShowBases => out.go = Some((ScreenId::Bases, None)),
            Action::ShowAudit => out.go = Some((ScreenId::Audit, None)),
            Action::ShowOutbox => out.go = Some((ScreenId::Outbox, None)),
            Action::ShowDoctor => out.go = Some((ScreenId::Doctor, None)),
            Action::Palette => self.open_palette(),
            Action::PaletteUp | Action::PaletteDown => {
                if let Some(Popup::Palette(palette)) = self.popups.last_mut() {
                    palette.step(action == Action::PaletteDown);
                }
            }
            Action::StopBuild if self.shown().offers(action) => self.ask_to_stop(),
            Action::Retry if self.shown().offers(action) => {
                if let Some(id) = self.build.id() {
                    out.effects.push(Effect::Ask(Request::Retry(id)));
                }
            }
            Action::Mouse => self.take_mouse(!self.mouse, out),
            Action::ShowReview => out.go = Some((ScreenId::Review, self.subject())),
            Action::ShowBuild => out.go = Some((ScreenId::Build, self.subject())),
            Action::Help => self.help = Some(Help::over(self.screen, &self.keys)),
            Action::Open => match self.door().filter(|_| self.shown().offers(action)) {
                Some(door) => out.go = Some(door),
                None => self.shown_mut().act(action, scene, out),
            },
            Action::Back => self.go_back(out),
            Action::Close => {
                self.popups.pop();
            }
            Action::Cancel if !self.popups.is_empty() => {
                self.popups.pop();
            }
            Action::Cancel if self.help.is_some() => self.help = None,
            Action::Dismiss => self.dismiss(),
            Action::Filter | Action::Search => {
                self.asking = Asking::Text;
                self.prompt = Some(Prompt::default());
                self.prompt_changed(true);
            }
            Action::Submit => self.submit(out),
            Action::NewLine => {
                if let Some(Popup::Deciding(deciding)) = self.popups.last_mut() {
                    deciding.break_line();
                }
            }
            Action::Suggest => {
                if let Some(Popup::Deciding(deciding)) = self.popups.last_mut() {
                    deciding.suggest();
                }
            }
            Action::Grant => {
                if let Some(Popup::Deciding(deciding)) = self.popups.last_mut() {
                    deciding.toggle_grants();
                }
            }
            Action::Comment if self.help.is_none() => {
                if let Some((id, line)) = self.review.line(scene) {
                    self.asking = Asking::Comment(id, line);
                    self.prompt = Some(Prompt::default());
                }
            }
            Action::Save if self.shown().offers(action) => {
                if let Some(id) = self.build.id() {
                    let (name, pattern) = self.build.saving();
                    let mut prompt = Prompt::default();
                    prompt.insert(&name);
                    self.asking = Asking::Save(id, pattern);
                    self.prompt = Some(prompt);
                }
            }
            Action::Yes => self.confirmed(out),
            Action::No => {
                self.popups.pop();
            }
            _ => match &mut self.help {
                Some(help) => {
                    help.act(action, scene.body);
                }
                None => self.shown_mut().act(action, scene, out),
            },
        }
    }

    /// Where enter leads from a list: to what one would do next with the chosen row.
    fn door(&self) -> Option<(ScreenId, Option<SubmissionId>)> {
        match self.screen {
            ScreenId::Queue => self.queue.row().map(|row| {
                let screen = match row.state {
                    State::Pending | State::Rejected | State::Withdrawn => ScreenId::Review,
                    _ => ScreenId::Build,
                };
                (screen, Some(row.id))
            }),
            ScreenId::Catalog => self
                .catalog
                .row()
                .map(|row| (ScreenId::Build, Some(row.submission))),
            ScreenId::Review | ScreenId::Build => None,
            _ => {
                let id = self.listing()?.about()?;
                Some((ScreenId::Build, Some(id)))
            }
        }
    }

    fn go_back(&mut self, out: &mut Out) {
        if self.popups.pop().is_some() || self.help.take().is_some() || self.shown_mut().close() {
            return;
        }
        if self.screen == ScreenId::Queue {
            out.effects.push(Effect::Leave(ExitReason::Quit));
            return;
        }
        let to = self.back.pop().unwrap_or(ScreenId::Queue);
        let mut rest = std::mem::take(&mut self.back);
        self.go(to, None, out);
        // Going back is no way that one would want to go back.
        if to != ScreenId::Queue {
            rest.retain(|s| *s != to);
            self.back = rest;
        }
    }

    /// Lists follow a filter as it is written; texts are searched when it is done.
    pub(super) fn prompt_changed(&mut self, changed: bool) {
        let Some(prompt) = self.prompt.as_ref().filter(|_| changed) else {
            return;
        };
        if self.asking != Asking::Text {
            return;
        }
        let text = prompt.text().to_owned();
        self.shown_mut().filter_by(&text);
    }

    fn dismiss(&mut self) {
        if self.popups.pop().is_some() {
            return;
        }
        self.prompt = None;
        self.asking = Asking::Text;
        self.shown_mut().filter_by("");
    }

    fn submit(&mut self, out: &mut Out) {
        let scene = self.scene();
        match self.popups.last_mut() {
            Some(Popup::Deciding(deciding)) => {
                if deciding.sent {
                    return;
                }
                match deciding.ruling() {
                    Err(missing) => deciding.error = Some(missing),
                    Ok(ruling) if ruling.verdict == Verdict::Reject => {
                        deciding.error = None;
                        let question = deciding.question(ruling);
                        self.popups.push(Popup::Confirm(Box::new(question)));
                    }
                    Ok(ruling) => {
                        deciding.error = None;
                        deciding.sent = true;
                        out.effects.push(Effect::Ask(Request::Decide(ruling)));
                    }
                }
            }
            Some(Popup::Palette(palette)) => {
                let chosen = palette.chosen();
                self.popups.pop();
                match chosen {
                    Some(Offer::Act(action)) => self.act(action, out),
                    Some(Offer::Theme(name)) => self.take_theme(Theme::named(name)),
                    None => {}
                }
            }
            Some(_) => {}
            None => {
                if let Some(prompt) = self.prompt.take() {
                    let text = prompt.text().to_owned();
                    match std::mem::replace(&mut self.asking, Asking::Text) {
                        Asking::Text => {}
                        Asking::Comment(id, line) => {
                            let request = Request::Comment { id, line, text };
                            out.effects.push(Effect::Ask(request));
                            return;
                        }
                        Asking::Save(id, pattern) => {
                            let request = Request::Save(id, text, pattern);
                            out.effects.push(Effect::Ask(request));
                            return;
                        }
                    }
                    self.shown_mut().search_for(prompt.text(), scene, out);
                }
            }
        }
    }

    fn confirmed(&mut self, out: &mut Out) {
        if let Some(Popup::Confirm(confirm)) = self.popups.pop() {
            let ruling = match confirm.yes {
                Yes::Decide(ruling) => ruling,
                Yes::StopBuild(id) => {
                    out.effects.push(Effect::Ask(Request::StopBuild(id)));
                    return;
                }
                Yes::Steal(id) => {
                    out.effects
                        .push(Effect::Ask(Request::Claim { id, steal: true }));
                    return;
                }
            };
            if let Some(Popup::Deciding(deciding)) = self.popups.last_mut() {
                deciding.sent = true;
            }
            out.effects.push(Effect::Ask(Request::Decide(ruling)));
        }
    }

    fn open_palette(&mut self) {
        let context = self.context();
        let screen = self.shown();
        let palette = Palette::over(context, &|action| screen.offers(action));
        self.popups.push(Popup::Palette(Box::new(palette)));
    }

    fn ask_to_stop(&mut self) {
        if let Some(id) = self.build.id() {
            self.popups.push(Popup::Confirm(Box::new(Confirm {
                question: format!("End the build of #{id}?"),
                consequence: "It fails, and its submitter is told who ended it.".into(),
                words: self.build.slug().to_owned(),
                yes: Yes::StopBuild(id),
            })));
        }
    }

    fn take_mouse(&mut self, ours: bool, out: &mut Out) {
        self.mouse = ours;
        out.effects.push(Effect::Mouse(ours));
        match ours {
            true => out.say("the mouse chooses and scrolls; hold shift to select text"),
            false => out.say("the mouse is the terminal's again"),
        }
    }
}
