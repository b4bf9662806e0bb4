//! Walks the stages: each on a thread of its own where cores allow, its steps one after the other.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Instant;

use super::board::Board;
use super::image::StageImage;
use super::{Embedded, located, metadata};
use crate::dockerfile::ast::Kind;
use crate::dockerfile::scope;
use crate::engine::accounts::Accounts;
use crate::engine::fault::Fault;
use crate::engine::plan::{Base, Plan, PlannedStage, PlannedStep};
use crate::engine::snapshot::Record;
use crate::engine::traced::TracedStep;
use crate::engine::tree::{Kind as NodeKind, Tree, resolve};
use crate::engine::watch::Watch;
use crate::engine::{BuildError, BuildRequest};
use crate::model::Digest;
use crate::model::event::{EventSink, Happening, StepOutcome};
use crate::sandbox::Together;

/// More stages than this are not worked on at the same time.
const THREADS: usize = 8;
/// A file of accounts longer than this is not read.
const ACCOUNTS_LIMIT: u64 = 4 << 20;

/// One build.
pub struct Build<'a> {
    /// Whose it is.
    pub engine: &'a Embedded,
    /// What was asked for.
    pub request: &'a BuildRequest<'a>,
    /// What has to be done.
    pub plan: &'a Plan,
    /// What it may use.
    pub watch: &'a Watch,
    /// Who wants to know.
    pub events: &'a dyn EventSink,
    /// Where stages meet.
    pub board: &'a Board,
    /// What its steps share, from the first that runs.
    pub together: OnceLock<Together>,
}

/// A stage at work.
pub struct Stage<'a> {
    /// The build that it is part of.
    pub build: &'a Build<'a>,
    /// What it has come to.
    pub image: StageImage,
    /// Its variables.
    pub scope: scope::Stage,
    /// What was worked out about the layers so far, until the next layer comes.
    tree: Option<Tree>,
    accounts: Option<Accounts>,
}

/// A stage that is done.
#[derive(Debug, Clone)]
pub struct Done {
    /// What it came to.
    pub image: StageImage,
    /// Its variables, for stages that stand on it.
    pub scope: scope::Stage,
}

/// What a step that makes layers came to.
#[derive(Debug)]
pub struct Made {
    /// What it came to.
    pub record: Record,
    /// Whether the cache had it.
    pub cached: bool,
    /// What the history says.
    pub created_by: String,
}

impl Build<'_> {
    /// Works on all stages until they are done or one has failed.
    pub fn run(&self) {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = cores.clamp(2, THREADS).min(self.plan.stages.len());
        std::thread::scope(|scope| {
            for _ in 0..threads {
                let presence = self.board.enter();
                scope.spawn(move || {
                    self.work();
                    drop(presence);
                });
            }
            // Process trees listen to one voice only: it passes on what comes from outside.
            while self.board.is_busy() {
                if self.watch.is_cancelled() {
                    self.watch.stop_all();
                }
            }
        });
    }

    fn work(&self) {
        while let Some(index) = self.board.take() {
            if self.watch.is_stopped() {
                return;
            }
            match self.stage(index) {
                Ok(done) => self.board.finish(index, done),
                Err(error) => return self.board.fail(error, self.watch),
            }
        }
    }

    fn stage(&self, index: usize) -> Result<Done, BuildError> {
        let planned = &self.plan.stages[index];
        let mut stage = None;
        // Where steps come from the cache one after the other, what changes only the configuration does too.
        let mut warm = !self.request.no_cache;
        for step in &planned.steps {
            let begun = Instant::now();
            self.events.emit(Happening::Step {
                step: step.number,
                stage: planned.name.clone(),
                line: step.line,
                text: step.text.clone(),
            });
            let done = self.step(planned, step, &mut stage, &mut warm);
            let (outcome, layer_bytes) = match &done {
                Ok(bytes) if warm => (StepOutcome::Cached, *bytes),
                Ok(bytes) => (StepOutcome::Done, *bytes),
                Err(_) => (StepOutcome::Failed, 0),
            };
            if outcome == StepOutcome::Cached {
                self.board.count_cached();
            }
            self.events.emit(Happening::StepEnd {
                step: step.number,
                outcome,
                took_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
                layer_bytes,
            });
            done.map_err(|fault| located(fault, Some(step.number), Some(step.line)))?;
        }
        stage
            .map(|stage: Stage<'_>| Done {
                image: stage.image,
                scope: stage.scope,
            })
            .ok_or_else(|| BuildError::Host("a stage without steps".into()))
    }

    /// Does a step, and gives the uncompressed bytes of the layer that it made.
    fn step<'a>(
        &'a self,
        planned: &PlannedStage,
        step: &PlannedStep,
        stage: &mut Option<Stage<'a>>,
        warm: &mut bool,
    ) -> Result<u64, Fault> {
        self.watch.check()?;
        let Some(stage) = stage else {
            *stage = Some(self.begin(planned)?);
            return Ok(0);
        };
        if metadata::apply(&mut stage.image, &mut stage.scope, &step.instruction)? {
            return Ok(0);
        }
        let made = match &step.instruction.kind {
            Kind::Run(_) => stage.run(step)?,
            Kind::Workdir(path) => stage.workdir(path)?,
            _ => stage.copy(step)?,
        };
        *warm = made.cached;
        self.board.trace(TracedStep {
            number: step.number,
            line: step.line,
            text: step.text.clone(),
            layer: made.record.layer.clone(),
        });
        let bytes = made.record.layer.as_ref().map_or(0, |l| l.unpacked);
        if made.cached {
            self.watch.charge(bytes)?;
        }
        if made.record.layer.is_some() {
            stage.tree = None;
            stage.accounts = None;
        }
        stage.image.add(made.created_by, made.record.layer)?;
        Ok(bytes)
    }

    fn begin<'a>(&'a self, planned: &PlannedStage) -> Result<Stage<'a>, Fault> {
        let (image, scope) = match &planned.base {
            Base::Stage(index) => {
                let done = self.board.wait(*index, self.watch)?;
                (done.image.child(), done.scope.child(&planned.from)?)
            }
            other => {
                let image = self.image(other)?;
                let scope = scope::Stage::new(&self.plan.global, image.environment());
                (image, scope)
            }
        };
        Ok(Stage {
            build: self,
            image,
            scope,
            tree: None,
            accounts: None,
        })
    }

    /// The image that a base stands for; waits for a stage.
    ///
    /// # Errors
    /// If it is damaged, or the build must end.
    pub fn image(&self, base: &Base) -> Result<StageImage, Fault> {
        match base {
            Base::Scratch => Ok(StageImage::scratch(&self.request.platform)),
            Base::Image(manifest) => StageImage::of(&self.engine.store, *manifest),
            Base::Stage(index) => Ok(self.board.wait(*index, self.watch)?.image.clone()),
        }
    }

    /// The tree of an image.
    ///
    /// # Errors
    /// If a layer is damaged, or the build must end.
    pub fn tree_of(&self, image: &StageImage) -> Result<Tree, Fault> {
        let Embedded {
            store, snapshots, ..
        } = self.engine;
        snapshots.tree(store, &image.layers, self.watch)
    }

    /// What the step `key` came to earlier, unless that is not to be asked.
    pub fn known(&self, key: Digest) -> Option<Record> {
        if self.request.no_cache {
            return None;
        }
        self.engine.snapshots.step(&self.engine.store, key)
    }
}

