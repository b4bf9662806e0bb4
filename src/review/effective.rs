//! The build that a Dockerfile comes to: variables put in, the bases' triggers where they run, and what comes from outside.

use std::collections::{BTreeMap, BTreeSet};

use crate::dockerfile::ast::{Dockerfile, Instruction, Kind, Source};
use crate::dockerfile::scope::{Global, Stage};
use crate::dockerfile::stages::StageNames;
use crate::dockerfile::{expand, mount, trigger};
use crate::model::effective::{Effective, EffectiveLine, Input, InputKind, Script, StageView};
use crate::model::image::Platform;
use crate::model::view::BasePin;

/// Instructions that are shown.
const LINES: usize = 5_000;
/// The longest that one is shown, in bytes.
const LONGEST: usize = 4_000;

/// What a base brings: its environment and its triggers.
pub type Brought = (Vec<(String, String)>, Vec<String>);

/// Expands `file`. `base` says what is known of a base by its name; `scripts` are those that lint has followed.
pub fn effective(
    file: &Dockerfile,
    pins: &[BasePin],
    base: &dyn Fn(&str) -> Option<Brought>,
    scripts: Vec<Script>,
) -> Effective {
    let mut made = Effective {
        scripts,
        ..Effective::default()
    };
    // What can't be expanded has been told by lint, and is shown as it is written.
    let Ok(global) = Global::new(file, &BTreeMap::new(), &Platform::host()) else {
        return made;
    };
    for instruction in file.preamble() {
        line(
            &mut made,
            None,
            instruction,
            instruction.original.clone(),
            false,
        );
    }
    let names = StageNames::of(file);
    let mut scopes: Vec<Option<Stage>> = Vec::new();
    for stage in &file.stages {
        let Some((from, rest)) = file.of(stage).split_first() else {
            continue;
        };
        let Kind::From { image, .. } = &from.kind else {
            continue;
        };
        let name = global.image(image).unwrap_or_else(|_| image.text.clone());
        let on = names.base(&name, stage.index);
        made.stages.push(StageView {
            index: stage.index,
            name: stage.name.clone(),
            from: name.clone(),
            on,
            takes_from: Vec::new(),
            is_final: false,
            is_needed: false,
        });
        let brought = match on {
            None if name != "scratch" => base(&name),
            _ => None,
        };
        let below = on.and_then(|on| scopes.get(on)?.as_ref());
        let environment = brought
            .iter()
            .flat_map(|(environment, _)| environment.iter().cloned());
        let scope = match below {
            Some(below) => below.child(image).ok(),
            None => Some(Stage::new(&global, environment)),
        };
        if on.is_none() && name != "scratch" {
            input(&mut made, InputKind::Base, &name, image.span.line, pins);
        }
        let said = from.original.replacen(&image.text, &name, 1);
        line(&mut made, Some(stage.index), from, said, false);
        let Some(mut scope) = scope else {
            scopes.push(None);
            continue;
        };
        for text in brought.iter().flat_map(|(_, triggers)| triggers) {
            match trigger(text) {
                Ok(instruction) => {
                    take(
                        &mut made,
                        &names,
                        stage.index,
                        &instruction,
                        &mut scope,
                        pins,
                        Some(from),
                    );
                }
                Err(_) => line(&mut made, Some(stage.index), from, text.clone(), true),
            }
        }
        for instruction in rest {
            take(
                &mut made,
                &names,
                stage.index,
                instruction,
                &mut scope,
                pins,
                None,
            );
        }
        scopes.push(Some(scope));
    }
    needed(&mut made.stages);
    made
}

/// The base that the last stage of `file` stands on in the end; none where that is nothing, or can't be told.
pub fn final_base(file: &Dockerfile) -> Option<String> {
    let global = Global::new(file, &BTreeMap::new(), &Platform::host()).ok()?;
    let names = StageNames::of(file);
    let mut stage = file.stages.last()?;
    loop {
        let Kind::From { image, .. } = &file.of(stage).first()?.kind else {
            return None;
        };
        let name = global.image(image).ok()?;
        // A stage stands on an earlier one, so that this comes to an end.
        match names.base(&name, stage.index) {
            Some(on) => stage = file.stages.get(on)?,
            None => return Some(name).filter(|name| name != "scratch"),
        }
    }
}

