//! Here-documents: found in an instruction's line, read from the lines below it.

use super::super::ast::{Heredoc, Word};
use super::super::error::ParseError;
use super::super::expand;
use super::super::origin::Origin;
use super::lines::{Lines, Logical};

/// A here-document that a line announces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Mark {
    pub(in super::super) name: String,
    pub(in super::super) expand: bool,
    pub(in super::super) chomp: bool,
    pub(in super::super) fd: u32,
}

/// Reads a word as `[fd]<<[-]delimiter`.
pub(in super::super) fn mark(word: &str) -> Option<Mark> {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    let (fd, rest) = word.split_at(digits);
    let rest = rest.strip_prefix("<<")?;
    let (chomp, rest) = match rest.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let rest = rest.trim_start();
    if rest.is_empty() || rest.contains('<') {
        return None;
    }
    let (words, raw) = expand::delimiter(rest).ok()?;
    let ([name], [raw]) = (words.as_slice(), raw.as_slice()) else {
        return None;
    };
    let quotes = |s: &str| s.matches(['\'', '"']).count();
    Some(Mark {
        expand: quotes(name) == quotes(raw),
        name: name.clone(),
        chomp,
        fd: if fd.is_empty() {
            0
        } else {
            fd.parse().unwrap_or(u32::MAX)
        },
    })
}

/// The here-documents that an instruction's arguments announce. A line that Docker can't split announces none.
pub(super) fn marks(arguments: &str) -> Vec<Mark> {
    if !arguments.contains("<<") {
        return Vec::new();
    }
    let words = expand::raw_words(arguments).unwrap_or_default();
    words.iter().filter_map(|w| mark(w)).collect()
}

/// Reads the body of each mark from the lines below.
pub(super) fn read(
    lines: &mut Lines<'_>,
    line: &Logical,
    marks: Vec<Mark>,
) -> Result<Vec<Heredoc>, ParseError> {
    let mut heredocs = Vec::with_capacity(marks.len());
    for mark in marks {
        let start = lines.position();
        let end = loop {
            let Some(next) = lines.physical() else {
                let reason = format!("unterminated heredoc: no line `{}` ends it", mark.name);
                let at = line.text.find("<<").unwrap_or(0);
                return Err(line.error(lines, at..line.text.len(), reason));
            };
            let content = lines.text[next.clone()].trim_end_matches(['\n', '\r']);
            let content = if mark.chomp {
                content.trim_start_matches('\t')
            } else {
                content
            };
            if content == mark.name {
                break next.start;
            }
        };
        let source = &lines.text[start..end];
        let text = if mark.chomp {
            chomp_lines(source, start).0
        } else {
            source.to_owned()
        };
        heredocs.push(Heredoc {
            name: mark.name,
            expand: mark.expand,
            chomp: mark.chomp,
            fd: mark.fd,
            body: Word {
                text,
                span: lines.places.span(lines.text, start..end),
            },
        });
    }
    Ok(heredocs)
}

/// The text without the tabs at the beginning of its lines, with the way back.
pub(in super::super) fn chomp_lines(source: &str, start: usize) -> (String, Origin) {
    let mut text = String::with_capacity(source.len());
    let mut origin = Origin::default();
    let mut at = start;
    for line in source.split_inclusive('\n') {
        let kept = line.trim_start_matches('\t');
        origin.push(text.len(), at + line.len() - kept.len());
        text.push_str(kept);
        at += line.len();
    }
    (text, origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_whole_words() {
        let found =
            |line: &str| -> Vec<String> { marks(line).into_iter().map(|m| m.name).collect() };
        assert_eq!(found("cat <<EOF >x"), ["EOF"]);
        assert_eq!(found("<<A <<B"), ["A", "B"]);
        assert_eq!(found("<< EOF"), ["EOF"]);
        assert_eq!(found("<<'one two'"), ["one two"]);
        assert_eq!(found("cat <<$EOF"), ["$EOF"]);
        for none in [
            "cat<<EOF",
            "x <<<word",
            "\"<<EOF\"",
            "'<<EOF'",
            "\\<<EOF",
            "a << ",
            "$((1<<2))",
            "it's <<EOF",
        ] {
            assert_eq!(found(none), Vec::<String>::new(), "{none}");
        }
    }

    #[test]
    fn a_mark_says_how_its_body_is_read() {
        let read = |word: &str| mark(word).map(|m| (m.name, m.expand, m.chomp, m.fd));
        assert_eq!(read("<<EOF"), Some(("EOF".into(), true, false, 0)));
        assert_eq!(read("3<<-\"EOF\""), Some(("EOF".into(), false, true, 3)));
        assert_eq!(read("<<E'O'F"), Some(("EOF".into(), false, false, 0)));
        assert_eq!(read("<<"), None);
        assert_eq!(read("x"), None);
    }
}
