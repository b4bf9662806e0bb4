//! The sandbox's self-test: run, signed, kept, and named in the provenance of what is built after it.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Site, SiteError};
use crate::attest::PublicKey;
use crate::attest::self_test::{self, Attested};
use crate::durable;
use crate::model::{Digest, Timestamp};
use crate::sandbox::self_test::Probed;
use crate::sandbox::{Held, Ids, Support};

/// A longer report is none.
const LONGEST: u64 = 4 << 20;

/// What a self-test found, on which host, in which mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfTest {
    /// When it ended.
    pub at: Timestamp,
    /// The version of the program.
    pub flareo: String,
    /// The kernel's release and version.
    pub kernel: String,
    /// The machine's kind.
    pub machine: String,
    /// The kernel's name for the time since the machine was started.
    pub boot: String,
    /// As whom: `root`, `user with a range of ids`, `user with one id`.
    pub mode: String,
    /// The control groups in use.
    pub cgroups: String,
    /// How memory, CPU and processes are limited: `kernel`, `watched`, `absent`.
    pub limits: [String; 3],
    /// Whether the system-call filters were on.
    pub seccomp: bool,
    /// Whether every answer was right.
    pub ok: bool,
    /// Every probe.
    pub probes: Vec<Probed>,
}

impl SelfTest {
    /// How many answers were right.
    pub fn held(&self) -> usize {
        self.probes.iter().filter(|probe| probe.held).count()
    }
}

impl Site {
    /// Runs the self-test as whoever asks. What was run with filters is signed and kept, for the provenance.
    ///
    /// # Errors
    /// If the host can't sandbox, or the probes could not be run in the sandbox.
    pub fn self_test(&self, seccomp: bool) -> Result<SelfTest, SiteError> {
        let sandbox = self.sandbox()?;
        let mut random = [0; 16];
        rand_core::RngCore::fill_bytes(&mut rand_core::OsRng, &mut random);
        let nonce = Digest::of(random).hex()[..16].to_owned();
        let parent = self.folder()?;
        let folder = parent.join(&nonce);
        fs::create_dir(&folder).map_err(SiteError::host)?;
        let probed = sandbox.self_test(seccomp, &folder, &nonce);
        let removed = fs::remove_dir(&folder);
        let probes = probed.map_err(SiteError::host)?;
        removed.map_err(SiteError::host)?;
        let support = sandbox.support();
        let (kernel, machine) = kernel();
        let report = SelfTest {
            at: self.clock().now(),
            flareo: env!("CARGO_PKG_VERSION").into(),
            kernel,
            machine,
            boot: boot(),
            mode: mode(support).into(),
            cgroups: support.cgroups.clone(),
            limits: [support.memory, support.cpus, support.pids].map(held),
            seccomp,
            ok: probes.iter().all(|probe| probe.held),
            probes,
        };
        if seccomp {
            let path = self.newest(mode(support))?;
            let signed = self.signed_self_test(&report)?;
            durable::write(&path, &signed, 0o644).map_err(SiteError::host)?;
        }
        Ok(report)
    }

    /// A report under the site's signature: a statement about this program in a DSSE envelope.
    ///
    /// # Errors
    /// If there is no key, or the program can't be read.
    pub fn signed_self_test(&self, report: &SelfTest) -> Result<Vec<u8>, SiteError> {
        let program = Digest::of(fs::read("/proc/self/exe").map_err(SiteError::host)?);
        let report = serde_json::to_value(report).map_err(SiteError::host)?;
        Ok(self_test::sign(self.key()?, &Attested { program, report }))
    }

    /// Checks a report's signature, by `key` or the site's own.
    ///
    /// # Errors
    /// If it does not hold.
    pub fn verify_self_test(
        &self,
        path: &Path,
        key: Option<&Path>,
    ) -> Result<(SelfTest, Digest), SiteError> {
        let key = match key {
            Some(path) => PublicKey::read(path).map_err(SiteError::host)?,
            None => self.key()?.public().clone(),
        };
        let refused = |why: String| SiteError::host(format!("{}: {why}", path.display()));
        let attested = self_test::verify(&bytes(path)?, &key).map_err(refused)?;
        let report = serde_json::from_value::<SelfTest>(attested.report)
            .map_err(|error| refused(format!("its report can't be read ({error})")))?;
        Ok((report, attested.program))
    }

    /// The newest report that holds for what this process builds now: of this version, since this start of the
    /// machine, in this mode, with every answer right. Its digest is that of the signed file.
    pub(super) fn standing_self_test(&self) -> Option<Digest> {
        let sandbox = self.sandbox().ok()?;
        let path = self.newest(mode(sandbox.support())).ok()?;
        let bytes = bytes(&path).ok()?;
        let attested = self_test::verify(&bytes, self.key().ok()?.public()).ok()?;
        let report: SelfTest = serde_json::from_value(attested.report).ok()?;
        let holds = report.ok
            && report.seccomp
            && report.flareo == env!("CARGO_PKG_VERSION")
            && !report.boot.is_empty()
            && report.boot == boot()
            && report.mode == mode(sandbox.support());
        holds.then(|| Digest::of(&bytes))
    }

    fn folder(&self) -> Result<PathBuf, SiteError> {
        let folder = self.paths().state().join("self-test");
        fs::create_dir_all(&folder).map_err(SiteError::host)?;
        Ok(folder)
    }

    fn newest(&self, mode: &str) -> Result<PathBuf, SiteError> {
        let name = mode.replace(' ', "-");
        Ok(self.folder()?.join(format!("{name}.json")))
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, SiteError> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path)
        .map_err(|error| SiteError::host(format!("cannot read {}: {error}", path.display())))?;
    file.take(LONGEST)
        .read_to_end(&mut bytes)
        .map_err(SiteError::host)?;
    Ok(bytes)
}

const fn mode(support: &Support) -> &'static str {
    match support.ids {
        Ids::Shifted { .. } => "root",
        Ids::Ranges { .. } => "user with a range of ids",
        Ids::Single { .. } => "user with one id",
    }
}

fn held(held: Held) -> String {
    match held {
        Held::Kernel => "kernel",
        Held::Watched => "watched",
        Held::Absent => "absent",
    }
    .into()
}

fn kernel() -> (String, String) {
    let uname = rustix::system::uname();
    let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    (
        format!("{} {}", text(uname.release()), text(uname.version())),
        text(uname.machine()),
    )
}

fn boot() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}
