//! The threads beside the one that reads events and draws: two that ask the desk, one that follows a spool, one that
//! looks for changes. All of them sleep while there is nothing to do, but for the last, which looks twice a second.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use super::desk::Desk;
use super::message::{Answer, Event, LINES, Reply, Request, Toward, ask};
use crate::model::SubmissionId;

/// How often a spool that may grow is looked at.
const TAIL: Duration = Duration::from_millis(150);

/// How often the desk is asked whether anything changed.
const LOOK: Duration = Duration::from_millis(500);

/// So many looks are a minute: the ages of things are told in no smaller unit for long.
const LOOKS_A_TICK: u64 = 120;

/// What the thread that draws hears from the others.
#[derive(Debug)]
pub(super) enum Signal {
    /// Something for the app.
    Event(Event),
    /// The process goes on after it was stopped.
    Continued,
    /// It is time to end.
    Leave(super::ExitReason),
    /// A thread panicked, with what it said.
    Panicked(String),
}

/// The threads' other end.
pub(super) struct Crew {
    questions: Arc<Questions>,
    watch: Sender<Option<(SubmissionId, u64)>>,
    /// While it is held, somebody listens.
    _listening: Arc<()>,
}

impl Crew {
    /// Starts the threads. They end by themselves once nobody listens any more.
    pub(super) fn start(desk: &Arc<dyn Desk>, out: &SyncSender<Signal>) -> std::io::Result<Self> {
        let questions = Arc::new(Questions::default());
        for n in 0..2 {
            let (desk, asked) = (Arc::clone(desk), Arc::clone(&questions));
            spawn(&format!("desk-{n}"), out, move |out| {
                answer(&*desk, &asked, out);
            })?;
        }
        let (watch, watched) = channel();
        let follower = Arc::clone(desk);
        spawn("tail", out, move |out| follow(&*follower, &watched, out))?;
        let looker = Arc::clone(desk);
        let listening = Arc::new(());
        let listener = Arc::downgrade(&listening);
        spawn("changes", out, move |out| look(&*looker, &listener, out))?;
        Ok(Self {
            questions,
            watch,
            _listening: listening,
        })
    }

    /// Asks the desk; the answer comes as an event.
    pub(super) fn ask(&self, request: Request) {
        self.questions.put(request);
    }

    /// Follows a spool, or none.
    pub(super) fn watch(&self, what: Option<(SubmissionId, u64)>) {
        let _ = self.watch.send(what);
    }
}

/// Runs `work` on a thread of its own; a panic there becomes a signal.
pub(super) fn spawn(
    name: &str,
    out: &SyncSender<Signal>,
    work: impl FnOnce(&SyncSender<Signal>) + Send + 'static,
) -> std::io::Result<()> {
    let out = out.clone();
    let name = name.to_owned();
    thread::Builder::new()
        .name(format!("console-{name}"))
        .spawn(move || {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(&out))) {
                let said = panic
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| panic.downcast_ref::<&str>().copied())
                    .unwrap_or("no words");
                let _ = out.send(Signal::Panicked(format!("{name}: {said}")));
            }
        })?;
    Ok(())
}

/// What is to be asked, in order. Whoever types faster than the desk answers waits for the last answer, not for all.
#[derive(Default)]
struct Questions {
    waiting: Mutex<(VecDeque<Request>, bool)>,
    news: Condvar,
}

impl Questions {
    fn put(&self, request: Request) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.0.retain(|earlier| !request.supersedes(earlier));
        waiting.0.push_back(request);
        self.news.notify_one();
    }

    /// The next question; none once nobody asks any more.
    fn next(&self) -> Option<Request> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut waiting = self
            .news
            .wait_while(waiting, |(waiting, over)| waiting.is_empty() && !*over)
            .unwrap_or_else(PoisonError::into_inner);
        waiting.0.pop_front()
    }

    fn end(&self) {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .1 = true;
        self.news.notify_all();
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.questions.end();
    }
}

fn answer(desk: &dyn Desk, asked: &Questions, out: &SyncSender<Signal>) {
    while let Some(request) = asked.next() {
        let reply = ask(desk, request);
        if out
            .send(Signal::Event(Event::Reply(Box::new(reply))))
            .is_err()
        {
            return;
        }
    }
}

/// Knows what is news to the console at the end of a spool.
#[derive(Debug, Default)]
pub(super) struct News {
    greeted: Option<SubmissionId>,
}

impl News {
    /// Whether the look that gave `reply` found anything that the console does not know yet. The first look at a
    /// build always does: an empty screen has to know that there is nothing.
    pub(super) fn is(&mut self, reply: &Reply, id: SubmissionId, from: u64) -> bool {
        let first = self.greeted.replace(id) != Some(id);
        match &reply.answer {
            Answer::Events {
                result: Ok(page), ..
            } => first || page.next != from || !page.live,
            _ => true,
        }
    }
}

/// Looks at the end of a spool until it finds news; then waits to be told how to go on, so that a chatty build can't
/// fill memory with what nobody has drawn yet.
fn follow(
    desk: &dyn Desk,
    watched: &Receiver<Option<(SubmissionId, u64)>>,
    out: &SyncSender<Signal>,
) {
    let mut waiting: Option<(SubmissionId, u64)> = None;
    let mut looked = false;
    let mut news = News::default();
    loop {
        let next = match waiting {
            None => watched.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(_) if !looked => Err(RecvTimeoutError::Timeout),
            Some(_) => watched.recv_timeout(TAIL),
        };
        match next {
            Ok(mut what) => {
                // Only the last word counts.
                while let Ok(later) = watched.try_recv() {
                    what = later;
                }
                waiting = what;
                looked = false;
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {}
        }
        let Some((id, from)) = waiting else { continue };
        let request = Request::Events {
            id,
            from,
            limit: LINES,
            toward: Toward::New,
        };
        let reply = ask(desk, request);
        looked = true;
        if news.is(&reply, id, from) {
            waiting = None;
            if out
                .send(Signal::Event(Event::Reply(Box::new(reply))))
                .is_err()
            {
                return;
            }
        }
    }
}

fn look(desk: &dyn Desk, listener: &Weak<()>, out: &SyncSender<Signal>) {
    let mut known = desk.changes();
    for looks in 1u64.. {
        thread::sleep(LOOK);
        if listener.strong_count() == 0 {
            return;
        }
        if looks.is_multiple_of(LOOKS_A_TICK)
            && out.send(Signal::Event(Event::Tick(desk.now()))).is_err()
        {
            return;
        }
        let changes = desk.changes();
        if changes != known {
            known = changes;
            if out.send(Signal::Event(Event::Changed)).is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::desk::QueueFilter;

    #[test]
    fn whoever_types_fast_waits_for_the_last_answer_alone() {
        let questions = Questions::default();
        let page = |text: &str| Request::Queue {
            filter: QueueFilter {
                text: text.into(),
                ..QueueFilter::default()
            },
            offset: 0,
        };
        for request in [
            page("a"),
            Request::Review(SubmissionId(1)),
            Request::Standing,
            page("ab"),
            Request::Review(SubmissionId(2)),
            page("abc"),
        ] {
            questions.put(request);
        }
        questions.end();
        let left: Vec<Request> = std::iter::from_fn(|| questions.next()).collect();
        assert_eq!(
            left,
            [
                Request::Review(SubmissionId(1)),
                Request::Standing,
                Request::Review(SubmissionId(2)),
                page("abc"),
            ]
        );
    }
}
