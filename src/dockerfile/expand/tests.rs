//! Word expansion, as Docker does it.

use super::*;
use proptest::prelude::*;

fn lookup(name: &str) -> Option<String> {
    Some(
        match name {
            "x" => "value",
            "path" => "/usr/local/lib/node.tar.gz",
            "empty" => "",
            "spaces" => " a  b ",
            "quote" => "it's \"x\"",
            "lines" => "one\ntwo",
            _ => return None,
        }
        .to_owned(),
    )
}

fn ok(text: &str) -> String {
    word(text, '\\', &lookup).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn error(text: &str) -> ExpandError {
    word(text, '\\', &lookup).expect_err(text)
}

#[test]
fn variables() {
    for (text, expected) in [
        ("$x", "value"),
        ("${x}", "value"),
        ("a${x}b", "avalueb"),
        ("$x$x", "valuevalue"),
        ("$x-y", "value-y"),
        ("$unset", ""),
        ("${unset}", ""),
        ("$", "$"),
        ("a$ b", "a$ b"),
        ("$/", "$/"),
        ("$$", ""),
        ("$1x", "x"),
        ("${spaces}", " a  b "),
    ] {
        assert_eq!(ok(text), expected, "{text}");
    }
}

#[test]
fn quotes_and_escapes() {
    for (text, expected) in [
        ("'$x'", "$x"),
        ("\"$x\"", "value"),
        ("\"a'b\"", "a'b"),
        ("'a\"b'", "a\"b"),
        (r"\$x", "$x"),
        (r#""\$x""#, "$x"),
        (r#""\a\"""#, r#"\a""#),
        (r"'\a'", r"\a"),
        (r"\a\ b", "a b"),
        ("a\\", "a"),
        ("$quote", "it's \"x\""),
        ("''", ""),
    ] {
        assert_eq!(ok(text), expected, "{text}");
    }
    assert_eq!(error("'a"), ExpandError::UnclosedQuote('\''));
    assert_eq!(error("\"a"), ExpandError::UnclosedQuote('"'));
}

#[test]
fn a_backtick_can_be_the_escape() {
    let read = |text| word(text, '`', &lookup).expect(text);
    assert_eq!(read("`$x"), "$x");
    assert_eq!(read(r"c:\dir\$x"), r"c:\dir\value");
    assert_eq!(read("\"`$x `q\""), "$x `q");
}

#[test]
fn defaults_and_alternatives() {
    for (text, expected) in [
        ("${x:-w}", "value"),
        ("${x-w}", "value"),
        ("${unset:-w}", "w"),
        ("${unset-w}", "w"),
        ("${empty:-w}", "w"),
        ("${empty-w}", ""),
        ("${x:+w}", "w"),
        ("${x+w}", "w"),
        ("${unset:+w}", ""),
        ("${unset+w}", ""),
        ("${empty:+w}", ""),
        ("${empty+w}", "w"),
        ("${x:?no}", "value"),
        ("${empty?no}", ""),
        ("${unset:-${x}}", "value"),
        ("${unset:-${empty:-${unset-deep}}}", "deep"),
        ("${unset:-\"a } b\"}", "a } b"),
        (r"${unset:-a\}b}", "a}b"),
        ("${unset:-'$x'}", "$x"),
    ] {
        assert_eq!(ok(text), expected, "{text}");
    }
}

#[test]
fn a_required_variable_says_what_it_wants() {
    for (text, expected) in [
        ("${unset?}", "unset: is not allowed to be unset"),
        ("${unset:?}", "unset: is not allowed to be unset"),
        ("${empty:?}", "empty: is not allowed to be empty"),
        ("${unset:?give me $x}", "unset: give me value"),
    ] {
        assert_eq!(error(text).to_string(), expected, "{text}");
    }
}

#[test]
fn cutting_and_replacing() {
    for (text, expected) in [
        ("${path#*/}", "usr/local/lib/node.tar.gz"),
        ("${path##*/}", "node.tar.gz"),
        ("${path%.*}", "/usr/local/lib/node.tar"),
        ("${path%%.*}", "/usr/local/lib/node"),
        ("${path%/*}", "/usr/local/lib"),
        ("${path#/usr}", "/local/lib/node.tar.gz"),
        ("${path#nothing}", "/usr/local/lib/node.tar.gz"),
        ("${x#?}", "alue"),
        ("${x%%??}", "val"),
        ("${x##*}", ""),
        ("${x#*}", "value"),
        (r"${path%\/*}", "/usr/local/lib"),
        ("${x/a/A}", "vAlue"),
        ("${path/l/L}", "/usr/Local/lib/node.tar.gz"),
        ("${path//l/L}", "/usr/LocaL/Lib/node.tar.gz"),
        (r"${path//\//-}", "-usr-local-lib-node.tar.gz"),
        ("${x/a*e/}", "v"),
        ("${x//?/z}", "zzzzz"),
        ("${x/q/}", "value"),
        ("${x/*/all}", "all"),
        ("${x//*/all}", "all"),
        ("${unset/a/b}", ""),
        ("${unset#a}", ""),
        ("${lines%*}", "one\ntwo"),
        ("${lines/n*/N}", "oN\ntwo"),
    ] {
        assert_eq!(ok(text), expected, "{text}");
    }
    assert!(matches!(error(r"${x#\a}"), ExpandError::Pattern(_)));
}

#[test]
fn malformed_substitutions() {
    assert_eq!(error("${x"), ExpandError::MissingBrace);
    assert_eq!(error("${"), ExpandError::MissingBrace);
    assert_eq!(error("${x:-a"), ExpandError::MissingBrace);
    assert_eq!(error("${x/a}"), ExpandError::MissingSlash);
    assert_eq!(error("${x/a/b"), ExpandError::MissingBrace);
    for text in ["${}", "${:-x}", "${{x}}"] {
        assert_eq!(error(text), ExpandError::BadSubstitution, "{text}");
    }
    for text in ["${x:=w}", "${x^^}", "${x:0:1}", "${x[0]}", "${x!}"] {
        let found = error(text);
        assert!(
            matches!(found, ExpandError::UnsupportedModifier(_)),
            "{text}"
        );
    }
}

#[test]
fn several_words_out_of_one() {
    let read = |text| words(text, '\\', &lookup).expect(text);
    assert_eq!(read("80 $x"), ["80", "value"]);
    assert_eq!(read("a$spaces"), ["a", "a", "b"]);
    assert_eq!(read("\"$spaces\""), [" a  b "]);
    assert_eq!(read(r"a\ b c"), ["a b", "c"]);
    assert_eq!(read("''"), Vec::<String>::new());
}

#[test]
fn the_body_of_a_heredoc_keeps_its_quotes() {
    let read = |text| body(text, &lookup).expect(text);
    assert_eq!(read("say \"$x\" and '$x'\n"), "say \"value\" and 'value'\n");
    assert_eq!(read(r"\$x"), "$x");
}

#[test]
fn values_that_double_are_refused() {
    let big = "y".repeat(LIMIT / 2 + 100);
    let lookup = move |_: &str| Some(big.clone());
    assert!(word("$a", '\\', &lookup).is_ok());
    for text in ["$a$a", "\"$a$a\"", "${a//y/yyy}", "${a:+$a$a}"] {
        let refused = word(text, '\\', &lookup) == Err(ExpandError::TooLong);
        assert!(refused, "{text}");
    }
}

#[test]
fn patterns_that_could_take_for_ever_do_not() {
    let value = "a".repeat(LIMIT - 1);
    let lookup = move |_: &str| Some(value.clone());
    let pattern = "*a".repeat(200);
    let text = format!("${{v//{pattern}b/}}");
    assert_eq!(word(&text, '\\', &lookup), Err(ExpandError::TooLong));
    let deep = "${a:-".repeat(5000);
    assert_eq!(word(&deep, '\\', &|_| None), Err(ExpandError::TooDeep));
}

proptest! {
    #[test]
    fn never_panics(text in "\\PC{0,60}", escape in "[`\\\\]") {
        let escape = escape.chars().next().unwrap_or('\\');
        let _ = word(&text, escape, &lookup);
        let _ = words(&text, escape, &lookup);
        let _ = body(&text, &lookup);
        let _ = raw_words(&text);
    }

    #[test]
    fn never_panics_on_likely_texts(text in "[$\\{}:?#%/*\\-+x'\" \\\\<]{0,40}") {
        let _ = word(&text, '\\', &lookup);
        let _ = raw_words(&text);
    }

    #[test]
    fn plain_text_stays(text in "[a-zA-Z0-9 ./:@=_é-]{0,40}") {
        prop_assert_eq!(ok(&text), text);
    }

    #[test]
    fn single_quotes_protect_everything(text in "[^']{0,40}") {
        prop_assert_eq!(ok(&format!("'{text}'")), text);
    }

    #[test]
    fn an_escape_before_everything_gives_the_text_back(text in "\\PC{0,30}") {
        let escaped: String = text.chars().flat_map(|c| ['\\', c]).collect();
        prop_assert_eq!(ok(&escaped), text);
    }

    #[test]
    fn cutting_the_longest_leaves_no_more_than_cutting_the_shortest(pattern in "[a-c*?]{0,6}") {
        let lookup = |_: &str| Some("abcabcaabbcc".to_owned());
        let read = |modifier: &str| word(&format!("${{v{modifier}{pattern}}}"), '\\', &lookup).expect("pattern");
        prop_assert!(read("##").len() <= read("#").len());
        prop_assert!(read("%%").len() <= read("%").len());
        prop_assert!("abcabcaabbcc".ends_with(&read("#")));
        prop_assert!("abcabcaabbcc".starts_with(&read("%")));
    }
}
