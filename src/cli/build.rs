//! `flareo build`: here and now, by the worker's engine and limits.

use std::process::ExitCode;

use super::arguments::Build;
use super::output::Output;
use super::{batch, interrupt};
use crate::model::Event;
use crate::model::event::{Cancel, Happening};
use crate::pipeline::{LocalBuild, Site, SiteError};

/// Builds and prints events as they come.
pub fn run(site: &Site, build: &Build, output: &Output) -> Result<ExitCode, SiteError> {
    let cancel = Cancel::default();
    interrupt::on_signal(&cancel).map_err(SiteError::host)?;
    let mut build_args = std::collections::BTreeMap::new();
    for (key, value) in &build.build_arg {
        // `--build-arg KEY` without a value in the environment sets nothing, as with Docker.
        if let Some(value) = value {
            build_args.insert(key.clone(), value.clone());
        }
    }
    let request = LocalBuild {
        context: build.context.clone(),
        file: build.file.clone(),
        build_args,
        target: build.target.clone(),
        platform: build.platform.clone(),
        no_cache: build.no_cache,
        no_policy: build.no_policy,
        network: build.network.clone(),
        twice: build.twice,
        output: build.output.clone(),
    };
    let json = output.json();
    let watcher = |event: &Event| {
        // For people the error is told once, by the one who tells all errors.
        if json || !matches!(event.what, Happening::Result { ok: false, .. }) {
            batch::print(event, output);
        }
    };
    match site.build_local(&request, &watcher, &cancel) {
        Ok(_) => Ok(ExitCode::SUCCESS),
        Err(error) if json => Ok(ExitCode::from(error.trouble.code())),
        Err(error) => Err(error),
    }
}
