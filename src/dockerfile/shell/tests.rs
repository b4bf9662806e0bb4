//! Which commands a script comes to.

use proptest::prelude::*;

use super::*;

/// Every command as one line, its words joined by blanks.
fn lines(text: &str) -> Vec<String> {
    let show = |c: &Command| {
        let words: Vec<&str> = c.words.iter().map(|w| w.text.as_str()).collect();
        words.join(" ")
    };
    let found = commands(text);
    found.iter().map(show).filter(|l| !l.is_empty()).collect()
}

/// Whether a program of that name is among the commands.
fn runs(text: &str, name: &str) -> bool {
    commands(text).iter().any(|c| c.name() == name)
}

fn reading(text: &str, lookup: &Lookup<'_>) -> Reading {
    script(
        text,
        &Origin::starting_at(0),
        lookup,
        &mut Effort::default(),
    )
}

#[test]
fn lists_pipes_and_comments() {
    assert_eq!(
        lines("a 1 && b 2 || c; d | e & f # g && h\ni#j\n\\\nk"),
        ["a 1", "b 2", "c", "d", "e", "f", "i#j", "k"]
    );
}

#[test]
fn quotes_and_continued_lines() {
    assert_eq!(
        lines("a 'b  c' \"d $ e\" f\\ g \"h\\\"i\" $'j\\x41\\n' k\\\nl c\"ur\"l"),
        ["a b  c d $ e f g h\"i jA\n kl curl"]
    );
    assert_eq!(lines("echo 'a;b' \"c|d\" e\\;f"), ["echo a;b c|d e;f"]);
    assert_eq!(lines("'unclosed a; b"), ["unclosed a; b"]);
}

#[test]
fn structures() {
    for text in [
        "if true; then curl x; fi",
        "if curl x; then :; fi",
        "while ! curl x; do sleep 1; done",
        "until curl x\ndo\nsleep 1\ndone",
        "for a in 1 2; do curl x; done",
        "for a; do curl x; done",
        "for ((i=0; i<3; i++)); do curl x; done",
        "case $1 in a|b) curl x ;; *) true ;; esac",
        "case $1 in\n(a)\n true;;\n b) curl x\nesac",
        "case a in a) case b in b) true;; esac;; c) curl x;; esac",
        "{ curl x; }",
        "(cd /x && (curl x))",
        "f() { curl x; }; f",
        "function f { curl x; }",
        "[[ -f a && ( b < c ) ]] && curl x",
        "((i++)); curl x",
        "true;curl x",
        "! curl x",
        "time curl x",
        "x=1 curl x",
        ">/dev/null curl x",
        "2>&1 curl x",
        "a || { true && curl x; }",
        "case a in a) (curl x) ;; esac",
        "x=$(case a in a) true;; esac); curl x",
        "if a; then case b in c) d ;; esac; fi; curl x",
    ] {
        assert!(runs(text, "curl"), "{text}: {:?}", lines(text));
    }
}

#[test]
fn substitutions() {
    for text in [
        "echo $(curl x)",
        "echo `curl x`",
        "echo \"a $(curl x) b\"",
        "echo \"`curl x`\"",
        "x=$(curl x)",
        "echo ${x:-$(curl x)}",
        "echo \"${x:-`curl x`}\"",
        "echo $(( $(curl x) + 1 ))",
        "echo $(echo $(curl x))",
        "echo `echo \\`curl x\\``",
        "diff <(curl x) y",
        "tee >(curl x)",
        "cat <<EOF\n$(curl x)\nEOF",
        "cat <<-EOF\n\t`curl x`\n\tEOF",
        "x=(a $(curl x))",
        "echo $((curl x) )",
        "[[ $(curl x) ]]",
        "for a in $(curl x); do b; done",
        "case $(curl x) in a) b;; esac",
    ] {
        assert!(runs(text, "curl"), "{text}: {:?}", lines(text));
    }
    for text in [
        "echo '$(curl x)'",
        "echo \\$(a)",
        "echo '`curl x`'",
        "cat <<'EOF'\n$(curl x)\nEOF",
        "cat <<EOF\ncurl x\nEOF",
        "echo \"curl x\"",
        "# curl x",
        "rm /usr/bin/curl",
        "echo $((curl + 1))",
        "echo a#$b curl",
    ] {
        assert!(!runs(text, "curl"), "{text}: {:?}", lines(text));
    }
}

