//! `flareo help TOPIC`: a topic of [`pipeline::help`](crate::pipeline::help), or what a command takes.

use std::process::ExitCode;

use clap::CommandFactory as _;

use super::arguments::Arguments;
use super::output::{Output, Role};
use crate::pipeline::SiteError;
use crate::pipeline::help::{TOPICS, plain};

/// Prints a topic, a command's help, or the list of topics.
pub(super) fn run(topic: Option<&str>, output: &Output) -> Result<ExitCode, SiteError> {
    let Some(asked) = topic else {
        let mut command = Arguments::command();
        output.say(&command.render_long_help().to_string());
        output.say(&output.paint(Role::Strong, "Topics (flareo help TOPIC):"));
        for (name, text) in TOPICS {
            let title = text
                .lines()
                .next()
                .unwrap_or_default()
                .trim_start_matches("# ");
            output.say(&format!("  {name:<12} {title}"));
        }
        return Ok(ExitCode::SUCCESS);
    };
    if let Some((_, text)) = TOPICS.iter().find(|(name, _)| *name == asked) {
        output.say(plain(text).trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let mut command = Arguments::command();
    command.build();
    if let Some(found) = command.find_subcommand_mut(asked) {
        output.say(&found.render_long_help().to_string());
        return Ok(ExitCode::SUCCESS);
    }
    let names: Vec<_> = TOPICS.iter().map(|(name, _)| *name).collect();
    Err(SiteError::usage(format!(
        "no topic or command is called `{asked}`; the topics are {}",
        names.join(", ")
    )))
}
