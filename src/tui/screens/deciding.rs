//! A decision with its reason, while it is being written: what it binds, what it grants, words that fit.

use crossterm::event::KeyEvent;
use ratatui::layout::Rect;
use ratatui::widgets::Widget as _;
use ratatui_textarea::{TextArea, WrapMode};

use super::popup::{Confirm, Message, Yes, middle};
use crate::logs::sanitise;
use crate::model::decision::{Grant, Pins, Verdict};
use crate::model::view::ReviewPage;
use crate::model::{Finding, Severity, SubmissionId};
use crate::review::{Suggestion, suggestions};
use crate::tui::desk::Ruling;
use crate::tui::figures::count;
use crate::tui::ink::{Ink, below, span, top_of, wrap};
use crate::tui::theme::Role;

/// Longer is no reason any more, in bytes.
const LONGEST_REASON: usize = 8 * 1024;

/// A decision with its reason, while it is being written.
#[derive(Debug)]
pub struct Deciding {
    slug: String,
    submitter: String,
    facts: Vec<(String, Role)>,
    ruling: Ruling,
    /// What could be granted.
    grantable: Vec<Grant>,
    text: TextArea<'static>,
    suggestions: Vec<Suggestion>,
    /// Which of them is the next.
    next: usize,
    /// What was put in last, and where it came from.
    put_in: Option<String>,
    from: String,
    /// Why the last attempt did not go through.
    pub error: Option<String>,
    /// Whether the desk has been asked.
    pub sent: bool,
}

impl Deciding {
    /// A decision about the submission of `page`.
    pub fn new(page: &ReviewPage, verdict: Verdict) -> Self {
        let row = &page.submission;
        let mut text = TextArea::default();
        text.set_wrap_mode(WrapMode::WordOrGlyph);
        text.set_max_histories(50);
        text.set_placeholder_text(match verdict {
            Verdict::Approve => "A word for the record, if you like",
            Verdict::Reject => "What has to change: the submitter reads this",
        });
        let pins: Pins = page
            .pins
            .iter()
            .filter_map(|pin| Some((pin.reference.without_digest(), pin.digest?)))
            .collect();
        Self {
            slug: row.slug.to_string(),
            submitter: row.submitter.to_string(),
            facts: match verdict {
                Verdict::Approve => facts(page),
                Verdict::Reject => Vec::new(),
            },
            ruling: Ruling {
                id: row.id,
                version: row.version,
                pins,
                verdict,
                reason: String::new(),
                // What stands in the way without them has to be granted; the rest only if somebody wants to.
                grants: match verdict == Verdict::Approve && needs_grants(page) {
                    true => page.grantable.clone(),
                    false => Vec::new(),
                },
            },
            grantable: match verdict {
                Verdict::Approve => page.grantable.clone(),
                Verdict::Reject => Vec::new(),
            },
            text,
            suggestions: suggestions(page, verdict),
            next: 0,
            put_in: None,
            from: String::new(),
            error: None,
            sent: false,
        }
    }

    /// Takes a key that is bound to nothing: text.
    pub fn key(&mut self, key: KeyEvent) {
        if !self.sent {
            self.text.input(key);
        }
    }

    /// Takes pasted text.
    pub fn insert(&mut self, text: &str) {
        let room = LONGEST_REASON.saturating_sub(self.reason().len());
        let mut end = room.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let clean: Vec<_> = text[..end].lines().map(sanitise).collect();
        self.text.insert_str(clean.join("\n"));
    }

    /// Grants what the submission asks for, or takes it back.
    pub fn toggle_grants(&mut self) {
        self.ruling.grants = match self.ruling.grants.is_empty() {
            true => self.grantable.clone(),
            false => Vec::new(),
        };
    }

    /// Breaks the line.
    pub fn break_line(&mut self) {
        self.text.insert_newline();
    }

    /// Which submission it is about.
    pub const fn id(&self) -> SubmissionId {
        self.ruling.id
    }

    fn reason(&self) -> String {
        self.text.lines().join("\n")
    }

