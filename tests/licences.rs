//! Everything that is linked into flareo has a licence that `deny.toml` allows.

use std::process::Command;

/// Whether an expression of licences can be kept to with those allowed. Crates write OR as `/` too.
fn allowed(expression: &str, list: &[String]) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    either(&words, &mut at, list) && at == words.len()
}

fn either(words: &[&str], at: &mut usize, list: &[String]) -> bool {
    let mut any = both(words, at, list);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        any |= both(words, at, list);
    }
    any
}

fn both(words: &[&str], at: &mut usize, list: &[String]) -> bool {
    let mut all = one(words, at, list);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        all &= one(words, at, list);
    }
    all
}

fn one(words: &[&str], at: &mut usize, list: &[String]) -> bool {
    let word = words.get(*at).copied().unwrap_or_default();
    *at += 1;
    if word == "(" {
        let inner = either(words, at, list);
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return inner && closed;
    }
    let mut name = word.to_owned();
    if words.get(*at) == Some(&"WITH") {
        name += &format!(" WITH {}", words.get(*at + 1).unwrap_or(&""));
        *at += 2;
    }
    list.contains(&name)
}

fn list() -> Vec<String> {
    let text = include_str!("../deny.toml");
    let table: toml::Table = text.parse().unwrap();
    table["licenses"]["allow"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn what_is_linked_has_an_allowed_licence() {
    // Cargo's metadata counts what no feature turns on; its tree does not.
    let answer = Command::new("cargo")
        .args(["tree", "--offline", "--locked", "--prefix", "none"])
        .args(["--edges", "normal,build", "--format", "{p}\t{l}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let output = match answer {
        Ok(output) if output.status.success() => output,
        Ok(output) => {
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            println!("skipped: cargo can't list the dependencies: {why}");
            return;
        }
        Err(error) => {
            println!("skipped: there is no cargo to ask: {error}");
            return;
        }
    };
    let list = list();
    let text = String::from_utf8(output.stdout).unwrap();
    let crates = text.lines().filter_map(|line| {
        let (package, licence) = line.split_once('\t')?;
        // A crate that was listed before has a mark behind its licence.
        Some((package, licence.trim_end_matches("(*)").trim()))
    });
    let mut count = 0;
    let mut wrong = Vec::new();
    for (package, licence) in crates {
        count += 1;
        if !allowed(licence, &list) {
            wrong.push(format!("{package}: `{licence}`"));
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(count > 100, "only {count} crates were listed");
    assert!(
        wrong.is_empty(),
        "not on deny.toml's list:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn expressions_are_read_as_spdx_means_them() {
    let list = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
    for good in [
        "MIT",
        "GPL-3.0/MIT",
        "GPL-3.0 OR MIT",
        "ISC AND (GPL-3.0 OR MIT)",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(allowed(good, &list), "{good}");
    }
    for bad in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT",
        "MIT MIT",
        "Apache-2.0",
    ] {
        assert!(!allowed(bad, &list), "{bad}");
    }
}
