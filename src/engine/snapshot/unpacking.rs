//! A layer that is unpacked while it is written, for the RUN that will stand on it: its tar is there anyway, and need not
//! be decompressed and checked again.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::thread::JoinHandle;

use super::folders::lay_upon;
use super::unpack_job::Unpack;
use super::unpacked::{fault, place};
use super::{Scratch, Snapshots, UNPACK};
use crate::engine::fault::Fault;
use crate::engine::tree::LayerIndex;
use crate::engine::watch::Watch;
use crate::model::Digest;
use crate::sandbox::{Input, Output, Sandbox, SandboxError, View, Work};

/// A job at work on a folder that nobody sees yet. Dropped, it leaves nothing; whoever writes to it must be gone before.
#[derive(Debug)]
pub struct Unpacking {
    made: PathBuf,
    sandbox: Sandbox,
    job: Option<JoinHandle<Result<Vec<u8>, SandboxError>>>,
    /// The unpacked layer of which these are the changes.
    upon: Option<Digest>,
    _scratch: Scratch,
}

impl Unpacking {
    /// Whether the job came to its end.
    fn is_well(&mut self) -> bool {
        let done = self.job.take().map(JoinHandle::join);
        matches!(done, Some(Ok(Ok(_))))
    }
}

impl Drop for Unpacking {
    fn drop(&mut self) {
        self.is_well();
        let folder = self.made.join("fs");
        if folder.exists() {
            // What could not be removed is swept by the next process.
            let _ = self.sandbox.remove_folder(&folder);
        }
    }
}

impl Snapshots {
    /// Starts to unpack the tar that will be written to the file: all of a layer, or what it has changed of the unpacked
    /// layer that it lies `upon`.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn begin_unpacking(
        &self,
        sandbox: &Sandbox,
        watch: &Watch,
        upon: Option<Digest>,
    ) -> Result<(Unpacking, File), Fault> {
        let host = |e: io::Error| Fault::Host(format!("cannot make a pipe: {e}"));
        let scratch = self.scratch()?;
        let made = scratch.made()?;
        let folder = made.join("fs");
        sandbox.make_folder(&folder).map_err(fault)?;
        let (reader, writer) = io::pipe().map_err(host)?;
        let _ = rustix::pipe::fcntl_setpipe_size(&writer, 1 << 20);
        let arguments = serde_json::to_vec(&Unpack {
            single: sandbox.ids().is_single(),
            reordered: self.reordered,
        })
        .unwrap_or_default();
        let (worker, stop) = (sandbox.clone(), watch.stop().clone());
        let job = std::thread::spawn(move || {
            let work = Work {
                job: UNPACK,
                arguments: &arguments,
                views: &[View::Folder {
                    path: folder,
                    read_only: false,
                }],
                input: Input::File(File::from(OwnedFd::from(reader))),
                output: Output::Discard,
            };
            worker.work(work, &stop)
        });
        let unpacking = Unpacking {
            made,
            sandbox: sandbox.clone(),
            job: Some(job),
            upon,
            _scratch: scratch,
        };
        Ok((unpacking, File::from(OwnedFd::from(writer))))
    }

    /// Waits for the end, and keeps the folder as the unpacked form of the layer `diff_id`.
    ///
    /// A job that failed is no fault here: the layer is unpacked from the store when a step needs it, and what is wrong
    /// is told then.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn keep_unpacked(
        &self,
        mut unpacking: Unpacking,
        diff_id: Digest,
        index: &LayerIndex,
    ) -> Result<(), Fault> {
        // Folders that it does not speak of would have to look as lower layers have them.
        if !unpacking.is_well() || index.has_implied() {
            return Ok(());
        }
        if let Some(below) = unpacking.upon {
            let kept = lay_upon(&unpacking.made, below);
            kept.map_err(|e| Fault::host("write in", &unpacking.made, &e))?;
        }
        place(&unpacking.made, &self.layer_path(diff_id))
    }
}
