//! A COPY or ADD with its words expanded and its flags read.

use super::metadata::absolute;
use super::stage::Stage;
use crate::dockerfile::ast::{Instruction, Kind, Source as Given};
use crate::engine::copy::{Chmod, Choice, Inline, Patterns, Selected, Source, inline, select};
use crate::engine::fault::Fault;

/// A COPY or ADD, expanded.
pub struct Order {
    /// Whether it is ADD.
    pub add: bool,
    /// Paths and patterns.
    pub sources: Vec<String>,
    /// Here-documents.
    pub documents: Vec<Inline>,
    /// Absolute; a folder ends with `/`.
    pub destination: String,
    /// As written, for the history.
    pub written_destination: String,
    /// `--chown`.
    pub chown: Option<String>,
    /// `--chmod`, as written.
    pub chmod_text: Option<String>,
    /// `--chmod`, read.
    pub chmod: Option<Chmod>,
    /// What of the sources is meant.
    pub choice: Choice,
    /// `--exclude`.
    pub exclude: Vec<String>,
    /// `--parents`.
    pub parents: bool,
    /// `--link`: the layer is made as if it stood on nothing.
    pub link: bool,
    /// Whether archives are unpacked.
    pub unpack: bool,
}

impl Stage<'_> {
    /// Expands the words of an instruction.
    ///
    /// # Errors
    /// If it asks for what a build does not do.
    pub fn order(&self, instruction: &Instruction) -> Result<Order, Fault> {
        let (add, sources, destination) = match &instruction.kind {
            Kind::Copy {
                sources,
                destination,
            } => (false, sources, destination),
            Kind::Add {
                sources,
                destination,
            } => (true, sources, destination),
            _ => return Err(Fault::Host("an instruction that copies nothing".into())),
        };
        let mut order = Order {
            add,
            sources: Vec::new(),
            documents: Vec::new(),
            destination: String::new(),
            written_destination: self.scope.word(destination)?,
            chown: None,
            chmod_text: None,
            chmod: None,
            choice: Choice::default(),
            exclude: Vec::new(),
            parents: false,
            link: false,
            unpack: add,
        };
        for flag in &instruction.flags {
            let value = match &flag.value {
                Some(value) => self.scope.word(value)?,
                None => String::new(),
            };
            let off = value.eq_ignore_ascii_case("false");
            match flag.name.text.as_str() {
                "chown" => order.chown = Some(value).filter(|v| !v.is_empty()),
                "chmod" if !value.is_empty() => {
                    let chmod = Chmod::parse(&value).map_err(|e| Fault::input(e.to_string()))?;
                    order.chmod = Some(chmod);
                    order.chmod_text = Some(value);
                }
                // As written: Docker puts no variables in.
                "exclude" => order
                    .exclude
                    .extend(flag.value.as_ref().map(|v| v.text.clone())),
                "parents" => order.parents = !off,
                "link" => order.link = !off,
                // The source was found when planning.
                "from" | "chmod" => {}
                // Says something about git alone, and that is refused below.
                "keep-git-dir" => {}
                "checksum" => {
                    return Err(needs_network("ADD --checksum needs network".into()));
                }
                "unpack" => order.unpack = !off,
                other => {
                    let keyword = instruction.kind.keyword();
                    return Err(Fault::input(format!("unknown flag: {keyword} --{other}")));
                }
            }
        }
        // What begins at the root of the file system is never found in a folder.
        // Docker makes such a layer on top of the others where modes are changed.
        order.link &= order.chmod.is_none();
        let patterns = order.exclude.iter().map(String::as_bytes);
        let patterns = patterns.filter(|p| !p.strip_prefix(b"!").unwrap_or(p).starts_with(b"/"));
        order.choice = Choice {
            exclude: Patterns::new(patterns).map_err(|e| Fault::input(e.to_string()))?,
            parents: order.parents,
        };
        for source in sources {
            match source {
                Given::Path(word) => {
                    let path = self.scope.word(word)?;
                    if is_remote(&path) {
                        if add {
                            return Err(needs_network(format!(
                                "ADD of a URL needs network: {path}"
                            )));
                        }
                        return Err(Fault::input("source can't be a URL for COPY"));
                    }
                    order.sources.push(path);
                }
                Given::Heredoc(index) => {
                    let heredoc = instruction
                        .heredocs
                        .get(*index)
                        .ok_or_else(|| Fault::Host("a here-document is missing".into()))?;
                    let text = if heredoc.expand {
                        self.scope.body(&heredoc.body)?
                    } else {
                        heredoc.body.text.clone()
                    };
                    order.documents.push(Inline {
                        name: heredoc.name.clone().into_bytes(),
                        content: text.into_bytes().into(),
                    });
                }
            }
        }
        let written = &order.written_destination;
        let folder = written.is_empty()
            || written == "."
            || written.ends_with('/')
            || written.ends_with("/.");
        order.destination = absolute(self.image.working_dir(), written);
        if folder && order.destination != "/" {
            order.destination.push('/');
        }
        Ok(order)
    }
}

fn needs_network(message: String) -> Fault {
    Fault::input(message).help("ADD fetches nothing, also under a network grant: put the file into the context, and COPY it")
}

fn is_remote(source: &str) -> bool {
    let schemes = [
        "http://",
        "https://",
        "git://",
        "ssh://",
        "git@",
        "github.com/",
    ];
    schemes.iter().any(|scheme| {
        let start = source.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    })
}

impl Order {
    /// What the sources mean in `tree`.
    ///
    /// # Errors
    /// If one is not there.
    pub fn select(&self, tree: &impl Source) -> Result<Vec<Selected>, Fault> {
        let mut all = Vec::new();
        for source in &self.sources {
            all.extend(select(tree, source, &self.choice)?);
        }
        all.extend(self.documents.iter().map(inline));
        Ok(all)
    }

    /// What the history says.
    pub fn created_by(&self) -> String {
        let mut line = String::from(if self.add { "ADD" } else { "COPY" });
        for (flag, set) in [("parents", self.parents), ("link", self.link)] {
            if set {
                line.push_str(&format!(" --{flag}"));
            }
        }
        for (flag, value) in [("chown", &self.chown), ("chmod", &self.chmod_text)] {
            if let Some(value) = value {
                line.push_str(&format!(" --{flag}={value}"));
            }
        }
        for source in &self.sources {
            line.push(' ');
            line.push_str(source);
        }
        for document in &self.documents {
            line.push_str(" <<");
            line.push_str(&String::from_utf8_lossy(&document.name));
        }
        format!("{line} {} # buildkit", self.written_destination)
    }
}
