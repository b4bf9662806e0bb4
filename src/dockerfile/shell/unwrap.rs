//! Programs that run other programs: what stands behind `sudo`, `env`, `xargs`, `sh -c`, `find -exec`, and their kin.

use std::ops::Range;
use std::sync::Arc;

use super::super::origin::Origin;
use super::found::{COMMAND_COST, DEPTH, Found, WORD_COST};
use super::printed::printed;
use super::read;
use super::wrappers::{LOADER, SHELLS, WRAPPERS, Wrapper};
use super::{Command, Input, Reading, Word};

/// What a command runs in turn.
enum Inner {
    /// A program with arguments, and the assignments made for it.
    Program(Vec<Word>, Vec<(String, Word)>),
    /// A script.
    Script(Word),
}

/// Adds to every command found the commands that it runs.
pub(super) fn all(mut found: Found<'_>) -> Reading {
    inputs(&mut found, 0);
    found.pipes.clear();
    let outer = std::mem::take(&mut found.commands);
    let mut commands = Vec::with_capacity(outer.len());
    for command in outer {
        follow(command, &mut commands, &mut found, 0);
    }
    Reading {
        commands,
        unread: Vec::new(),
        complete: found.complete,
    }
}

fn follow(command: Command, into: &mut Vec<Command>, found: &mut Found<'_>, depth: usize) {
    let inner = inner(&command);
    let (through, variables, assignments, input) = (
        command.through.clone(),
        Arc::clone(&command.variables),
        command.assignments.clone(),
        command.input.clone(),
    );
    let name = command.name().to_owned();
    into.push(command);
    if inner.is_empty() {
        return;
    }
    if depth >= DEPTH {
        found.complete = false;
        return;
    }
    let mut through = through;
    through.push(name);
    for inner in inner {
        match inner {
            Inner::Program(words, added) => {
                if !found.spend(COMMAND_COST + WORD_COST * (words.len() + through.len())) {
                    return;
                }
                let mut assignments = assignments.clone();
                assignments.extend(added);
                let command = Command {
                    words,
                    assignments,
                    redirects: Vec::new(),
                    input: input.clone(),
                    through: through.clone(),
                    file: None,
                    variables: Arc::clone(&variables),
                };
                follow(command, into, found, depth + 1);
            }
            Inner::Script(script) => {
                let before = found.commands.len();
                let outer = std::mem::replace(&mut found.variables, Arc::clone(&variables));
                for (name, value) in &assignments {
                    found.set(name, value.known.then(|| value.text.clone()));
                }
                read::script(&script.text, &script.origin, found, depth + 1);
                found.variables = outer;
                inputs(found, before);
                found.pipes.truncate(before);
                for mut command in found.commands.split_off(before) {
                    command.through.clone_from(&through);
                    follow(command, into, found, depth + 1);
                }
            }
        }
    }
}

/// Says of each command from `first` on where its standard input comes from.
fn inputs(found: &mut Found<'_>, first: usize) {
    for index in first..found.commands.len() {
        let command = &found.commands[index];
        let redirect = command
            .redirects
            .iter()
            .rev()
            .find(|r| r.fd.is_none_or(|fd| fd == 0) && r.operator.starts_with('<'));
        let input = match redirect.map(|r| (r.operator.as_str(), r)) {
            Some(("<<" | "<<-" | "<<<", r)) => Some(Input::Text(r.target.clone())),
            Some((_, r)) => Some(Input::File(r.target.clone())),
            None => found.pipes.get(index).copied().flatten().map(|from| {
                from.and_then(|i| found.commands.get(i))
                    .and_then(said)
                    .map_or(Input::Pipe, Input::Text)
            }),
        };
        let Some(input) = input else { continue };
        let size = match &input {
            Input::Text(word) | Input::File(word) => word.text.len(),
            _ => 0,
        };
        if !found.spend(size) {
            return;
        }
        found.commands[index].input = input;
    }
}

