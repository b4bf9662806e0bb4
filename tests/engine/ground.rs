//! What the engine's tests stand on: a store, a sandbox, a base image of busybox, and the users to be.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use flareo::engine::{BuildError, BuildRequest, Conditions, Embedded, Engine};
use flareo::model::context::MemoryContext;
use flareo::model::decision::Pins;
use flareo::model::event::{Cancel, Happening, StepOutcome, Stream};
use flareo::model::image::{BuiltImage, Platform};
use flareo::model::{Failure, Limits};
use flareo::oci::{ImageConfig, Store};
use flareo::sandbox::{Sandbox, Settings};

use crate::everybody::{self, Who, busybox};

/// A test of the engine.
pub type Test = fn(&Ground);

/// Runs a test as somebody.
pub fn run_as(who: Who, name: &str, test: Test) {
    everybody::run_as(who, name, || busybox().map(|_| Ground::new()), test);
}

/// A context with the root file system of busybox under `rootfs`.
pub fn rootfs() -> MemoryContext {
    let busybox = busybox().unwrap();
    let names = Command::new(busybox).arg("--list").output().unwrap().stdout;
    let mut context = MemoryContext::default()
        .file("rootfs/bin/busybox", 0o755, fs::read(busybox).unwrap())
        .file(
            "rootfs/etc/passwd",
            0o644,
            "root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n",
        )
        .file(
            "rootfs/etc/group",
            0o644,
            "root:x:0:\napp:x:1001:\nextra:x:7:app\n",
        )
        .folder("rootfs/tmp", 0o1777)
        .folder("rootfs/root", 0o700)
        .folder("rootfs/home", 0o755);
    for name in String::from_utf8(names).unwrap().lines() {
        if name != "busybox" {
            context = context.link(&format!("rootfs/bin/{name}"), "busybox");
        }
    }
    context
}

/// An engine in a folder of its own, with the base image `base` in its store.
pub struct Ground {
    dir: Arc<tempfile::TempDir>,
    pub store: Store,
    pub sandbox: Sandbox,
    pub engine: Embedded,
    pub pins: Pins,
}

/// What a build gave.
#[derive(Debug)]
pub struct Built {
    pub image: BuiltImage,
    pub config: ImageConfig,
    pub out: String,
    pub outcomes: Vec<StepOutcome>,
}

impl Ground {
    pub fn new() -> Self {
        Self::new_in(&std::env::temp_dir())
    }

    /// With everything in a folder below `folder`.
    pub fn new_in(folder: &Path) -> Self {
        let dir = Arc::new(tempfile::tempdir_in(folder).unwrap());
        let store = Store::open(&dir.path().join("oci")).unwrap();
        let settings = Settings {
            program: env!("CARGO_BIN_EXE_flareo").into(),
            ..Settings::default()
        };
        let sandbox = Sandbox::open(settings).unwrap();
        let snapshots = dir.path().join("snapshots");
        let engine = Embedded::new(store.clone(), &snapshots, sandbox.clone()).unwrap();
        let mut ground = Self {
            dir,
            store,
            sandbox,
            engine,
            pins: Pins::new(),
        };
        let base = ground.build("FROM scratch\nCOPY rootfs /\nCMD [\"sh\"]\n", rootfs());
        ground
            .pins
            .insert("base".parse().unwrap(), base.image.digest);
        ground
    }

    /// The same ground under another engine, as another process would have it.
    pub fn with(&self, engine: Embedded) -> Self {
        Self {
            dir: Arc::clone(&self.dir),
            store: self.store.clone(),
            sandbox: self.sandbox.clone(),
            engine,
            pins: self.pins.clone(),
        }
    }

    /// Builds without a context, or gives the error's text.
    pub fn build_or_say(&self, text: &str) -> Result<Built, String> {
        let request = self.request(text, MemoryContext::default());
        self.build_request(&request).map_err(|e| e.to_string())
    }

    /// The folder that everything is in.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Forgets what was cached, as if the snapshots' folder had been removed.
    pub fn forget(&self) {
        let layers = self.path().join("snapshots/layers");
        for layer in fs::read_dir(layers).unwrap() {
            let layer = layer.unwrap().path();
            self.sandbox.remove_folder(&layer.join("fs")).unwrap();
            fs::remove_dir_all(layer).unwrap();
        }
        for folder in ["steps", "index"] {
            for file in fs::read_dir(self.path().join("snapshots").join(folder)).unwrap() {
                fs::remove_file(file.unwrap().path()).unwrap();
            }
        }
    }

