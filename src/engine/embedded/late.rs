//! The sandbox, looked for when the first step has to run: trying the host out starts processes, and a build whose steps
//! are all known needs none of that.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::fault::Fault;
use crate::sandbox::{Ids, Sandbox};

type Open = dyn Fn() -> Result<Sandbox, String> + Send + Sync;

/// A sandbox that may not be open yet. Cheap to clone; it is opened once.
#[derive(Clone)]
pub struct Late(Arc<Inner>);

struct Inner {
    open: Option<Box<Open>>,
    /// How its ids will be mapped, as far as one knows.
    foreseen: Option<Ids>,
    opened: Mutex<Option<Sandbox>>,
}

impl fmt::Debug for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Late").finish_non_exhaustive()
    }
}

impl Late {
    /// One that `open` opens when it is needed. Why it can't is told in words for people. `foreseen` is how its ids will be
    /// mapped, where that is known.
    pub fn new(
        foreseen: Option<Ids>,
        open: impl Fn() -> Result<Sandbox, String> + Send + Sync + 'static,
    ) -> Self {
        Self::with(Some(Box::new(open)), foreseen, None)
    }

    /// None: this host has no sandbox.
    pub(super) fn none() -> Self {
        Self::with(None, None, None)
    }

    fn with(open: Option<Box<Open>>, foreseen: Option<Ids>, opened: Option<Sandbox>) -> Self {
        Self(Arc::new(Inner {
            open,
            foreseen,
            opened: Mutex::new(opened),
        }))
    }

    fn opened(&self) -> MutexGuard<'_, Option<Sandbox>> {
        self.0.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sandbox.
    ///
    /// # Errors
    /// If this host can't sandbox a step.
    pub(in crate::engine) fn get(&self) -> Result<Sandbox, Fault> {
        let mut opened = self.opened();
        if let Some(sandbox) = &*opened {
            return Ok(sandbox.clone());
        }
        let Some(open) = &self.0.open else {
            let text = "this host can't sandbox a RUN: flareo doctor says what is missing";
            return Err(Fault::Host(text.into()));
        };
        let sandbox = open().map_err(Fault::Host)?;
        Ok(opened.insert(sandbox).clone())
    }

    /// Whether the sandbox has one id only, so that owners can't be set in it: as it was foreseen, until it is open.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(super) fn is_single(&self) -> Result<bool, Fault> {
        let opened = self.opened().as_ref().map(Sandbox::ids);
        match opened.or(self.0.foreseen) {
            Some(ids) => Ok(ids.is_single()),
            None => Ok(self.get()?.ids().is_single()),
        }
    }
}

impl From<Sandbox> for Late {
    fn from(sandbox: Sandbox) -> Self {
        Self::with(None, None, Some(sandbox))
    }
}
