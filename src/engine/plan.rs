//! From a parsed Dockerfile to what has to be done: the stages that the target needs, their bases by digest, ONBUILD
//! triggers in their place, and every step with its number.
//!
//! Nothing is executed and nothing but image configurations is read.

use std::collections::{BTreeMap, BTreeSet};

use super::fault::Fault;
use crate::dockerfile::ast::{Dockerfile, Instruction, Kind, Word};
use crate::dockerfile::scope::{Global, ScopeError};
use crate::dockerfile::stages::StageNames;
use crate::dockerfile::{mount, run, trigger};
use crate::model::decision::Pins;
use crate::model::image::Platform;
use crate::model::{Digest, Reference};

/// ONBUILD triggers of one stage; real images have a handful.
const TRIGGERS_LIMIT: usize = 1000;

/// What has to be done.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The stages that the target needs, in the file's order; the target is the last one.
    pub stages: Vec<PlannedStage>,
    /// How many steps there are in all.
    pub steps: u32,
    /// What holds for the whole file.
    pub global: Global,
}

/// A stage.
#[derive(Debug, Clone)]
pub struct PlannedStage {
    /// Its name, or its number in the file.
    pub name: String,
    /// What it stands on.
    pub base: Base,
    /// The image of its `FROM`.
    pub from: Word,
    /// Its steps; the first is its `FROM`.
    pub steps: Vec<PlannedStep>,
}

/// What a stage stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// Nothing.
    Scratch,
    /// An image in the content store, by its manifest.
    Image(Digest),
    /// An earlier stage, by its place in [`Plan::stages`].
    Stage(usize),
}

/// A step.
#[derive(Debug, Clone)]
pub struct PlannedStep {
    /// From 1, over all stages.
    pub number: u32,
    /// The Dockerfile's line, from 1.
    pub line: u32,
    /// The instruction on one line.
    pub text: String,
    /// The instruction; a trigger's is not the file's own.
    pub instruction: Instruction,
    /// What a RUN executes.
    pub program: Option<run::Program>,
    /// What its `--from` and those of its mounts mean.
    pub sources: BTreeMap<String, Base>,
}

/// A fault with the line that it is about.
#[derive(Debug)]
pub struct PlanError {
    /// What is wrong.
    pub fault: Fault,
    /// The Dockerfile's line, from 1.
    pub line: Option<u32>,
}

impl PlanError {
    fn at(line: u32) -> impl FnOnce(Fault) -> Self {
        move |fault| Self {
            fault,
            line: Some(line),
        }
    }
}

impl From<ScopeError> for PlanError {
    fn from(error: ScopeError) -> Self {
        Self {
            line: Some(error.span.line),
            fault: Fault::input(error.to_string()),
        }
    }
}

/// What planning needs to know of the content store.
pub trait Images {
    /// The manifest for `platform` that `digest` names, if it is held: itself, or the one that an index lists.
    ///
    /// # Errors
    /// If what is held is damaged, or is for another platform only.
    fn manifest(&self, digest: Digest, platform: &Platform) -> Result<Option<Digest>, Fault>;

    /// The ONBUILD triggers of an image.
    ///
    /// # Errors
    /// If it can't be read.
    fn triggers(&self, manifest: Digest) -> Result<Vec<String>, Fault>;
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// `--build-arg`.
    pub build_args: &'a BTreeMap<String, String>,
    /// `--target`: a stage's name; the last stage if none.
    pub target: Option<&'a str>,
    /// `--platform`.
    pub platform: &'a Platform,
    /// What tags stand for.
    pub pins: &'a Pins,
}

/// Makes the plan.
///
/// # Errors
/// If a base is not held, the target is not there, or something is asked for that this engine does not do.
pub fn plan(
    file: &Dockerfile,
    wanted: &Wanted<'_>,
    images: &dyn Images,
) -> Result<Plan, PlanError> {
    let host = Platform::host();
    if *wanted.platform != host {
        let fault = other_platform(&wanted.platform.to_string(), &host);
        return Err(PlanError { fault, line: None });
    }
    let global = Global::for_target(file, wanted.build_args, wanted.platform, wanted.target)?;
    let names = StageNames::of(file);
    let target = target(file, &names, wanted.target)?;
    let mut planner = Planner {
        file,
        wanted,
        images,
        global: &global,
        names: &names,
        needed: BTreeMap::new(),
    };
    planner.need(target)?;
    let numbers: BTreeMap<usize, usize> = planner
        .needed
        .keys()
        .enumerate()
        .map(|(place, index)| (*index, place))
        .collect();
    let place = |base: &Base| match base {
        Base::Stage(index) => Base::Stage(numbers.get(index).copied().unwrap_or(0)),
        other => other.clone(),
    };
    let mut steps = 0;
    let mut stages = Vec::new();
    for (index, needed) in planner.needed {
        let stage = &file.stages[index];
        let planned = needed
            .instructions
            .into_iter()
            .map(|(instruction, line, sources)| {
                steps += 1;
                PlannedStep {
                    number: steps,
                    line,
                    text: instruction.original.clone(),
                    program: run::program(file, &instruction),
                    instruction,
                    sources: sources
                        .iter()
                        .map(|(name, base)| (name.clone(), place(base)))
                        .collect(),
                }
            })
            .collect();
        stages.push(PlannedStage {
            name: stage.name.clone().unwrap_or_else(|| index.to_string()),
            base: place(&needed.base),
            from: needed.from,
            steps: planned,
        });
    }
    Ok(Plan {
        stages,
        steps,
        global,
    })
}