/// One instruction: its line, what it takes, and what it sets.
fn take(
    made: &mut Effective,
    names: &StageNames,
    stage: usize,
    instruction: &Instruction,
    scope: &mut Stage,
    pins: &[BasePin],
    trigger_of: Option<&Instruction>,
) {
    let at = trigger_of.unwrap_or(instruction);
    line(
        made,
        Some(stage),
        at,
        expanded(instruction, scope),
        trigger_of.is_some(),
    );
    let place = at.span.line;
    for from in sources(instruction) {
        match names.source(&from, stage) {
            Some(other) => {
                if let Some(view) = made.stages.last_mut()
                    && !view.takes_from.contains(&other)
                {
                    view.takes_from.push(other);
                }
            }
            None if from != "scratch" => input(made, InputKind::Image, &from, place, pins),
            None => {}
        }
    }
    if let Kind::Copy { sources, .. } | Kind::Add { sources, .. } = &instruction.kind {
        let elsewhere = instruction
            .flag("from")
            .is_some_and(|from| !from.is_empty());
        for source in sources {
            let Source::Path(path) = source else { continue };
            let path = scope.word(path).unwrap_or_else(|_| path.text.clone());
            let kind = match path.contains("://") || path.starts_with("git@") {
                true => InputKind::Address,
                false if elsewhere => continue,
                false => InputKind::Context,
            };
            input(made, kind, &path, place, pins);
        }
    }
    // What can't be expanded changes nothing here.
    let _ = scope.apply(instruction);
}

/// The instruction with its variables put in, where the build does that.
fn expanded(instruction: &Instruction, scope: &Stage) -> String {
    let text = &instruction.original;
    let by_the_build = matches!(
        instruction.kind,
        Kind::Copy { .. }
            | Kind::Add { .. }
            | Kind::Env { .. }
            | Kind::Label { .. }
            | Kind::Arg(_)
            | Kind::Workdir(_)
            | Kind::User(_)
            | Kind::Stopsignal(_)
            | Kind::Expose(_)
            | Kind::Volume(_)
    );
    if !by_the_build || !text.contains('$') || text.len() > LONGEST {
        return text.clone();
    }
    let lookup = |name: &str| scope.lookup(name).map(str::to_owned);
    expand::shown(text, &lookup).unwrap_or_else(|_| text.clone())
}

fn sources(instruction: &Instruction) -> Vec<String> {
    match &instruction.kind {
        Kind::Copy { .. } | Kind::Add { .. } => {
            let from = instruction.flag("from").filter(|from| !from.is_empty());
            from.map(str::to_owned).into_iter().collect()
        }
        Kind::Run(_) => instruction
            .flags
            .iter()
            .filter(|flag| flag.name.text == "mount")
            .filter_map(|flag| flag.value.as_ref())
            .flat_map(|value| mount::sources(&value.text))
            .filter(|from| !from.is_empty())
            .collect(),
        _ => Vec::new(),
    }
}

fn line(
    made: &mut Effective,
    stage: Option<usize>,
    at: &Instruction,
    mut text: String,
    trigger: bool,
) {
    if made.lines.len() >= LINES {
        made.cut = true;
        return;
    }
    if text.len() > LONGEST {
        let end = (0..=LONGEST)
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0);
        text.truncate(end);
        text.push('…');
        made.cut = true;
    }
    made.lines.push(EffectiveLine {
        stage,
        line: at.span.line,
        text,
        trigger,
    });
}

fn input(made: &mut Effective, kind: InputKind, name: &str, line: u32, pins: &[BasePin]) {
    if made.inputs.len() >= LINES {
        made.cut = true;
        return;
    }
    if made.inputs.iter().any(|i| i.kind == kind && i.name == name) {
        return;
    }
    let pin = pins.iter().find(|pin| pin.written == name);
    made.inputs.push(Input {
        kind,
        name: name.to_owned(),
        line,
        digest: pin.and_then(|pin| pin.digest),
    });
}

