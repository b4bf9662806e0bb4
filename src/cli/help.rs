//! `flareo help TOPIC`: the texts of `data/help/`, the same that the console and the docs show.

use std::process::ExitCode;

use clap::CommandFactory as _;

use super::arguments::Arguments;
use super::output::{Output, Role};
use crate::pipeline::SiteError;

/// Every topic and its text, in the order in which a newcomer would read them.
pub const TOPICS: &[(&str, &str)] = &[
    ("submitting", include_str!("../../data/help/submitting.md")),
    ("reviewing", include_str!("../../data/help/reviewing.md")),
    ("bases", include_str!("../../data/help/bases.md")),
    ("building", include_str!("../../data/help/building.md")),
    ("scanning", include_str!("../../data/help/scanning.md")),
    ("signing", include_str!("../../data/help/signing.md")),
    ("policy", include_str!("../../data/help/policy.md")),
];

/// Prints a topic, a command's help, or the list of topics.
pub fn run(topic: Option<&str>, output: &Output) -> Result<ExitCode, SiteError> {
    let Some(asked) = topic else {
        let mut command = Arguments::command();
        output.say(&command.render_long_help().to_string());
        output.say(&output.paint(Role::Strong, "Topics (flareo help TOPIC):"));
        for (name, text) in TOPICS {
            let title = text.lines().next().unwrap_or_default().trim_start_matches("# ");
            output.say(&format!("  {name:<12} {title}"));
        }
        return Ok(ExitCode::SUCCESS);
    };
    if let Some((_, text)) = TOPICS.iter().find(|(name, _)| *name == asked) {
        output.say(text.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let mut command = Arguments::command();
    command.build();
    if let Some(found) = command.find_subcommand_mut(asked) {
        output.say(&found.render_long_help().to_string());
        return Ok(ExitCode::SUCCESS);
    }
    let names: Vec<_> = TOPICS.iter().map(|(name, _)| *name).collect();
    Err(SiteError::usage(format!("no topic or command is called `{asked}`; the topics are {}", names.join(", "))))
}
