//! What these builds stand on: a store, an engine without a sandbox, a small context.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::super::*;
use crate::engine::tree::LayerIndex;
use crate::engine::{Conditions, layer};
use crate::model::Limits;
use crate::model::context::MemoryContext;
use crate::model::decision::Pins;
use crate::model::event::StepOutcome;
use crate::oci::ImageConfig;

pub(super) struct Ground {
    pub(super) dir: tempfile::TempDir,
    pub(super) engine: Embedded,
    pub(super) pins: Pins,
}

#[derive(Debug)]
pub(super) struct Built {
    pub(super) image: BuiltImage,
    pub(super) config: ImageConfig,
    pub(super) outcomes: Vec<StepOutcome>,
}

impl Ground {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("oci")).unwrap();
        let engine = Embedded::without_sandbox(store, &dir.path().join("snapshots")).unwrap();
        Self {
            dir,
            engine,
            pins: Pins::new(),
        }
    }

    pub(super) fn request<'a>(&self, text: &'a str, context: MemoryContext) -> BuildRequest<'a> {
        BuildRequest {
            dockerfile: text.as_bytes(),
            dockerfile_name: "Dockerfile",
            context: Arc::new(context),
            build_args: BTreeMap::new(),
            target: None,
            platform: Platform::host(),
            pins: self.pins.clone(),
            limits: Limits::default(),
            no_cache: false,
            network: None,
            conditions: Conditions::default(),
            cache_scope: None,
        }
    }

    pub(super) fn build_request(&self, request: &BuildRequest<'_>) -> Result<Built, BuildError> {
        let outcomes = Mutex::new(Vec::new());
        let events = |what: Happening| {
            if let Happening::StepEnd { outcome, .. } = what {
                outcomes.lock().unwrap().push(outcome);
            }
        };
        let image = self.engine.build(request, &events, &Cancel::default())?;
        let config = self.engine.store.config(image.config).unwrap();
        Ok(Built {
            image,
            config,
            outcomes: outcomes.into_inner().unwrap(),
        })
    }

    pub(super) fn build(&self, text: &str, context: MemoryContext) -> Built {
        self.build_request(&self.request(text, context)).unwrap()
    }

    pub(super) fn fails(&self, text: &str, context: MemoryContext) -> Failure {
        match self.build_request(&self.request(text, context)) {
            Err(BuildError::Failed(failure)) => failure,
            other => panic!("{other:?}"),
        }
    }

    /// The lists of the image's layers, read from the blobs.
    pub(super) fn layers(&self, built: &Built) -> Vec<LayerIndex> {
        let manifest = self.engine.store.manifest(built.image.digest).unwrap();
        let watch = Watch::new(Limits::default(), Cancel::default());
        let diff_ids = &built.config.rootfs.diff_ids;
        let read = |(descriptor, diff_id): (&_, &Digest)| {
            layer::read(
                &self.engine.store,
                descriptor,
                *diff_id,
                1 << 30,
                &watch,
                &mut (),
            )
            .unwrap()
        };
        manifest.layers.iter().zip(diff_ids).map(read).collect()
    }
}

pub(super) fn paths(index: &LayerIndex) -> Vec<String> {
    index
        .entries()
        .map(|(path, node)| {
            let slash = if node.is_directory() { "/" } else { "" };
            format!("{}{slash}", String::from_utf8_lossy(path))
        })
        .collect()
}

pub(super) fn context() -> MemoryContext {
    MemoryContext::default()
        .file("a.txt", 0o644, "hello")
        .file("src/main", 0o755, "#!/bin/sh\n")
        .file(
            "etc/passwd",
            0o644,
            "root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home:/bin/sh\n",
        )
        .file("etc/group", 0o644, "root:x:0:\nstaff:x:50:\n")
}
