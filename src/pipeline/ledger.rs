//! Keeps the ledger of a granted build: what cannot be written down is not built (R14).

use std::sync::{Mutex, PoisonError};

use super::{Site, SiteError};
use crate::model::event::{EventSink, Happening};
use crate::model::ledger::{self, Connection, LedgerEntry, NetworkUse};
use crate::model::view::NetworkView;
use crate::model::{Digest, Submission, SubmissionId};
use crate::sandbox::gate::Keeper;
use crate::store::StoreError;

/// What the evidence of a built image calls its ledger.
pub const NETWORK_LEDGER: &str = "network-ledger";

/// So many connections are written at one go.
const BATCH: usize = 64;

/// Writes the connections that pass by into the queue; everything goes on to where it was going.
pub struct LedgerSink<'a> {
    site: &'a Site,
    row: &'a Submission,
    events: &'a dyn EventSink,
    pending: Mutex<Pending>,
}

#[derive(Default)]
struct Pending {
    connections: Vec<Connection>,
    trouble: Option<StoreError>,
}

impl<'a> LedgerSink<'a> {
    /// For a build of `row`.
    pub fn new(site: &'a Site, row: &'a Submission, events: &'a dyn EventSink) -> Self {
        Self {
            site,
            row,
            events,
            pending: Mutex::default(),
        }
    }

    fn write(&self, pending: &mut Pending) {
        let connections = std::mem::take(&mut pending.connections);
        let queue = self.site.queue();
        if let Err(error) = queue.log_connections(self.row.id, self.row.attempts, &connections) {
            pending.trouble.get_or_insert(error);
        }
    }

    /// Closes the ledger; answers with the digest under which the content store has it. None without a grant.
    ///
    /// # Errors
    /// If any of it could not be written.
    pub fn close(self, keeper: Option<&Keeper>) -> Result<Option<Digest>, SiteError> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        self.write(&mut pending);
        if let Some(error) = pending.trouble.take() {
            return Err(error.into());
        }
        let Some(keeper) = keeper else {
            return Ok(None);
        };
        let (id, attempt) = (self.row.id, self.row.attempts);
        let entries = self.site.queue().connections(id)?;
        let connections: Vec<Connection> = entries
            .into_iter()
            .filter(|entry| entry.attempt == attempt)
            .map(|entry| entry.connection)
            .collect();
        let bytes = serde_json::to_vec(&connections).map_err(SiteError::host)?;
        let ledger = self.site.store().put(&bytes)?;
        let groups = &keeper.allowance().groups;
        let used = NetworkUse::of(attempt, groups, ledger, &connections);
        self.site.queue().close_ledger(id, &used)?;
        Ok(Some(ledger))
    }
}

impl Site {
    /// What a submission's build used of the network, beside the slug's last granted build. None where there was none.
    pub(super) fn network_view(&self, row: &Submission) -> Result<Option<NetworkView>, SiteError> {
        let used = self.queue().network_use(row.id)?;
        if used.is_none() && !row.wishes.requires_network {
            return Ok(None);
        }
        let before = self.queue().last_granted(&row.slug, row.id)?;
        let differences = match (&before, &used) {
            (Some((_, before)), Some(used)) => ledger::differences(&before.hosts, &used.hosts),
            _ => Vec::new(),
        };
        Ok((used.is_some() || before.is_some()).then_some(NetworkView {
            used,
            before,
            differences,
        }))
    }

    /// Every connection that builds of a submission made or tried to make.
    ///
    /// # Errors
    /// If the queue can't be read.
    pub fn connections(&self, id: SubmissionId) -> Result<Vec<LedgerEntry>, SiteError> {
        Ok(self.queue().connections(id)?)
    }
}

impl EventSink for LedgerSink<'_> {
    fn emit(&self, what: Happening) {
        match &what {
            Happening::Connection(connection) => {
                let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
                pending.connections.push(connection.clone());
                if pending.connections.len() >= BATCH {
                    self.write(&mut pending);
                }
            }
            // What a step did is on record before the next one begins.
            Happening::StepEnd { .. } => {
                let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
                self.write(&mut pending);
            }
            _ => {}
        }
        self.events.emit(what);
    }
}
