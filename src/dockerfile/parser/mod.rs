//! From bytes to [`Dockerfile`]: what BuildKit's parser accepts, with the place of every part.
//!
//! Reading goes line by line, once: [`lines`] joins continued lines and remembers where each byte came from, [`words`]
//! and [`flags`] and [`json`] split an instruction, [`heredoc`] reads what follows it, [`instruction`] says what it
//! means and refuses what Docker refuses.

mod directives;
mod flags;
mod heredoc;
mod instruction;
mod json;
mod keyword;
mod lines;
mod words;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use super::ast::{Dockerfile, Instruction, Kind, Stage};
use super::error::ParseError;
use super::place::Places;
use lines::Lines;

pub(super) use heredoc::chomp_lines;
pub(super) use heredoc::mark as heredoc_mark;
pub(super) use json::json_origin;
pub(super) use lines::without_continuation;

/// The longest Dockerfile that is read.
pub const MAX_BYTES: usize = 16 << 20;
/// The most instructions that are read.
pub const MAX_INSTRUCTIONS: usize = 100_000;
/// The most words (arguments, pairs, flags, here-documents) in one file.
pub const MAX_WORDS: usize = 500_000;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Reads a Dockerfile.
///
/// # Errors
/// The first thing that Docker would refuse too, with its line; also text that is not UTF-8, and files past
/// [`MAX_BYTES`], [`MAX_INSTRUCTIONS`] or [`MAX_WORDS`].
pub fn parse(bytes: &[u8]) -> Result<Dockerfile, ParseError> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let text = decode(bytes)?;
    let places = Places::new(text);
    let directives = directives::read(text, &places)?;
    let mut reader = Reader::new(text, &places, directives.escape);
    let mut instructions = Vec::new();
    while let Some(instruction) = reader.next()? {
        instructions.push(instruction);
    }
    if instructions.is_empty() {
        let end = text.trim_end_matches(['\n', '\r']).len();
        return Err(ParseError::new(
            &places,
            text,
            end..end,
            "file with no instructions",
        ));
    }
    let stages = stages(&instructions, &places, text)?;
    Ok(Dockerfile {
        text: text.to_owned(),
        directives,
        instructions,
        stages,
    })
}

/// Reads one instruction that an image keeps as an `ONBUILD` trigger.
///
/// # Errors
/// If it is not exactly one instruction, or one that may not be a trigger.
pub fn trigger(text: &str) -> Result<Instruction, ParseError> {
    let text = decode(text.as_bytes())?;
    let places = Places::new(text);
    let mut reader = Reader::new(text, &places, '\\');
    let refuse = |range: std::ops::Range<usize>, reason: &str| {
        Err(ParseError::new(&places, text, range, reason))
    };
    let Some(instruction) = reader.next()? else {
        return refuse(0..0, "an ONBUILD trigger with no instruction");
    };
    if let Some(keyword) = instruction::not_a_trigger(&instruction.keyword.text) {
        return refuse(0..text.len(), &keyword);
    }
    if let Some(more) = reader.next()? {
        return refuse(
            more.span.start..more.span.end,
            "an ONBUILD trigger is one instruction",
        );
    }
    Ok(instruction)
}

/// The text, or the line that is not UTF-8.
fn decode(bytes: &[u8]) -> Result<&str, ParseError> {
    if bytes.len() > MAX_BYTES {
        let reason = format!(
            "the file is {} bytes long, more than the {} that are read",
            bytes.len(),
            MAX_BYTES
        );
        return Err(ParseError::at_line(1, 1, "", reason));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let good = &bytes[..error.valid_up_to()];
        let line_start = good.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        let newlines = good.iter().filter(|b| **b == b'\n').count();
        let line_end = bytes[line_start..]
            .iter()
            .position(|b| *b == b'\n')
            .map_or(bytes.len(), |i| line_start + i);
        let column = String::from_utf8_lossy(&good[line_start..]).chars().count() + 1;
        let shown = String::from_utf8_lossy(&bytes[line_start..line_end.min(line_start + 8192)]);
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let reason = format!("not UTF-8 text: byte 0x{:02x}", bytes[good.len()]);
        ParseError::at_line(number(newlines + 1), number(column), &shown, reason)
    })
}

/// Divides the instructions into stages.
fn stages(
    instructions: &[Instruction],
    places: &Places,
    text: &str,
) -> Result<Vec<Stage>, ParseError> {
    let mut stages: Vec<Stage> = Vec::new();
    for (index, instruction) in instructions.iter().enumerate() {
        if let Kind::From { alias, .. } = &instruction.kind {
            stages.push(Stage {
                index: stages.len(),
                name: alias.as_ref().map(|a| a.text.to_lowercase()),
                instructions: index..index + 1,
            });
        } else if let Some(stage) = stages.last_mut() {
            stage.instructions.end = index + 1;
        } else if !matches!(instruction.kind, Kind::Arg(_)) {
            let span = instruction.keyword.span;
            return Err(ParseError::new(
                places,
                text,
                span.start..span.end,
                "no build stage in current context: FROM must come first, only ARG may stand before it",
            ));
        }
    }
    if stages.is_empty() {
        let last = instructions.last().map_or(0, |i| i.span.start);
        return Err(ParseError::new(
            places,
            text,
            last..last,
            "no build stage: there is no FROM",
        ));
    }
    Ok(stages)
}

/// Reads instruction after instruction.
struct Reader<'t> {
    lines: Lines<'t>,
    instructions: usize,
    words: usize,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str, places: &'t Places, escape: char) -> Self {
        Self {
            lines: Lines::new(text, places, escape),
            instructions: 0,
            words: 0,
        }
    }

    fn next(&mut self) -> Result<Option<Instruction>, ParseError> {
        let Some(logical) = self.lines.next() else {
            return Ok(None);
        };
        let whole = 0..logical.text.len();
        self.instructions += 1;
        if self.instructions > MAX_INSTRUCTIONS {
            let reason = format!("more than {MAX_INSTRUCTIONS} instructions");
            return Err(logical.error(&self.lines, whole, reason));
        }
        let instruction = instruction::read(&mut self.lines, &logical)?;
        self.words += weight(&instruction);
        if self.words > MAX_WORDS {
            let reason = format!("more than {MAX_WORDS} words in one file");
            return Err(logical.error(&self.lines, whole, reason));
        }
        Ok(Some(instruction))
    }
}

/// How many words an instruction holds.
fn weight(instruction: &Instruction) -> usize {
    let own = match &instruction.kind {
        Kind::Copy { sources, .. } | Kind::Add { sources, .. } => sources.len() + 1,
        Kind::Arg(declarations) => declarations.len(),
        Kind::Env { pairs, .. } | Kind::Label { pairs, .. } => pairs.len() * 2,
        Kind::Expose(words) | Kind::Volume(words) | Kind::Shell(words) => words.len(),
        Kind::Run(command)
        | Kind::Cmd(command)
        | Kind::Entrypoint(command)
        | Kind::Healthcheck(Some(command)) => match command {
            super::ast::Command::Shell(_) => 1,
            super::ast::Command::Exec(words) => words.len(),
        },
        Kind::Onbuild(inner) => weight(inner),
        _ => 1,
    };
    own + instruction.flags.len() + instruction.heredocs.len()
}
