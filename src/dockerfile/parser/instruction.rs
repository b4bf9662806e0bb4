//! One logical line into one [`Instruction`]: what each keyword takes, and what Docker refuses.

use std::ops::Range;

use super::super::ast::{
    ArgDeclaration, Command, Flag, Heredoc, Instruction, Kind, Pair, Source, Word,
};
use super::super::duration;
use super::super::error::ParseError;
use super::lines::{Lines, Logical};
use super::{flags, heredoc, json, keyword, words};

/// Reads the instruction on `line`, and its here-documents from the lines below.
pub(super) fn read(lines: &mut Lines<'_>, line: &Logical) -> Result<Instruction, ParseError> {
    let whole = words::trim(&line.text, 0..line.text.len());
    instruction(lines, line, whole, false)
}

/// Why an instruction may not stand behind `ONBUILD`, if it may not.
pub(super) fn not_a_trigger(keyword: &str) -> Option<String> {
    let keyword = keyword.to_uppercase();
    match keyword.as_str() {
        "ONBUILD" => Some("chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed".into()),
        "FROM" | "MAINTAINER" => Some(format!("{keyword} isn't allowed as an ONBUILD trigger")),
        _ => None,
    }
}

fn instruction(
    lines: &mut Lines<'_>,
    line: &Logical,
    whole: Range<usize>,
    inside_onbuild: bool,
) -> Result<Instruction, ParseError> {
    let (keyword, rest) = words::first(&line.text, whole.clone());
    let name = line.text[keyword.clone()].to_uppercase();
    if !keyword::KEYWORDS.contains(&name.as_str()) {
        return Err(line.error(
            lines,
            keyword.clone(),
            keyword::unknown(&line.text[keyword]),
        ));
    }
    if inside_onbuild && let Some(reason) = not_a_trigger(&name) {
        return Err(line.error(lines, keyword, reason));
    }
    let (flags, rest) = flags::take(lines, line, rest);
    flags::check(lines, &name, &flags)?;
    let arguments = words::trim(&line.text, rest);

    let mut heredocs = Vec::new();
    if matches!(name.as_str(), "RUN" | "COPY" | "ADD") {
        let text = &line.text[arguments.clone()];
        if json::array(text, 0..text.len()) == json::Array::Other {
            let marks = heredoc::marks(text);
            heredocs = heredoc::read(lines, line, marks)?;
        }
    }
    let kind = if name == "ONBUILD" {
        if arguments.is_empty() {
            return Err(line.error(lines, keyword, "ONBUILD requires at least one argument"));
        }
        let inner = instruction(lines, line, arguments, true)?;
        Kind::Onbuild(Box::new(inner))
    } else {
        let reader = Arguments {
            lines,
            line,
            name: &name,
            keyword: keyword.clone(),
            arguments,
        };
        reader.kind(&flags, &heredocs)?
    };

    let mut span = line.span(lines, &whole);
    let inner_heredocs = match &kind {
        Kind::Onbuild(inner) => inner.heredocs.as_slice(),
        _ => heredocs.as_slice(),
    };
    if !inner_heredocs.is_empty() {
        // The line that ends the last here-document belongs to the instruction, its newline does not.
        let end = lines.position();
        span.end = lines.text[..end].trim_end_matches(['\n', '\r']).len();
    }
    let behind = &line.text[keyword.end..whole.end];
    Ok(Instruction {
        original: format!("{name}{behind}"),
        keyword: line.word(lines, keyword),
        flags,
        kind,
        heredocs,
        span,
    })
}

/// The arguments of one instruction.
struct Arguments<'l, 't> {
    lines: &'l Lines<'t>,
    line: &'l Logical,
    name: &'l str,
    keyword: Range<usize>,
    arguments: Range<usize>,
}

