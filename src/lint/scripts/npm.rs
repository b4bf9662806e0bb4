//! What `npm run` and its kin run by a `package.json` of the context: its scripts, with those before and after them.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What an installation runs by itself.
const INSTALLATION: [&str; 5] = [
    "preinstall",
    "install",
    "postinstall",
    "prepublish",
    "prepare",
];

#[derive(Deserialize)]
struct Package {
    #[serde(default)]
    scripts: BTreeMap<String, serde_json::Value>,
}

/// The script that a command of npm, yarn or pnpm runs, by its arguments; none if it runs no script.
pub(super) fn asked<'a>(tool: &str, arguments: &[&'a str]) -> Vec<&'a str> {
    let mut operands = arguments.iter().filter(|word| !word.starts_with('-'));
    let Some(first) = operands.next() else {
        // `yarn` alone installs.
        return if tool == "yarn" {
            INSTALLATION.to_vec()
        } else {
            Vec::new()
        };
    };
    match *first {
        "run" | "run-script" | "rum" | "urn" => operands.next().into_iter().copied().collect(),
        "test" | "tst" | "t" => vec!["test"],
        "start" | "stop" | "restart" => vec![first],
        "install" | "i" | "ci" | "add" | "rebuild" | "clean-install" => INSTALLATION.to_vec(),
        // yarn and pnpm take a script's name as a command.
        other if tool != "npm" => vec![other],
        _ => Vec::new(),
    }
}

/// The scripts of these names in a `package.json`, each with what is run before and after it; none if it can't be read.
pub(super) fn scripts(text: &str, names: &[&str]) -> Option<String> {
    let package: Package = serde_json::from_str(text).ok()?;
    let mut out = String::new();
    for name in names {
        for name in [
            format!("pre{name}"),
            (*name).to_owned(),
            format!("post{name}"),
        ] {
            if let Some(script) = package
                .scripts
                .get(&name)
                .and_then(|script| script.as_str())
            {
                out.push_str(script);
                out.push('\n');
            }
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_come_with_what_stands_around_them() {
        let text = r#"{"name": "x", "scripts": {"prebuild": "a", "build": "b", "postbuild": "c", "test": "d", "odd": 1}}"#;
        assert_eq!(scripts(text, &["build"]).as_deref(), Some("a\nb\nc\n"));
        assert_eq!(scripts(text, &["odd"]).as_deref(), Some(""));
        assert_eq!(scripts("{", &["build"]), None);
        assert_eq!(scripts("{}", &["build"]).as_deref(), Some(""));
    }

    #[test]
    fn what_is_asked_for_is_found_among_options() {
        assert_eq!(asked("npm", &["--silent", "run", "build"]), ["build"]);
        assert_eq!(asked("npm", &["test"]), ["test"]);
        assert_eq!(asked("yarn", &["build"]), ["build"]);
        assert_eq!(asked("npm", &["--version"]), [""; 0]);
        assert_eq!(asked("npm", &["ci", "--offline"]), INSTALLATION);
    }
}
