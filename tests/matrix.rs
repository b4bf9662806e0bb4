//! Same inputs, same manifest: across runs, folders, days, users, time zones, umasks, locales, processors, file order on
//! disk, and with the cache warm or cold (R20). One table, printed with what each row gave.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use flareo::config::Paths;
use flareo::model::clock::FixedClock;
use flareo::model::event::Cancel;
use flareo::model::passwd::users;
use flareo::model::{Actor, Event, Policy};
use flareo::pipeline::{LocalBuild, Settings, Site};

use crate::everybody::busybox;
use crate::support::{FLAREO, can_build};

/// Three stages that may run side by side, links, modes, and what a step sees of its surroundings. Not the blocks that a
/// file has on the disk (the total of ls, du): some file systems find them only when they write.
const DOCKERFILE: &str = "\
FROM base AS tools
COPY --chmod=755 tools /tools
RUN /tools/make.sh > /tools/made
FROM base AS data
RUN mkdir -p /data/sub && for i in 3 1 2; do echo $i > /data/$i; done && ln /data/1 /data/sub/one \\
 && ln -s ../1 /data/sub/link && chmod 2750 /data/sub && mkfifo /data/pipe
FROM base
WORKDIR /app
COPY . /app
COPY --from=tools /tools /tools
COPY --from=data /data /data
RUN sort /app/list > /app/sorted && rm /data/2 && umask > /app/umask && env | sort > /app/env && date +%Z > /app/zone
RUN list=$(ls -lan / /etc /tmp /data /data/sub /app /tools | grep -v '^total\\| \\(proc\\|sys\\)$') && echo \"$list\" > /app/listed
RUN cat /etc/hosts > /app/names && hostname >> /app/names
";

/// Who builds.
#[derive(Clone, Copy, PartialEq)]
enum User {
    Root,
    Ranges,
    Plain,
}

/// One way to build the same.
struct Row {
    name: &'static str,
    /// The state folder; a new one where no row before had it.
    state: &'static str,
    /// Where the context lies, below the test's folder.
    context: &'static str,
    reversed: bool,
    user: User,
    environment: &'static [(&'static str, &'static str)],
    umask: &'static str,
    cpus: Option<&'static str>,
    arguments: &'static [&'static str],
    policy: &'static str,
    /// What is done in the state folder before: a path that is removed.
    forget: Option<&'static str>,
    /// What is built before in the same state folder.
    before: &'static [&'static str],
}

const PLAIN: Row = Row {
    name: "once",
    state: "state",
    context: "context",
    reversed: false,
    user: User::Root,
    environment: &[],
    umask: "022",
    cpus: None,
    arguments: &[],
    policy: "",
    forget: None,
    before: &[],
};

const ROWS: &[Row] = &[
    PLAIN,
    Row {
        name: "again, cache warm",
        ..PLAIN
    },
    Row {
        name: "again, --no-cache",
        arguments: &["--no-cache"],
        ..PLAIN
    },
    Row {
        name: "again, unpacked layers gone",
        forget: Some("snapshots/layers"),
        ..PLAIN
    },
    Row {
        name: "again, lists of layers gone",
        forget: Some("snapshots/index"),
        ..PLAIN
    },
    Row {
        name: "again, steps gone",
        forget: Some("snapshots/steps"),
        ..PLAIN
    },
    Row {
        name: "cache cold, another state folder",
        state: "else/where/state",
        ..PLAIN
    },
    Row {
        name: "another folder, files made in reverse order",
        state: "reverse",
        context: "a folder/with another name",
        reversed: true,
        ..PLAIN
    },
    Row {
        name: "one stage built before the others",
        state: "order",
        before: &["--target", "data"],
        ..PLAIN
    },
    Row {
        name: "TZ, LANG, LC_ALL",
        state: "zone",
        environment: &[
            ("TZ", "Asia/Tokyo"),
            ("LANG", "tr_TR.UTF-8"),
            ("LC_ALL", "de_DE.UTF-8"),
            ("FOO", "bar"),
        ],
        ..PLAIN
    },
    Row {
        name: "umask 077",
        state: "umask077",
        umask: "077",
        ..PLAIN
    },
    Row {
        name: "umask 000",
        state: "umask000",
        umask: "000",
        ..PLAIN
    },
    Row {
        name: "one processor",
        state: "onecpu",
        cpus: Some("0"),
        ..PLAIN
    },
    Row {
        name: "stages one after the other",
        state: "serial",
        policy: "[limits]\ncpus = 1.0\n",
        ..PLAIN
    },
    Row {
        name: "stages side by side",
        state: "parallel",
        policy: "[limits]\ncpus = 8.0\n",
        ..PLAIN
    },
    Row {
        name: "ordinary user with a range of ids",
        state: "ranges",
        user: User::Ranges,
        ..PLAIN
    },
    Row {
        name: "ordinary user with one id",
        state: "plain",
        user: User::Plain,
        ..PLAIN
    },
];

