//! Beside a real Docker Engine with BuildKit: the same Dockerfiles, and the same configuration and files come of them,
//! or both refuse.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

use flareo::engine::layer;
use flareo::engine::tree::{Kind, Tree};
use flareo::engine::watch::Watch;
use flareo::model::context::{ContextSource, EntryKind, MemoryContext};
use flareo::model::event::Cancel;
use flareo::model::{Digest, Limits};
use serde_json::{Value, json};

use super::ground::{Built, Ground};

/// One idea each. `base` is busybox with a user `app`; the context is below.
const CASES: &[&str] = &[
    // Where files come to stand.
    "FROM base\nCOPY a.txt /x",
    "FROM base\nCOPY a.txt /x/",
    "FROM base\nCOPY a.txt /x/y/z",
    "FROM base\nCOPY a.txt /home",
    "FROM base\nCOPY a.txt b.txt /x/",
    "FROM base\nCOPY a.txt b.txt /x",
    "FROM base\nCOPY dir /x",
    "FROM base\nCOPY dir /home",
    "FROM base\nCOPY dir/ /x/",
    "FROM base\nCOPY dir a.txt /x/",
    "FROM base\nCOPY dir/* /x/",
    "FROM base\nCOPY *.txt /x/",
    "FROM base\nCOPY [ab].txt /x/",
    "FROM base\nCOPY nothing* a.txt /x/",
    "FROM base\nCOPY nothing* /x/",
    "FROM base\nCOPY nothing /x/",
    "FROM base\nCOPY . /ctx",
    "FROM base\nWORKDIR /w\nCOPY . .",
    "FROM base\nWORKDIR /w\nCOPY a.txt ./",
    "FROM base\nWORKDIR /w\nCOPY a.txt sub/x",
    "FROM base\nCOPY ../a.txt /x",
    "FROM base\nCOPY a.txt /../x",
    "FROM base\nCOPY link /x",
    "FROM base\nCOPY dirlink /x",
    "FROM base\nCOPY dir/inlink /x",
    "FROM base\nCOPY dirlink/f /x",
    "FROM base\nCOPY a.txt /bin",
    "FROM base\nRUN ln -s /home /h\nCOPY a.txt /h/",
    "FROM base\nRUN ln -s /home /h\nCOPY dir /h",
    "FROM base\nRUN ln -s ../../../nowhere /h\nCOPY a.txt /h",
    "FROM base\nRUN mkdir -p /t/f\nCOPY dir /t",
    "FROM base\nRUN touch /t\nCOPY dir /t",
    "FROM base\nRUN touch /t\nCOPY a.txt /t/",
    "FROM base\nRUN mkdir /t && ln -s /home /t/sub\nCOPY dir /t",
    "FROM base\nRUN mkdir -m 700 -p /t/sub\nCOPY dir /t",
    "FROM base\nCOPY --chown=app a.txt dir /x/",
    "FROM base\nCOPY --chown=1234 dir /x/y",
    "FROM base\nCOPY --chown=app:extra dir /home",
    "FROM base\nCOPY --chown=5:6 a.txt /home/app2/f",
    "FROM base\nCOPY [\"with space\", \"/x y/\"]",
    "FROM base\nCOPY dir/. /x",
    "FROM base\nCOPY ./dir/./sub/../f /x/",
    "FROM base\nCOPY a.txt /x/.",
    "FROM base\nCOPY a.txt .",
    "FROM base\nCOPY a.txt /home/.",
    "FROM base\nCOPY dir/empty /x",
    "FROM base\nCOPY dir/empty dir/sub /x/",
    "FROM base\nCOPY dir* /x/",
    "FROM base\nCOPY di?/su[a-c] /x/",
    "FROM base\nCOPY arch.tar* /x/",
    "FROM base\nENV S=a.txt D=/y\nCOPY $S ${D}/z",
    "FROM base\nCOPY \"a.txt\" '/q uoted'",
    "FROM base\nCOPY a.txt b.txt /home",
    "FROM base\nCOPY dir /bin/sh",
    "FROM base\nCOPY a.txt /bin/busybox/",
    "FROM base\nCOPY a.txt /etc/passwd",
    "FROM base\nRUN ln -s /home/deep/er /h\nCOPY a.txt /h/x",
    "FROM base\nRUN ln -s /home/deep/er /h\nCOPY dir /h",
    "FROM base\nRUN ln -s b /a && ln -s a /b\nCOPY a.txt /a/x",
    "FROM base\nRUN mkdir /t && echo old >/t/f && ln -s f /t/inlink2\nCOPY dir /t\nCOPY a.txt /t/inlink2",
    "FROM base\nRUN ln -s /nowhere /t\nCOPY link /t",
    // Other stages.
    "FROM base AS one\nRUN mkdir -p /o/d && echo x >/o/d/f && chown -R app /o && ln /o/d/f /o/g\nFROM base\nCOPY --from=one /o /p",
    "FROM base AS one\nRUN mkdir -p /o && echo x >/o/f && ln -s f /o/l\nFROM base\nCOPY --from=0 /o/l /p/",
    "FROM base AS one\nFROM one\nCOPY --from=one /etc/passwd /p",
    "FROM base\nCOPY --from=base /etc/group /p",
    "FROM base AS one\nRUN mkdir -p /o/d && touch /o/d/x /o/y && rm /o/y && ln -s d /o/l\nFROM base\nCOPY --from=one /o/l /p\nCOPY --from=one /o/* /q/",
    "FROM base AS one\nENV A=1\nARG B=2\nWORKDIR /w\nUSER app\nCMD [\"c\"]\nFROM one\nRUN echo $A $B $(pwd) $(id -u) >/tmp/z",
    "FROM base AS one\nCOPY --chown=7:8 dir /o\nFROM base\nCOPY --from=one /o /p\nCOPY --from=one --chown=app /o /q",
    "FROM base AS One\nRUN echo 1 >/1\nFROM base\nCOPY --from=oNE /1 /",
    "FROM base AS a\nFROM base AS b\nRUN false\nFROM base\nRUN true",
    "FROM scratch\nCOPY a.txt /",
    "FROM scratch\nCOPY dir /\nENV A=b",
    // Archives.
    "FROM base\nADD arch.tar /x",
    "FROM base\nADD arch.tar /x/",
    "FROM base\nADD arch.tar.gz a.txt /x/",
    "FROM base\nADD dir /x",
    "FROM base\nCOPY arch.tar /x",
    "FROM base\nRUN mkdir -p /x/in && touch /x/in/old /x/g\nADD arch.tar /x",
    "FROM base\nRUN mkdir -p /x/g/deep\nADD arch.tar /x",
    "FROM base\nRUN mkdir /x && touch /x/in\nADD arch.tar /x",
    "FROM base\nRUN mkdir /x && ln -s /home /x/in\nADD arch.tar /x",
    "FROM base\nADD noarch.tar /x/",
    // Folders and users.
    "FROM base\nWORKDIR /a/b\nWORKDIR c\nWORKDIR ../d",
    "FROM base\nUSER app\nWORKDIR /srv/x",
    "FROM base\nUSER 1234\nWORKDIR /srv/x",
    "FROM base\nUSER app\nRUN id >/tmp/id",
    "FROM base\nUSER 1000\nRUN id >/tmp/id",
    "FROM base\nUSER 4242:7\nRUN id >/tmp/id",
    "FROM base\nUSER nobody-here\nRUN true",
    "FROM base\nENV D=/e\nWORKDIR $D/f\nRUN pwd >/pwd",
    // What RUN leaves.
    "FROM base\nRUN mkdir -p /a/b && touch /a/b/c && chmod 1777 /a && chmod 4755 /a/b/c",
    "FROM base\nRUN mkdir /a && touch /a/1 /a/2\nRUN rm /a/1",
    "FROM base\nRUN mkdir /a && touch /a/1\nRUN rm -r /a && mkdir /a && touch /a/2",
    "FROM base\nRUN touch /a\nRUN rm /a && mkdir /a && touch /a/x",
    "FROM base\nRUN echo 1 >/a && ln /a /b\nRUN echo 2 >>/a",
    "FROM base\nRUN false",
    "FROM base\nRUN [\"/bin/sh\", \"-c\", \"echo $0 >/z\"]",
    "FROM base\nSHELL [\"/bin/sh\", \"-xc\"]\nRUN echo $- >/z\nCMD x",
    "FROM base\nARG A=1\nRUN echo $A >/z",
    "FROM base\nARG A=1\nENV A=2\nRUN echo $A >/z",
    "FROM base\nARG A=1\nARG A=2\nARG B=$A\nRUN echo $A $B >/z",
    "ARG A=out\nFROM base\nRUN echo [$A] >/z\nARG A\nRUN echo [$A] >>/z",
    "FROM base\nENV A=x\nENV A\nRUN true",
    "FROM base\nRUN umask >/z && touch /y && mkdir /d",
    "FROM base\nRUN chown -R 12:34 /home && chmod 700 /home",
    "FROM base\nRUN echo x >/a && sleep 0.01 && mv /a /b && cp -a /b /c",
    "FROM base\nRUN rm -r /etc/group /home /bin/vi",
    "FROM base\nRUN mv /home /house && mkdir /home",
    "FROM base\nRUN dd if=/dev/zero of=/big bs=1024 count=300 2>/dev/null && truncate -s 1m /sparse",
    "FROM base\nRUN mkdir -p /tmp/a && cd /tmp/a && for i in 1 2 3; do echo $i >$i; done",
    "FROM base\nRUN echo $HOME $USER $TERM $HOSTNAME >/z; hostname >>/z",
    "FROM base\nRUN cat /proc/self/status | grep -E '^(Cap(Prm|Eff|Bnd)|NoNewPrivs)' >/z",
    "FROM base\nUSER app\nRUN grep -E '^Cap(Prm|Eff)' /proc/self/status >/tmp/z",
    "FROM base\nENV A=\"a b\" B=c\\ d C=$PATH\nRUN env | grep -E '^[ABC]=' | sort >/z",
    "FROM base\nENV A=1\nENV A=2 B=$A\nRUN echo $A $B >/z",
    "FROM base\nENV A\\ B=1",
    "FROM base\nENV OLD form with spaces",
    // Configuration.
    "FROM base\nCMD a b",
    "FROM base\nCMD [\"a\", \"b\"]",
    "FROM base\nCMD []",
    "FROM base\nENTRYPOINT [\"e\"]",
    "FROM base\nCMD [\"c\"]\nENTRYPOINT [\"e\"]",
    "FROM base\nENTRYPOINT e $X",
    "FROM base\nLABEL a=b \"c d\"=\"e f\" g='h $PATH'",
    "FROM base\nARG V=9\nLABEL v=$V w=${V:-x} x=${U:-y} y=${V:+z}",
    "FROM base\nEXPOSE 80 443/tcp 53/udp 1000-1003",
    "FROM base\nENV P=70\nEXPOSE $P ${P}1",
    "FROM base\nVOLUME /a /b\nVOLUME [\"/c\"]",
    "FROM base\nSTOPSIGNAL SIGKILL",
    "FROM base\nSTOPSIGNAL 9",
    "FROM base\nHEALTHCHECK --interval=3s --timeout=1m --start-period=2h --retries=4 CMD curl x",
    "FROM base\nHEALTHCHECK CMD [\"a\", \"b\"]",
    "FROM base\nHEALTHCHECK NONE",
    "FROM base\nUSER app:extra",
    "FROM base\nONBUILD RUN echo $X\nONBUILD COPY . /x",
    "FROM base AS p\nONBUILD RUN echo on >/on\nONBUILD ENV ON=1\nFROM p\nRUN echo $ON >/z",
    "FROM base\nMAINTAINER Some Body",
    "ARG B=base\nFROM ${B}\nARG B\nLABEL b=$B",
    "FROM base\nARG TARGETARCH\nARG TARGETPLATFORM\nLABEL a=$TARGETARCH p=$TARGETPLATFORM",
];

