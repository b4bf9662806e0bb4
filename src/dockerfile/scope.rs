//! Which variables stand where: `ARG` before the first `FROM`, `ARG` and `ENV` in a stage, the platform's and the
//! user's build arguments.
//!
//! [`Global`] reads what stands before the first `FROM` and expands the `FROM` lines; a [`Stage`] is walked one
//! instruction after the other, by lint and by the engine alike:
//!
//! ```
//! use flareo::dockerfile::{ast::Kind, parse, scope};
//! use flareo::model::image::Platform;
//!
//! let file = parse(b"ARG V=3.19\nFROM alpine:$V\nARG V\nENV FULL=v$V\nWORKDIR /srv/$FULL\n")?;
//! let global = scope::Global::new(&file, &Default::default(), &Platform::host())?;
//! let Kind::From { image, .. } = &file.of(&file.stages[0])[0].kind else { unreachable!() };
//! assert_eq!(global.image(image)?, "alpine:3.19");
//! let mut stage = scope::Stage::new(&global, [("PATH".to_owned(), "/bin".to_owned())]);
//! for instruction in &file.of(&file.stages[0])[1..] {
//!     stage.apply(instruction)?; // ARG and ENV; everything else leaves it alone
//!     if let Kind::Workdir(path) = &instruction.kind {
//!         assert_eq!(stage.word(path)?, "/srv/v3.19");
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `ENV` always wins over `ARG`. What is expanded is charged to one budget for the whole file, so that a file whose
//! variables double with every line is refused instead of filling the memory.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::ast::{ArgDeclaration, Dockerfile, Instruction, Kind, Pair, Word};
use super::expand::{self, ExpandError};
use crate::model::finding::Span;
use crate::model::image::Platform;

#[cfg(test)]
mod tests;

/// Bytes that the expansions of one file may come to, all in all.
const BUDGET: usize = 64 << 20;

/// Build arguments that reach every `RUN` when the user gives them, declared or not.
pub const PROXY_ARGS: [&str; 10] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// Why a text of the file can't be expanded, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to process \"{word}\": {reason}")]
pub struct ScopeError {
    /// Where.
    pub span: Span,
    /// The word, shortened.
    pub word: String,
    /// Why.
    pub reason: Reason,
}

/// Why a text can't be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The word itself is at fault.
    #[error(transparent)]
    Expand(#[from] ExpandError),
    /// The image of a `FROM` comes to nothing.
    #[error("base name should not be blank")]
    BlankImage,
    /// The name of a variable or label comes to nothing.
    #[error("names can not be blank")]
    BlankName,
    /// All expansions together are too long.
    #[error("the variables of this file expand to more than {BUDGET} bytes")]
    TooMuch,
}

impl ScopeError {
    fn new(word: &Word, reason: Reason) -> Self {
        Self {
            span: word.span,
            word: word.text.chars().take(200).collect(),
            reason,
        }
    }
}

/// What holds for the whole file.
#[derive(Debug, Clone)]
pub struct Global {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    escape: char,
    build_args: BTreeMap<String, String>,
    /// The platform's arguments, then those declared before the first `FROM`.
    args: HashMap<String, String>,
    left: AtomicUsize,
}

impl Shared {
    fn expand<T>(
        &self,
        word: &Word,
        size: impl Fn(&T) -> usize,
        expansion: impl FnOnce() -> Result<T, ExpandError>,
    ) -> Result<T, ScopeError> {
        let value = expansion().map_err(|e| ScopeError::new(word, e.into()))?;
        self.charge(size(&value), word)?;
        Ok(value)
    }

    fn charge(&self, bytes: usize, word: &Word) -> Result<(), ScopeError> {
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(bytes)
            })
            .map(|_| ())
            .map_err(|_| ScopeError::new(word, Reason::TooMuch))
    }
}

impl Global {
    /// Reads the `ARG`s before the first `FROM`. `build_args` are the user's; they win over defaults, also over the
    /// platform's arguments.
    ///
    /// # Errors
    /// If a default can't be expanded.
    pub fn new(
        file: &Dockerfile,
        build_args: &BTreeMap<String, String>,
        platform: &Platform,
    ) -> Result<Self, ScopeError> {
        Self::for_target(file, build_args, platform, None)
    }