/// Marks the last stage, and those that it stands on or takes from.
fn needed(stages: &mut [StageView]) {
    let Some(last) = stages.len().checked_sub(1) else {
        return;
    };
    let mut seen = BTreeSet::new();
    let mut open = vec![last];
    while let Some(at) = open.pop() {
        if !seen.insert(at) {
            continue;
        }
        if let Some(stage) = stages.get_mut(at) {
            stage.is_needed = true;
            open.extend(stage.on.iter().chain(&stage.takes_from).copied());
        }
    }
    if let Some(stage) = stages.get_mut(last) {
        stage.is_final = true;
    }
}

/// As lines of text: the graph, what comes from outside, the scripts, the instructions.
pub fn text(effective: &Effective) -> Vec<String> {
    let mut out = vec!["Stages".to_owned()];
    for stage in &effective.stages {
        let name = stage
            .name
            .clone()
            .unwrap_or_else(|| stage.index.to_string());
        let of = |at: &usize| {
            let other = effective.stages.get(*at);
            other
                .and_then(|s| s.name.clone())
                .unwrap_or_else(|| at.to_string())
        };
        let mut line = format!("  {} {name} <- {}", mark(stage), stage.from);
        if !stage.takes_from.is_empty() {
            let from: Vec<String> = stage.takes_from.iter().map(of).collect();
            line.push_str(&format!(", copies from {}", from.join(", ")));
        }
        if !stage.is_needed {
            line.push_str(" (not built: nothing needs it)");
        }
        out.push(line);
    }
    out.push("From outside".to_owned());
    for input in &effective.inputs {
        let digest = input
            .digest
            .map(|digest| format!(" = {digest}"))
            .unwrap_or_default();
        out.push(format!(
            "  {:<8} line {:<4} {}{digest}",
            input.kind.word(),
            input.line,
            input.name
        ));
    }
    if !effective.scripts.is_empty() {
        out.push("Scripts that RUN calls".to_owned());
        for script in &effective.scripts {
            out.push(format!("  line {:<4} {}", script.line, script.path));
        }
    }
    out.push("Instructions".to_owned());
    for line in &effective.lines {
        let number = match line.trigger {
            true => "+".to_owned(),
            false => line.line.to_string(),
        };
        out.push(format!("  {number:>4}  {}", line.text));
    }
    if effective.cut {
        out.push("  … and more".to_owned());
    }
    out
}

const fn mark(stage: &StageView) -> char {
    if stage.is_final { '>' } else { ' ' }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::parse;

    #[test]
    fn variables_triggers_and_stages_are_put_in() {
        let file = parse(
            b"ARG V=1\nFROM golang:$V AS build\nARG NAME=app\nCOPY src /src/$NAME\nRUN make $NAME\nFROM unused AS other\n\
              FROM base:1\nCOPY --from=build /src/app /app\nCOPY --from=redis:7 /x /x\nADD https://example.com/$TOP /y\nCMD [\"/app\"]\n",
        )
        .unwrap();
        let base = |name: &str| {
            (name == "base:1")
                .then(|| (vec![("TOP".into(), "z".into())], vec!["RUN echo hi".into()]))
        };
        let scripts = vec![Script {
            line: 5,
            path: "src/Makefile".into(),
        }];
        let made = effective(&file, &[], &base, scripts);
        assert_eq!(
            text(&made).join("\n"),
            "Stages\n    build <- golang:1\n    other <- unused (not built: nothing needs it)\n  > 2 <- base:1, copies from build\n\
             From outside\n  base     line 2    golang:1\n  context  line 4    src\n  base     line 6    unused\n  base     line 7    base:1\n  \
             image    line 9    redis:7\n  address  line 10   https://example.com/z\n\
             Scripts that RUN calls\n  line 5    src/Makefile\n\
             Instructions\n     1  ARG V=1\n     2  FROM golang:1 AS build\n     3  ARG NAME=app\n     4  COPY src /src/app\n     \
             5  RUN make $NAME\n     6  FROM unused AS other\n     7  FROM base:1\n     +  RUN echo hi\n     \
             8  COPY --from=build /src/app /app\n     9  COPY --from=redis:7 /x /x\n    10  ADD https://example.com/z /y\n    11  CMD [\"/app\"]"
        );
    }
}