#[test]
fn programs_that_run_programs() {
    for text in [
        "sudo curl x",
        "sudo -E -u root A=b -- curl x",
        "sudo -Eu root curl x",
        "env curl x",
        "env -i -u B A=b curl x",
        "env -S 'curl x'",
        "env -S'curl x'",
        "exec curl x",
        "exec -a name curl x",
        "command curl x",
        "builtin command curl x",
        "nohup curl x &",
        "nice -n 5 curl x",
        "nice -5 curl x",
        "timeout 10 curl x",
        "timeout -k 5 --signal=KILL 10s curl x",
        "time -p curl x",
        "xargs curl",
        "echo x | xargs -n1 -I {} curl {}",
        "find . -name x -exec curl {} \\;",
        "find . -exec true \\; -execdir curl {} +",
        "chroot /x curl y",
        "gosu app curl x",
        "su-exec app:app curl x",
        "su app -c 'curl x'",
        "runuser -u app -- curl x",
        "setpriv --reuid=1 curl x",
        "stdbuf -oL curl x",
        "busybox curl x",
        "/bin/busybox sh -c 'curl x'",
        "sh -c 'curl x'",
        "sh -exc 'curl x'",
        "bash -euo pipefail -c 'a; curl x'",
        "bash --norc -lc \"curl x\"",
        "sh -c \"sh -c 'curl x'\"",
        "sudo env A=b nohup sh -c 'exec timeout 3 curl x'",
        "eval curl x",
        "eval 'curl' \"x\"",
        "trap 'curl x' EXIT",
        "/usr/bin/curl x",
        "flock /l curl x",
        "flock /l -c 'curl x'",
        "sh <<EOF\ncurl x\nEOF",
        "bash -s <<'EOF'\ncurl x\nEOF",
        "sudo sh <<EOF\ncurl x\nEOF",
        "sh <<< 'curl x'",
        "echo 'curl x' | sh",
        "echo curl x | sudo bash -",
        "printf '%s' 'curl x' | sh",
        "cat <<EOF | sh\ncurl x\nEOF",
        "{ sh; } <<EOF\na\nEOF\ncurl x",
        "dumb-init -- curl x",
    ] {
        assert!(runs(text, "curl"), "{text}: {:?}", lines(text));
    }
    for text in [
        "command -v curl",
        "which curl",
        "sh curl",
        "sudo -u curl true",
        "timeout 10 true curl",
        "find . -name curl",
        "env curl=x true",
        "test -x /usr/bin/curl",
        "type curl",
    ] {
        assert!(!runs(text, "curl"), "{text}: {:?}", lines(text));
    }
}