/// Where we mean to differ, and why; what newer versions of BuildKit do is not a difference.
const DIFFERENT: &[(&str, &str)] = &[
    (
        "FROM base\nCOPY --chown=nobody-here a.txt /x",
        "an owner that is not there is an error, not root",
    ),
    (
        "FROM base\nENV A=1\nARG A=2\nRUN echo $A >/z",
        "ENV wins over ARG, as Docker's reference says",
    ),
];

fn context() -> MemoryContext {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, mode) in [("in/f", 0o640), ("g", 0o755)] {
        let mut head = tar::Header::new_ustar();
        head.set_size(2);
        head.set_mode(mode);
        head.set_uid(33);
        head.set_gid(34);
        head.set_mtime(1);
        archive.append_data(&mut head, path, &b"hi"[..]).unwrap();
    }
    let archive = archive.into_inner().unwrap();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gz, &archive).unwrap();
    MemoryContext::default()
        .file("a.txt", 0o644, "a")
        .file("b.txt", 0o600, "b")
        .file("dir/f", 0o755, "f")
        .file("dir/sub/g", 0o4711, "g")
        .folder("dir/empty", 0o2775)
        .link("dir/inlink", "f")
        .link("link", "a.txt")
        .link("dirlink", "dir")
        .file("with space", 0o644, "s")
        .file("arch.tar", 0o644, archive)
        .file("noarch.tar", 0o644, "this is no archive")
        .file("arch.tar.gz", 0o644, gz.finish().unwrap())
}

