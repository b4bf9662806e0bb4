//! The network of a RUN in a granted build: its pass to the gate, what it is told, and what its refusals mean.

use std::cell::RefCell;

use super::stage::{Build, Stage};
use crate::engine::fault::Fault;
use crate::engine::key::Key;
use crate::engine::plan::PlannedStep;
use crate::model::event::{Happening, Stream};
use crate::model::ledger::{Connection, Passage};
use crate::sandbox::gate::{self, Pass};

impl Stage<'_> {
    /// The pass of a RUN, if its build is granted the network and the RUN does not decline it.
    ///
    /// # Errors
    /// If a flag can't be expanded.
    pub fn pass(&self, step: &PlannedStep) -> Result<Option<Pass>, Fault> {
        let Some(keeper) = &self.build.request.network else {
            return Ok(None);
        };
        for flag in &step.instruction.flags {
            if flag.name.text == "network"
                && let Some(value) = &flag.value
                && self.scope.word(value)? == "none"
            {
                return Ok(None);
            }
        }
        Ok(Some(Pass {
            keeper: keeper.clone(),
            step: step.number,
        }))
    }
}

/// Files a step under its grant: what a step fetched is known only to builds under the very same one.
pub fn file_under(key: &mut Key, pass: Option<&Pass>) {
    if let Some(pass) = pass {
        key.text("network").digest(pass.keeper.allowance().digest());
    }
}

/// The environment of a step with the way to the gate: there is no other, so what the image says of proxies is put
/// aside.
pub fn environment(mut env: Vec<(String, String)>, pass: Option<&Pass>) -> Vec<(String, String)> {
    if pass.is_some() {
        for (name, value) in gate::environment() {
            env.retain(|(other, _)| other != name);
            env.push((name.to_owned(), value));
        }
    }
    env
}

/// What a step said over the network, passed on as it ends.
#[derive(Default)]
pub struct Heard {
    turned_away: RefCell<Option<Connection>>,
}

impl Heard {
    /// Passes an entry of the ledger on.
    pub fn connection(&self, build: &Build<'_>, connection: &Connection) {
        if connection.verdict != Passage::Allowed {
            build.events.emit(Happening::Log {
                step: connection.step,
                stream: Stream::Stderr,
                text: said(connection),
            });
            self.turned_away
                .borrow_mut()
                .get_or_insert_with(|| connection.clone());
        }
        build.events.emit(Happening::Connection(connection.clone()));
    }

    /// The failure of a step that was turned away at the gate.
    pub fn fault(&self) -> Option<Fault> {
        self.turned_away.borrow().as_ref().map(|connection| {
            Fault::input(said(connection))
                .help("a grant reaches the hosts of its groups by HTTPS through the proxy in HTTPS_PROXY: `flareo help network`")
        })
    }
}

fn said(connection: &Connection) -> String {
    let what = match connection.verdict {
        Passage::Allowed => "let through to",
        Passage::Refused => "connection refused to",
        Passage::Failed => "no connection to",
        Passage::Cut => "connection cut to",
    };
    format!(
        "network gate — {what} {}: {}",
        connection.target(),
        connection.reason
    )
}
