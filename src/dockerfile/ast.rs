//! What a parsed Dockerfile is. Every part knows where it stands in the text.

use crate::model::finding::Span;

/// A parsed Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    /// The text as given, without a byte-order mark.
    pub text: String,
    /// Parser directives from its first lines.
    pub directives: Directives,
    /// Every instruction, in order.
    pub instructions: Vec<Instruction>,
    /// The stages, in order; each `FROM` opens one.
    pub stages: Vec<Stage>,
}

/// `# syntax=`, `# escape=`, `# check=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directives {
    /// The frontend image named by `# syntax=`.
    pub syntax: Option<Word>,
    /// The escape character: `\` or a backtick.
    pub escape: char,
    /// What `# check=` says.
    pub check: Option<Word>,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Its number, from 0.
    pub index: usize,
    /// Its name in lower case, if it has one.
    pub name: Option<String>,
    /// Its instructions in [`Dockerfile::instructions`], `FROM` first.
    pub instructions: std::ops::Range<usize>,
}

/// A piece of the text: as the parser read it (continuations and their comments taken out), not expanded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word {
    /// The text, quotes and variables still in it.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// The keyword as written, as in `RUN` or `run`.
    pub keyword: Word,
    /// `--name` and `--name=value`, in order.
    pub flags: Vec<Flag>,
    /// What it says.
    pub kind: Kind,
    /// Its here-documents, in order.
    pub heredocs: Vec<Heredoc>,
    /// From the keyword's first byte to the last byte (here-documents included).
    pub span: Span,
    /// The instruction on one line, as Docker's history and progress show it (keyword in upper case).
    pub original: String,
}

/// A flag of an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// Without the dashes.
    pub name: Word,
    /// What stands behind `=`.
    pub value: Option<Word>,
}

/// A here-document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    /// The delimiter, without quotes.
    pub name: String,
    /// Whether variables in the body are expanded (the delimiter had no quotes).
    pub expand: bool,
    /// Whether leading tabs are removed (`<<-`).
    pub chomp: bool,
    /// The file descriptor before `<<`, 0 unless written.
    pub fd: u32,
    /// The body, with its final newline, tabs already removed where `chomp` says so.
    pub body: Word,
}

/// A command in one of its two forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// For the stage's shell.
    Shell(Word),
    /// A JSON array; the texts are decoded.
    Exec(Vec<Word>),
}

/// A key and what it is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Not expanded.
    pub key: Word,
    /// Not expanded.
    pub value: Word,
}

/// A variable that `ARG` declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgDeclaration {
    /// Its name.
    pub name: Word,
    /// Its default, not expanded.
    pub default: Option<Word>,
}

/// A source of `COPY` or `ADD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A path, a pattern, or for `ADD` a URL; not expanded.
    Path(Word),
    /// The here-document with this index in [`Instruction::heredocs`], written to a file of its name.
    Heredoc(usize),
}

/// What an instruction says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `FROM image [AS name]`; `--platform` is a flag.
    From {
        /// Image, stage or `scratch`, not expanded.
        image: Word,
        /// The stage's name as written.
        alias: Option<Word>,
    },
    /// `RUN`; a body given by here-document stands in [`Instruction::heredocs`].
    Run(Command),
    /// `CMD`.
    Cmd(Command),
    /// `ENTRYPOINT`.
    Entrypoint(Command),
    /// `COPY`.
    Copy {
        /// What.
        sources: Vec<Source>,
        /// Where to, not expanded.
        destination: Word,
    },
    /// `ADD`.
    Add {
        /// What.
        sources: Vec<Source>,
        /// Where to, not expanded.
        destination: Word,
    },
    /// `ARG`.
    Arg(Vec<ArgDeclaration>),
    /// `ENV`.
    Env {
        /// The pairs, in order.
        pairs: Vec<Pair>,
        /// Whether it is the old form `ENV key value`.
        legacy: bool,
    },
    /// `LABEL`.
    Label {
        /// The pairs, in order.
        pairs: Vec<Pair>,
        /// Whether it is the old form `LABEL key value`.
        legacy: bool,
    },
    /// `WORKDIR`.
    Workdir(Word),
    /// `USER`.
    User(Word),
    /// `EXPOSE`.
    Expose(Vec<Word>),
    /// `VOLUME`.
    Volume(Vec<Word>),
    /// `SHELL`, always in exec form.
    Shell(Vec<Word>),
    /// `STOPSIGNAL`.
    Stopsignal(Word),
    /// `HEALTHCHECK NONE` or, with its flags in [`Instruction::flags`], `HEALTHCHECK CMD …`.
    Healthcheck(Option<Command>),
    /// `ONBUILD`, and the instruction that it keeps for later.
    Onbuild(Box<Instruction>),
    /// `MAINTAINER`.
    Maintainer(Word),
}

impl Kind {
    /// The keyword in upper case.
    pub const fn keyword(&self) -> &'static str {
        match self {
            Self::From { .. } => "FROM",
            Self::Run(_) => "RUN",
            Self::Cmd(_) => "CMD",
            Self::Entrypoint(_) => "ENTRYPOINT",
            Self::Copy { .. } => "COPY",
            Self::Add { .. } => "ADD",
            Self::Arg(_) => "ARG",
            Self::Env { .. } => "ENV",
            Self::Label { .. } => "LABEL",
            Self::Workdir(_) => "WORKDIR",
            Self::User(_) => "USER",
            Self::Expose(_) => "EXPOSE",
            Self::Volume(_) => "VOLUME",
            Self::Shell(_) => "SHELL",
            Self::Stopsignal(_) => "STOPSIGNAL",
            Self::Healthcheck(_) => "HEALTHCHECK",
            Self::Onbuild(_) => "ONBUILD",
            Self::Maintainer(_) => "MAINTAINER",
        }
    }
}

impl Instruction {
    /// The value of the flag `name`, `Some("")` where it stands without one.
    pub fn flag(&self, name: &str) -> Option<&str> {
        let flag = self.flags.iter().rev().find(|f| f.name.text == name)?;
        Some(flag.value.as_ref().map_or("", |v| v.text.as_str()))
    }
}

impl Instruction {
    /// What ONBUILD keeps of it for later: the instruction, with its here-documents below.
    pub fn as_trigger(&self) -> String {
        let mut text = self.original.clone();
        for heredoc in &self.heredocs {
            text.push('\n');
            text.push_str(&heredoc.body.text);
            text.push_str(&heredoc.name);
        }
        text
    }
}

impl Dockerfile {
    /// The instructions of a stage.
    pub fn of(&self, stage: &Stage) -> &[Instruction] {
        &self.instructions[stage.instructions.clone()]
    }

    /// Instructions before the first `FROM`: only `ARG` may stand there.
    pub fn preamble(&self) -> &[Instruction] {
        let end = self
            .stages
            .first()
            .map_or(self.instructions.len(), |s| s.instructions.start);
        &self.instructions[..end]
    }
}
