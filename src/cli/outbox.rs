//! `flareo outbox`: mail that was written, and how it went on its way.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::arguments::Outbox;
use super::doctor::text_of;
use super::output::{Output, Role, time};
use crate::pipeline::{Site, SiteError};
use crate::store::Mail;
use crate::tui::registers::outbox;

/// Lists mails, or prints one.
pub fn run(site: &Site, asked: &Outbox, output: &Output) -> Result<ExitCode, SiteError> {
    match asked {
        Outbox::List { holding, limit } => {
            let (_, mut mails) = site.queue().mail_page(holding, 0, *limit)?;
            mails.reverse();
            if output.json() {
                output.document(&mails.iter().map(document).collect::<Vec<_>>())?;
                return Ok(ExitCode::SUCCESS);
            }
            if mails.is_empty() {
                output.say("no mail was written");
                return Ok(ExitCode::SUCCESS);
            }
            let rows: Vec<_> = mails.iter().map(row).collect();
            output.say(&output.table(&["NO", "STATE", "WRITTEN", "TO", "SUBJECT"], &rows));
        }
        Outbox::Show { id } => {
            let mail = site.queue().mail(*id)?;
            if output.json() {
                output.document(&document(&mail))?;
            } else {
                output.say(&text_of(&outbox::sheet(&mail)));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row(mail: &Mail) -> Vec<(Role, String)> {
    let (state, role) = match (&mail.sent_at, &mail.last_error) {
        (Some(_), _) => ("sent", Role::Good),
        (None, Some(_)) => ("held up", Role::Bad),
        (None, None) => ("waits", Role::Plain),
    };
    vec![
        (Role::Faint, mail.id.to_string()),
        (role, state.to_owned()),
        (Role::Faint, time(mail.created_at)),
        (Role::Plain, mail.mail.to.clone()),
        (Role::Strong, mail.mail.subject.clone()),
    ]
}

fn document(mail: &Mail) -> Value {
    json!({
        "id": mail.id,
        "submission": mail.submission,
        "to": mail.mail.to,
        "subject": mail.mail.subject,
        "body": mail.mail.body,
        "created_at": mail.created_at,
        "tries": mail.tries,
        "last_error": mail.last_error,
        "sent_at": mail.sent_at,
    })
}
