//! What goes round in the console: events in, effects out, questions to the desk and its answers.

use crossterm::event::KeyEvent;

use super::desk::{
    Desk, EventPage, Left, Look, ModuleDetail, ModulePage, QueueFilter, QueuePage, Ruling, Sheet,
    Standing,
};
use super::registers::{Register, RegisterPage};
use super::screens::review::Dossier;
use super::theme::{Theme, ThemeError};
use super::widgets::window::STRETCH;
use crate::logs::{Pattern, Piece};
use crate::model::Event as SpoolEvent;
use crate::model::decision::Verdict;
use crate::model::{SubmissionId, Timestamp};

/// Lines of a spool that are asked for at once.
pub const LINES: usize = 2000;

/// Something happened to the console.
#[derive(Debug)]
pub enum Event {
    /// A key.
    Key(KeyEvent),
    /// A text was pasted.
    Paste(String),
    /// The terminal has another size, in columns and rows.
    Resize(u16, u16),
    /// The desk answers.
    Reply(Box<Reply>),
    /// Something at the desk has changed.
    Changed,
    /// Time has passed: ages are older.
    Tick(Timestamp),
    /// A button of the mouse was pressed at this column and row.
    Click(u16, u16),
    /// The wheel was turned at this column and row; down if it is true.
    Wheel(u16, u16, bool),
    /// The file of the theme in use has changed.
    Theme(Result<Box<Theme>, ThemeError>),
}

/// Why the console ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitReason {
    /// Somebody left.
    Quit,
    /// SIGINT came from outside.
    Interrupted,
    /// SIGTERM came.
    Terminated,
    /// The terminal is gone: SIGHUP, or no more input.
    HungUp,
}

/// Something is to be done outside of the console's state.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Ask the desk.
    Ask(Request),
    /// Follow the spool of this build from this line on, or none.
    Watch(Option<(SubmissionId, u64)>),
    /// Put a text on the clipboard of the terminal.
    Copy(String),
    /// Stop until the shell goes on with us.
    Suspend,
    /// Draw everything anew.
    Redraw,
    /// Let the mouse come to us, or leave it to the terminal.
    Mouse(bool),
    /// End.
    Leave(ExitReason),
}

/// Which way a stretch of a spool lies from what is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toward {
    /// What came before.
    Earlier,
    /// What came after.
    Later,
    /// What just comes.
    New,
    /// The last of it.
    End,
}

/// A question to the desk.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// How does the queue stand?
    Standing,
    /// Which rows are there?
    Queue {
        /// Of those.
        filter: QueueFilter,
        /// From here on.
        offset: usize,
    },
    /// Remember how the console stands.
    Remember(Left),
    /// What is there to review?
    Review(SubmissionId),
    /// What lies beside it?
    Look(SubmissionId, Look),
    /// Claim it, or give it back.
    Claim {
        /// Which.
        id: SubmissionId,
        /// Also where somebody else has it.
        steal: bool,
    },
    /// Say something about a line.
    Comment {
        /// Of which submission.
        id: SubmissionId,
        /// Which line.
        line: u32,
        /// What.
        text: String,
    },
    /// End a build.
    StopBuild(SubmissionId),
    /// Submit once more what has failed.
    Retry(SubmissionId),
    /// Decide.
    Decide(Ruling),
    /// What does its spool say?
    Events {
        /// Whose.
        id: SubmissionId,
        /// From here on, or up to here.
        from: u64,
        /// At most so many lines.
        limit: usize,
        /// Which way.
        toward: Toward,
    },
    /// What does a piece of its spool say beside the output of steps?
    Outline(SubmissionId, u64),
    /// Where does a piece of its spool match?
    Search(SubmissionId, u64, Pattern),
    /// What stands at these places of its spool, which are matches from this one on?
    Matches {
        /// Whose.
        id: SubmissionId,
        /// The number of the first among the matches.
        offset: usize,
        /// The places.
        places: Vec<u64>,
    },
    /// Save its log under this name, or what matches.
    Save(SubmissionId, String, Option<Pattern>),
    /// Which modules are there?
    Modules {
        /// Holding this text.
        text: String,
        /// From here on.
        offset: usize,
    },
    /// What is there to know of a module?
    Module(SubmissionId),
    /// Which rows has a register?
    Register {
        /// Which.
        register: Register,
        /// Holding this text.
        text: String,
        /// From here on.
        offset: usize,
    },
    /// What is there to know of a row of a register?
    Entry(Register, String),
}

impl Request {
    /// Whether the answer to `earlier`, if nobody has looked for it yet, is of no use once this is asked: another page of the
    /// same list, another row of it.
    pub fn supersedes(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (
                Self::Register { register, .. },
                Self::Register {
                    register: before, ..
                },
            )
            | (Self::Entry(register, _), Self::Entry(before, _)) => register == before,
            (Self::Standing, Self::Standing)
            | (Self::Queue { .. }, Self::Queue { .. })
            | (Self::Modules { .. }, Self::Modules { .. })
            | (Self::Module(_), Self::Module(_))
            | (Self::Remember(_), Self::Remember(_)) => true,
            _ => false,
        }
    }
}

