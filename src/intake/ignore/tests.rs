//! Patterns as tables, and what must hold for any pattern.

use proptest::prelude::*;

use super::*;

/// What a walk down to `path` says of it.
fn out(patterns: &str, path: &str) -> bool {
    let mut trail = Trail::new(Ignore::parse(".dockerignore", patterns.as_bytes()).unwrap());
    let folders = path.match_indices('/').map(|(at, _)| &path[..at]);
    for folder in folders {
        if trail.step(folder, true).unwrap() == Verdict::OutWhole {
            return true;
        }
    }
    trail.step(path, false).unwrap() != Verdict::In
}

#[test]
fn paths_are_out_as_docker_has_them_out() {
    for (patterns, path, is_out) in [
        ("a", "a", true),
        ("a", "a/b/c", true),
        ("a", "b/a", false),
        ("a", "ab", false),
        ("/a", "a", true),
        ("a/", "a", true),
        ("./a/../b", "b", true),
        ("..", "a", false),
        // Where a class has no name, `[:` are two of its characters.
        ("[[:]", ":", true),
        ("[[:]", "]", false),
        (".", "a", false),
        ("/", "a", false),
        ("*", "a", true),
        ("*", "a/b", true),
        ("*/b", "a/b", true),
        ("*/b", "b", false),
        ("*/b", "a/c/b", false),
        ("*/b*", "a/bc/d", true),
        ("?", "a", true),
        ("?", "ab", false),
        ("a?c", "a/c", false),
        ("a?c", "aéc", true),
        ("**", "a/b", true),
        ("**/b", "b", true),
        ("**/b", "a/x/b", true),
        ("**/b", "ab", false),
        ("**b", "ab", true),
        ("**/*.go", "a/b.go", true),
        ("**/*.go", "b.go", true),
        ("**/*.go", "b.gox", false),
        ("a/**", "a", false),
        ("a/**", "a/b/c", true),
        ("a**", "ab/c", true),
        ("a/**/b", "a/b", true),
        ("a/**/b", "a/x/y/b", true),
        ("a/**/b", "ab", false),
        ("a/**/b", "a/xb", false),
        ("a**/b", "ax/b", true),
        ("**/a/**", "x/a/b", true),
        ("**/a/**", "x/a", false),
        ("**/**/x", "p/q/x", true),
        ("[a-c]x", "bx", true),
        ("[a-c]x", "dx", false),
        ("[^a-c]x", "dx", true),
        ("[!a]x", "!x", true),
        ("[!a]x", "bx", false),
        ("[[:digit:]]*", "1a", true),
        ("\\*", "*", true),
        ("\\*", "a", false),
        ("a.b", "axb", false),
        ("*.b", "axb", false),
        ("*.b", "a.b", true),
        ("a(b)|{c}+$*", "a(b)|{c}+$", true),
        ("a^b", "a^b", true),
        ("a^b*", "a^b", false),
        ("# a\na", "# a", false),
        (" # a", "# a", true),
        ("\u{feff}a", "a", true),
        ("a\r\nb\r\n", "a", true),
        ("  a  ", "a", true),
        ("! a", "a", false),
        ("a b", "a b", true),
        ("*\n!b", "b", false),
        ("*\n!b", "b/c", false),
        ("*\n!b/c", "b/c", false),
        ("*\n!b/c", "b/d", true),
        ("*\n!/b", "b", false),
        ("!b\n*", "b", true),
        ("a\n!a/b\na/b/c", "a/b/c", true),
        ("a\n!a/b\na/b/c", "a/b/d", false),
        ("**/*.md\n!**/R*.md", "x/README.md", false),
        ("*\n!*.rs", "src/a.rs", true),
        ("*\n!**/*.rs", "src/a.rs", false),
        // The walk's oddity: at `a` the exception had nothing to except, so it is not inherited below.
        ("a/b\n!a", "a/b", true),
        ("Dockerfile\n.dockerignore\n*", "Dockerfile", false),
        ("*", ".dockerignore", false),
        ("*", "Dockerfile.dockerignore", false),
        ("**/Dockerfile", "x/Dockerfile", true),
        ("*", "dockerfile", true),
    ] {
        assert_eq!(out(patterns, path), is_out, "{patterns:?} on {path}");
    }
}

