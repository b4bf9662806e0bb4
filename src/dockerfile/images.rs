//! Which images a file takes from outside: by `FROM`, by `--from=` of `COPY` and `ADD`, by `from=` of a `RUN` mount.

use std::collections::BTreeMap;

use super::ast::{Dockerfile, Instruction, Kind};
use super::scope::Global;
use super::stages::StageNames;
use crate::model::image::Platform;

/// An image that the file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct External {
    /// The name, expanded; not yet looked at as a reference.
    pub name: String,
    /// The line that names it first, from 1.
    pub line: u32,
}

/// Every image that is neither `scratch` nor a stage of the file, each name once, in the order of the file.
///
/// What can't be expanded is left out: it has no name to pin, and lint and the engine refuse it with its place.
pub fn external(
    file: &Dockerfile,
    build_args: &BTreeMap<String, String>,
    platform: &Platform,
) -> Vec<External> {
    let Ok(global) = Global::new(file, build_args, platform) else {
        return Vec::new();
    };
    let names = StageNames::of(file);
    let mut seen = std::collections::HashSet::new();
    let mut found = Vec::new();
    let mut add = |name: String, line: u32| {
        if seen.insert(name.clone()) {
            found.push(External { name, line });
        }
    };
    for stage in &file.stages {
        for instruction in file.of(stage) {
            let line = instruction.span.line;
            if let Kind::From { image, .. } = &instruction.kind {
                if let Ok(name) = global.image(image)
                    && name != "scratch"
                    && names.base(&name, stage.index).is_none()
                {
                    add(name, image.span.line);
                }
                continue;
            }
            for name in sources(instruction) {
                if name != "scratch" && names.source(&name, stage.index).is_none() {
                    add(name, line);
                }
            }
        }
    }
    found
}

/// What an instruction takes from another stage or image, as written.
fn sources(instruction: &Instruction) -> Vec<String> {
    match &instruction.kind {
        Kind::Copy { .. } | Kind::Add { .. } => instruction
            .flag("from")
            .filter(|from| !from.is_empty())
            .map(str::to_owned)
            .into_iter()
            .collect(),
        Kind::Run(_) => instruction
            .flags
            .iter()
            .filter(|flag| flag.name.text == "mount")
            .filter_map(|flag| flag.value.as_ref())
            .flat_map(|mount| super::mount::sources(&mount.text))
            .filter(|from| !from.is_empty())
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::parse;

    #[test]
    fn stages_and_scratch_are_not_outside() {
        let text = b"ARG V=3.19\nFROM alpine:$V AS one\nFROM scratch\nCOPY --from=one /a /a\nCOPY --from=0 /b /b\n\
            COPY --from=nginx:1.27-alpine /c /c\nRUN --mount=type=bind,from=redis:7,target=/r true\nFROM one\nFROM alpine:3.19\nFROM ${NOTHING}\n";
        let file = parse(text).unwrap();
        let found: Vec<_> = external(&file, &BTreeMap::new(), &Platform::host())
            .into_iter()
            .map(|e| (e.name, e.line))
            .collect();
        assert_eq!(
            found,
            [
                ("alpine:3.19".to_owned(), 2),
                ("nginx:1.27-alpine".to_owned(), 6),
                ("redis:7".to_owned(), 7)
            ]
        );
    }
}
