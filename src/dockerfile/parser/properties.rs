//! What holds for every text.

use proptest::prelude::*;

use crate::dockerfile::ast::{Command, Instruction, Kind, Word};
use crate::dockerfile::origin::Origin;
use crate::dockerfile::{parse, run};

/// Pieces of which Dockerfiles are made, good and bad.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => proptest::sample::select(vec![
            "FROM a\n", "FROM b AS c\n", "RUN ", "COPY ", "ADD ", "ENV ", "LABEL ", "ARG ", "CMD ", "ONBUILD ",
            "HEALTHCHECK ", "SHELL ", "VOLUME ", "EXPOSE ", "USER ", "WORKDIR ", "--from=x ", "--mount=type=cache ",
            "[\"a\", \"b\"]", "<<EOF", "<<-'E F'", "EOF\n", "\nE F\n", "\\\n", " \\ \n", "# c\n", "# escape=`\n", "`\n",
            "\n", "\r\n", "\t", " ", "'", "\"", "\\", "$x", "${y:-z}", "a=b", "é", "\u{2028}", "=",
        ]).prop_map(str::to_owned),
        1 => "\\PC{0,8}",
    ]
}

fn words(instruction: &Instruction) -> Vec<&Word> {
    let mut words = vec![&instruction.keyword];
    for flag in &instruction.flags {
        words.push(&flag.name);
        words.extend(&flag.value);
    }
    words.extend(instruction.heredocs.iter().map(|h| &h.body));
    match &instruction.kind {
        Kind::Run(c) | Kind::Cmd(c) | Kind::Entrypoint(c) | Kind::Healthcheck(Some(c)) => match c {
            Command::Shell(w) => words.push(w),
            Command::Exec(w) => words.extend(w),
        },
        Kind::Env { pairs, .. } | Kind::Label { pairs, .. } => {
            words.extend(pairs.iter().flat_map(|p| [&p.key, &p.value]));
        }
        Kind::Onbuild(inner) => words.extend(self::words(inner)),
        _ => {}
    }
    words
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = parse(&bytes) {
            let shown = error.to_string();
            let head = format!("Dockerfile parse error on line {}", error.line);
            prop_assert!(shown.starts_with(&head));
            prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n'));
        }
    }

    #[test]
    fn places_lie_in_the_file_and_in_order(pieces in proptest::collection::vec(piece(), 0..30)) {
        let text = format!("FROM a\n{}", pieces.concat());
        let Ok(file) = parse(text.as_bytes()) else { return Ok(()); };
        let mut end = 0;
        for instruction in &file.instructions {
            prop_assert!(instruction.span.start >= end);
            end = instruction.span.end;
            prop_assert!(end <= file.text.len());
            for word in words(instruction) {
                prop_assert!(word.span.start >= instruction.span.start && word.span.end <= end);
                prop_assert!(file.text.is_char_boundary(word.span.start));
                prop_assert!(file.text.is_char_boundary(word.span.end));
                let origin = Origin::of(&file, word);
                prop_assert!(origin.byte(word.text.len()) <= file.text.len() + word.text.len());
            }
            let _ = run::program(&file, instruction);
        }
    }

    #[test]
    fn one_instruction_on_one_line_reads_the_same(
        pieces in proptest::collection::vec("[a-z0-9=\"./:-]{1,8}", 1..8),
        gaps in proptest::collection::vec(0usize..4, 8),
    ) {
        let mut broken = String::from("FROM a\nRUN x");
        for (piece, gap) in pieces.iter().zip(&gaps) {
            broken.push_str([" ", " \\\n", " \\\n# comment\n", " \\\n\n"][*gap]);
            broken.push_str(piece);
        }
        let plain = format!("FROM a\nRUN x {}", pieces.join(" "));
        let (broken, plain) = (parse(broken.as_bytes()), parse(plain.as_bytes()));
        let (Ok(broken), Ok(plain)) = (broken, plain) else {
            return Err(TestCaseError::fail("a RUN of plain words is refused"));
        };
        prop_assert_eq!(&broken.instructions[1].original, &plain.instructions[1].original);
        // And every byte of the joined text is the byte of the file that it points to.
        let Kind::Run(Command::Shell(word)) = &broken.instructions[1].kind else {
            return Err(TestCaseError::fail("shell form"));
        };
        let origin = Origin::of(&broken, word);
        for (i, byte) in word.text.bytes().enumerate() {
            prop_assert_eq!(broken.text.as_bytes()[origin.byte(i)], byte);
        }
    }

    #[test]
    fn an_exec_form_gives_its_strings_back(strings in proptest::collection::vec("\\PC{0,10}", 1..5)) {
        let text = format!("FROM a\nCMD {}\n", serde_json::json!(strings));
        let file = parse(text.as_bytes()).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let Kind::Cmd(Command::Exec(words)) = &file.instructions[1].kind else {
            return Err(TestCaseError::fail("exec form"));
        };
        let read: Vec<_> = words.iter().map(|w| w.text.clone()).collect();
        prop_assert_eq!(read, strings);
    }
}
