//! An open state folder: what the four faces work on.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::attest::SigningKey;
use crate::config::Paths;
use crate::engine::embedded::{Embedded, Late};
use crate::model::{Actor, Clock, Policy, SystemClock};
use crate::sandbox::{self, Sandbox};
use crate::store::Queue;
use crate::{attest, bases, oci};

use super::SiteError;

/// How to open a site. Everything that is not a fact of the disk is injected.
pub struct Settings {
    /// Where everything lies.
    pub paths: Paths,
    /// The rules in force.
    pub policy: Policy,
    /// Who asks.
    pub actor: Actor,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// The program that becomes the inside of a sandbox: this one.
    pub program: PathBuf,
    /// A seed for the signing key instead of the system's randomness: tests and the demo.
    pub key_seed: Option<String>,
    /// Whether measured figures (how long, how much memory) are left out of events, so that a run repeats to the byte.
    pub steady: bool,
}

impl Settings {
    /// The ordinary settings: the system's clock and randomness, this program.
    pub fn new(paths: Paths, policy: Policy, actor: Actor) -> Self {
        Self {
            paths,
            policy,
            actor,
            clock: Arc::new(SystemClock),
            program: PathBuf::from("/proc/self/exe"),
            key_seed: None,
            steady: false,
        }
    }
}

/// An open state folder. Cheap to clone; several processes may have the same one open.
#[derive(Clone)]
pub struct Site {
    inner: Arc<Inner>,
    actor: Actor,
}

impl Settings {
    fn with(&self, policy: Policy) -> Self {
        Self {
            paths: self.paths.clone(),
            policy,
            actor: self.actor.clone(),
            clock: self.clock.clone(),
            program: self.program.clone(),
            key_seed: self.key_seed.clone(),
            steady: self.steady,
        }
    }
}

struct Inner {
    settings: Settings,
    queue: Queue,
    store: oci::Store,
    sandbox: OnceLock<Sandbox>,
    key: OnceLock<SigningKey>,
}

/// Whether every rule that the policy switches is one that lint has.
///
/// # Errors
/// The first that is none.
pub fn known_rules(policy: &Policy) -> Result<(), SiteError> {
    let unknown = |name: &&String| !crate::lint::RULES.iter().any(|rule| rule.id() == *name);
    match policy.lint.rules.keys().find(unknown) {
        None => Ok(()),
        Some(name) => Err(SiteError::usage(format!(
            "the policy switches {}, and lint has no such rule",
            crate::dockerfile::excerpt::harmless(name)
        ))
        .help("`flareo help linting` lists the rules")),
    }
}

impl Site {
    /// Opens a state folder, and makes what is missing of it.
    ///
    /// # Errors
    /// If the folder can't be made or is open to others, or the queue's database can't be used.
    pub fn open(settings: Settings) -> Result<Self, SiteError> {
        known_rules(&settings.policy)?;
        settings.paths.make().map_err(SiteError::host)?;
        let queue = Queue::open(&settings.paths.queue(), settings.clock.clone())?;
        queue.seed_approved(&bases::approved::defaults(), &settings.actor)?;
        queue.keep_policy(&settings.policy)?;
        let store = oci::Store::open(&settings.paths.oci())?;
        let actor = settings.actor.clone();
        let inner = Inner {
            settings,
            queue,
            store,
            sandbox: OnceLock::new(),
            key: OnceLock::new(),
        };
        Ok(Self {
            inner: Arc::new(inner),
            actor,
        })
    }

    /// The same site, asked by somebody else. Only for tests and the demo: a face never chooses who asks.
    #[must_use]
    pub fn asked_by(&self, actor: &str) -> Self {
        Self {
            inner: self.inner.clone(),
            actor: Actor::new(actor),
        }
    }

    /// The same site under another policy, to ask what it would say: it is not kept as one that was in force.
    #[must_use]
    pub fn under(&self, policy: Policy) -> Self {
        let inner = Inner {
            settings: self.inner.settings.with(policy),
            queue: self.inner.queue.clone(),
            store: self.inner.store.clone(),
            sandbox: OnceLock::new(),
            key: OnceLock::new(),
        };
        Self {
            inner: Arc::new(inner),
            actor: self.actor.clone(),
        }
    }