impl Arguments<'_, '_> {
    fn kind(&self, flags: &[Flag], heredocs: &[Heredoc]) -> Result<Kind, ParseError> {
        Ok(match self.name {
            "FROM" => self.from()?,
            "RUN" => Kind::Run(self.command()?),
            "CMD" => Kind::Cmd(self.command()?),
            "ENTRYPOINT" => Kind::Entrypoint(self.command()?),
            "COPY" => {
                self.no_variable_in_from(flags)?;
                let (sources, destination) = self.sources(heredocs)?;
                Kind::Copy {
                    sources,
                    destination,
                }
            }
            "ADD" => {
                let (sources, destination) = self.sources(heredocs)?;
                Kind::Add {
                    sources,
                    destination,
                }
            }
            "ARG" => self.arg()?,
            "ENV" => {
                let (pairs, legacy) = self.pairs()?;
                Kind::Env { pairs, legacy }
            }
            "LABEL" => {
                let (pairs, legacy) = self.pairs()?;
                Kind::Label { pairs, legacy }
            }
            "WORKDIR" => Kind::Workdir(self.one()?),
            "USER" => Kind::User(self.one()?),
            "STOPSIGNAL" => Kind::Stopsignal(self.one()?),
            "MAINTAINER" => Kind::Maintainer(self.one()?),
            "EXPOSE" => {
                let ports = words::split(&self.line.text, self.arguments.clone());
                Kind::Expose(self.at_least_one(self.words(ports))?)
            }
            "VOLUME" => self.volume()?,
            "SHELL" => self.shell()?,
            _ => self.healthcheck(flags)?,
        })
    }

    fn text(&self) -> &str {
        &self.line.text[self.arguments.clone()]
    }

    fn word(&self, range: Range<usize>) -> Word {
        self.line.word(self.lines, range)
    }

    fn words(&self, ranges: Vec<Range<usize>>) -> Vec<Word> {
        ranges.into_iter().map(|r| self.word(r)).collect()
    }

    /// An error at the arguments, or at the keyword where there are none.
    fn error(&self, reason: impl Into<String>) -> ParseError {
        let range = if self.arguments.is_empty() {
            self.keyword.clone()
        } else {
            self.arguments.clone()
        };
        self.line.error(self.lines, range, reason)
    }

    fn at_least_one<T>(&self, found: Vec<T>) -> Result<Vec<T>, ParseError> {
        if found.is_empty() {
            return Err(self.error(format!("{} requires at least one argument", self.name)));
        }
        Ok(found)
    }

    /// Everything behind the keyword as one argument.
    fn one(&self) -> Result<Word, ParseError> {
        if self.arguments.is_empty() {
            return Err(self.error(format!("{} requires exactly one argument", self.name)));
        }
        Ok(self.word(self.arguments.clone()))
    }

    /// The strings of a JSON array, if that is what stands in `range`.
    fn array(&self, range: Range<usize>) -> Result<Option<Vec<Word>>, ParseError> {
        match json::array(&self.line.text, range) {
            json::Array::Strings(strings) => Ok(Some(
                strings
                    .into_iter()
                    .map(|(text, range)| Word {
                        text,
                        span: self.line.span(self.lines, &range),
                    })
                    .collect(),
            )),
            json::Array::Mixed => Err(self
                .error("when using JSON array syntax, arrays must be comprised of strings only")),
            json::Array::Other => Ok(None),
        }
    }

    fn command(&self) -> Result<Command, ParseError> {
        self.command_in(self.arguments.clone())
    }

    fn command_in(&self, range: Range<usize>) -> Result<Command, ParseError> {
        if let Some(words) = self.array(range.clone())? {
            if words.is_empty() && self.name == "RUN" {
                return Err(self.error("RUN requires at least one argument"));
            }
            return Ok(Command::Exec(words));
        }
        if range.is_empty() {
            return Err(self.error(format!("{} requires at least one argument", self.name)));
        }
        Ok(Command::Shell(self.word(range)))
    }