impl Stage<'_> {
    /// What the stage looks like now.
    ///
    /// # Errors
    /// If a layer is damaged, or the build must end.
    pub fn tree(&mut self) -> Result<Tree, Fault> {
        let tree = match self.tree.take() {
            Some(tree) => tree,
            None => self.build.tree_of(&self.image)?,
        };
        self.tree = Some(tree.clone());
        Ok(tree)
    }

    /// The accounts that the stage has now.
    ///
    /// # Errors
    /// If a layer is damaged, or the build must end.
    pub fn accounts(&mut self) -> Result<Accounts, Fault> {
        if let Some(accounts) = &self.accounts {
            return Ok(accounts.clone());
        }
        let tree = self.tree()?;
        let [passwd, group] = self.texts(&tree, ["etc/passwd", "etc/group"])?;
        let accounts = Accounts { passwd, group };
        self.accounts = Some(accounts.clone());
        Ok(accounts)
    }

    /// Small files of the image; empty where one is not there. Those that were not read before are read in one go.
    fn texts<const N: usize>(&self, tree: &Tree, paths: [&str; N]) -> Result<[String; N], Fault> {
        let small = &self.build.engine.snapshots.small;
        let mut digests = [None; N];
        let mut read: BTreeMap<Digest, Vec<u8>> = BTreeMap::new();
        let mut missing: BTreeMap<usize, BTreeMap<u64, (u64, Digest)>> = BTreeMap::new();
        for (path, known) in paths.into_iter().zip(&mut digests) {
            let path = resolve(tree, path.as_bytes())?;
            let Some(found) = tree.find(&path) else {
                continue;
            };
            let NodeKind::File {
                size,
                offset,
                digest,
            } = found.node.kind
            else {
                continue;
            };
            if size > ACCOUNTS_LIMIT {
                let shown = String::from_utf8_lossy(&path).into_owned();
                return Err(Fault::input(format!(
                    "/{shown} of the image has {size} bytes; at most {ACCOUNTS_LIMIT} are read"
                )));
            }
            *known = Some(digest);
            match small.get(digest) {
                Some(bytes) => {
                    read.insert(digest, bytes.to_vec());
                }
                None => {
                    let layer = missing.entry(found.layer).or_default();
                    layer.insert(offset, (size, digest));
                }
            }
        }
        for (layer, files) in &missing {
            let wanted = files
                .iter()
                .map(|(at, (size, digest))| (*at, *size, *digest));
            let mut contents = Vec::new();
            self.build
                .extract(&self.image.layers[*layer], wanted, &mut |_, content| {
                    let mut bytes = Vec::new();
                    std::io::copy(content, &mut bytes)?;
                    contents.push(bytes);
                    Ok(())
                })?;
            // Only now, when each has the digest that it must have.
            for ((_, digest), bytes) in files.values().zip(contents) {
                small.keep(*digest, &bytes);
                read.insert(*digest, bytes);
            }
        }
        Ok(digests.map(|digest| {
            let bytes = digest.and_then(|digest| read.get(&digest));
            bytes.map_or_else(String::new, |bytes| {
                String::from_utf8_lossy(bytes).into_owned()
            })
        }))
    }
}