fn target(file: &Dockerfile, names: &StageNames, target: Option<&str>) -> Result<usize, PlanError> {
    let count = file.stages.len();
    let found = match target {
        Some(name) => names.base(name, count),
        None => count.checked_sub(1),
    };
    found.ok_or_else(|| {
        let all: Vec<&str> = file
            .stages
            .iter()
            .filter_map(|s| s.name.as_deref())
            .collect();
        let fault =
            match target {
                Some(name) => Fault::input(format!("target stage \"{name}\" could not be found"))
                    .help(match all.as_slice() {
                        [] => "no stage has a name: give one with FROM … AS NAME".into(),
                        names => format!("the file's stages: {}", names.join(", ")),
                    }),
                None => Fault::input("the Dockerfile has no FROM"),
            };
        PlanError { fault, line: None }
    })
}

type Planned = (Instruction, u32, BTreeMap<String, Base>);

struct Needed {
    base: Base,
    from: Word,
    instructions: Vec<Planned>,
}

struct Planner<'a> {
    file: &'a Dockerfile,
    wanted: &'a Wanted<'a>,
    images: &'a dyn Images,
    global: &'a Global,
    names: &'a StageNames,
    needed: BTreeMap<usize, Needed>,
}

impl Planner<'_> {
    /// Plans a stage and all that it needs. Stages need earlier ones only, so this ends.
    fn need(&mut self, target: usize) -> Result<(), PlanError> {
        let mut open = BTreeSet::from([target]);
        while let Some(index) = open.pop_last() {
            let needed = self.stage(index)?;
            let bases = needed.instructions.iter().flat_map(|(_, _, s)| s.values());
            for base in bases.chain([&needed.base]) {
                if let Base::Stage(other) = base {
                    open.insert(*other);
                }
            }
            self.needed.insert(index, needed);
        }
        Ok(())
    }

    fn stage(&self, index: usize) -> Result<Needed, PlanError> {
        let stage = &self.file.stages[index];
        let own = self.file.of(stage);
        let Some((first, rest)) = own.split_first() else {
            let fault = Fault::input("a stage without FROM");
            return Err(PlanError { fault, line: None });
        };
        let Kind::From { image, .. } = &first.kind else {
            let fault = Fault::input("a stage without FROM");
            return Err(PlanError { fault, line: None });
        };
        let line = first.keyword.span.line;
        self.check_platform(first)?;
        let name = self.global.image(image)?;
        let base = self
            .base(&name, self.names.base(&name, index))
            .map_err(PlanError::at(line))?;
        let triggers = match &base {
            Base::Scratch => Vec::new(),
            Base::Image(manifest) => self
                .images
                .triggers(*manifest)
                .map_err(PlanError::at(line))?,
            Base::Stage(other) => {
                let instructions = self.file.of(&self.file.stages[*other]).iter();
                instructions
                    .filter_map(|i| match &i.kind {
                        Kind::Onbuild(inner) => Some(inner.as_trigger()),
                        _ => None,
                    })
                    .collect()
            }
        };
        if triggers.len() > TRIGGERS_LIMIT {
            let fault = Fault::input(format!("the base image has {} triggers", triggers.len()));
            return Err(PlanError::at(line)(fault));
        }
        let mut instructions: Vec<Planned> = vec![(first.clone(), line, BTreeMap::new())];
        for text in triggers {
            let mut instruction = trigger(&text).map_err(|e| {
                let fault = Fault::input(format!("ONBUILD of the base image: {e}"));
                PlanError::at(line)(fault)
            })?;
            if matches!(
                instruction.kind,
                Kind::From { .. } | Kind::Onbuild(_) | Kind::Maintainer(_)
            ) {
                let keyword = instruction.kind.keyword();
                let fault = Fault::input(format!("{keyword} isn't allowed as an ONBUILD trigger"));
                return Err(PlanError::at(line)(fault));
            }
            instruction.original = format!("ONBUILD {}", instruction.original);
            let sources = self.sources(&instruction, index, line)?;
            instructions.push((instruction, line, sources));
        }
        for instruction in rest {
            let line = instruction.keyword.span.line;
            let sources = self.sources(instruction, index, line)?;
            instructions.push((instruction.clone(), line, sources));
        }
        Ok(Needed {
            base,
            from: image.clone(),
            instructions,
        })
    }

    /// What the `--from`s of an instruction mean.
    fn sources(
        &self,
        instruction: &Instruction,
        index: usize,
        line: u32,
    ) -> Result<BTreeMap<String, Base>, PlanError> {
        let mut wanted = BTreeSet::new();
        match &instruction.kind {
            Kind::Copy { .. } => wanted.extend(instruction.flag("from").map(str::to_owned)),
            Kind::Run(_) => {
                for flag in &instruction.flags {
                    if flag.name.text == "mount"
                        && let Some(value) = &flag.value
                    {
                        wanted.extend(mount::sources(&value.text));
                    }
                }
            }
            _ => {}
        }
        wanted
            .into_iter()
            .filter(|name| !name.is_empty())
            .map(|name| {
                if name.contains('$') {
                    let fault = Fault::input(
                        "variable expansion is not supported for --from, define a new stage with FROM \
                         using ARG from global scope as a workaround",
                    );
                    return Err(PlanError::at(line)(fault));
                }
                let name = name.as_str();
                // Mounts know stages by name only.
                let by_number = matches!(instruction.kind, Kind::Copy { .. });
                let stage = if by_number {
                    self.names.source(name, index)
                } else {
                    self.names.base(name, index)
                };
                if stage.is_none() && name.parse::<usize>().is_ok() {
                    let fault = Fault::input(format!("invalid stage index {name}"))
                        .help("stages count from 0, and only earlier ones can be copied from");
                    return Err(PlanError::at(line)(fault));
                }
                let base = self.base(name, stage).map_err(PlanError::at(line))?;
                Ok((name.to_owned(), base))
            })
            .collect()
    }

    fn base(&self, name: &str, stage: Option<usize>) -> Result<Base, Fault> {
        if let Some(stage) = stage {
            return Ok(Base::Stage(stage));
        }
        if name == "scratch" {
            return Ok(Base::Scratch);
        }
        let reference: Reference = name
            .parse()
            .map_err(|e| Fault::input(format!("failed to parse stage name \"{name}\": {e}")))?;
        let pinned = reference
            .digest()
            .or_else(|| self.wanted.pins.get(&reference.without_digest()).copied());
        let held = match pinned {
            Some(digest) => self.images.manifest(digest, self.wanted.platform)?,
            None => None,
        };
        held.map(Base::Image).ok_or_else(|| {
            let shown = reference.familiar();
            Fault::input(format!("base image not in the cache: {shown}")).help(format!(
                "bring it in with: flareo base import {shown} SOURCE"
            ))
        })
    }

    fn check_platform(&self, from: &Instruction) -> Result<(), PlanError> {
        let flag = from.flags.iter().rev().find(|f| f.name.text == "platform");
        let Some(value) = flag.and_then(|f| f.value.as_ref()) else {
            return Ok(());
        };
        let wanted = self.global.word(value)?;
        if wanted.is_empty() {
            return Ok(());
        }
        if is_platform(&wanted, self.wanted.platform) {
            return Ok(());
        }
        let fault = other_platform(&wanted, self.wanted.platform);
        Err(PlanError::at(value.span.line)(fault))
    }
}

