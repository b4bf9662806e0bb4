//! The command line: one file a subcommand, without logic of its own.
//!
//! [`arguments`] declares everything once; [`run`] opens the site and hands over. A command asks the site and prints
//! what it answers, for people or as JSON.

pub mod arguments;
mod ask;
mod audit;
mod base;
mod batch;
mod build;
mod cancel;
mod console;
mod demo;
mod doctor;
mod examine;
mod exception;
mod forecast;
pub mod help;
mod interrupt;
mod late;
mod lint;
mod module;
mod network;
mod outbox;
mod output;
mod policy;
mod progress;
mod publish;
mod queue;
mod review;
mod self_test;
mod show;
mod verify;

use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use serde_json::json;

use crate::config::{self, Paths};
use crate::model::{Policy, SystemClock};
use crate::pipeline::{Linter, Settings, Site, SiteError};
use crate::{access, engine, sandbox};
use arguments::{Arguments, Command};
use output::Output;

/// If this process was started as the inside of a sandbox, does that and gives its exit code. Call it before anything
/// else: no thread may have been started.
pub fn inside_of_a_sandbox() -> Option<i32> {
    sandbox::child(engine::JOBS)
}

/// Runs the command line `arguments`, the program's name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(answer) => {
            // `--help` and `--version` are answers too: clap prints them and says which exit code they mean.
            let code = u8::try_from(answer.exit_code()).unwrap_or(2);
            return match answer.print() {
                Err(error) if error.kind() != ErrorKind::BrokenPipe => ExitCode::from(3),
                _ => ExitCode::from(code),
            };
        }
    };
    let output = Output::new(arguments.format, arguments.color);
    let answer = dispatch(&arguments, &output);
    match answer.and_then(|code| output.lost().map_or(Ok(code), Err)) {
        Ok(code) => code,
        Err(error) => {
            output.error(&error);
            ExitCode::from(error.trouble.code())
        }
    }
}

fn dispatch(arguments: &Arguments, output: &Output) -> Result<ExitCode, SiteError> {
    if output.sarif() && !matches!(arguments.command, Some(Command::Lint(_))) {
        return Err(SiteError::usage("--format sarif is for `flareo lint`"));
    }
    // What needs no state folder comes first: it must work where there is none.
    match &arguments.command {
        Some(Command::Help { topic }) => return help::run(topic.as_deref(), output),
        Some(Command::Completions { shell }) => {
            // Made in memory: it panics where it can't write.
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "flareo", &mut script);
            output.say(String::from_utf8_lossy(&script).trim_end());
            return Ok(ExitCode::SUCCESS);
        }
        Some(Command::Man) => {
            let page = clap_mangen::Man::new(Arguments::command());
            let mut text = Vec::new();
            page.render(&mut text).map_err(SiteError::host)?;
            text.extend(crate::tui::action::roff().bytes());
            output.say(String::from_utf8_lossy(&text).trim_end());
            return Ok(ExitCode::SUCCESS);
        }
        Some(Command::Demo { headless, cast }) => {
            return demo::run(*headless, cast.as_deref(), output);
        }
        // Who submits has none, and needs none to be told what would be refused.
        Some(Command::Lint(asked)) if !arguments.batch => return lint(arguments, asked, output),
        _ => {}
    }
    let site = open(arguments)?;
    if matches!(arguments.command, Some(Command::Worker)) && !arguments.batch {
        let policy = || policy(&paths(arguments)?, arguments);
        return batch::stay(site, &policy, &|| open(arguments), output);
    }
    if arguments.batch {
        if arguments.command.is_some() {
            return Err(SiteError::usage(
                "--batch stands alone: it takes no command",
            ));
        }
        return batch::pass(&site, output);
    }
    let Some(command) = &arguments.command else {
        return console::run(&site);
    };
    match command {
        Command::Publish(publish) => publish::run(&site, publish, output),
        Command::Policy(asked) => policy::run(&site, asked, output),
        Command::Build(build) => build::run(&site, build, output),
        Command::Queue(queue) => queue::run(&site, queue, output),
        Command::Show(show) => examine::run(&site, show, output),
        Command::Review { id, verdict } => review::run(&site, *id, verdict, output),
        Command::Cancel { id, reason } => cancel::cancel(&site, *id, reason, output),
        Command::Retry { id } => cancel::retry(&site, *id, output),
        Command::Outbox(outbox) => outbox::run(&site, outbox, output),
        Command::Base(base) => base::run(&site, base, output),
        Command::Module(module) => module::run(&site, module, output),
        Command::Exception(exception) => exception::run(&site, exception, output),
        Command::Verify { target, key } => match target.strip_prefix("self-test:") {
            Some(path) => self_test::verify(&site, path.as_ref(), key.as_deref(), output),
            None => verify::run(&site, target, key.as_deref(), output),
        },
        Command::Init => {
            let public = site.init()?;
            if output.json() {
                let state = site.paths().state().display().to_string();
                output.document(&json!({ "state_dir": state, "public_key": public }))?;
                return Ok(ExitCode::SUCCESS);
            }
            output.say(&format!(
                "{}\nstate folder: {}",
                public.trim_end(),
                site.paths().state().display()
            ));
            Ok(ExitCode::SUCCESS)
        }
        Command::Audit(audit) => audit::run(&site, audit, output),
        Command::Doctor(asked) if asked.self_test => self_test::run(
            &site,
            !asked.without_seccomp,
            asked.output.as_deref(),
            output,
        ),
        Command::Doctor(asked) if asked.figures => doctor::figures(&site, output),
        Command::Doctor(_) => doctor::run(&site, output),
        Command::Help { .. }
        | Command::Completions { .. }
        | Command::Man
        | Command::Lint(_)
        | Command::Worker
        | Command::Demo { .. } => Ok(ExitCode::SUCCESS),
    }
}

/// Lints by what this host holds, where it has a catalog; elsewhere nothing is opened, and nothing is made.
fn lint(
    arguments: &Arguments,
    asked: &arguments::Lint,
    output: &Output,
) -> Result<ExitCode, SiteError> {
    let paths = paths(arguments)?;
    if paths.queue().try_exists().map_err(SiteError::host)? {
        return lint::run(&open(arguments)?.linter(&[])?, asked, output);
    }
    let policy = policy(&paths, arguments)?;
    lint::run(
        &Linter::without_a_site(&policy, &SystemClock)?,
        asked,
        output,
    )
}

fn open(arguments: &Arguments) -> Result<Site, SiteError> {
    let paths = paths(arguments)?;
    let policy = policy(&paths, arguments)?;
    Site::open(Settings::new(paths, policy, access::current()))
}

fn paths(arguments: &Arguments) -> Result<Paths, SiteError> {
    Paths::find(arguments.state_dir.as_deref()).map_err(SiteError::host)
}

fn policy(paths: &Paths, arguments: &Arguments) -> Result<Policy, SiteError> {
    config::load(paths, arguments.config.as_deref()).map_err(|e| SiteError::usage(e.to_string()))
}