/// An answer, and the time it was given.
#[derive(Debug)]
pub struct Reply {
    /// When.
    pub now: Timestamp,
    /// What.
    pub answer: Answer,
}

/// An answer of the desk, with as much of the question as is needed to know it again.
#[derive(Debug)]
#[expect(
    missing_docs,
    reason = "each is the question of the same name with its result"
)]
pub enum Answer {
    Standing(Result<Standing, String>),
    Remembered(Result<(), String>),
    Queue {
        filter: QueueFilter,
        offset: usize,
        result: Result<QueuePage, String>,
    },
    Review {
        id: SubmissionId,
        result: Result<Box<Dossier>, String>,
    },
    Looked {
        id: SubmissionId,
        look: Look,
        result: Result<Sheet, String>,
    },
    Said(Result<String, String>),
    Decided {
        id: SubmissionId,
        verdict: Verdict,
        result: Result<String, String>,
    },
    Events {
        id: SubmissionId,
        from: u64,
        toward: Toward,
        result: Result<EventPage, String>,
    },
    Outline {
        id: SubmissionId,
        from: u64,
        result: Result<Piece<(u64, SpoolEvent)>, String>,
    },
    Search {
        id: SubmissionId,
        from: u64,
        pattern: Pattern,
        result: Result<Piece<u64>, String>,
    },
    Matches {
        id: SubmissionId,
        offset: usize,
        result: Result<Vec<(u64, SpoolEvent)>, String>,
    },
    Modules {
        text: String,
        offset: usize,
        result: Result<ModulePage, String>,
    },
    Module {
        id: SubmissionId,
        result: Result<Box<ModuleDetail>, String>,
    },
    Register {
        register: Register,
        text: String,
        offset: usize,
        result: Result<RegisterPage, String>,
    },
    Entry {
        register: Register,
        key: String,
        result: Result<Sheet, String>,
    },
}

/// Asks the desk. May take its time.
pub fn ask(desk: &dyn Desk, request: Request) -> Reply {
    let answer = match request {
        Request::Standing => Answer::Standing(desk.standing()),
        Request::Queue { filter, offset } => {
            let result = desk.queue(&filter, offset as u64, STRETCH);
            Answer::Queue {
                filter,
                offset,
                result,
            }
        }
        Request::Remember(left) => Answer::Remembered(desk.remember(&left)),
        Request::Review(id) => Answer::Review {
            id,
            result: desk.review(id).map(|page| Box::new(Dossier::of(page))),
        },
        Request::Look(id, look) => Answer::Looked {
            id,
            result: desk.look(id, &look),
            look,
        },
        Request::Claim { id, steal } => Answer::Said(desk.claim(id, steal)),
        Request::StopBuild(id) => Answer::Said(desk.stop_build(id)),
        Request::Retry(id) => Answer::Said(desk.retry(id)),
        Request::Comment { id, line, text } => Answer::Said(desk.comment(id, line, &text)),
        Request::Decide(ruling) => Answer::Decided {
            id: ruling.id,
            verdict: ruling.verdict,
            result: desk.decide(&ruling),
        },
        Request::Events {
            id,
            from,
            limit,
            toward,
        } => Answer::Events {
            id,
            from,
            toward,
            result: match toward {
                Toward::New | Toward::Later => desk.events(id, from, limit),
                Toward::Earlier => desk.events_before(id, Some(from), limit),
                Toward::End => desk.events_before(id, None, limit),
            },
        },
        Request::Outline(id, from) => Answer::Outline {
            id,
            from,
            result: desk.outline(id, from),
        },
        Request::Search(id, from, pattern) => Answer::Search {
            id,
            from,
            result: desk.search(id, from, &pattern),
            pattern,
        },
        Request::Matches { id, offset, places } => Answer::Matches {
            id,
            offset,
            result: desk.events_at(id, &places),
        },
        Request::Save(id, name, pattern) => Answer::Said(desk.save(id, &name, pattern.as_ref())),
        Request::Modules { text, offset } => {
            let result = desk.modules(&text, offset as u64, STRETCH);
            Answer::Modules {
                text,
                offset,
                result,
            }
        }
        Request::Register {
            register,
            text,
            offset,
        } => {
            let result = desk.register(register, &text, offset as u64, STRETCH);
            Answer::Register {
                register,
                text,
                offset,
                result,
            }
        }
        Request::Entry(register, key) => Answer::Entry {
            result: desk.entry(register, &key),
            register,
            key,
        },
        Request::Module(id) => Answer::Module {
            id,
            result: desk.module(id).map(Box::new),
        },
    };
    Reply {
        now: desk.now(),
        answer,
    }
}