struct Table {
    folder: tempfile::TempDir,
    /// What the last build printed.
    said: String,
    rows: Vec<(String, String)>,
}

impl Table {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let table = Self {
            folder,
            said: String::new(),
            rows: Vec::new(),
        };
        table.rootfs();
        table
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A base of busybox as an OCI layout, the same for every row.
    fn rootfs(&self) {
        let busybox = busybox().unwrap();
        let bin = self.path("rootfs/bin");
        fs::create_dir_all(&bin).unwrap();
        fs::create_dir_all(self.path("rootfs/etc")).unwrap();
        fs::create_dir_all(self.path("rootfs/tmp")).unwrap();
        fs::copy(busybox, bin.join("busybox")).unwrap();
        fs::set_permissions(bin.join("busybox"), Permissions::from_mode(0o755)).unwrap();
        let names = Command::new(busybox).arg("--list").output().unwrap().stdout;
        for name in String::from_utf8(names)
            .unwrap()
            .lines()
            .filter(|name| *name != "busybox")
        {
            symlink("busybox", bin.join(name)).unwrap();
        }
        fs::write(
            self.path("rootfs/etc/passwd"),
            "root:x:0:0::/root:/bin/sh\n",
        )
        .unwrap();
        fs::write(
            self.path("rootfs/Dockerfile"),
            "FROM scratch\nCOPY bin /bin\nCOPY etc /etc\nCOPY tmp /tmp\n",
        )
        .unwrap();
        let mut command = Command::new(FLAREO);
        command.arg("--state-dir").arg(self.path("base-state"));
        command
            .args(["build", "--no-policy"])
            .arg(self.path("rootfs"));
        command
            .arg("--output")
            .arg(format!("oci:{}", self.path("base").display()));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// The same context, its files made in one order or the other, with other times and another owner.
    fn context(&self, row: &Row, dockerfile: &str) -> PathBuf {
        let folder = self.path(row.context);
        if folder.exists() {
            fs::write(folder.join("Dockerfile"), dockerfile).unwrap();
            return folder;
        }
        for part in ["", "tools", "many"] {
            fs::create_dir_all(folder.join(part)).unwrap();
        }
        let mut files: Vec<(String, u32, String)> = vec![
            ("Dockerfile".into(), 0o644, dockerfile.into()),
            ("list".into(), 0o644, "c\na\nb\n".into()),
            (
                "tools/make.sh".into(),
                0o644,
                "#!/bin/sh\nfor f in /tools/*; do echo $f; done; ls -a /etc\n".into(),
            ),
            ("private".into(), 0o600, "0600\n".into()),
            ("run".into(), 0o755, "#!/bin/sh\n".into()),
        ];
        files.extend((0..40).map(|n| (format!("many/{n}"), 0o644, format!("{n}\n"))));
        if row.reversed {
            files.reverse();
        }
        for (n, (path, mode, text)) in (0_u64..).zip(files) {
            let path = folder.join(path);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let age = Duration::from_secs(if row.reversed { n * 86_400 } else { n });
            let file = fs::File::open(&path).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
            if row.reversed {
                chown(&path, Some(7), Some(7)).unwrap();
            }
        }
        folder
    }

    /// Builds as a row says; answers with the digest, or none if there is no such user.
    fn build(&mut self, row: &Row, dockerfile: &str) -> Option<String> {
        let user = match row.user {
            User::Root => None,
            other => Some(ids(other)?),
        };
        let state = self.path(row.state);
        let context = self.context(row, dockerfile);
        if user.is_some() {
            // Who is no root can't read what only root may.
            fs::set_permissions(context.join("private"), Permissions::from_mode(0o600)).unwrap();
            chown(
                context.join("private"),
                user.map(|u| u.0),
                user.map(|u| u.1),
            )
            .unwrap();
        }
        if !state.exists() {
            fs::create_dir_all(&state).unwrap();
            fs::set_permissions(&state, Permissions::from_mode(0o700)).unwrap();
            fs::write(state.join("policy.toml"), row.policy).unwrap();
            if let Some((uid, gid)) = user {
                chown(&state, Some(uid), Some(gid)).unwrap();
            }
            let base = format!("oci:{}", self.path("base").display());
            flareo(row, &state, user, &["base", "import", "base", &base]);
        }
        if let Some(gone) = row.forget {
            let gone = state.join(gone);
            fs::remove_dir_all(&gone).unwrap();
            fs::create_dir(&gone).unwrap();
        }
        let context = context.to_str().unwrap();
        let build = ["build", "--no-policy", context];
        if !row.before.is_empty() {
            flareo(row, &state, user, &[&build[..], row.before].concat());
        }
        let output = self.path(&format!("out-{}", self.rows.len()));
        fs::create_dir(&output).unwrap();
        if let Some((uid, gid)) = user {
            chown(&output, Some(uid), Some(gid)).unwrap();
        }
        let to = format!("oci:{}", output.join("oci").display());
        let said = flareo(
            row,
            &state,
            user,
            &[&build[..], row.arguments, &["--output", &to]].concat(),
        );
        let last: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
        let digest = last["digest"]
            .as_str()
            .unwrap_or_else(|| panic!("{said}"))
            .to_owned();
        self.said = said;
        // And so says what was written.
        let index = fs::read(output.join("oci/index.json")).unwrap();
        let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
        assert_eq!(
            index["manifests"][0]["digest"],
            digest.as_str(),
            "{}",
            row.name
        );
        Some(digest)
    }

    fn note(&mut self, name: &str, digest: Option<String>) {
        let digest = digest.unwrap_or_else(|| "skipped: there is no such user".into());
        println!("{name:<48} {digest}");
        self.rows.push((name.to_owned(), digest));
    }
}

/// Runs `flareo` as a row says; answers with what it printed.
fn flareo(row: &Row, state: &Path, user: Option<(u32, u32)>, arguments: &[&str]) -> String {
    let output = started(row, state, user, arguments);
    assert!(output.status.success(), "{}: {output:?}", row.name);
    String::from_utf8(output.stdout).unwrap()
}

fn started(row: &Row, state: &Path, user: Option<(u32, u32)>, arguments: &[&str]) -> Output {
    let (program, bound): (&str, &[&str]) = match row.cpus {
        Some(cpus) => ("taskset", &["-c", cpus]),
        None => ("env", &[]),
    };
    let mut command = Command::new("sh");
    command.args([
        "-c",
        &format!("umask {}; exec \"$@\"", row.umask),
        "sh",
        program,
    ]);
    command
        .args(bound)
        .arg(FLAREO)
        .arg("--state-dir")
        .arg(state);
    command.args(["--format", "json"]).args(arguments);
    command
        .envs(row.environment.iter().copied())
        .current_dir("/");
    command
        .env("HOME", state)
        .env("TMPDIR", "/tmp")
        .env_remove("FLAREO_CONFIG");
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command.output().unwrap()
}

/// The ids of an ordinary user of the tests.
fn ids(user: User) -> Option<(u32, u32)> {
    let (variable, default) = match user {
        User::Ranges => ("FLAREO_TEST_USER_RANGES", "flareo-ranges"),
        _ => ("FLAREO_TEST_USER_PLAIN", "flareo-plain"),
    };
    let name = std::env::var(variable).ok().filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| default.into());
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    users(&passwd)
        .find(|user| user.name == name)
        .map(|user| (user.uid, user.gid))
}