#[test]
fn patterns_that_docker_refuses_are_refused_with_their_line() {
    for text in [
        "a\n!",
        "a\n[",
        "a\n[]a]",
        "a\n[a-]",
        "a\na\\",
        "a\n[^]",
        "a\n[b-a]*",
        "a\n\\q",
        "a\n[-a]",
    ] {
        let error = Ignore::parse(".dockerignore", text.as_bytes())
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with(".dockerignore line 2: "),
            "{text:?}: {error}"
        );
    }
}

#[test]
fn too_many_patterns_and_too_long_lines_are_refused() {
    assert!(Ignore::parse(".dockerignore", "a\n".repeat(2001).as_bytes()).is_err());
    assert!(Ignore::parse(".dockerignore", "a".repeat(70_000).as_bytes()).is_err());
}

#[test]
fn a_pattern_made_to_be_slow_is_not() {
    let slow = "*a".repeat(500);
    assert!(!out(&slow, &"a".repeat(250)));
    let mut trail = Trail::new(Ignore::parse(".dockerignore", slow.as_bytes()).unwrap());
    trail.ignore.budget = 100_000;
    assert!(trail.step(&"a".repeat(250), false).is_err());
}

#[test]
fn an_excluded_folder_is_walked_only_if_something_in_it_may_return() {
    for (patterns, folder, verdict) in [
        ("a", "a", Verdict::OutWhole),
        ("a\n!b", "a", Verdict::OutWhole),
        ("a\n!ab", "a", Verdict::OutWhole),
        ("a\n!a/b", "a", Verdict::Out),
        ("a\n!a/b/**", "a", Verdict::Out),
        ("a\n!**/x", "a", Verdict::Out),
    ] {
        let mut trail = Trail::new(Ignore::parse(".dockerignore", patterns.as_bytes()).unwrap());
        assert_eq!(trail.step(folder, true).unwrap(), verdict, "{patterns:?}");
    }
}

#[test]
fn a_walk_meets_all_below_a_folder_directly_after_it() {
    let mut paths = ["a-b", "a/b", "a", "a.b", "a/b/c"];
    paths.sort_by(|a, b| walk_order(a, b));
    assert_eq!(paths, ["a", "a/b", "a/b/c", "a-b", "a.b"]);
}

proptest! {
    #[test]
    fn no_pattern_panics(text in "[ab/.*?!\\[\\]^\\-\\\\#\n é]{0,30}", path in "[ab.é]{1,3}(/[ab.é]{1,3}){0,3}") {
        if let Ok(ignore) = Ignore::parse(".dockerignore", text.as_bytes()) {
            let mut trail = Trail::new(ignore);
            let _ = trail.step(&path, false).unwrap();
        }
    }

    /// Skipping an excluded folder never loses a file that walking it would have found.
    #[test]
    fn skipping_a_folder_changes_nothing(
        text in "(!?[ab*?]{1,2}(/[ab*]{1,2}){0,2}\n){1,4}",
        path in "[ab]{1,2}(/[ab]{1,2}){1,3}",
    ) {
        if let Ok(ignore) = Ignore::parse(".dockerignore", text.as_bytes()) {
            let mut trail = Trail::new(ignore);
            let mut skipped = false;
            for (at, _) in path.match_indices('/') {
                skipped |= trail.step(&path[..at], true).unwrap() == Verdict::OutWhole;
            }
            let walked = trail.step(&path, false).unwrap();
            prop_assert!(!skipped || walked != Verdict::In);
        }
    }

    /// Without exceptions, a file below an excluded folder is excluded.
    #[test]
    fn what_is_below_an_excluded_folder_is_excluded(text in "([ab*?]{1,2}(/[ab*]{1,2}){0,2}\n){1,4}", path in "[ab]{1,2}(/[ab]{1,2}){1,3}") {
        if let Some((folder, _)) = path.rsplit_once('/') {
            prop_assert!(!out(&text, folder) || out(&text, &path));
        }
    }
}