fn on_disk(context: &MemoryContext, folder: &Path) {
    for (index, entry) in context.entries().iter().enumerate() {
        let path = folder.join(&entry.path);
        match &entry.kind {
            EntryKind::Directory => fs::create_dir(&path).unwrap(),
            EntryKind::Symlink { target } => {
                symlink(target, &path).unwrap();
                continue;
            }
            EntryKind::File { .. } => {
                let mut bytes = Vec::new();
                context
                    .open(index)
                    .unwrap()
                    .read_to_end(&mut bytes)
                    .unwrap();
                fs::write(&path, bytes).unwrap();
            }
        }
        fs::set_permissions(&path, PermissionsExt::from_mode(entry.mode)).unwrap();
    }
}

struct Docker {
    client: String,
    host: String,
}

impl Docker {
    fn find() -> Option<Self> {
        let variable = |name| std::env::var(name).ok().filter(|v| !v.is_empty());
        Some(Self {
            host: variable("FLAREO_TEST_DOCKER_HOST")?,
            client: variable("FLAREO_TEST_DOCKER").unwrap_or("docker".into()),
        })
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(&self.client)
            .args(arguments)
            .env("DOCKER_HOST", &self.host)
            .env("DOCKER_BUILDKIT", "1")
            .output()
            .unwrap()
    }

