//! `flareo help TOPIC`: the texts of `data/help/`, the same in the terminal and in these docs.

use std::process::ExitCode;

use clap::CommandFactory as _;

use super::arguments::Arguments;
use super::output::{Output, Role};
use crate::pipeline::SiteError;

/// Declares every topic once: its page in these docs, and its entry in [`TOPICS`].
macro_rules! topics {
    ($($name:ident)*) => {
        $(
            #[doc = include_str!(concat!("../../data/help/", stringify!($name), ".md"))]
            pub mod $name {}
        )*

        /// Every topic and its text in Markdown, in the order in which a newcomer would read them.
        pub const TOPICS: &[(&str, &str)] = &[
            $((stringify!($name), include_str!(concat!("../../data/help/", stringify!($name), ".md")))),*
        ];
    };
}

topics! { submitting reviewing bases building scanning signing policy }

/// A text for a terminal: what stands between fences is indented instead.
pub fn plain(markdown: &str) -> String {
    let mut inside = false;
    let mut out = String::new();
    for line in markdown.lines() {
        if line.starts_with("```") {
            inside = !inside;
            continue;
        }
        if inside && !line.is_empty() {
            out.push_str("    ");
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

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