    fn from(&self) -> Result<Kind, ParseError> {
        let words = words::split(&self.line.text, self.arguments.clone());
        let is_as = |r: &Range<usize>| self.line.text[r.clone()].eq_ignore_ascii_case("as");
        match words.as_slice() {
            [image] => Ok(Kind::From {
                image: self.word(image.clone()),
                alias: None,
            }),
            [image, middle, alias] if is_as(middle) => {
                let name = self.line.text[alias.clone()].to_lowercase();
                let mut letters = name.chars();
                let valid = letters.next().is_some_and(|c| c.is_ascii_lowercase())
                    && letters.all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-' | '_' | '.'));
                if !valid {
                    let reason = format!(
                        "invalid name for build stage: \"{}\", name can't start with a number or contain symbols",
                        &self.line.text[alias.clone()]
                    );
                    return Err(self.line.error(self.lines, alias.clone(), reason));
                }
                Ok(Kind::From {
                    image: self.word(image.clone()),
                    alias: Some(self.word(alias.clone())),
                })
            }
            _ => Err(self.error("FROM requires either one or three arguments")),
        }
    }

    /// A list given as a JSON array or as words.
    fn list(&self) -> Result<Vec<Word>, ParseError> {
        if let Some(words) = self.array(self.arguments.clone())? {
            return Ok(words);
        }
        Ok(self.words(words::split(&self.line.text, self.arguments.clone())))
    }

    fn sources(&self, heredocs: &[Heredoc]) -> Result<(Vec<Source>, Word), ParseError> {
        let mut words = self.list()?;
        let Some(destination) = words.pop().filter(|_| !words.is_empty()) else {
            return Err(self.error(format!(
                "{} requires at least two arguments, but only one was provided. Destination could not be determined",
                self.name
            )));
        };
        if heredocs.is_empty() {
            return Ok((words.into_iter().map(Source::Path).collect(), destination));
        }
        if heredoc::mark(&destination.text).is_some() {
            let reason = format!("{} cannot accept a heredoc as a destination", self.name);
            return Err(self.error(reason));
        }
        let mut next = 0;
        let mut sources = Vec::with_capacity(words.len());
        for word in words {
            let Some(mark) = heredoc::mark(&word.text) else {
                sources.push(Source::Path(word));
                continue;
            };
            // Delimiters with blanks in quotes are one word to the search for bodies and several here.
            if heredocs.get(next).is_none_or(|h| h.name != mark.name) {
                return Err(self.error(format!("can't tell which heredoc `{}` is", word.text)));
            }
            sources.push(Source::Heredoc(next));
            next += 1;
        }
        if next != heredocs.len() {
            return Err(self.error(format!("{} with a heredoc that is no source", self.name)));
        }
        Ok((sources, destination))
    }

    fn no_variable_in_from(&self, flags: &[Flag]) -> Result<(), ParseError> {
        let from = flags.iter().find(|f| f.name.text == "from");
        match from.and_then(|f| f.value.as_ref()) {
            Some(value) if value.text.contains('$') => Err(ParseError::new(
                self.lines.places,
                self.lines.text,
                value.span.start..value.span.end,
                "variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround",
            )),
            _ => Ok(()),
        }
    }

    fn arg(&self) -> Result<Kind, ParseError> {
        let words = words::quoted(&self.line.text, self.arguments.clone(), self.lines.escape);
        let mut declarations = Vec::with_capacity(words.len());
        for word in self.at_least_one(words)? {
            let (name, default) = match self.line.text[word.clone()].find('=') {
                Some(i) => {
                    let at = word.start + i;
                    (word.start..at, Some(at + 1..word.end))
                }
                None => (word.clone(), None),
            };
            if name.is_empty() {
                return Err(self
                    .line
                    .error(self.lines, word, "ARG names can not be blank"));
            }
            declarations.push(ArgDeclaration {
                name: self.word(name),
                default: default.map(|d| self.word(d)),
            });
        }
        Ok(Kind::Arg(declarations))
    }