    pub fn request<'a>(&self, text: &'a str, context: MemoryContext) -> BuildRequest<'a> {
        BuildRequest {
            dockerfile: text.as_bytes(),
            dockerfile_name: "Dockerfile",
            context: Arc::new(context),
            build_args: BTreeMap::new(),
            target: None,
            platform: Platform::host(),
            pins: self.pins.clone(),
            limits: Limits {
                time_seconds: 60,
                memory_bytes: 512 << 20,
                ..Limits::default()
            },
            no_cache: false,
            network: None,
            conditions: Conditions::default(),
            cache_scope: None,
        }
    }

    pub fn build_request(&self, request: &BuildRequest<'_>) -> Result<Built, BuildError> {
        self.build_until(request, &Cancel::default())
    }

    pub fn build_until(
        &self,
        request: &BuildRequest<'_>,
        cancel: &Cancel,
    ) -> Result<Built, BuildError> {
        let heard = Mutex::new((String::new(), Vec::new()));
        let events = |what: Happening| {
            let mut heard = heard.lock().unwrap();
            match what {
                Happening::Log { stream, text, .. } => {
                    if stream == Stream::Stderr {
                        println!("{text}");
                    }
                    heard.0.push_str(&text);
                    heard.0.push('\n');
                }
                Happening::StepEnd { outcome, .. } => heard.1.push(outcome),
                _ => {}
            }
        };
        let image = self.engine.build(request, &events, cancel)?;
        let config = self.store.config(image.config).unwrap();
        let (out, outcomes) = heard.into_inner().unwrap();
        Ok(Built {
            image,
            config,
            out,
            outcomes,
        })
    }

    pub fn build(&self, text: &str, context: MemoryContext) -> Built {
        match self.build_request(&self.request(text, context)) {
            Ok(built) => built,
            Err(error) => panic!("{text}\n{error:?}"),
        }
    }

    /// Builds on `base` without a context.
    pub fn steps(&self, steps: &str) -> Built {
        self.build(&format!("FROM base\n{steps}\n"), MemoryContext::default())
    }

    /// Builds on `base` without a context, and expects that it fails.
    pub fn fails(&self, steps: &str) -> Failure {
        let text = format!("FROM base\n{steps}\n");
        match self.build_request(&self.request(&text, MemoryContext::default())) {
            Err(BuildError::Failed(failure)) => failure,
            other => panic!("{text}\n{other:?}"),
        }
    }

    /// What stands in the layer with this number, as an independent reader of tar sees it.
    pub fn layer(&self, built: &Built, number: usize) -> Vec<String> {
        let manifest = self.store.manifest(built.image.digest).unwrap();
        let descriptor = &manifest.layers[number];
        let mut bytes = Vec::new();
        self.store
            .open_layer(descriptor, 1 << 30)
            .unwrap()
            .read_to_end(&mut bytes)
            .unwrap();
        let mut archive = tar::Archive::new(&bytes[..]);
        let shown = |entry: std::io::Result<tar::Entry<'_, _>>| {
            let mut entry = entry.unwrap();
            let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let link = entry
                .link_name_bytes()
                .map(|l| String::from_utf8_lossy(&l).into_owned());
            let kind = entry.header().entry_type();
            let head = entry.header().clone();
            let (mode, uid, gid) = (
                head.mode().unwrap(),
                head.uid().unwrap(),
                head.gid().unwrap(),
            );
            assert_eq!(head.mtime().unwrap(), 315_532_800, "{path}");
            let owner = if (uid, gid) == (0, 0) {
                String::new()
            } else {
                format!(" {uid}:{gid}")
            };
            let capability = entry.pax_extensions().unwrap().is_some_and(|mut all| {
                all.any(|e| e.unwrap().key() == Ok("SCHILY.xattr.security.capability"))
            });
            let capability = if capability { " +cap" } else { "" };
            match kind {
                tar::EntryType::Symlink => format!("{path} -> {}{owner}", link.unwrap()),
                tar::EntryType::Link => format!("{path} = {}", link.unwrap()),
                _ => format!("{path} {mode:o}{owner}{capability}"),
            }
        };
        archive.entries().unwrap().map(shown).collect()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // Folders that only the inside can remove.
        if Arc::strong_count(&self.dir) == 1 {
            self.forget();
        }
    }
}
