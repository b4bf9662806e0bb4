//! The console's state and how it changes: `Event → Action → update → Effect`. It touches nothing outside.

mod draw;

use crossterm::event::{KeyEvent, KeyEventKind};
use ratatui::layout::Rect;

use super::action::{Action, Context};
use super::chord::Chord;
use super::keymap::Keymap;
use super::message::{Answer, Effect, Event, ExitReason, Reply, Request};
use super::screens::build::Build;
use super::screens::catalog::Catalog;
use super::screens::help::Help;
use super::screens::popup::{Message, Popup, Yes};
use super::screens::queue::Queue;
use super::screens::review::Review;
use super::screens::{Note, Out, Scene, Screen, ScreenId};
use super::theme::{Role, Theme};
use super::widgets::prompt::Prompt;
use crate::model::decision::Verdict;
use crate::model::{Actor, State, SubmissionId, Timestamp};

/// Below this there is nothing sensible to be shown, in columns and rows.
const SMALLEST: (u16, u16) = (40, 10);

/// Events may ask for more events' work, but not without end.
const ROUNDS: usize = 4;

/// Everything that the console knows.
#[derive(Debug)]
pub struct App {
    theme: Theme,
    keys: Keymap,
    who: Actor,
    now: Timestamp,
    size: (u16, u16),
    screen: ScreenId,
    back: Vec<ScreenId>,
    queue: Queue,
    review: Review,
    build: Build,
    catalog: Catalog,
    help: Option<Help>,
    popups: Vec<Popup>,
    prompt: Option<Prompt>,
    /// The line that the prompt is a comment on, if it is none to search.
    commenting: Option<(SubmissionId, u32)>,
    note: Option<Note>,
    standing_known: bool,
}

impl App {
    /// A console for `who`, on a terminal of `size` columns and rows.
    pub fn new(who: Actor, now: Timestamp, theme: Theme, keys: Keymap, size: (u16, u16)) -> Self {
        Self {
            theme,
            keys,
            who,
            now,
            size,
            screen: ScreenId::Queue,
            back: Vec::new(),
            queue: Queue::default(),
            review: Review::default(),
            build: Build::default(),
            catalog: Catalog::default(),
            help: None,
            popups: Vec::new(),
            prompt: None,
            commenting: None,
            note: None,
            standing_known: false,
        }
    }

    /// What is to be done at the start.
    pub fn start(&mut self) -> Vec<Effect> {
        let mut out = Out::default();
        out.effects.push(Effect::Ask(Request::Recall));
        out.effects.push(Effect::Ask(Request::Standing));
        self.finish(out)
    }

    /// Takes an event and says what is to be done.
    pub fn update(&mut self, event: Event) -> Vec<Effect> {
        let mut out = Out::default();
        match event {
            Event::Key(key) => self.key(key, &mut out),
            Event::Paste(text) => self.paste(&text),
            Event::Resize(width, height) => self.size = (width, height),
            Event::Reply(reply) => self.answered(*reply, &mut out),
            Event::Tick(now) => self.now = now,
            Event::Changed => {
                self.queue.outdate();
                self.review.outdate();
                self.build.outdate();
                self.catalog.outdate();
                out.effects.push(Effect::Ask(Request::Standing));
            }
        }
        self.finish(out)
    }

    /// Whose keys they are.
    pub fn context(&self) -> Context {
        if let Some(popup) = self.popups.last() {
            popup.context()
        } else if self.prompt.is_some() {
            Context::Prompt
        } else if self.help.is_some() {
            Context::Help
        } else {
            self.screen.context()
        }
    }

    /// Which screen is shown.
    pub const fn screen(&self) -> ScreenId {
        self.screen
    }

    fn scene(&self) -> Scene {
        let (width, height) = self.size;
        Scene {
            body: Rect::new(0, 1, width.max(SMALLEST.0), height.max(SMALLEST.1) - 3),
            now: self.now,
        }
    }

    fn shown(&mut self) -> &mut dyn Screen {
        match self.screen {
            ScreenId::Queue => &mut self.queue,
            ScreenId::Review => &mut self.review,
            ScreenId::Build => &mut self.build,
            ScreenId::Catalog => &mut self.catalog,
        }
    }

    /// Carries out what a screen wants, and brings what is shown in order.
    fn finish(&mut self, mut out: Out) -> Vec<Effect> {
        for _ in 0..ROUNDS {
            if let Some(note) = out.note.take() {
                self.note = Some(note);
            }
            if let Some(popup) = out.popup.take() {
                self.popups.push(popup);
            }
            if let Some((screen, id)) = out.go.take() {
                self.go(screen, id, &mut out);
            }
            let scene = self.scene();
            if let Some(help) = &mut self.help {
                help.settle(scene.body);
            }
            self.shown().settle(scene, &mut out);
            if out.note.is_none() && out.popup.is_none() && out.go.is_none() {
                break;
            }
        }
        out.effects
    }