    fn says(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "docker {arguments:?}: {error}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Configuration and files of the image that `text` builds; none if Docker refuses.
    fn build(&self, text: &str, folder: &Path) -> Result<Image, String> {
        let file = folder.join("../Dockerfile");
        fs::write(&file, text).unwrap();
        let tag = format!("flareo-test-{}", std::process::id());
        let output = self.run(&[
            "build",
            "--network=none",
            "--no-cache",
            "-q",
            "-t",
            &tag,
            "-f",
            file.to_str().unwrap(),
            folder.to_str().unwrap(),
        ]);
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let config: Value =
            serde_json::from_str(&self.says(&["inspect", "-f", "{{json .Config}}", &tag])).unwrap();
        let container = self.says(&["create", &tag, "x"]);
        let exported = self.run(&["export", &container]);
        self.says(&["rm", "-v", &container]);
        self.says(&["rmi", &tag]);
        Ok(Image {
            config,
            files: exported_files(&exported.stdout),
        })
    }
}

#[derive(Debug, PartialEq)]
struct Image {
    config: Value,
    files: BTreeMap<String, String>,
}

/// What Docker puts into every container.
fn is_docker_s(path: &str) -> bool {
    ["dev", "proc", "sys"]
        .iter()
        .any(|top| path == *top || path.strip_prefix(top).is_some_and(|r| r.starts_with('/')))
        || [
            ".dockerenv",
            "etc/hosts",
            "etc/hostname",
            "etc/resolv.conf",
            "etc/mtab",
        ]
        .contains(&path)
}

fn exported_files(bytes: &[u8]) -> BTreeMap<String, String> {
    let mut archive = tar::Archive::new(bytes);
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = path.trim_end_matches('/').to_owned();
        let link = entry
            .link_name_bytes()
            .map(|l| String::from_utf8_lossy(&l).into_owned());
        let head = entry.header().clone();
        let mut text = String::new();
        let what = match head.entry_type() {
            tar::EntryType::Directory => "folder".to_owned(),
            tar::EntryType::Symlink => format!("-> {}", link.unwrap_or_default()),
            tar::EntryType::Link => {
                text = files[&link.unwrap_or_default()].clone();
                String::new()
            }
            _ => {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).unwrap();
                format!("{} {}", bytes.len(), Digest::of(&bytes))
            }
        };
        if text.is_empty() {
            text = format!(
                "{:o} {}:{} {what}",
                head.mode().unwrap() & 0o7777,
                head.uid().unwrap(),
                head.gid().unwrap()
            );
        }
        if !is_docker_s(&path) {
            files.insert(path, text);
        }
    }
    files
}

