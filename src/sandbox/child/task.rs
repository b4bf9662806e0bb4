//! A job's process: the views and nothing else, and then the job.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use libc::sock_filter;
use rustix::event::{PollFd, PollFlags};
use rustix::thread::UnshareFlags;

use super::fault::{At, Fault};
use super::holder::enter;
use super::stage::{Overlay, Stage};
use crate::sandbox::ids::Ids;
use crate::sandbox::job::{Job, Task, View};
use crate::sandbox::kernel;
use crate::sandbox::open::{ECHO, EMPTY};
use crate::sandbox::wire::{self, Report, WorkOrder};

/// Where a stage may be built when nobody else minds: a folder that every system has.
const PLACES: [&str; 4] = ["/tmp", "/mnt", "/srv", "/sys"];
/// The buffer between a job and its pipes.
const BUFFER: usize = 256 << 10;

/// What one view is on the stage.
enum Staged {
    Bound(String),
    Layered(Overlay),
}

/// Does one job. The descriptors are: the answer's file, and the input's if there is one.
pub fn run(
    order: &WorkOrder,
    arguments: &[u8],
    filters: &[Vec<sock_filter>],
    descriptors: Vec<OwnedFd>,
    control: BorrowedFd<'_>,
    jobs: &[(&str, Job)],
) -> Result<(), Fault> {
    let job = find(&order.job, jobs)
        .ok_or_else(|| Fault::new("find the job", format!("{} is unknown", order.job)))?;
    let mut descriptors = descriptors.into_iter();
    let answer = descriptors
        .next()
        .ok_or_else(|| Fault::new("take the order", "it has no place for an answer"))?;
    let input = descriptors.next();

    let place = PLACES
        .into_iter()
        .map(Path::new)
        .find(|place| place.is_dir());
    let place = place.ok_or_else(|| Fault::new("build the stage", "there is no folder for it"))?;
    super::measure::allow_many_descriptors();
    let mut stage = Stage::default();
    let staged;
    if matches!(order.ids, Ids::Shifted { .. }) {
        kernel::unshare(UnshareFlags::NEWNS).at(|| "enter a mount namespace".into())?;
        staged = collect(&order.views, &mut stage)?;
        stage.build(place)?;
        enter(order.ids, UnshareFlags::empty(), control)?;
    } else {
        enter(order.ids, UnshareFlags::empty(), control)?;
        staged = collect(&order.views, &mut stage)?;
        stage.build(place)?;
    }
    let views = show(&staged)?;
    for filter in filters {
        kernel::load_filter(filter).at(|| "load the seccomp filter".into())?;
    }
    rustix::process::umask(rustix::fs::Mode::empty());
    end_with_the_host(control)?;

    let mut input: Box<dyn Read> = match input {
        Some(fd) => Box::new(BufReader::with_capacity(BUFFER, File::from(fd))),
        None => Box::new(std::io::empty()),
    };
    let stdout = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)
        .at(|| "open the output".into())?;
    let mut output = BufWriter::with_capacity(BUFFER, File::from(stdout));
    let mut task = Task {
        arguments,
        views,
        input: &mut *input,
        output: &mut output,
    };
    let said = job(&mut task).map_err(|reason| Fault::new("", reason))?;
    output.flush().at(|| "write the job's output".into())?;
    File::from(answer)
        .write_all(&said)
        .at(|| "write the job's answer".into())?;
    wire::report(control, &Report::Done, &[]).at(|| "report".into())
}

fn find(name: &str, jobs: &[(&str, Job)]) -> Option<Job> {
    let own: [(&str, Job); 2] = [(ECHO, echo), (EMPTY, empty)];
    own.iter()
        .chain(jobs)
        .find(|(known, _)| *known == name)
        .map(|(_, job)| *job)
}

fn echo(task: &mut Task<'_>) -> Result<Vec<u8>, String> {
    std::io::copy(task.input, task.output).map_err(|error| error.to_string())?;
    Ok(task.arguments.to_owned())
}

fn empty(task: &mut Task<'_>) -> Result<Vec<u8>, String> {
    for view in &task.views {
        super::tree::empty(view).map_err(|error| format!("remove what a step left: {error}"))?;
    }
    Ok(Vec::new())
}

/// Puts what the views need on the stage, and an empty folder for each.
fn collect(views: &[View], stage: &mut Stage) -> Result<Vec<Staged>, Fault> {
    stage.folder("views");
    views
        .iter()
        .enumerate()
        .map(|(index, view)| {
            stage.folder(&format!("views/{index}"));
            Ok(match view {
                View::Folder { path, read_only } => Staged::Bound(stage.add(path, *read_only)?),
                View::Layers { lower } => Staged::Layered(stage.overlay(lower, None)?),
                View::Overlay { lower, upper, work } => {
                    Staged::Layered(stage.overlay(lower, Some((upper, work)))?)
                }
            })
        })
        .collect()
}

/// Mounts the views and makes their folder the root.
fn show(staged: &[Staged]) -> Result<Vec<PathBuf>, Fault> {
    for (index, view) in staged.iter().enumerate() {
        let place = format!("views/{index}");
        match view {
            Staged::Bound(name) => {
                rustix::mount::mount_bind(name.as_str(), &place)
                    .at(|| format!("show view {index}"))?;
            }
            Staged::Layered(overlay) => overlay.mount(&place, None)?,
        }
    }
    let doing = || "change the root".to_owned();
    // A mount of its own, so that it can be the root.
    rustix::mount::mount_bind_recursive("views", "views").at(doing)?;
    let root = super::mounts::here("views").at(doing)?;
    super::mounts::pivot(root)?;
    Ok((0..staged.len())
        .map(|index| PathBuf::from(format!("/{index}")))
        .collect())
}

/// Ends this process at once when the host process is gone, whatever the job is doing.
fn end_with_the_host(control: BorrowedFd<'_>) -> Result<(), Fault> {
    let control = control
        .try_clone_to_owned()
        .at(|| "watch the host process".into())?;
    std::thread::Builder::new()
        .spawn(move || {
            let mut fds = [PollFd::new(&control, PollFlags::empty())];
            while rustix::event::poll(&mut fds, None).is_err() {}
            kernel::exit_now(1);
        })
        .map(drop)
        .at(|| "watch the host process".into())
}