    fn go(&mut self, screen: ScreenId, id: Option<SubmissionId>, out: &mut Out) {
        if let Some(id) = id {
            match screen {
                ScreenId::Review => self.review.open(id, &self.who, self.theme.glyphs),
                ScreenId::Build => {
                    let slug = self
                        .queue
                        .row()
                        .filter(|row| row.id == id)
                        .map(|row| row.slug.to_string());
                    self.build.open(id, slug.as_deref());
                }
                ScreenId::Queue | ScreenId::Catalog => {}
            }
        }
        if self.screen == ScreenId::Build && screen != ScreenId::Build {
            self.build.leave(out);
        }
        if self.screen != screen {
            self.back.retain(|s| *s != screen);
            if screen != ScreenId::Queue {
                self.back.push(self.screen);
            } else {
                self.back.clear();
            }
            self.screen = screen;
        }
        self.help = None;
    }

    /// The submission that a screen of one submission should turn to, coming from here.
    fn subject(&self) -> Option<SubmissionId> {
        match self.screen {
            ScreenId::Queue => self.queue.row().map(|row| row.id),
            ScreenId::Review => self.review.id(),
            ScreenId::Build => self.build.id(),
            ScreenId::Catalog => self.catalog.row().map(|row| row.submission),
        }
    }

    fn key(&mut self, key: KeyEvent, out: &mut Out) {
        if key.kind == KeyEventKind::Release {
            return;
        }
        let context = self.context();
        match self.keys.find(context, Chord::from(key)) {
            Some(action) => {
                if action != Action::Redraw {
                    self.note = None;
                }
                self.act(action, out);
            }
            None => match (self.popups.last_mut(), &mut self.prompt) {
                (Some(Popup::Deciding(deciding)), _) => deciding.key(key),
                (None, Some(prompt)) => {
                    let changed = prompt.key(key);
                    self.prompt_changed(changed);
                }
                _ => {}
            },
        }
    }

    fn paste(&mut self, text: &str) {
        match (self.popups.last_mut(), &mut self.prompt) {
            (Some(Popup::Deciding(deciding)), _) => deciding.insert(text),
            (None, Some(prompt)) => {
                prompt.insert(text);
                self.prompt_changed(true);
            }
            // Pasted text is no keys: nothing else takes it.
            _ => {}
        }
    }

    fn act(&mut self, action: Action, out: &mut Out) {
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
            Action::ShowReview => out.go = Some((ScreenId::Review, self.subject())),
            Action::ShowBuild => out.go = Some((ScreenId::Build, self.subject())),
            Action::Help => self.help = Some(Help::over(self.screen)),
            Action::Open => out.go = self.door(),
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
                self.commenting = self.review.line(scene);
                if self.commenting.is_some() {
                    self.prompt = Some(Prompt::default());
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
                None => self.shown().act(action, scene, out),
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
        }
    }

    fn go_back(&mut self, out: &mut Out) {
        if self.popups.pop().is_some() || self.help.take().is_some() {
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
    fn prompt_changed(&mut self, changed: bool) {
        let Some(prompt) = self.prompt.as_ref().filter(|_| changed) else {
            return;
        };
        match self.screen {
            ScreenId::Queue => self.queue.filter_by(prompt.text()),
            ScreenId::Catalog => self.catalog.filter_by(prompt.text()),
            ScreenId::Review | ScreenId::Build => {}
        }
    }

    fn dismiss(&mut self) {
        if self.popups.pop().is_some() {
            return;
        }
        self.prompt = None;
        self.commenting = None;
        match self.screen {
            ScreenId::Queue => self.queue.filter_by(""),
            ScreenId::Catalog => self.catalog.filter_by(""),
            ScreenId::Review | ScreenId::Build => {}
        }
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
            Some(_) => {}
            None => {
                if let Some(prompt) = self.prompt.take() {
                    if let Some((id, line)) = self.commenting.take() {
                        let text = prompt.text().to_owned();
                        out.effects
                            .push(Effect::Ask(Request::Comment { id, line, text }));
                        return;
                    }
                    match self.screen {
                        ScreenId::Review => self.review.search_for(prompt.text(), scene, out),
                        ScreenId::Build => self.build.search_for(prompt.text(), scene, out),
                        ScreenId::Queue | ScreenId::Catalog => {}
                    }
                }
            }
        }
    }

    fn confirmed(&mut self, out: &mut Out) {
        if let Some(Popup::Confirm(confirm)) = self.popups.pop() {
            let ruling = match confirm.yes {
                Yes::Decide(ruling) => ruling,
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

    fn answered(&mut self, reply: Reply, out: &mut Out) {
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
            Answer::Recalled(filter) => self.queue.recalled(filter),
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
            Answer::Modules {
                text,
                offset,
                result,
            } => {
                self.complain(self.catalog.is_known(), &result);
                self.catalog.answered(&text, offset, result);
            }
            Answer::Module { id, result } => self.catalog.detailed(id, result),
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