    /// The same for a build of the stage `target`, which has an argument of its own.
    ///
    /// # Errors
    /// If a default can't be expanded.
    pub fn for_target(
        file: &Dockerfile,
        build_args: &BTreeMap<String, String>,
        platform: &Platform,
        target: Option<&str>,
    ) -> Result<Self, ScopeError> {
        let mut shared = Shared {
            escape: file.directives.escape,
            build_args: build_args.clone(),
            args: platform_args(platform),
            left: AtomicUsize::new(BUDGET),
        };
        let target = target.unwrap_or("default").to_owned();
        shared.args.insert("TARGETSTAGE".into(), target);
        for (name, value) in build_args {
            if let Some(arg) = shared.args.get_mut(name) {
                arg.clone_from(value);
            }
        }
        for instruction in file.preamble() {
            let Kind::Arg(declarations) = &instruction.kind else {
                continue;
            };
            for declaration in declarations {
                let lookup = |name: &str| shared.args.get(name).cloned();
                let expand = |word: &Word| {
                    shared.expand(word, String::len, || {
                        expand::word(&word.text, shared.escape, &lookup)
                    })
                };
                let name = expand(&declaration.name)?;
                let value = match shared.build_args.get(&name) {
                    Some(given) => Some(given.clone()),
                    None => declaration.default.as_ref().map(expand).transpose()?,
                };
                if let Some(value) = value {
                    shared.args.insert(name, value);
                }
            }
        }
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// The value of a global argument.
    pub fn lookup(&self, name: &str) -> Option<&str> {
        self.shared.args.get(name).map(String::as_str)
    }

    /// What a word of a `FROM` line (its `--platform`) comes to.
    ///
    /// # Errors
    /// If it can't be expanded.
    pub fn word(&self, word: &Word) -> Result<String, ScopeError> {
        let lookup = |name: &str| self.lookup(name).map(str::to_owned);
        self.shared.expand(word, String::len, || {
            expand::word(&word.text, self.shared.escape, &lookup)
        })
    }

    /// What the image of a `FROM` comes to.
    ///
    /// # Errors
    /// If it can't be expanded, or comes to nothing.
    pub fn image(&self, image: &Word) -> Result<String, ScopeError> {
        let name = self.word(image)?;
        if name.trim().is_empty() {
            return Err(ScopeError::new(image, Reason::BlankImage));
        }
        Ok(name)
    }
}

/// Variables in the order in which they were first set.
#[derive(Debug, Clone, Default)]
struct Variables {
    pairs: Vec<(String, String)>,
    index: HashMap<String, usize>,
    bytes: usize,
}

impl Variables {
    fn get(&self, name: &str) -> Option<&str> {
        let index = self.index.get(name)?;
        self.pairs.get(*index).map(|(_, value)| value.as_str())
    }

    fn set(&mut self, name: String, value: String) {
        self.bytes += name.len() + value.len();
        if let Some(pair) = self.index.get(&name).and_then(|i| self.pairs.get_mut(*i)) {
            self.bytes -= name.len() + pair.1.len();
            pair.1 = value;
        } else {
            self.index.insert(name.clone(), self.pairs.len());
            self.pairs.push((name, value));
        }
    }
}

/// The variables of one stage, at the instruction that the walk has come to.
#[derive(Debug, Clone)]
pub struct Stage {
    global: Arc<Shared>,
    env: Variables,
    args: Variables,
    /// Every name that `ARG` declares, also without a value.
    declared: HashSet<String>,
}

impl Stage {
    /// A stage on an image whose configuration has `environment`.
    pub fn new(global: &Global, environment: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut stage = Self {
            global: Arc::clone(&global.shared),
            env: Variables::default(),
            args: Variables::default(),
            declared: HashSet::new(),
        };
        for (name, value) in environment {
            stage.env.set(name, value);
        }
        stage
    }

    /// A stage whose `FROM` names this one: it goes on with the same `ENV` and `ARG`.
    ///
    /// # Errors
    /// If the file's variables are too many by now. `from` is the word that names the stage.
    pub fn child(&self, from: &Word) -> Result<Self, ScopeError> {
        let variables = (self.env.pairs.len() + self.args.pairs.len() + self.declared.len()) * 128;
        self.global
            .charge(self.env.bytes + self.args.bytes + variables, from)?;
        Ok(self.clone())
    }

    /// A variable's value: `ENV` first, then `ARG`.
    pub fn lookup(&self, name: &str) -> Option<&str> {
        self.env.get(name).or_else(|| self.args.get(name))
    }

    /// Whether `ARG` declares the variable in this stage, with or without a value.
    pub fn is_declared(&self, name: &str) -> bool {
        self.declared.contains(name)
    }

    /// Whether the variable has a value before the first `FROM`.
    pub fn is_global(&self, name: &str) -> bool {
        self.global.args.contains_key(name)
    }