/// Whether `text`, as `--platform` takes it, is `platform`.
fn is_platform(text: &str, platform: &Platform) -> bool {
    let mut parts = text.split('/').map(str::to_lowercase);
    let first = parts.next().unwrap_or_default();
    let (os, architecture, variant) = match (parts.next(), parts.next(), parts.next()) {
        (None, ..) if first == platform.os => return true,
        (None, ..) => (platform.os.clone(), first, None),
        (Some(architecture), variant, None) => (first, architecture, variant),
        _ => return false,
    };
    let (architecture, implied) = match architecture.as_str() {
        "x86_64" | "x86-64" => ("amd64", None),
        "aarch64" => ("arm64", None),
        other => (other, None::<&str>),
    };
    let usual = implied.or(match architecture {
        "amd64" => Some("v1"),
        "arm64" => Some("v8"),
        _ => None,
    });
    os == platform.os
        && architecture == platform.architecture
        && variant.is_none_or(|v| Some(v.as_str()) == usual)
}

fn other_platform(wanted: &str, host: &Platform) -> Fault {
    Fault::input(format!(
        "platform {wanted} can't be built on this {host} host"
    ))
    .help("Flareo runs no emulator: leave --platform out, or build on a host of that platform")
}

#[cfg(test)]
mod tests;
