//! Builds once more, from nothing and in other surroundings, and says whether it came to the same bytes (R20).
//!
//! What is another way the second time: the folder of everything on the host, the host's name, the number of
//! processors, the numbers of processes, the order in which the files of lower layers came to stand on the disk (and so
//! the order in which a folder is read, on file systems that keep one), inodes, and the time of day, which can't be
//! shifted for a step but passes: the second build begins more than a second after the first has ended.

mod cause;
mod compare;
mod content;
mod room;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::embedded::{Embedded, build_error};
use super::fault::Fault;
use super::plan::{self, Base, Plan, Wanted};
use super::traced::Traced;
use super::watch::Watch;
use super::{BuildError, BuildRequest, Conditions};
use crate::dockerfile;
use crate::dockerfile::ast::Kind;
use crate::model::event::{Cancel, EventSink, Happening};
use crate::model::reproduction::{Cause, Comparison, Difference, StepAtFault};
use crate::model::{Digest, Failure, foreign};

use cause::Clues;
use compare::{Side, difference};
use room::Room;

pub(super) use room::clear;

/// Seconds pass between the builds: a clock that is read to the second shows something else.
const APART: Duration = Duration::from_millis(1100);
/// How soon a cancellation is seen meanwhile.
const TICK: Duration = Duration::from_millis(50);

/// Builds what `first` came of once more, and compares. Tells of its progress by [`Happening::Again`].
///
/// # Errors
/// If the end was asked for, or the host or the store fails. A second build that fails by itself is a difference.
pub fn again(
    engine: &Embedded,
    request: &BuildRequest<'_>,
    first: &Traced,
    events: &dyn EventSink,
    cancel: &Cancel,
) -> Result<Comparison, BuildError> {
    let plan = planned(engine, request)?;
    let runs = plan.stages.iter().flat_map(|stage| &stage.steps);
    if runs
        .into_iter()
        .any(|step| matches!(step.instruction.kind, Kind::Run(_)))
    {
        wait(cancel)?;
    }
    let room = Room::new(engine, &bases(&plan)).map_err(build_error)?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let other = BuildRequest {
        conditions: Conditions::other(cores),
        ..request.clone()
    };
    let began = now();
    let told = |what: Happening| match what {
        Happening::Step { step, text, .. } => {
            let text = format!("step {step} of {}: {text}", plan.steps);
            events.emit(Happening::Again {
                step: Some(step),
                text,
            });
        }
        // Every connection is on record, whichever build made it.
        Happening::Connection(_) => events.emit(what),
        _ => {}
    };
    let second = room.engine.build_traced(&other, &told, cancel);
    let mut comparison = Comparison {
        first: first.image.digest,
        second: None,
        conditions: words(&request.conditions, &other.conditions, cores),
        difference: None,
    };
    let second = match second {
        Ok(second) => second,
        Err(BuildError::Failed(failure)) => {
            comparison.difference = Some(failed(&failure, &plan));
            return Ok(comparison);
        }
        Err(other) => return Err(other),
    };
    comparison.second = Some(second.image.digest);
    if second.image.digest != first.image.digest {
        let clues = Clues {
            window: (began, now()),
            hostnames: (
                request.conditions.hostname.clone(),
                other.conditions.hostname.clone(),
            ),
            cores: (cores, other.conditions.seen.cores.unwrap_or(cores)),
            first_process: other.conditions.seen.first_process.unwrap_or(u32::MAX),
        };
        let watch = Watch::new(request.limits.clone(), cancel.clone());
        let sides = [
            Side {
                engine,
                traced: first,
            },
            Side {
                engine: &room.engine,
                traced: &second,
            },
        ];
        let found = difference(&sides, &clues, room.path(), &watch);
        comparison.difference = Some(found.map_err(build_error)?);
    }
    Ok(comparison)
}

/// What has to be done, once more: it went well the first time.
fn planned(engine: &Embedded, request: &BuildRequest<'_>) -> Result<Plan, BuildError> {
    let file = dockerfile::parse(request.dockerfile)
        .map_err(|error| BuildError::Failed(Failure::new(error.to_string())))?;
    let wanted = Wanted {
        build_args: &request.build_args,
        target: request.target.as_deref(),
        platform: &request.platform,
        pins: &request.pins,
    };
    plan::plan(&file, &wanted, engine.store()).map_err(|error| build_error(error.fault))
}

/// Every image that a plan stands on or copies from.
fn bases(plan: &Plan) -> Vec<Digest> {
    let steps = plan.stages.iter().flat_map(|stage| &stage.steps);
    let sources = steps.flat_map(|step| step.sources.values());
    let mut bases: Vec<Digest> = plan
        .stages
        .iter()
        .map(|stage| &stage.base)
        .chain(sources)
        .filter_map(|base| match base {
            Base::Image(manifest) => Some(*manifest),
            Base::Scratch | Base::Stage(_) => None,
        })
        .collect();
    bases.sort_unstable();
    bases.dedup();
    bases
}

fn wait(cancel: &Cancel) -> Result<(), BuildError> {
    let mut waited = Duration::ZERO;
    while waited < APART {
        if cancel.is_cancelled() {
            return Err(build_error(Fault::Cancelled));
        }
        std::thread::sleep(TICK);
        waited += TICK;
    }
    Ok(())
}

/// Seconds since 1970 by the kernel's clock: the one that steps see, whatever clock this program was given.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

/// What was another way, for people.
fn words(first: &Conditions, second: &Conditions, cores: usize) -> Vec<String> {
    let mut words = vec![
        "from nothing: no cached step and no snapshot".to_owned(),
        format!("host name {}, then {}", first.hostname, second.hostname),
    ];
    match second.seen.cores {
        Some(fewer) => words.push(format!("{cores} processors, then {fewer}")),
        None => words.push("one processor both times: this host has no more".into()),
    }
    if let Some(first) = second.seen.first_process {
        words.push(format!("process numbers from {first}"));
    }
    words.push("files of lower layers made in another order, in another folder".into());
    words
        .push("another time of day, by seconds: the wall clock can't be shifted for a step".into());
    words
}

fn failed(failure: &Failure, plan: &Plan) -> Difference {
    let steps = || plan.stages.iter().flat_map(|stage| &stage.steps);
    let step = failure
        .step
        .and_then(|number| steps().find(|step| step.number == number));
    let message = foreign::shown(&failure.message, 500);
    Difference {
        file: "(no second image)".into(),
        what: "the second build failed".into(),
        layer: None,
        more: 0,
        step: step.map(|step| StepAtFault {
            step: step.number,
            line: step.line,
            text: foreign::shown(&step.text, 500),
        }),
        bytes: None,
        cause: Cause::BuildFailed,
        because: format!("the second build failed: {message}"),
    }
}