fn our_image(ground: &Ground, built: &Built) -> Image {
    let manifest = ground.store.manifest(built.image.digest).unwrap();
    let watch = Watch::new(Limits::default(), Cancel::default());
    let layers = manifest.layers.iter().zip(&built.config.rootfs.diff_ids);
    let layers = layers.map(|(descriptor, diff_id)| {
        let index = layer::read(
            &ground.store,
            descriptor,
            *diff_id,
            1 << 32,
            &watch,
            &mut (),
        );
        std::sync::Arc::new(index.unwrap())
    });
    let tree = Tree::new(layers.collect());
    let files = tree.below(b"").into_iter().filter_map(|(path, found)| {
        let path = String::from_utf8(path).unwrap();
        let what = match &found.node.kind {
            Kind::Directory { .. } => "folder".to_owned(),
            Kind::Symlink(target) => format!("-> {}", String::from_utf8_lossy(target)),
            Kind::File { size, digest, .. } => format!("{size} {digest}"),
            other => format!("{other:?}"),
        };
        let node = found.node;
        let text = format!("{:o} {}:{} {what}", node.mode, node.uid, node.gid);
        (!is_docker_s(&path)).then_some((path, text))
    });
    Image {
        files: files.collect(),
        config: serde_json::to_value(&built.config.config).unwrap(),
    }
}

/// The fields that mean something to a container; absent, null and empty are one.
fn meaning(config: &Value) -> Value {
    let mut meaning = serde_json::Map::new();
    for field in [
        "User",
        "ExposedPorts",
        "Env",
        "Cmd",
        "Entrypoint",
        "Volumes",
        "WorkingDir",
        "Labels",
        "StopSignal",
        "Healthcheck",
        "OnBuild",
        "Shell",
    ] {
        let value = config.get(field).cloned().unwrap_or(Value::Null);
        let empty = [json!({}), json!([]), json!("")].contains(&value);
        // What a container does without one.
        let root = field == "WorkingDir" && value == json!("/");
        let value = if empty || root { Value::Null } else { value };
        meaning.insert(field.into(), value);
    }
    meaning.into()
}

#[test]
fn docker_agrees() {
    let Some(docker) = Docker::find() else {
        println!("skipped: FLAREO_TEST_DOCKER_HOST names no Docker Engine");
        return;
    };
    let ground = Ground::new();
    let dir = tempfile::tempdir().unwrap();
    // The base, as Docker gets it.
    let manifest = ground
        .store
        .manifest(ground.pins.values().next().copied().unwrap())
        .unwrap();
    let rootfs = dir.path().join("rootfs.tar");
    let mut layer = ground
        .store
        .open_layer(&manifest.layers[0], 1 << 30)
        .unwrap();
    std::io::copy(&mut layer, &mut fs::File::create(&rootfs).unwrap()).unwrap();
    let path = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let tag = format!("flareo-test-base-{}", std::process::id());
    let rootfs = rootfs.to_str().unwrap();
    docker.says(&["import", "-c", path, "-c", "CMD [\"sh\"]", rootfs, &tag]);
    let folder = dir.path().join("context");
    fs::create_dir(&folder).unwrap();
    on_disk(&context(), &folder);

    let mut differences = Vec::new();
    for case in CASES {
        let theirs = case.replace("FROM base", &format!("FROM {tag}"));
        let theirs = theirs
            .replace("=base ", &format!("={tag} "))
            .replace("ARG B=base\n", &format!("ARG B={tag}\n"));
        let theirs = docker.build(&theirs, &folder);
        let ours = ground.build_request(&ground.request(case, context()));
        match (ours, theirs) {
            (Err(_), Err(_)) => {}
            (Ok(_), Err(error)) => {
                differences.push(format!("{case}\n  Docker refuses: {error}"));
            }
            (Err(error), Ok(_)) => differences.push(format!("{case}\n  we refuse: {error:?}")),
            (Ok(built), Ok(theirs)) => {
                let ours = our_image(&ground, &built);
                let (a, b) = (meaning(&ours.config), meaning(&theirs.config));
                let b: Value = serde_json::from_str(&b.to_string().replace(&tag, "base")).unwrap();
                if a != b {
                    differences.push(format!("{case}\n  ours   {a}\n  docker {b}"));
                }
                // A container of an image without /etc gets one.
                let scratch = |path: &str| path == "etc" && case.starts_with("FROM scratch");
                let paths: std::collections::BTreeSet<_> =
                    ours.files.keys().chain(theirs.files.keys()).collect();
                for path in paths {
                    let (a, b) = (ours.files.get(path), theirs.files.get(path));
                    if a != b && !scratch(path) {
                        differences
                            .push(format!("{case}\n  /{path}\n  ours   {a:?}\n  docker {b:?}"));
                    }
                }
            }
        }
    }
    docker.says(&["rmi", &tag]);
    println!("{} Dockerfiles beside Docker", CASES.len());
    for (case, reason) in DIFFERENT {
        println!("different: {reason}: {case:?}");
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}
