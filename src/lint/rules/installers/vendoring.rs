//! How what an installer fetches is brought along instead: the command to run at home, and the change to the `RUN`.

use crate::dockerfile::shell::Command;
use crate::lint::rule::{Sink, Step};
use crate::model::finding::{Patch, Span};

/// What a tool needs to install from the context.
struct Way {
    /// The tool and its subcommand.
    call: (&'static str, &'static str),
    /// What is run at home; `{}` stands for the rest of the command.
    home: &'static str,
    /// The folder that it fills.
    folder: &'static str,
    /// The flags that are put behind the subcommand.
    flags: &'static str,
}

const fn way(
    call: (&'static str, &'static str),
    home: &'static str,
    folder: &'static str,
    flags: &'static str,
) -> Way {
    Way {
        call,
        home,
        folder,
        flags,
    }
}

const WAYS: [Way; 10] = [
    way(
        ("pip", "install"),
        "pip download -d vendor {}",
        "vendor",
        "--no-index --find-links vendor",
    ),
    way(
        ("pip3", "install"),
        "pip3 download -d vendor {}",
        "vendor",
        "--no-index --find-links vendor",
    ),
    way(
        ("npm", "ci"),
        "npm ci --cache .npm-cache",
        ".npm-cache",
        "--offline --cache .npm-cache",
    ),
    way(
        ("npm", "install"),
        "npm install --cache .npm-cache",
        ".npm-cache",
        "--offline --cache .npm-cache",
    ),
    way(
        ("yarn", "install"),
        "yarn config set yarn-offline-mirror ./.yarn-mirror && yarn install",
        ".yarn-mirror",
        "--offline",
    ),
    way(
        ("pnpm", "install"),
        "pnpm fetch --store-dir .pnpm-store",
        ".pnpm-store",
        "--offline --store-dir .pnpm-store",
    ),
    way(
        ("bundle", "install"),
        "bundle cache --all",
        "vendor",
        "--local",
    ),
    way(
        ("cargo", "install"),
        "mkdir -p .cargo && cargo vendor >> .cargo/config.toml",
        "vendor",
        "--offline",
    ),
    way(
        ("mvn", ""),
        "mvn -Dmaven.repo.local=.m2 dependency:go-offline",
        ".m2",
        "--offline -Dmaven.repo.local=.m2",
    ),
    way(
        ("gradle", ""),
        "GRADLE_USER_HOME=.gradle-home gradle build",
        ".gradle-home",
        "--offline -g .gradle-home",
    ),
];

/// What to run at home, and the change, where the command is written out in the Dockerfile itself.
pub(in super::super) fn vendored(
    command: &Command,
    step: &Step<'_>,
    sink: &Sink<'_>,
) -> Option<(String, Patch)> {
    if command.file.is_some() {
        return None;
    }
    let written = sink.text().get(command.span())?;
    let plain = !written.contains(['$', '`', '\\', '"', '\'', '(', '\n']);
    let name = command.name();
    let words: Vec<&str> = written.split_ascii_whitespace().collect();
    let (first, arguments) = words.split_first()?;
    if !plain || *first != name {
        return None;
    }
    let way = WAYS.iter().find(|way| {
        way.call.0 == name && (way.call.1.is_empty() || arguments.first() == Some(&way.call.1))
    })?;
    let rest = match way.call.1 {
        "" => arguments,
        _ => arguments.get(1..)?,
    };
    // Another place to fetch from can't be there without a network.
    let elsewhere = |word: &&str| {
        word.contains("://")
            || word.contains("index-url")
            || word.starts_with("git+")
            || *word == "-i"
    };
    if rest.iter().any(elsewhere) {
        return None;
    }
    let behind = written.find(way.call.1)? + way.call.1.len();
    let behind = if way.call.1.is_empty() {
        name.len()
    } else {
        behind
    };
    let at = command.span().start + behind;
    let place = Span {
        start: at,
        end: at,
        ..step.instruction.span
    };
    let mut edits = vec![sink.edit(place, format!(" {}", way.flags))];
    if !brought(step, way.folder) {
        edits.push(sink.before(step.instruction.span, format!("COPY {0} {0}\n", way.folder)));
    }
    let home = way.home.replace("{}", &rest.join(" "));
    let help = format!(
        "Run `{}` at home, send {} along, and install with {}.",
        home.trim_end(),
        way.folder,
        way.flags
    );
    let title = "install from the context".to_owned();
    Some((help, Patch { title, edits }))
}

/// Whether the stage has copied the folder by then, by its name or with everything else.
fn brought(step: &Step<'_>, folder: &str) -> bool {
    use crate::dockerfile::ast::{Kind, Source};
    let file = step.file.dockerfile;
    let Some(stage) = file.stages.get(step.stage) else {
        return true;
    };
    let before = file.of(stage).iter();
    let mut before = before.take_while(|i| i.span.start < step.instruction.span.start);
    before.any(|instruction| match &instruction.kind {
        Kind::Copy { sources, .. } => sources.iter().any(|source| match source {
            Source::Path(path) => {
                let path = path.text.trim_start_matches("./").trim_matches('/');
                path.is_empty() || path == "." || path == folder
            }
            Source::Heredoc(_) => false,
        }),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{mended, of};

    #[test]
    fn what_is_fetched_is_brought_along() {
        assert_eq!(
            mended(
                "NET03",
                "FROM node:20-slim\nRUN pip install -r requirements.txt && true\n"
            ),
            "FROM node:20-slim\nCOPY vendor vendor\nRUN pip install --no-index --find-links vendor -r requirements.txt && true\n"
        );
        assert_eq!(
            mended("NET03", "FROM node:20-slim\nCOPY . .\nRUN npm ci\n"),
            "FROM node:20-slim\nCOPY . .\nRUN npm ci --offline --cache .npm-cache\n"
        );
        let help = &of(
            "NET03",
            "FROM node:20-slim\nRUN pip install -r requirements.txt\n",
        )[0]
        .help;
        assert_eq!(
            help,
            "Run `pip download -d vendor -r requirements.txt` at home, send vendor along, and install with --no-index --find-links vendor."
        );
    }

    #[test]
    fn what_is_not_plain_is_left_to_its_author() {
        for text in [
            "FROM node:20-slim\nRUN pip install $WHAT\n",
            "FROM node:20-slim\nRUN pip install git+https://example.com/x\n",
            "FROM node:20-slim\nRUN python -m pip install x\n",
            "FROM node:20-slim\nRUN poetry install\n",
        ] {
            assert_eq!(mended("NET03", text), text);
        }
    }
}
