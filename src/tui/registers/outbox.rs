//! The outbox: mail that was written, the latest first, and how it went on its way.

use super::{Column, RegisterRow};
use crate::store::Mail;
use crate::tui::desk::{Sheet, SheetEntry};
use crate::tui::figures::{count, date};
use crate::tui::ink::span;
use crate::tui::theme::Role;

pub(super) const COLUMNS: &[Column] = &[
    Column {
        title: "STATE",
        width: 10,
        from: 0,
    },
    Column {
        title: "WRITTEN",
        width: 18,
        from: 78,
    },
    Column {
        title: "TO",
        width: 24,
        from: 64,
    },
    Column {
        title: "SUBJECT",
        width: 0,
        from: 0,
    },
];

const fn state(mail: &Mail) -> (&'static str, Role) {
    match (&mail.sent_at, &mail.last_error) {
        (Some(_), _) => ("sent", Role::Good),
        (None, Some(_)) => ("held up", Role::Bad),
        (None, None) => ("waits", Role::Waiting),
    }
}

/// The row of a mail.
pub fn row(mail: &Mail) -> RegisterRow {
    let (state, role) = state(mail);
    let written = mail.created_at.strftime("%Y-%m-%d %H:%M").to_string();
    RegisterRow {
        key: mail.id.to_string(),
        cells: vec![
            span(state, role),
            span(written, Role::Dim),
            span(mail.mail.to.clone(), Role::Text),
            span(mail.mail.subject.clone(), Role::Strong),
        ],
        copy: Some(mail.mail.to.clone()),
        about: mail.submission,
    }
}

/// All of a mail.
pub fn sheet(mail: &Mail) -> Sheet {
    let mut entries = Vec::new();
    let mut fact = |label: &str, text: &str, role| {
        entries.push(SheetEntry::new(&format!("{label:<9} {text}"), role));
    };
    let (word, role) = state(mail);
    let told = match mail.sent_at {
        Some(at) => format!("sent at {}", date(at)),
        None if mail.tries == 0 => format!("{word}: sending was not tried yet"),
        None => format!("{word}: tried {}", count(mail.tries.into(), "time")),
    };
    fact("state", &told, role);
    if let Some(error) = &mail.last_error {
        fact("last try", error, Role::Bad);
    }
    fact("written", &date(mail.created_at), Role::Text);
    fact("to", &mail.mail.to, Role::Text);
    fact("subject", &mail.mail.subject, Role::Strong);
    entries.push(SheetEntry::new("", Role::Text));
    let body = mail.mail.body.lines();
    entries.extend(body.map(|line| SheetEntry::new(line, Role::Text)));
    Sheet {
        title: format!("Mail {}", mail.id),
        entries,
    }
}