/// The text that a command gives to the one behind the pipe, where it can be read.
fn said(command: &Command) -> Option<Word> {
    if command.name() == "cat"
        && command.words.len() == 1
        && let [redirect] = command.redirects.as_slice()
        && redirect.operator.starts_with("<<")
    {
        return Some(redirect.target.clone());
    }
    if let [_, only] = command.words.as_slice()
        && command.name() == "echo"
        && only.known
    {
        return Some(only.clone());
    }
    if !command.redirects.is_empty() {
        return None;
    }
    let text = printed(command)?;
    let span = command.span();
    let mut word = Word::new(text, Origin::starting_at(span.start));
    word.span = span;
    Some(word)
}

/// What a command runs in turn.
fn inner(command: &Command) -> Vec<Inner> {
    let name = command.name();
    let words = command.words.as_slice();
    let arguments = command.arguments();
    if SHELLS.contains(&name) {
        return shell(command).into_iter().collect();
    }
    match name {
        "eval" => return joined(arguments).map(Inner::Script).into_iter().collect(),
        "trap" => {
            return arguments
                .first()
                .cloned()
                .map(Inner::Script)
                .into_iter()
                .collect();
        }
        "find" => return find(arguments),
        // What stands for a name is run under it.
        "alias" => return behind(arguments, "="),
        "git" => return behind(arguments, "!"),
        "tar" | "gtar" | "bsdtar" => return tar(arguments),
        _ if name.starts_with("ld-linux") || name.starts_with("ld-musl-") => {
            let (at, assignments) = behind_options(words, &LOADER);
            let program = words.get(at..).unwrap_or_default().to_vec();
            return vec![Inner::Program(program, assignments)];
        }
        "su" | "script" => return option_script(arguments, &["-c", "--command"]),
        "command"
            if arguments
                .first()
                .is_some_and(|w| matches!(w.text.as_str(), "-v" | "-V")) =>
        {
            return Vec::new();
        }
        "runuser" | "flock" => {
            let script = option_script(arguments, &["-c", "--command"]);
            if !script.is_empty() {
                return script;
            }
        }
        "env" => {
            if let Some(script) = split_string(arguments) {
                return vec![Inner::Script(script)];
            }
        }
        _ => {}
    }
    let Some(wrapper) = WRAPPERS.iter().find(|w| w.names.contains(&name)) else {
        return Vec::new();
    };
    let (at, assignments) = behind_options(words, wrapper);
    match words.get(at..) {
        Some(rest) if !rest.is_empty() => vec![Inner::Program(rest.to_vec(), assignments)],
        _ => Vec::new(),
    }
}

/// Where the command behind a wrapper's options begins.
fn behind_options(words: &[Word], wrapper: &Wrapper) -> (usize, Vec<(String, Word)>) {
    let mut at = 1;
    let mut operands = wrapper.operands;
    let mut assignments = Vec::new();
    let mut options = true;
    while let Some(word) = words.get(at) {
        let text = word.text.as_str();
        if options && text == "--" {
            options = false;
        } else if options && text.len() > 1 && text.starts_with('-') {
            at += usize::from(takes_next(text, wrapper.valued));
        } else if wrapper.assigns
            && let Some((name, value)) = text.split_once('=')
            && !name.is_empty()
            && !name.contains('/')
        {
            let mut assigned = word.clone();
            value.clone_into(&mut assigned.text);
            assignments.push((name.to_owned(), assigned));
        } else if operands > 0 {
            operands -= 1;
        } else {
            break;
        }
        at += 1;
    }
    (at, assignments)
}

/// Whether the value of an option is the next word.
fn takes_next(option: &str, valued: &[&str]) -> bool {
    if valued.contains(&option) {
        return true;
    }
    if option.starts_with("--") {
        return false;
    }
    // Several letters behind one dash: the first with a value takes what follows it.
    let letters: Vec<char> = option.chars().skip(1).collect();
    let takes = |c: &char| valued.contains(&format!("-{c}").as_str());
    letters.iter().position(takes) == Some(letters.len() - 1)
}