    /// The decision as it stands.
    ///
    /// # Errors
    /// What is missing, for people.
    pub fn ruling(&self) -> Result<Ruling, String> {
        let reason = self.reason().trim().to_owned();
        if self.ruling.verdict == Verdict::Reject && reason.is_empty() {
            return Err(
                "A rejection needs a reason: it is what the submitter gets to read.".into(),
            );
        }
        if !self.ruling.grants.is_empty() && reason.is_empty() {
            return Err("A grant needs a reason: it is logged.".into());
        }
        Ok(Ruling {
            reason,
            ..self.ruling.clone()
        })
    }

    /// The question before a rejection.
    pub fn question(&self, ruling: Ruling) -> Confirm {
        Confirm {
            question: format!("Reject #{} {}?", ruling.id, self.slug),
            consequence: format!(
                "{} gets your reason by mail and has to submit again. This can't be taken back.",
                self.submitter
            ),
            words: ruling.reason.clone(),
            yes: Yes::Decide(ruling),
        }
    }

    /// Puts in the next words that fit. What somebody has written stays above them.
    pub fn suggest(&mut self) {
        let Some(next) = self
            .suggestions
            .get(self.next % self.suggestions.len().max(1))
        else {
            return;
        };
        let written = self.reason();
        let own = match &self.put_in {
            Some(last) => written.strip_suffix(last.as_str()).unwrap_or(&written),
            None => &written,
        };
        let own = own.trim_end();
        let clean: Vec<String> = next
            .text
            .lines()
            .map(|line| sanitise(line).into_owned())
            .collect();
        let text = clean.join("\n");
        let whole = match own {
            "" => text.clone(),
            own => format!("{own}\n{text}"),
        };
        self.put_in = Some(text);
        self.from = format!(
            "words: {} ({} of {})",
            next.from,
            self.next % self.suggestions.len() + 1,
            self.suggestions.len()
        );
        self.next += 1;
        let mut end = LONGEST_REASON.min(whole.len());
        while !whole.is_char_boundary(end) {
            end -= 1;
        }
        self.text.select_all();
        self.text.cut();
        self.text.insert_str(&whole[..end]);
    }

    /// Draws it in the middle of `body`.
    pub(super) fn draw(&self, ink: &mut Ink<'_>, body: Rect) {
        let (verb, role) = match self.ruling.verdict {
            Verdict::Approve => ("Approve", Role::Good),
            Verdict::Reject => ("Reject", Role::Bad),
        };
        let width = body.width.min(76);
        let inner = usize::from(width.saturating_sub(4));
        let mut above: Vec<(String, Role)> = Vec::new();
        for (text, role) in &self.facts {
            above.extend(
                wrap(&sanitise(text), inner)
                    .iter()
                    .map(|r| ((*r).to_owned(), *role)),
            );
        }
        if !self.grantable.is_empty() {
            let words: Vec<String> = self.grantable.iter().map(Grant::words).collect();
            let words = words.join(", ");
            let (text, role) = match self.ruling.grants.is_empty() {
                true => (
                    format!("Grants nothing. ctrl-g grants, to this submission alone: {words}"),
                    Role::Dim,
                ),
                false => (
                    format!("Grants, to this submission alone: {words}. ctrl-g takes it back"),
                    Role::Warn,
                ),
            };
            let rows = wrap(&sanitise(&text), inner)
                .iter()
                .map(|r| ((*r).to_owned(), role))
                .collect::<Vec<_>>();
            above.extend(rows);
        }
        let error = match (&self.error, self.sent) {
            (Some(error), _) => wrap(&sanitise(error), inner)
                .iter()
                .map(|r| ((*r).to_owned(), Role::Bad))
                .collect(),
            (None, true) => vec![("one moment".to_owned(), Role::Dim)],
            (None, false) => Vec::new(),
        };
        let hint = format!(
            "enter  {}    tab  words    alt-enter  new line    esc  leave it",
            verb.to_lowercase()
        );
        let fixed = 2 + 1 + 1 + error.len();
        let room = usize::from(body.height).saturating_sub(fixed);
        let text_height = 5.min(room.saturating_sub(1)).max(1);
        above.truncate(room.saturating_sub(text_height + 1));
        let gap = usize::from(!above.is_empty());
        let height = (fixed + above.len() + gap + text_height).min(body.height.into()) as u16;
        let title = [
            span(format!("{verb} "), role),
            span(format!("#{} ", self.ruling.id), Role::Dim),
            span(self.slug.as_str(), Role::Strong),
            span(format!(" from {}", self.submitter), Role::Dim),
        ];
        let area = ink.frame(middle(body, width, height), &title, Role::Frame);
        let mut line = 0;
        for (text, role) in &above {
            ink.put(area, line, text, *role);
            line += 1;
        }
        line += gap as u16;
        let head = match self.from.as_str() {
            "" => "Reason".to_owned(),
            from => format!("Reason, {}", sanitise(from)),
        };
        ink.put(area, line, &head, Role::Dim);
        line += 1;
        let text_area = top_of(below(area, line), text_height as u16);
        if text_area.height > 0 && text_area.width > 0 {
            let mut text = self.text.clone();
            let theme = ink.theme();
            text.set_style(theme.style(Role::Text));
            text.set_cursor_line_style(theme.style(Role::Text));
            text.set_placeholder_style(theme.style(Role::Faint));
            text.set_cursor_style(if self.sent {
                theme.style(Role::Text)
            } else {
                theme.style(Role::Match)
            });
            text.render(text_area, ink.buffer());
        }
        line += text_height as u16;
        for (text, role) in &error {
            ink.put(area, line, text, *role);
            line += 1;
        }
        ink.put(area, line, &hint, Role::Dim);
    }
}

