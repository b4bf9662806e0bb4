//! What the parser reads, refuses, and where it says things stand.

use crate::dockerfile::ast::{Command, Dockerfile, Instruction, Kind, Source, Word};
use crate::dockerfile::{MAX_INSTRUCTIONS, ParseError, parse, trigger};

fn ok(text: &str) -> Dockerfile {
    parse(text.as_bytes()).unwrap_or_else(|e| panic!("{e}"))
}

fn error(text: &str) -> ParseError {
    match parse(text.as_bytes()) {
        Err(error) => error,
        Ok(file) => panic!("{text:?} was read as {:?}", file.instructions),
    }
}

/// The instruction behind a `FROM`.
fn one(text: &str) -> Instruction {
    ok(&format!("FROM scratch\n{text}\n"))
        .instructions
        .remove(1)
}

fn reason(text: &str) -> String {
    error(&format!("FROM scratch\n{text}\n")).reason
}

fn texts(words: &[Word]) -> Vec<&str> {
    words.iter().map(|w| w.text.as_str()).collect()
}

#[test]
fn every_instruction_is_read() {
    let text = "\
ARG V=1
FROM --platform=linux/amd64 alpine:$V AS Build
LABEL a=b \"c d\"=\"e f\"
ENV A=1 B='2 3'
ENV OLD old value
WORKDIR /srv/my app
COPY --chown=1:2 --chmod=0644 a b /dst/
ADD https://example.com/x /x
RUN --mount=type=cache,target=/c --network=none make
USER app:app
EXPOSE 80 443/tcp
VOLUME [\"/data\", \"/log\"]
SHELL [\"/bin/bash\", \"-c\"]
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5m --timeout=3s CMD curl -f http://localhost/ || exit 1
ONBUILD RUN echo later
MAINTAINER somebody <a@b>
CMD [\"-x\"]
ENTRYPOINT /start
";
    let file = ok(text);
    let keywords: Vec<_> = file.instructions.iter().map(|i| i.kind.keyword()).collect();
    let expected: Vec<_> = text.lines().filter_map(|l| l.split(' ').next()).collect();
    assert_eq!(keywords, expected);
    for (instruction, line) in file.instructions.iter().zip(text.lines()) {
        assert_eq!(instruction.original, line);
        let span = instruction.span;
        assert_eq!(&file.text[span.start..span.end], line);
    }
    assert_eq!(file.preamble().len(), 1);
    assert_eq!(file.stages.len(), 1);
    assert_eq!(file.stages[0].name.as_deref(), Some("build"));
    assert_eq!(file.stages[0].instructions, 1..19);
}

#[test]
fn exec_and_shell_forms() {
    let Kind::Cmd(Command::Exec(words)) = one(r#"CMD [ "a b", "c\"d" ]"#).kind else {
        panic!("exec form");
    };
    assert_eq!(texts(&words), ["a b", "c\"d"]);
    for shell in [
        r#"CMD ["a", 'b']"#,
        r#"RUN ["a"] && b"#,
        r#"RUN [ -f x ]"#,
        "CMD ['a']",
    ] {
        let (Kind::Cmd(command) | Kind::Run(command)) = one(shell).kind else {
            panic!("a command");
        };
        assert!(matches!(command, Command::Shell(_)), "{shell}");
    }
    assert!(reason(r#"RUN ["a", 1]"#).contains("comprised of strings only"));
    assert!(matches!(one("CMD []").kind, Kind::Cmd(Command::Exec(w)) if w.is_empty()));
    assert!(
        matches!(one("ENTRYPOINT []").kind, Kind::Entrypoint(Command::Exec(w)) if w.is_empty())
    );
}

#[test]
fn continuations_comments_and_blank_lines() {
    let text = "FROM scratch\nRUN a \\\n  # why\n\n   && b\\  \n && c\nUSER x\n";
    let file = ok(text);
    assert_eq!(file.instructions.len(), 3);
    let Kind::Run(Command::Shell(word)) = &file.instructions[1].kind else {
        panic!("a RUN");
    };
    assert_eq!(word.text, "a    && b && c");
    assert_eq!(file.instructions[1].original, "RUN a    && b && c");
    assert_eq!(
        &text[word.span.start..word.span.end],
        "a \\\n  # why\n\n   && b\\  \n && c"
    );
    assert_eq!(file.instructions[2].span.line, 7);
}

#[test]
fn two_escapes_are_no_continuation() {
    let file = ok("FROM scratch\nRUN echo \\\\\nUSER x\n");
    assert_eq!(file.instructions.len(), 3);
}

#[test]
fn words_know_their_places_through_continuations() {
    let text = "FROM a\nENV one=1 \\\n # c\n  zwö=\"ü 2\" \\\n\tthree=3\n";
    let file = ok(text);
    let Kind::Env { pairs, legacy } = &file.instructions[1].kind else {
        panic!("an ENV");
    };
    assert!(!legacy);
    for pair in pairs {
        for word in [&pair.key, &pair.value] {
            assert_eq!(&text[word.span.start..word.span.end], word.text);
        }
    }
    let place = |w: &Word| (w.span.line, w.span.column);
    assert_eq!(place(&pairs[1].key), (4, 3));
    assert_eq!(place(&pairs[1].value), (4, 7));
    assert_eq!(place(&pairs[2].value), (5, 8));
}

#[test]
fn directives_stand_at_the_top() {
    let file = ok(
        "# Syntax = docker/dockerfile:1\n#escape=`\n# check=skip=all\nFROM a\nRUN a `\n  b\nRUN c:\\\n",
    );
    let directives = &file.directives;
    assert_eq!(directives.escape, '`');
    let syntax = directives.syntax.as_ref().expect("syntax");
    assert_eq!(syntax.text, "docker/dockerfile:1");
    assert_eq!((syntax.span.line, syntax.span.column), (1, 12));
    assert_eq!(directives.check.as_ref().expect("check").text, "skip=all");
    assert_eq!(file.instructions.len(), 3);
    for late in [
        "# a comment\n# escape=`\nFROM a",
        "\n# escape=`\nFROM a",
        "# x=y\n# escape=`\nFROM a",
    ] {
        assert_eq!(ok(late).directives.escape, '\\', "{late}");
    }
    assert_eq!(error("# escape=x\nFROM a").line, 1);
    assert!(
        error("# escape=`\n# escape=`\nFROM a")
            .reason
            .contains("only one escape")
    );
    assert!(
        error("# syntax=a\n# syntax=b\nFROM a")
            .reason
            .contains("only one syntax")
    );
    let file = ok("#!/usr/bin/env docker\n# syntax=a/b\nFROM a");
    assert_eq!(file.directives.syntax.expect("syntax").text, "a/b");
}

#[test]
fn line_ends_of_windows_and_a_byte_order_mark() {
    let file =
        ok("\u{feff}# escape=`\r\nFROM a\r\nRUN x `\r\n  y\r\nCOPY <<EOF /z\r\nbody\r\nEOF\r\n");
    assert_eq!(file.directives.escape, '`');
    assert_eq!(file.instructions[1].original, "RUN x   y");
    assert_eq!(file.instructions[2].heredocs[0].body.text, "body\r\n");
    assert!(file.text.starts_with('#'));
}

#[test]
fn heredocs_belong_to_their_instruction() {
    let text = "FROM a\nRUN <<A cat && <<-\"B\" cat\n$x\nA\n\t\ttab\n\tB\nCOPY --chmod=1 <<one 2<<'two three' p /d/\n1\none\n2\ntwo three\nUSER u\n";
    // A quoted delimiter with a blank can't be told apart in COPY, as its words are split at blanks.
    assert!(error(text).reason.contains("a heredoc that is no source"));
    let text = text.replace("two three", "two");
    let file = ok(&text);
    let run = &file.instructions[1];
    assert_eq!(run.heredocs.len(), 2);
    assert_eq!(
        (run.heredocs[0].expand, run.heredocs[0].chomp),
        (true, false)
    );
    assert_eq!(run.heredocs[0].body.text, "$x\n");
    assert_eq!(
        (run.heredocs[1].expand, run.heredocs[1].chomp),
        (false, true)
    );
    assert_eq!(run.heredocs[1].body.text, "tab\n");
    assert!(text[run.span.start..run.span.end].ends_with("\n\tB"));
    let copy = &file.instructions[2];
    let Kind::Copy {
        sources,
        destination,
    } = &copy.kind
    else {
        panic!("a COPY");
    };
    assert!(
        matches!(sources.as_slice(), [Source::Heredoc(0), Source::Heredoc(1), Source::Path(p)] if p.text == "p")
    );
    assert_eq!(destination.text, "/d/");
    assert_eq!(copy.heredocs[1].fd, 2);
    assert_eq!(file.instructions[3].span.line, 12);
}

#[test]
fn heredocs_that_are_none() {
    for run in [
        "RUN cat <<<word",
        "RUN echo '<<EOF'",
        "RUN [\"cat\", \"<<EOF\"]",
        "CMD cat <<EOF",
        "RUN a<<EOF",
    ] {
        assert!(one(run).heredocs.is_empty(), "{run}");
    }
    let missing = error("FROM a\nRUN cat <<EOF \\\n  x\nbody\n");
    assert_eq!(missing.line, 2);
    assert!(missing.reason.contains("unterminated heredoc"));
    assert!(reason("COPY a <<EOF\nx\nEOF").contains("as a destination"));
}

#[test]
fn onbuild_holds_an_instruction() {
    let instruction = one("ONBUILD COPY --chown=1 <<EOF /x\nhi\nEOF");
    let Kind::Onbuild(inner) = &instruction.kind else {
        panic!("an ONBUILD");
    };
    assert_eq!(inner.kind.keyword(), "COPY");
    assert_eq!(inner.flag("chown"), Some("1"));
    assert_eq!(inner.heredocs[0].body.text, "hi\n");
    assert!(instruction.heredocs.is_empty());
    for (text, expected) in [
        ("ONBUILD", "at least one argument"),
        ("ONBUILD ONBUILD RUN x", "chaining ONBUILD"),
        ("onbuild from x", "FROM isn't allowed"),
        ("ONBUILD MAINTAINER x", "MAINTAINER isn't allowed"),
        ("ONBUILD NOPE", "unknown instruction: NOPE"),
    ] {
        assert!(reason(text).contains(expected), "{text}: {}", reason(text));
    }
}

#[test]
fn triggers_of_an_image_are_read_alone() {
    assert_eq!(trigger("RUN <<E\nx\nE").expect("read").heredocs.len(), 1);
    for text in ["", "# x", "FROM a", "ONBUILD RUN x", "RUN a\nRUN b", "NOPE"] {
        assert!(trigger(text).is_err(), "{text}");
    }
}

#[test]
fn what_docker_refuses_is_refused() {
    for (text, expected) in [
        ("FRMO x", "unknown instruction: FRMO (did you mean FROM?)"),
        (
            "Entrypont x",
            "unknown instruction: Entrypont (did you mean ENTRYPOINT?)",
        ),
        ("zzzzzz x", "unknown instruction: zzzzzz"),
        ("FROM", "either one or three arguments"),
        ("FROM a AS", "either one or three arguments"),
        ("FROM a OR b", "either one or three arguments"),
        ("FROM a AS 1b", "invalid name for build stage: \"1b\""),
        ("FROM a AS b/c", "invalid name for build stage"),
        ("RUN", "RUN requires at least one argument"),
        ("RUN []", "RUN requires at least one argument"),
        ("CMD", "CMD requires at least one argument"),
        ("COPY a", "COPY requires at least two arguments"),
        ("ADD a", "ADD requires at least two arguments"),
        ("COPY --frm=x a b", "unknown flag: --frm"),
        ("COPY --from a b", "missing a value on flag: --from"),
        (
            "COPY --from=a --from=b c d",
            "duplicate flag specified: --from",
        ),
        (
            "COPY --from=$X a b",
            "variable expansion is not supported for --from",
        ),
        ("COPY --link=maybe a b", "expecting boolean value"),
        ("USER --x=y z", "unknown flag: --x (USER has no flags)"),
        ("ENV", "ENV requires at least one argument"),
        ("ENV a", "ENV must have two arguments"),
        ("ENV a=b c", "can't find = in \"c\""),
        ("ENV =b", "ENV names can not be blank"),
        ("LABEL", "LABEL requires at least one argument"),
        ("ARG", "ARG requires at least one argument"),
        ("ARG =x", "ARG names can not be blank"),
        ("EXPOSE", "EXPOSE requires at least one argument"),
        ("VOLUME", "VOLUME requires at least one argument"),
        ("VOLUME [\" \"]", "can not be an empty string"),
        ("WORKDIR", "WORKDIR requires exactly one argument"),
        ("USER", "USER requires exactly one argument"),
        ("STOPSIGNAL", "STOPSIGNAL requires exactly one argument"),
        ("MAINTAINER", "MAINTAINER requires exactly one argument"),
        ("SHELL", "SHELL requires at least one argument"),
        ("SHELL []", "SHELL requires at least one argument"),
        ("SHELL bash -c", "in JSON form"),
        ("HEALTHCHECK", "HEALTHCHECK requires at least one argument"),
        ("HEALTHCHECK NONE x", "takes no arguments"),
        ("HEALTHCHECK CMD", "missing command"),
        ("HEALTHCHECK TRY x", "unknown type \"TRY\""),
        ("HEALTHCHECK --interval=5 CMD x", "--interval is a duration"),
        (
            "HEALTHCHECK --interval=5us CMD x",
            "cannot be less than 1ms",
        ),
        ("HEALTHCHECK --retries=-1 CMD x", "--retries is a number"),
        ("\\", "a line continuation without an instruction"),
    ] {
        let found = reason(text);
        assert!(found.contains(expected), "{text}: {found}");
    }
}

#[test]
fn what_docker_takes_is_taken() {
    for text in [
        "run x",
        "COPY --link a b",
        "COPY --link=FALSE --from=0 a b",
        "COPY --exclude=a --exclude=b c d",
        "COPY [\"a b\", \"c d\"]",
        "RUN -- x",
        "ENV a= b=\"\"",
        "ARG a b=c d=\"e f\"",
        "HEALTHCHECK NONE",
        "healthcheck none",
        "HEALTHCHECK --retries=3 --start-interval=1s CMD [\"x\"]",
        "LABEL multi.label1=\"value1\" multi.label2=\"value2\" other=\"value 3\"",
        "FROM a as b",
        "VOLUME /a /b",
        "EXPOSE 80-90/udp $PORT",
        "RUN echo hi \\",
    ] {
        one(text);
    }
    assert_eq!(one("RUN -- --x").original, "RUN -- --x");
}

#[test]
fn flags_lose_their_quotes() {
    let instruction = one("COPY --chown=\"a b\":'c' --chmod=7\\55 x y");
    assert_eq!(instruction.flag("chown"), Some("a b:c"));
    assert_eq!(instruction.flag("chmod"), Some("755"));
    let span = instruction.flags[0].value.as_ref().expect("value").span;
    assert_eq!((span.line, span.column, span.len()), (2, 14, 9));
}

#[test]
fn stages_may_share_a_name() {
    let file = ok("FROM a AS x\nFROM b AS X\nRUN y\nFROM c\n");
    let names: Vec<_> = file.stages.iter().map(|s| s.name.as_deref()).collect();
    assert_eq!(names, [Some("x"), Some("x"), None]);
    assert_eq!(file.of(&file.stages[1]).len(), 2);
}

#[test]
fn files_without_a_stage() {
    for text in ["", "\n\n", "# only\n# comments\n", "\u{feff}"] {
        assert_eq!(error(text).reason, "file with no instructions", "{text:?}");
    }
    let found = error("ARG x\nRUN y\nFROM z\n");
    assert_eq!(found.line, 2);
    assert!(
        found
            .reason
            .starts_with("no build stage in current context")
    );
    assert!(error("ARG x\n").reason.starts_with("no build stage"));
}

#[test]
fn the_error_shows_the_line_and_a_caret() {
    let found = error("FROM a\n\n  RUNN \u{1b}[31mx\n");
    assert_eq!(
        found.to_string(),
        "Dockerfile parse error on line 3: unknown instruction: RUNN (did you mean RUN?)\n      RUNN \\u{1b}[31mx\n      ^^^^"
    );
    let found = error("FROM a\nENV a=1 \\\n  b\n");
    assert_eq!((found.line, found.column), (3, 3));
}

#[test]
fn text_that_is_not_utf8_is_refused_with_its_line() {
    let found = parse(b"FROM a\nRUN \xff\xfe x\n").expect_err("not UTF-8");
    assert_eq!((found.line, found.column), (2, 5));
    assert_eq!(found.reason, "not UTF-8 text: byte 0xff");
    assert!(
        found
            .to_string()
            .starts_with("Dockerfile parse error on line 2: ")
    );
}

#[test]
fn ten_thousand_stages_and_ten_megabytes_are_read() {
    let text = "FROM a\nRUN b\n".repeat(10_000);
    assert_eq!(ok(&text).stages.len(), 10_000);
    let text = format!("FROM a\nRUN {}\n", "é x && \\\n".repeat(1_000_000));
    assert!(text.len() > 9_000_000);
    assert_eq!(ok(&text).instructions.len(), 2);
    let text = format!("FROM a\nRUN cat <<EOF\n{}EOF\n", "y\n".repeat(5_000_000));
    assert_eq!(ok(&text).instructions[1].heredocs.len(), 1);
}

#[test]
fn past_the_limits_is_an_error() {
    let many = "FROM a\n".repeat(MAX_INSTRUCTIONS + 1);
    assert!(error(&many).reason.contains("instructions"));
    let words = format!("FROM a\nEXPOSE {}\n", "1 ".repeat(600_000));
    assert!(error(&words).reason.contains("words"));
    let long = "#".repeat(17 << 20);
    assert!(error(&long).reason.contains("bytes long"));
}