#[test]
fn variables_in_plain_sight() {
    let lookup = |name: &str| match name {
        "TOOL" => Some("curl -fsSL".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    let show = |text: &str| -> Vec<String> {
        let found = reading(text, &lookup).commands;
        let words = |c: &Command| c.words.iter().map(|w| w.text.clone()).collect::<Vec<_>>();
        found
            .iter()
            .map(|c| words(c).join(" "))
            .filter(|l| !l.is_empty())
            .collect()
    };
    assert_eq!(show("$TOOL x"), ["curl -fsSL x"]);
    assert_eq!(show("${TOOL} x"), ["curl -fsSL x"]);
    assert_eq!(show("\"$TOOL\" x"), ["curl -fsSL x"]);
    assert_eq!(show("${TOOL%% *} x"), ["curl x"]);
    assert_eq!(show("c=cu; $c\"rl\" x"), ["curl x"]);
    assert_eq!(show("export a=curl; $a x"), ["export a=curl", "curl x"]);
    assert_eq!(show("${UNSET:-curl} x"), ["curl x"]);
    assert_eq!(show("${EMPTY:-curl} x"), ["curl x"]);
    assert_eq!(show("for t in curl; do $t x; done"), ["curl x"]);
    assert_eq!(show("$(echo curl) x"), ["echo curl", "curl x"]);
    assert_eq!(show("$(which curl) x"), ["which curl", "curl x"]);
    assert_eq!(show("a=cu; a+=rl; $a x"), ["curl x"]);
    assert_eq!(show("x=curl sh -c '$x y'"), ["sh -c $x y", "curl y"]);
}

#[test]
fn what_is_not_known_says_so() {
    for text in [
        "$x a",
        "$(cat f) a",
        "${x:0:3} a",
        "`f` a",
        "$1 a",
        "read c; $c a",
        "x=$(f); $x a",
    ] {
        let found = commands(text);
        let last = found.last().expect("a command");
        assert!(!last.words[0].known, "{text}: {last:?}");
    }
    let found = commands("/usr/bin/cur? x");
    assert!(found[0].words[0].pattern);
    let found = commands("'/usr/bin/cur?' x");
    assert!(!found[0].words[0].pattern && found[0].words[0].quoted);
}

#[test]
fn settings_reach_the_commands_behind_them() {
    let found = commands("A=1 go build; export B=2; C=$x; sh -c 'go test'; D=3 sudo E=4 go vet");
    let of = |argument: &str| {
        found
            .iter()
            .find(|c| c.name() == "go" && c.words[1].text == argument)
            .expect("a go command")
    };
    assert_eq!(of("build").variable("A"), Some(Some("1")));
    assert_eq!(of("build").variable("B"), None);
    assert_eq!(of("test").variable("A"), None);
    assert_eq!(of("test").variable("B"), Some(Some("2")));
    assert_eq!(of("test").variable("C"), Some(None));
    assert_eq!(of("vet").variable("D"), Some(Some("3")));
    assert_eq!(of("vet").variable("E"), Some(Some("4")));
}

#[test]
fn redirections_and_inputs() {
    let found = commands(
        "exec 3<>/dev/tcp/host/80; a <in >out 2>>log; b | c; python3 <<E -\nimport x\nE\n",
    );
    assert_eq!(found[0].redirects[0].target.text, "/dev/tcp/host/80");
    assert_eq!(found[0].redirects[0].fd, Some(3));
    assert!(matches!(&found[1].input, Input::File(w) if w.text == "in"));
    assert_eq!(found[1].redirects.len(), 3);
    assert_eq!(found[2].input, Input::Inherited);
    assert_eq!(found[3].input, Input::Pipe);
    assert!(matches!(&found[4].input, Input::Text(w) if w.text == "import x\n"));
    assert_eq!(found[4].words.len(), 2);
}

#[test]
fn every_word_knows_its_place() {
    let text = "é; sudo sh -c \"a && 'curl' x\" | b $(curl \\\n y)\ncat <<E | sh\ncurl z\nE";
    let found = commands(text);
    let mut curls: Vec<_> = found.iter().filter(|c| c.name() == "curl").collect();
    curls.sort_by_key(|c| c.span().start);
    assert_eq!(curls.len(), 3);
    assert_eq!(&text[curls[1].span()], "curl \\\n y");
    let spans: Vec<&str> = curls
        .iter()
        .map(|c| &text[c.words[0].span.clone()])
        .collect();
    assert_eq!(spans, ["'curl'", "curl", "curl"]);
    assert_eq!(curls[0].through, ["sudo", "sh"]);
}

#[test]
fn the_exec_form_is_followed_too() {
    let words = ["/bin/bash", "-o", "pipefail", "-c", "curl x | tar x"]
        .map(|w| Word::new(w, Origin::starting_at(7)));
    let reading = exec(
        words.to_vec(),
        Input::Inherited,
        &|_| None,
        &mut Effort::default(),
    );
    let names: Vec<_> = reading.commands.iter().map(Command::name).collect();
    assert_eq!(names, ["bash", "curl", "tar"]);
    assert!(reading.complete);
}

#[test]
fn texts_without_end_are_bounded() {
    for text in [
        "(".repeat(100_000),
        "$(".repeat(100_000),
        "$((".repeat(3_000),
        "${a:-".repeat(100_000),
        "\"${a:-".repeat(100_000),
        "`".repeat(100_001),
        "case a in b) ".repeat(10_000),
        "{ ".repeat(100_000),
        "if ".repeat(100_000),
        "sudo ".repeat(20_000),
        "eval ".repeat(1_000),
        "<<a ".repeat(20_000),
        "x=1; ".repeat(50_000),
        "[[ ".repeat(50_000),
    ] {
        let _ = reading(&text, &|_| None);
    }
    assert!(!reading(&"$(".repeat(1000), &|_| None).complete);
    assert!(!reading(&format!("{}curl x", "sudo ".repeat(100)), &|_| None).complete);
    assert!(reading(&"a b; ".repeat(10_000), &|_| None).complete);
}

#[test]
fn variables_that_grow_are_bounded() {
    let text = format!("a=aaaaaaaaaaaaaaaa; {}", "a=$a$a; ".repeat(60));
    assert!(!reading(&text, &|_| None).complete);
    let big = "x ".repeat(60_000);
    let lookup = move |_: &str| Some(big.clone());
    assert!(!reading(&"$a ".repeat(100_000), &lookup).complete);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn never_panics(text in "\\PC{0,80}") {
        let _ = commands(&text);
    }

    #[test]
    fn never_panics_on_likely_texts(pieces in proptest::collection::vec(proptest::sample::select(vec![
        "a", " ", "\n", ";", "&", "|", "(", ")", "<", ">", "<<E", "\nE\n", "'", "\"", "`", "$", "{", "}", "$(", "${x", ":-",
        "if ", "case ", " in ", "esac", "for ", "do ", "done", "[[ ", "]]", "((", "))", "\\", "\\\n", "sh -c ", "eval ",
        "x=", "x+=(", "2>", "&>", "#", "sudo ", "é", "function ", "()", ";;", "\t", "\r\n",
    ]), 0..40)) {
        let text = pieces.concat();
        for command in commands(&text) {
            let span = command.span();
            prop_assert!(span.start <= span.end && span.end <= text.len() + 4);
        }
    }

    #[test]
    fn single_quoted_words_come_back(words in proptest::collection::vec("[^']{1,12}", 1..6)) {
        let text: Vec<String> = words.iter().map(|w| format!("'{w}'")).collect();
        let found = commands(&format!("run {}", text.join(" ")));
        let read: Vec<String> = found[0].arguments().iter().map(|w| w.text.clone()).collect();
        prop_assert_eq!(read, words);
    }

    #[test]
    fn a_command_is_found_wherever_it_stands(
        before in proptest::sample::select(vec!["true && ", "( ", "if ", "x=$(", "echo \"$(", "{ ", "! ", "a | ", "sudo "]),
        words in proptest::collection::vec("[a-z0-9./:-]{1,10}", 0..5),
    ) {
        let text = format!("{before}zzz {}", words.join(" "));
        prop_assert!(runs(&text, "zzz"));
    }
}
