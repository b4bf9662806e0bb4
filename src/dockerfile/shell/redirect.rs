//! Redirections and here-documents.

use super::super::origin::Origin;
use super::found::DEPTH;
use super::read::{Current, Reader, Until};
use super::word::Fields;
use super::{Redirect, Word};

/// A here-document whose body has not come yet.
pub(super) struct Pending {
    pub(super) delimiter: String,
    pub(super) literal: bool,
    pub(super) chomp: bool,
    /// The command and its redirection; `None` while the command is still being read.
    pub(super) command: Option<usize>,
    pub(super) redirect: usize,
}

impl Reader<'_, '_, '_> {
    /// A redirection, or a process substitution.
    pub(super) fn redirect(&mut self, current: &mut Current, fd: Option<u32>) {
        if current.untouched() {
            current.pipe = self.piped.take();
        }
        let rest = self.rest();
        if rest.starts_with("<(") || rest.starts_with(">(") {
            let start = self.position;
            let from = self.place();
            self.bump();
            self.bump();
            self.nested(Until::Paren);
            let text = self.since(start);
            let mut word = Word::new(text, Origin::starting_at(from));
            word.known = false;
            word.span = from..self.place_behind();
            current.words.push(word);
            return;
        }
        let operator = [
            "&>>", "&>", "<<<", "<<-", "<<", "<&", "<>", "<", ">>", ">&", ">|", ">",
        ]
        .into_iter()
        .find(|o| rest.starts_with(o))
        .unwrap_or("<");
        for _ in operator.chars() {
            self.bump();
        }
        self.blanks();
        let start = self.place();
        let target = self.word(false).pop().unwrap_or_else(|| Word {
            span: start..start,
            ..Word::new("", Origin::starting_at(start))
        });
        if matches!(operator, "<<" | "<<-") {
            self.pending.push(Pending {
                delimiter: target.text.clone(),
                literal: target.quoted,
                chomp: operator == "<<-",
                command: None,
                redirect: current.redirects.len(),
            });
        }
        current.redirects.push(Redirect {
            fd,
            operator: operator.to_owned(),
            target,
        });
    }

    /// Reads the bodies of the here-documents that the line before has announced.
    pub(super) fn bodies(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            let mut text = String::new();
            let mut origin = Origin::default();
            let start = self.place();
            while !self.rest().is_empty() {
                let length = self.rest().find('\n').map_or(self.rest().len(), |i| i + 1);
                let line = &self.rest()[..length];
                let from = self.position;
                if !self.found.spend(length) {
                    self.position = self.text.len();
                    break;
                }
                self.position += length;
                let kept = if pending.chomp {
                    line.trim_start_matches('\t')
                } else {
                    line
                };
                if kept.trim_end_matches(['\n', '\r']) == pending.delimiter {
                    break;
                }
                let skipped = line.len() - kept.len();
                for (i, c) in kept.char_indices() {
                    origin.push(text.len(), self.place_of(from + skipped + i));
                    text.push(c);
                }
            }
            let mut body = if pending.literal {
                Word::new(text, origin)
            } else {
                self.expanded(&text, &origin)
            };
            body.quoted = true;
            body.span = start..self.place_behind().max(start);
            let redirect = pending
                .command
                .and_then(|i| self.found.commands.get_mut(i))
                .and_then(|c| c.redirects.get_mut(pending.redirect));
            if let Some(redirect) = redirect {
                redirect.target = body;
            }
        }
    }

    /// A here-document's body with its variables and substitutions.
    fn expanded(&mut self, text: &str, origin: &Origin) -> Word {
        if self.depth >= DEPTH {
            self.found.complete = false;
            return Word::new(text, origin.clone());
        }
        let mut reader = Reader {
            text,
            origin,
            position: 0,
            found: self.found,
            depth: self.depth + 1,
            pending: Vec::new(),
            piped: None,
        };
        let mut fields = Fields::new(origin.byte(0), false);
        while let Some(c) = reader.peek() {
            reader.inside_quotes(c, &mut fields, false);
        }
        fields.single(origin.byte(text.len()))
    }
}
