//! Dockerfiles that nobody wrote: sequences of instructions drawn from pools whose members like to meet. What is a row in
//! the table of differences is not drawn: an ARG with the name of an ENV, a hard link to a file of a layer below.
//!
//! The seed is fixed, so that a difference comes again; `FLAREO_TEST_GENERATED=N` draws more than the usual number. What
//! differs is made shorter as long as it still differs.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::Beside;
use super::case::Case;

/// Dockerfiles of an ordinary run.
const USUAL: usize = 60;
/// Builds that making one shorter may take.
const ATTEMPTS: usize = 40;

/// A pool's member.
fn one(pool: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(pool).prop_map(str::to_owned)
}

fn source() -> impl Strategy<Value = String> {
    one(&[
        "a.txt",
        "b.txt",
        "dir",
        "dir/",
        "dir/f",
        "dir/sub",
        "dir/*",
        "*.txt",
        "link",
        "dirlink",
        "dir/empty",
        "dir/s?b",
        "./dir/../a.txt",
        "\"with space\"",
        "arch.tar",
        "noarch.tar",
        "$S",
        "$Y",
        "dir/inlink",
        "[ab].txt",
    ])
}

fn destination() -> impl Strategy<Value = String> {
    one(&[
        "/x",
        "/x/",
        "/x/y",
        "/home",
        "/home/",
        "/h",
        "/h/",
        "/h/z",
        "d/e",
        "d/e/",
        "./",
        ".",
        "/",
        "/t",
        "/t/sub",
        "/t/sub/",
        "$D",
        "${D:-/q}/r",
        "$Z",
        "/bin/",
        "/x/../y/",
    ])
}

fn copy() -> impl Strategy<Value = String> {
    let keyword = prop_oneof![3 => Just("COPY"), 1 => Just("ADD")];
    let flags = one(&[
        "",
        "",
        "",
        "--chown=app",
        "--chown=5:6",
        "--chown=:extra",
        "--chmod=640",
        "--chmod=4755",
        "--link",
        "--exclude=*.txt",
        "--exclude=sub",
        "--chmod=u+x,go-r",
        "--exclude=**/g",
        "--chown=app --chmod=700",
    ]);
    (keyword, flags, vec(source(), 1..3), destination()).prop_map(
        |(keyword, flags, sources, destination)| {
            let words: Vec<_> = [keyword.to_owned(), flags]
                .into_iter()
                .chain(sources)
                .chain([destination])
                .filter(|w| !w.is_empty())
                .collect();
            words.join(" ")
        },
    )
}

fn run() -> impl Strategy<Value = String> {
    let command = one(&[
        "mkdir -p /t/sub /x/y",
        "ln -s /home /h",
        "ln -s ../t /home/back",
        "rm -rf /x",
        "rm -rf /t && mkdir /t",
        "mv /home /house",
        "mkdir -p /home && touch /home/new",
        "echo $A $B $D $X $Y $Z $G >/vars",
        "echo \"[$S]\" '$S' >/vars2",
        "pwd >/tmp/pwd; id >/tmp/id",
        "chown -R 7:8 /x",
        "chmod -R g+w /t /x",
        "rm -f /f1 /f2; echo 1 >/f1 && ln /f1 /f2",
        "echo more >>/etc/passwd",
        "find / -xdev -name a.txt -exec rm {} +",
        "touch /x && rm /x && mkdir /x",
        "cp -a /x /copy",
        "mkfifo /pipe",
        "chmod 1777 /x; chmod 2755 /t",
    ]);
    let flags = one(&[
        "",
        "",
        "",
        "--mount=type=tmpfs,target=/tmp",
        "--network=none",
    ]);
    (flags, command, any::<bool>()).prop_map(|(flags, command, sure)| {
        let command = if sure {
            format!("{{ {command}; }} 2>/dev/null || true")
        } else {
            command
        };
        format!("RUN {flags} {command}").replace("  ", " ")
    })
}

