//! An image in the making: configuration, layers, and the one time that everything in it has.

use crate::engine::fault::Fault;
use crate::engine::key::Key;
use crate::engine::layer::Layer;
use crate::model::image::Platform;
use crate::model::{Digest, Timestamp};
use crate::oci::{Compression, Descriptor, History, ImageConfig, OciError, Store};

/// What BuildKit writes into each line of the history; tools look for it.
const COMMENT: &str = "buildkit.dockerfile.v0";
/// Where a program is looked for in an image that does not say.
const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// 1980-01-01, the time of images from scratch: the first that every archive format can hold.
const SCRATCH_TIME: i64 = 315_532_800;
/// An overlay takes this many layers.
const LAYERS_LIMIT: usize = 500;

/// An image in the making.
#[derive(Debug, Clone)]
pub struct StageImage {
    /// Its configuration so far.
    pub config: ImageConfig,
    /// Its layers, lowest first.
    pub layers: Vec<Layer>,
    /// The time of everything.
    pub created: Timestamp,
    /// Whether this stage has said what CMD is.
    pub cmd_set: bool,
}

impl StageImage {
    /// An image of nothing.
    pub fn scratch(platform: &Platform) -> Self {
        let mut config = ImageConfig {
            architecture: platform.architecture.clone(),
            os: platform.os.clone(),
            ..ImageConfig::default()
        };
        config.config.working_dir = "/".into();
        config.config.env = vec![DEFAULT_PATH.into()];
        Self {
            config,
            layers: Vec::new(),
            created: scratch_time(),
            cmd_set: false,
        }
    }

    /// The image `manifest` of the store.
    ///
    /// # Errors
    /// If it is damaged or contradicts itself.
    pub fn of(store: &Store, manifest: Digest) -> Result<Self, Fault> {
        let manifest = store.manifest(manifest)?;
        let mut config = store.config(manifest.config.digest)?.inherited();
        let diff_ids = config.rootfs.diff_ids.clone();
        if diff_ids.len() != manifest.layers.len() {
            let message = format!(
                "the base image has {} layers and {} digests of them",
                manifest.layers.len(),
                diff_ids.len()
            );
            return Err(Fault::input(message).help("the image is damaged; import it again"));
        }
        let layers: Result<Vec<Layer>, Fault> = manifest
            .layers
            .iter()
            .zip(diff_ids)
            .map(|(descriptor, diff_id)| {
                let compression = Compression::of(&descriptor.media_type).ok_or_else(|| {
                    let text: String = descriptor.media_type.chars().take(80).collect();
                    Fault::input(format!(
                        "a layer of the base image has the media type `{}`, which is no layer that can be used",
                        text.escape_debug()
                    ))
                })?;
                let (digest, size) = (descriptor.digest, descriptor.size);
                if !store.has(digest) {
                    return Err(Fault::Store(OciError::Missing(digest)));
                }
                Ok(Layer {
                    descriptor: Descriptor::new(compression.media_type(), digest, size),
                    diff_id,
                    unpacked: 0,
                })
            })
            .collect();
        let layers = layers?;
        // Before 1970 a tar has no time, and an image without a time counts as one from scratch.
        let created = config.created.filter(|at| at.as_second() >= 0);
        let created = created.unwrap_or_else(scratch_time);
        pad_history(&mut config.history, layers.len(), created);
        config.config.on_build.clear();
        if !has_path(&config.config.env) {
            config.config.env.push(DEFAULT_PATH.into());
        }
        Ok(Self {
            config,
            layers,
            created,
            cmd_set: false,
        })
    }

    /// What a stage stands on whose FROM names this one.
    pub fn child(&self) -> Self {
        let mut child = self.clone();
        child.config.config.on_build.clear();
        child.cmd_set = false;
        child
    }

    /// The time of everything, in seconds since 1970.
    pub fn epoch(&self) -> i64 {
        self.created.as_second()
    }

    /// Everything that a step could see of the layers below it, as a digest.
    pub fn chain(&self) -> Digest {
        let mut key = Key::new("chain");
        key.number(self.epoch().unsigned_abs());
        for layer in &self.layers {
            key.digest(layer.diff_id);
        }
        key.finish()
    }

    /// The environment as pairs.
    pub fn environment(&self) -> Vec<(String, String)> {
        let pair = |text: &String| {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            (name.to_owned(), value.to_owned())
        };
        self.config.config.env.iter().map(pair).collect()
    }

    /// Where relative paths begin.
    pub fn working_dir(&self) -> &str {
        match self.config.config.working_dir.as_str() {
            "" => "/",
            path => path,
        }
    }

    /// The shell of the shell forms.
    pub fn shell(&self) -> Vec<String> {
        match &self.config.config.shell {
            Some(shell) if !shell.is_empty() => shell.clone(),
            _ => vec!["/bin/sh".into(), "-c".into()],
        }
    }

    /// Adds a line to the history, and a layer if the step made one.
    ///
    /// # Errors
    /// If there are too many layers.
    pub fn add(&mut self, created_by: String, layer: Option<Layer>) -> Result<(), Fault> {
        self.config.history.push(History {
            created: Some(self.created),
            created_by: Some(created_by),
            comment: Some(COMMENT.into()),
            empty_layer: layer.is_none(),
            ..History::default()
        });
        if let Some(layer) = layer {
            if self.layers.len() >= LAYERS_LIMIT {
                return Err(Fault::input(format!(
                    "the image would have more than {LAYERS_LIMIT} layers"
                ))
                .help("put several commands into one RUN"));
            }
            self.layers.push(layer);
        }
        Ok(())
    }

    /// The finished configuration.
    pub fn finished(&self) -> ImageConfig {
        let mut config = self.config.clone();
        config.created = Some(self.created);
        config.rootfs.diff_ids = self.layers.iter().map(|l| l.diff_id).collect();
        config
    }
}

fn scratch_time() -> Timestamp {
    Timestamp::from_second(SCRATCH_TIME).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn has_path(env: &[String]) -> bool {
    env.iter().any(|e| e.starts_with("PATH="))
}

/// A history must speak of as many layers as there are, or none of it can be matched with them.
fn pad_history(history: &mut Vec<History>, layers: usize, created: Timestamp) {
    let spoken_of = history.iter().filter(|line| !line.empty_layer).count();
    for _ in spoken_of..layers {
        history.push(History {
            created: Some(created),
            comment: Some("layer of the base image".into()),
            ..History::default()
        });
    }
}