    /// Takes what an instruction says about variables: `ARG` and `ENV`. Others change nothing.
    ///
    /// # Errors
    /// If a name or a value can't be expanded.
    pub fn apply(&mut self, instruction: &Instruction) -> Result<(), ScopeError> {
        match &instruction.kind {
            Kind::Arg(declarations) => {
                for declaration in declarations {
                    self.declare(declaration)?;
                }
            }
            Kind::Env { pairs, .. } => {
                for (name, value) in self.pairs(pairs)? {
                    self.env.set(name, value);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// `ARG`: the user's value, or the default, or the value that the name has before the first `FROM`. Returns the name
    /// and the value, if it has one.
    ///
    /// # Errors
    /// If the name or the default can't be expanded.
    pub fn declare(
        &mut self,
        declaration: &ArgDeclaration,
    ) -> Result<(String, Option<String>), ScopeError> {
        let name = self.word(&declaration.name)?;
        if name.is_empty() {
            return Err(ScopeError::new(&declaration.name, Reason::BlankName));
        }
        let value = match (self.global.build_args.get(&name), &declaration.default) {
            (Some(given), _) => Some(given.clone()),
            (None, Some(default)) => Some(self.word(default)?),
            (None, None) => self.global.args.get(&name).cloned(),
        };
        self.declared.insert(name.clone());
        if let Some(value) = &value {
            self.args.set(name.clone(), value.clone());
        }
        Ok((name, value))
    }

    /// What the pairs of `ENV` or `LABEL` come to. They don't see each other: all of them are expanded with the values
    /// from before the instruction.
    ///
    /// # Errors
    /// If one can't be expanded, or a name comes to nothing.
    pub fn pairs(&self, pairs: &[Pair]) -> Result<Vec<(String, String)>, ScopeError> {
        let expand = |pair: &Pair| {
            let name = self.word(&pair.key)?;
            if name.is_empty() {
                return Err(ScopeError::new(&pair.key, Reason::BlankName));
            }
            Ok((name, self.word(&pair.value)?))
        };
        pairs.iter().map(expand).collect()
    }

    /// Sets a variable as `ENV` does.
    pub fn set_env(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.env.set(name.into(), value.into());
    }

    /// What a word comes to.
    ///
    /// # Errors
    /// If it can't be expanded.
    pub fn word(&self, word: &Word) -> Result<String, ScopeError> {
        let lookup = |name: &str| self.lookup(name).map(str::to_owned);
        self.global.expand(word, String::len, || {
            expand::word(&word.text, self.global.escape, &lookup)
        })
    }

    /// What a word comes to where it may come to several, as in `EXPOSE`.
    ///
    /// # Errors
    /// If it can't be expanded.
    pub fn words(&self, word: &Word) -> Result<Vec<String>, ScopeError> {
        let lookup = |name: &str| self.lookup(name).map(str::to_owned);
        let size = |words: &Vec<String>| words.iter().map(|w| w.len() + 24).sum();
        self.global.expand(word, size, || {
            expand::words(&word.text, self.global.escape, &lookup)
        })
    }

    /// What the body of a here-document of `COPY` or `ADD` comes to. Only for those whose delimiter had no quotes.
    ///
    /// # Errors
    /// If it can't be expanded.
    pub fn body(&self, body: &Word) -> Result<String, ScopeError> {
        let lookup = |name: &str| self.lookup(name).map(str::to_owned);
        self.global
            .expand(body, String::len, || expand::body(&body.text, &lookup))
    }

    /// The environment as the image's configuration keeps it.
    pub fn environment(&self) -> &[(String, String)] {
        &self.env.pairs
    }

    /// The environment of a `RUN`: the image's, the declared arguments that it does not hide, and the proxies that the
    /// user gave.
    pub fn run_environment(&self) -> Vec<(String, String)> {
        let mut environment = self.env.pairs.clone();
        let hidden = |name: &str| self.env.get(name).is_some();
        let args = self.args.pairs.iter().filter(|(name, _)| !hidden(name));
        environment.extend(args.cloned());
        for name in PROXY_ARGS {
            if self.lookup(name).is_none()
                && let Some(value) = self.global.build_args.get(name)
            {
                environment.push((name.to_owned(), value.clone()));
            }
        }
        environment
    }

    /// The declared arguments that reach a `RUN`, with their values: what a build cache must tell apart beside the
    /// environment of the image.
    pub fn declared_args(&self) -> impl Iterator<Item = (&str, &str)> {
        self.args
            .pairs
            .iter()
            .filter(|(name, _)| self.env.get(name).is_none())
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// The arguments that every build has: the platform that is built for and the one that builds.
fn platform_args(platform: &Platform) -> HashMap<String, String> {
    let host = Platform::host();
    let mut args = HashMap::new();
    for (prefix, platform) in [("TARGET", platform), ("BUILD", &host)] {
        args.insert(format!("{prefix}PLATFORM"), platform.to_string());
        args.insert(format!("{prefix}OS"), platform.os.clone());
        args.insert(format!("{prefix}ARCH"), platform.architecture.clone());
        args.insert(format!("{prefix}VARIANT"), String::new());
    }
    args
}
