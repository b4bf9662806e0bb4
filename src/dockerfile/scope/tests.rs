//! Which variable stands where, and what it costs.

use super::*;
use crate::dockerfile::parse;

fn amd64() -> Platform {
    Platform {
        os: "linux".into(),
        architecture: "amd64".into(),
    }
}

fn global(text: &str, build_args: &[(&str, &str)]) -> (Dockerfile, Global) {
    let file = parse(text.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
    let build_args = build_args
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    let global = Global::new(&file, &build_args, &amd64()).expect("global");
    (file, global)
}

fn walked(text: &str, build_args: &[(&str, &str)], base: &[(&str, &str)]) -> Stage {
    let (file, global) = global(text, build_args);
    let base = base.iter().map(|(k, v)| ((*k).into(), (*v).into()));
    let mut stage = Stage::new(&global, base);
    for instruction in file.of(&file.stages[0]) {
        stage.apply(instruction).expect("apply");
    }
    stage
}

fn image(text: &str, build_args: &[(&str, &str)]) -> Result<String, ScopeError> {
    let (file, global) = global(text, build_args);
    let Kind::From { image, .. } = &file.of(&file.stages[0])[0].kind else {
        panic!("no FROM");
    };
    global.image(image)
}

#[test]
fn from_sees_what_stands_before_it() {
    let text = "ARG N=alpine\nARG V=3.19\nARG FULL=$N:$V\nFROM ${FULL}\n";
    assert_eq!(image(text, &[]).expect("image"), "alpine:3.19");
    assert_eq!(image(text, &[("V", "3.20")]).expect("image"), "alpine:3.20");
    assert_eq!(
        image(text, &[("FULL", "scratch")]).expect("image"),
        "scratch"
    );
    let text = "FROM x-$TARGETARCH-$TARGETOS";
    assert_eq!(image(text, &[]).expect("image"), "x-amd64-linux");
    assert_eq!(
        image(text, &[("TARGETOS", "plan9")]).expect("image"),
        "x-amd64-plan9"
    );
}

#[test]
fn a_blank_image_is_an_error_with_its_place() {
    let error = image("ARG BASE\nFROM $BASE\n", &[]).expect_err("blank");
    assert_eq!(error.reason, Reason::BlankImage);
    assert_eq!((error.span.line, error.span.column), (2, 6));
    assert_eq!(
        error.to_string(),
        "failed to process \"$BASE\": base name should not be blank"
    );
    assert!(image("FROM ${BASE:?which}\n", &[]).is_err());
    assert_eq!(
        image("ARG BASE\nFROM ${BASE-debian}", &[]).expect("unset"),
        "debian"
    );
}

#[test]
fn global_arguments_need_declaring_in_the_stage() {
    let stage = walked("ARG V=1\nARG W=2\nFROM x\nARG V\n", &[], &[]);
    assert_eq!(stage.lookup("V"), Some("1"));
    assert_eq!(stage.lookup("W"), None);
    assert_eq!(stage.lookup("TARGETARCH"), None);
    let stage = walked("FROM x\nARG TARGETARCH\n", &[], &[]);
    assert_eq!(stage.lookup("TARGETARCH"), Some("amd64"));
}

#[test]
fn the_users_value_wins_over_every_default() {
    let text = "ARG V=global\nFROM x\nARG V=stage\n";
    assert_eq!(walked(text, &[], &[]).lookup("V"), Some("stage"));
    assert_eq!(
        walked(text, &[("V", "user")], &[]).lookup("V"),
        Some("user")
    );
    let text = "FROM x\n";
    assert_eq!(walked(text, &[("V", "user")], &[]).lookup("V"), None);
}

#[test]
fn env_wins_over_arg_before_and_after_it() {
    for text in ["FROM x\nARG V=a\nENV V=e\n", "FROM x\nENV V=e\nARG V=a\n"] {
        let stage = walked(text, &[("V", "user")], &[]);
        assert_eq!(stage.lookup("V"), Some("e"), "{text}");
        assert_eq!(stage.run_environment(), [("V".into(), "e".into())]);
        assert_eq!(stage.declared_args().count(), 0);
    }
    let stage = walked("FROM x\nARG PATH=/evil\n", &[], &[("PATH", "/bin")]);
    assert_eq!(stage.lookup("PATH"), Some("/bin"));
}

#[test]
fn pairs_of_one_instruction_do_not_see_each_other() {
    let stage = walked("FROM x\nENV a=1\nENV a=2 b=$a\nENV c=$a$b\n", &[], &[]);
    assert_eq!(stage.lookup("b"), Some("1"));
    assert_eq!(stage.lookup("c"), Some("21"));
}

#[test]
fn the_environment_keeps_its_order() {
    let stage = walked(
        "FROM x\nENV B=1 A=2\nARG Z=9\nENV B=3 C=\"a b\"\n",
        &[("http_proxy", "p"), ("other", "o")],
        &[("PATH", "/bin")],
    );
    let show = |pairs: &[(String, String)]| -> Vec<String> {
        pairs.iter().map(|(k, v)| format!("{k}={v}")).collect()
    };
    assert_eq!(
        show(stage.environment()),
        ["PATH=/bin", "B=3", "A=2", "C=a b"]
    );
    assert_eq!(
        show(&stage.run_environment()),
        ["PATH=/bin", "B=3", "A=2", "C=a b", "Z=9", "http_proxy=p"]
    );
}

#[test]
fn the_old_form_of_env_takes_the_rest_of_the_line() {
    let stage = walked("FROM x\nENV V  a \"b  c\" $PATH\n", &[], &[("PATH", "/p")]);
    assert_eq!(stage.lookup("V"), Some("a b  c /p"));
}

#[test]
fn a_child_goes_on_where_its_parent_ended() {
    let parent = walked("FROM x AS a\nARG V=1\nENV E=2\n", &[], &[]);
    let word = Word {
        text: "a".into(),
        span: Span::default(),
    };
    let child = parent.child(&word).expect("child");
    assert_eq!(child.lookup("V"), Some("1"));
    assert_eq!(child.lookup("E"), Some("2"));
}

#[test]
fn errors_name_their_place() {
    let (file, global) = global("FROM x\nENV a=b \\\n  c=${d\n", &[]);
    let mut stage = Stage::new(&global, []);
    let error = stage.apply(&file.instructions[1]).expect_err("malformed");
    assert_eq!((error.span.line, error.span.column), (3, 5));
    assert_eq!(error.reason, Reason::Expand(ExpandError::MissingBrace));
}

#[test]
fn variables_that_double_end_in_an_error() {
    let mut text = String::from("FROM x\nENV a=aaaaaaaaaaaaaaaa\n");
    for _ in 0..40 {
        text.push_str("ENV a=$a$a\n");
    }
    let (file, global) = global(&text, &[]);
    let mut stage = Stage::new(&global, []);
    let result: Result<Vec<()>, _> = file.instructions.iter().map(|i| stage.apply(i)).collect();
    assert!(matches!(
        result.expect_err("too long").reason,
        Reason::Expand(ExpandError::TooLong)
    ));
}

#[test]
fn the_whole_file_has_one_budget() {
    let big = "x".repeat(100_000);
    let text = format!("FROM x\nENV a={big}\nLABEL {}\n", "l=$a ".repeat(1000));
    let (file, global) = global(&text, &[]);
    let mut stage = Stage::new(&global, []);
    stage.apply(&file.instructions[1]).expect("one is fine");
    let Kind::Label { pairs, .. } = &file.instructions[2].kind else {
        panic!("no LABEL");
    };
    let error = stage.pairs(pairs).expect_err("too much");
    assert_eq!(error.reason, Reason::TooMuch);
}