/// On another day by this program's clock, which is injected.
fn on_another_day(table: &Table, day: &str) -> String {
    let mut settings = Settings::new(
        Paths::at(table.path(&format!("state-{day}"))),
        Policy::default(),
        Actor::new("root"),
    );
    settings.program = FLAREO.into();
    settings.clock = Arc::new(FixedClock::at(format!("{day}T03:04:05Z").parse().unwrap()));
    let site = Site::open(settings).unwrap();
    let base = format!("oci:{}", table.path("base").display());
    site.import_base(&"base".parse().unwrap(), &base).unwrap();
    let build = LocalBuild {
        context: table.path(PLAIN.context),
        no_policy: true,
        build_args: BTreeMap::new(),
        ..LocalBuild::default()
    };
    let silent = |_: &Event| {};
    let built = site
        .build_local(&build, &silent, &Cancel::default())
        .unwrap();
    built.digest.to_string()
}

#[test]
fn the_same_inputs_give_the_same_manifest() {
    if !can_build() || busybox().is_none() {
        return;
    }
    let mut table = Table::new();
    for row in ROWS {
        let digest = table.build(row, DOCKERFILE);
        table.note(row.name, digest);
    }
    for day in ["1999-12-31", "2040-02-29"] {
        let digest = on_another_day(&table, day);
        table.note(&format!("on {day} by this program's clock"), Some(digest));
    }
    let (_, expected) = table.rows[0].clone();
    let other: Vec<_> = table
        .rows
        .iter()
        .filter(|(_, digest)| *digest != expected && !digest.starts_with("skipped"))
        .collect();
    assert!(other.is_empty(), "not as {expected}: {other:#?}");
}