    fn pairs(&self) -> Result<(Vec<Pair>, bool), ParseError> {
        let text = &self.line.text;
        let words = words::quoted(text, self.arguments.clone(), self.lines.escape);
        let words = self.at_least_one(words)?;
        if !text[words[0].clone()].contains('=') {
            let (key, value) = words::first(text, self.arguments.clone());
            if value.is_empty() {
                return Err(self.error(format!("{} must have two arguments", self.name)));
            }
            let pair = Pair {
                key: self.word(key),
                value: self.word(value),
            };
            return Ok((vec![pair], true));
        }
        let mut pairs = Vec::with_capacity(words.len());
        for word in words {
            let Some(i) = text[word.clone()].find('=') else {
                let shown: String = text[word.clone()].chars().take(60).collect();
                let reason = format!(
                    "syntax error - can't find = in \"{shown}\". Must be of the form: name=value"
                );
                return Err(self.line.error(self.lines, word, reason));
            };
            if i == 0 {
                let reason = format!("{} names can not be blank", self.name);
                return Err(self.line.error(self.lines, word, reason));
            }
            let at = word.start + i;
            pairs.push(Pair {
                key: self.word(word.start..at),
                value: self.word(at + 1..word.end),
            });
        }
        Ok((pairs, false))
    }

    fn volume(&self) -> Result<Kind, ParseError> {
        let volumes = self.at_least_one(self.list()?)?;
        if volumes.iter().any(|v| v.text.trim().is_empty()) {
            return Err(self.error("VOLUME specified can not be an empty string"));
        }
        Ok(Kind::Volume(volumes))
    }

    fn shell(&self) -> Result<Kind, ParseError> {
        match self.array(self.arguments.clone())? {
            Some(words) => Ok(Kind::Shell(self.at_least_one(words)?)),
            None if self.arguments.is_empty() => {
                Err(self.error("SHELL requires at least one argument"))
            }
            None => Err(self.error(format!(
                "SHELL requires the arguments to be in JSON form: SHELL [\"executable\", \"parameters\"], not {}",
                self.text().chars().take(60).collect::<String>()
            ))),
        }
    }

    fn healthcheck(&self, flags: &[Flag]) -> Result<Kind, ParseError> {
        let (kind, rest) = words::first(&self.line.text, self.arguments.clone());
        match self.line.text[kind.clone()].to_uppercase().as_str() {
            "" => Err(self.error("HEALTHCHECK requires at least one argument")),
            "NONE" if rest.is_empty() => Ok(Kind::Healthcheck(None)),
            "NONE" => Err(self.error("HEALTHCHECK NONE takes no arguments")),
            "CMD" => {
                self.healthcheck_flags(flags)?;
                let command = if rest.is_empty() {
                    None
                } else {
                    Some(self.command_in(rest)?)
                };
                match command {
                    None => Err(self.error("missing command after HEALTHCHECK CMD")),
                    Some(Command::Exec(words)) if words.is_empty() => {
                        Err(self.error("missing command after HEALTHCHECK CMD"))
                    }
                    some => Ok(Kind::Healthcheck(some)),
                }
            }
            other => Err(self.line.error(
                self.lines,
                kind,
                format!("unknown type \"{other}\" in HEALTHCHECK (try CMD)"),
            )),
        }
    }

    fn healthcheck_flags(&self, flags: &[Flag]) -> Result<(), ParseError> {
        for flag in flags {
            let Some(value) = &flag.value else { continue };
            let name = flag.name.text.as_str();
            let refuse = |reason: String| {
                let range = value.span.start..value.span.end;
                Err(ParseError::new(
                    self.lines.places,
                    self.lines.text,
                    range,
                    reason,
                ))
            };
            if name == "retries" {
                if value.text.is_empty() || value.text.parse::<u32>().is_ok_and(|n| n < 1 << 31) {
                    continue;
                }
                return refuse(format!(
                    "--retries is a number from 0, not `{}`",
                    value.text
                ));
            }
            if value.text.is_empty() {
                continue;
            }
            let Some(duration) = duration::parse(&value.text) else {
                return refuse(format!(
                    "--{name} is a duration such as 30s or 1m30s, not `{}`",
                    value.text
                ));
            };
            if !duration.is_zero() && duration < std::time::Duration::from_millis(1) {
                return refuse(format!("--{name} cannot be less than 1ms"));
            }
        }
        Ok(())
    }
}