fn configuration() -> impl Strategy<Value = String> {
    one(&[
        "ENV A=1",
        "ENV A=\"x y\" B=$A",
        "ENV D=/x S=a.txt",
        "ENV D /t/",
        "ENV S=dir\\ x",
        "ARG X=2",
        "ARG X",
        "ARG Y=b.txt",
        "ARG Z=${D}/more",
        "LABEL a=$A b='$B' \"c d\"=\"e\\\"f\"",
        "LABEL v=${A:-none} w=${X:+some} z=$Z",
        "WORKDIR /w",
        "WORKDIR d",
        "WORKDIR $D",
        "WORKDIR ../up",
        "USER app",
        "USER 1234",
        "USER 5:extra",
        "USER root",
        "CMD echo $A",
        "CMD [\"a\", \"$A\"]",
        "ENTRYPOINT [\"e\"]",
        "ENTRYPOINT e",
        "EXPOSE 80 $A",
        "VOLUME /x /data",
        "STOPSIGNAL SIGINT",
        "SHELL [\"/bin/sh\", \"-ec\"]",
        "HEALTHCHECK --retries=2 CMD true",
        "ONBUILD RUN touch /onbuild",
    ])
}

fn stage() -> impl Strategy<Value = String> {
    one(&[
        "FROM base AS two\nARG G",
        "FROM one AS two",
        "FROM base AS two\nCOPY --from=one /home /x",
        "FROM base AS two\nCOPY --from=one /x* /etc/group /t/",
        "FROM base AS two\nRUN --mount=from=one,target=/one cp -a /one/home /x",
    ])
}

/// A Dockerfile; its instructions one by one, so that it can be made shorter.
fn dockerfile() -> impl Strategy<Value = Vec<String>> {
    let instruction = || {
        prop_oneof![
            4 => copy(),
            4 => run(),
            5 => configuration(),
        ]
    };
    let first = one(&["FROM base AS one", "ARG G=global\nFROM base AS one\nARG G"]);
    (
        first,
        vec(instruction(), 1..6),
        proptest::option::weighted(0.35, (stage(), vec(instruction(), 0..4))),
    )
        .prop_map(|(first, mut rest, second)| {
            rest.insert(0, first);
            if let Some((stage, more)) = second {
                rest.push(stage);
                rest.extend(more);
            }
            rest
        })
}

fn case(instructions: &[String]) -> Case {
    Case::of(instructions.join("\n") + "\n")
}

#[test]
fn generated_dockerfiles_come_to_the_same() {
    let Some(beside) = Beside::new() else { return };
    let wanted = std::env::var("FLAREO_TEST_GENERATED").ok();
    let wanted = wanted.map_or(USUAL, |n| {
        n.parse().expect("FLAREO_TEST_GENERATED: a number")
    });
    let mut runner = TestRunner::deterministic();
    let trees: Vec<_> = (0..wanted)
        .map(|_| dockerfile().new_tree(&mut runner).unwrap())
        .collect();
    let cases: Vec<Case> = trees.iter().map(|tree| case(&tree.current())).collect();
    let found = beside.all_that_differ(&cases);
    println!(
        "{wanted} generated Dockerfiles beside Docker, {} differ",
        found.len()
    );
    let told: Vec<String> = found
        .into_iter()
        .map(|(at, differences)| shortened(&beside, &cases[at], differences))
        .collect();
    assert!(told.is_empty(), "{}", told.join("\n\n"));
}

/// The case without every instruction that it takes none of to differ.
fn shortened(beside: &Beside, case: &Case, mut differences: Vec<String>) -> String {
    let mut lines: Vec<&str> = case.text.lines().collect();
    let mut left = ATTEMPTS;
    let mut at = lines.len();
    while at > 1 && left > 0 {
        at -= 1;
        if lines[at].starts_with("FROM") {
            continue;
        }
        left -= 1;
        let mut fewer = lines.clone();
        fewer.remove(at);
        let found = beside.differ(&Case::of(fewer.join("\n") + "\n"));
        if !found.is_empty() {
            lines = fewer;
            differences = found;
        }
    }
    format!("{}\n  {}", lines.join("\n"), differences.join("\n  "))
}