/// What a step gives to others.
const OWNERS: &str = "\
FROM base
RUN mkdir -p /srv/app && echo x > /srv/app/x && chown -R 1000:1001 /srv/app
";

#[test]
fn owners_are_the_same_or_their_loss_is_told() {
    if !can_build() || busybox().is_none() {
        return;
    }
    let mut table = Table::new();
    let mut digests = Vec::new();
    for (name, state, user) in [
        ("owners: root", "root", User::Root),
        (
            "owners: ordinary user with a range of ids",
            "ranges",
            User::Ranges,
        ),
        ("owners: ordinary user with one id", "plain", User::Plain),
    ] {
        let row = Row {
            name,
            state,
            user,
            ..PLAIN
        };
        let digest = table.build(&row, OWNERS);
        let told = table
            .said
            .contains("owners can't be kept: this user has only one id");
        assert_eq!(
            told,
            user == User::Plain && digest.is_some(),
            "{name}: {}",
            table.said
        );
        table.note(name, digest.clone());
        digests.push(digest);
        if let (User::Plain, Some(ids)) = (user, ids(user)) {
            let state = table.path(state);
            fs::write(
                state.join("policy.toml"),
                "[sandbox]\nrequire_owners = true\n",
            )
            .unwrap();
            let context = table.path(PLAIN.context);
            let build = [
                "build",
                "--no-policy",
                "--no-cache",
                context.to_str().unwrap(),
            ];
            let refused = started(&row, &state, Some(ids), &build);
            assert_eq!(refused.status.code(), Some(3), "{refused:?}");
            let said = String::from_utf8_lossy(&refused.stdout);
            assert!(said.contains("sandbox.require_owners"), "{refused:?}");
        }
    }
    if let [Some(root), Some(ranges), ..] = &digests[..] {
        assert_eq!(root, ranges);
    }
    // A difference that is told. Were it gone, the help that tells of it would be wrong.
    if let [Some(root), _, Some(plain)] = &digests[..] {
        assert_ne!(root, plain);
    }
}