/// What an approval binds, and what of the wishes it does not fulfil.
fn facts(page: &ReviewPage) -> Vec<(String, Role)> {
    let row = &page.submission;
    let mut facts = Vec::new();
    facts.push((
        format!(
            "Binds context {}, its Dockerfile, {} and the policy. If any of them changes, the approval is void.",
            row.context.short(),
            count(page.pins.len() as u64, "pinned base"),
        ),
        Role::Dim,
    ));
    facts
}

/// Whether all that blocks is of a kind that a grant covers, and there is one for it.
fn needs_grants(page: &ReviewPage) -> bool {
    let mut blocks = page
        .findings
        .iter()
        .filter(|f| f.severity == Severity::Block)
        .peekable();
    let has = |fits: fn(&Grant) -> bool| page.grantable.iter().any(fits);
    blocks.peek().is_some()
        && blocks.all(|finding| match finding.rule.as_str() {
            "BASE01" => has(|grant| matches!(grant, Grant::Base { .. })),
            "NET01" | "NET02" | "NET03" | "SRC01" => {
                has(|grant| matches!(grant, Grant::Network { .. }))
            }
            _ => false,
        })
}

/// Why the submission of `page` can't be approved from here, if that is so.
pub fn obstacles(page: &ReviewPage) -> Option<Message> {
    let row = &page.submission;
    if needs_grants(page) && page.pins.iter().all(|pin| pin.digest.is_some()) {
        return None;
    }
    let blocking = || {
        page.findings
            .iter()
            .filter(|f| f.severity == Severity::Block)
    };
    let mut parts: Vec<String> = blocking()
        .map(|f| format!("{} at line {}: {}", f.rule, f.span.line, f.message))
        .collect();
    let loose: Vec<&str> = page
        .pins
        .iter()
        .filter(|p| p.digest.is_none())
        .map(|p| p.written.as_str())
        .collect();
    if !loose.is_empty() {
        parts.push(format!(
            "not in the cache, so not to be pinned: {}",
            loose.join(", ")
        ));
    }
    if parts.is_empty() {
        return None;
    }
    let foreign = |f: &Finding| f.rule == "BASE01";
    let help = if blocking().any(|f| !foreign(f)) {
        "What blocks can't be approved away: reject it with a reason (x), and the submitter sends it again.".to_owned()
    } else if blocking().any(foreign) {
        format!(
            "A base outside the approved list can be granted to this submission alone, from the command line:\n\
             flareo review {} approve --grant-base REFERENCE --reason …",
            row.id
        )
    } else {
        "Bring it into the cache, then approve:\nflareo base import REFERENCE SRC".to_owned()
    };
    parts.extend([String::new(), help]);
    Some(Message {
        title: format!("#{} {} can't be approved", row.id, row.slug),
        text: parts.join("\n"),
        role: Role::Bad,
    })
}