/// The script of `sh -c script`, or the text that a shell reads.
fn shell(command: &Command) -> Option<Inner> {
    let mut words = command.arguments().iter();
    let mut has_script = false;
    let mut operand = None;
    while let Some(word) = words.next() {
        let text = word.text.as_str();
        match text {
            "--" | "-" => {
                operand = words.next();
                break;
            }
            "--rcfile" | "--init-file" => {
                words.next();
            }
            _ if text.starts_with("--") => {}
            _ if text.len() > 1 && text.starts_with(['-', '+']) => {
                has_script |= text.starts_with('-') && text.contains('c');
                if text.ends_with(['o', 'O']) {
                    words.next();
                }
            }
            _ => {
                operand = Some(word);
                break;
            }
        }
    }
    if has_script {
        return operand.cloned().map(Inner::Script);
    }
    if operand.is_some_and(|w| w.text != "/dev/stdin" && w.text != "/proc/self/fd/0") {
        return None;
    }
    match &command.input {
        Input::Text(text) => Some(Inner::Script(text.clone())),
        _ => None,
    }
}

/// The script behind one of `options`.
fn option_script(words: &[Word], options: &[&str]) -> Vec<Inner> {
    for (index, word) in words.iter().enumerate() {
        if options.contains(&word.text.as_str()) {
            return words
                .get(index + 1)
                .cloned()
                .map(Inner::Script)
                .into_iter()
                .collect();
        }
        if let Some(attached) = options
            .iter()
            .find_map(|o| word.text.strip_prefix(&format!("{o}=")))
        {
            let at = word.text.len() - attached.len();
            return vec![Inner::Script(part(word, at..word.text.len()))];
        }
    }
    Vec::new()
}

/// What stands behind `mark` in each word that holds one.
fn behind(words: &[Word], mark: &str) -> Vec<Inner> {
    let scripts = words.iter().filter_map(|word| {
        let at = word.text.find(mark)? + mark.len();
        Some(Inner::Script(part(word, at..word.text.len())))
    });
    scripts.collect()
}

/// The programs that tar is told to run.
fn tar(words: &[Word]) -> Vec<Inner> {
    let mut inner = option_script(words, &["--to-command"]);
    let programs = [
        "-I",
        "--use-compress-program",
        "--rsh-command",
        "--info-script",
    ];
    inner.extend(option_script(words, &programs));
    inner.extend(option_script(words, &["-F", "--new-volume-script"]));
    let actions = words
        .iter()
        .filter(|w| w.text.starts_with("--checkpoint-action"));
    for action in actions {
        inner.extend(behind(std::slice::from_ref(action), "exec="));
    }
    inner
}

/// `env -S 'command line'`.
fn split_string(words: &[Word]) -> Option<Word> {
    for (index, word) in words.iter().enumerate() {
        let text = word.text.as_str();
        if matches!(text, "-S" | "--split-string" | "-vS" | "-iS") {
            return joined(words.get(index + 1..)?);
        }
        for prefix in ["-S", "--split-string="] {
            if let Some(attached) = text.strip_prefix(prefix) {
                return Some(part(word, text.len() - attached.len()..text.len()));
            }
        }
        if !text.starts_with('-') && !text.contains('=') {
            return None;
        }
    }
    None
}

/// The commands behind `-exec` and its kin.
fn find(words: &[Word]) -> Vec<Inner> {
    let mut inner = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if matches!(word.text.as_str(), "-exec" | "-execdir" | "-ok" | "-okdir") {
            let program: Vec<Word> = words
                .by_ref()
                .take_while(|w| !matches!(w.text.as_str(), ";" | "+"))
                .cloned()
                .collect();
            inner.push(Inner::Program(program, Vec::new()));
        }
    }
    inner
}

/// A part of a word as a word.
fn part(word: &Word, range: Range<usize>) -> Word {
    let mut origin = Origin::default();
    let text = word.text.get(range.clone()).unwrap_or("");
    for (i, _) in text.char_indices() {
        origin.push(i, word.origin.byte(range.start + i));
    }
    Word {
        text: text.to_owned(),
        origin,
        ..word.clone()
    }
}

/// Words with blanks between them, as `eval` reads them.
fn joined(words: &[Word]) -> Option<Word> {
    let first = words.first()?;
    let mut all = Word {
        text: String::new(),
        origin: Origin::default(),
        ..first.clone()
    };
    for word in words {
        if !all.text.is_empty() {
            all.text.push(' ');
        }
        all.origin.append(all.text.len(), &word.origin);
        all.text.push_str(&word.text);
        all.known &= word.known;
        all.span.end = word.span.end;
    }
    Some(all)
}
