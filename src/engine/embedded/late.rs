//! The sandbox, looked for when the first step has to run: trying the host out starts processes, and a build whose steps
//! are all known needs none of that.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::fault::Fault;
use crate::sandbox::{Ids, Sandbox};

type Open = dyn Fn() -> Result<Sandbox, String> + Send + Sync;

/// A sandbox that may not be open yet. Cheap to clone; it is opened once.
#[derive(Clone)]
pub struct Late(Arc<Inner>);

struct Inner {
    open: Option<Box<Open>>,
    opened: Mutex<Option<Sandbox>>,
}

impl fmt::Debug for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Late").finish_non_exhaustive()
    }
}

impl Late {
    /// One that `open` opens when it is needed. Why it can't is told in words for people.
    pub fn new(open: impl Fn() -> Result<Sandbox, String> + Send + Sync + 'static) -> Self {
        Self::with(Some(Box::new(open)), None)
    }

    /// None: this host has no sandbox.
    pub(super) fn none() -> Self {
        Self::with(None, None)
    }

    fn with(open: Option<Box<Open>>, opened: Option<Sandbox>) -> Self {
        let opened = Mutex::new(opened);
        Self(Arc::new(Inner { open, opened }))
    }

    /// The sandbox.
    ///
    /// # Errors
    /// If this host can't sandbox a step.
    pub(in crate::engine) fn get(&self) -> Result<Sandbox, Fault> {
        let mut opened = self.0.opened.lock().unwrap_or_else(PoisonError::into_inner);
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

    /// Whether the sandbox has one id only, so that owners can't be set in it. For most users there is no choice, and
    /// nothing has to be tried out to know it.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(super) fn is_single(&self) -> Result<bool, Fault> {
        match Ids::foreseen() {
            Some(ids) if self.0.open.is_some() => Ok(ids.is_single()),
            _ => Ok(self.get()?.ids().is_single()),
        }
    }
}

impl From<Sandbox> for Late {
    fn from(sandbox: Sandbox) -> Self {
        Self::with(None, Some(sandbox))
    }
}