    /// Who asks.
    pub const fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Where everything lies.
    pub fn paths(&self) -> &Paths {
        &self.inner.settings.paths
    }

    /// The rules in force.
    pub fn policy(&self) -> &Policy {
        &self.inner.settings.policy
    }

    /// The rules in force at this moment: without switches that have ended. Approvals bind these.
    pub(super) fn policy_now(&self) -> Policy {
        self.policy().in_force(self.clock().now())
    }

    /// The present.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.settings.clock
    }

    /// The queue.
    pub fn queue(&self) -> &Queue {
        &self.inner.queue
    }

    /// The content store.
    pub fn store(&self) -> &oci::Store {
        &self.inner.store
    }

    pub(super) fn steady(&self) -> bool {
        self.inner.settings.steady
    }

    /// The sandbox, looked for when it is first needed: listing a queue needs none.
    ///
    /// # Errors
    /// If the host can't sandbox a build.
    pub fn sandbox(&self) -> Result<Sandbox, SiteError> {
        if let Some(sandbox) = self.inner.sandbox.get() {
            return Ok(sandbox.clone());
        }
        let settings = sandbox::Settings {
            program: self.inner.settings.program.clone(),
            ..sandbox::Settings::default()
        };
        let opened = Sandbox::open(settings).map_err(SiteError::host)?;
        sandbox::memory::remember(&self.ids_memory(), opened.ids());
        Ok(self.inner.sandbox.get_or_init(|| opened).clone())
    }

    fn ids_memory(&self) -> PathBuf {
        self.paths().snapshots().join("ids")
    }

    /// The engine of this site, whose sandbox is looked for when the first step has to run: where every step is known
    /// already, none is needed.
    ///
    /// # Errors
    /// If the host can't hold the limits that the policy demands.
    pub fn late_engine(&self) -> Result<Embedded, SiteError> {
        let demands = &self.policy().sandbox;
        if demands.require_kernel_limits || demands.require_owners {
            return self.engine();
        }
        let site = self.clone();
        let foreseen = sandbox::memory::foreseen(&self.ids_memory());
        let open = move || site.sandbox().map_err(|e| e.failure.message);
        let store = self.store().clone();
        let snapshots = self.paths().snapshots();
        Ok(Embedded::with_late(
            store,
            &snapshots,
            Late::new(foreseen, open),
        )?)
    }

    /// The engine of this site.
    ///
    /// # Errors
    /// If the host can't sandbox a build, or can't hold the limits that the policy demands.
    pub fn engine(&self) -> Result<Embedded, SiteError> {
        let sandbox = self.sandbox()?;
        if self.policy().sandbox.require_kernel_limits && !sandbox.support().holds_all() {
            return Err(SiteError::host(
                "the policy wants every limit held by the kernel (sandbox.require_kernel_limits), and this host can't",
            )
            .help("`flareo doctor` says which limits are only watched, and how to get them"));
        }
        if self.policy().sandbox.require_owners && sandbox.ids().is_single() {
            return Err(SiteError::host(
                "the policy wants owners kept (sandbox.require_owners), and this user has only one id",
            )
            .help("get a range in /etc/subuid and /etc/subgid, and install uidmap"));
        }
        Ok(Embedded::new(
            self.store().clone(),
            &self.paths().snapshots(),
            sandbox,
        )?)
    }

    /// The signing key, made when it is first needed.
    ///
    /// # Errors
    /// If it can't be made or read, or others can read it.
    pub fn key(&self) -> Result<&SigningKey, SiteError> {
        if let Some(key) = self.inner.key.get() {
            return Ok(key);
        }
        let folder = self.paths().keys();
        let opened = match &self.inner.settings.key_seed {
            Some(seed) => SigningKey::open(&folder, &mut attest::key::Repeatable::new(seed)),
            None => SigningKey::open(&folder, &mut rand_core::OsRng),
        };
        let opened = opened.map_err(SiteError::host)?;
        Ok(self.inner.key.get_or_init(|| opened))
    }
}
