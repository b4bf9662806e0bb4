//! A Dockerfile with one idea, and the context that it is built with.
//!
//! Cases stand in the folder `cases`, as people write Dockerfiles: each begins with a line `===`, which may say what it
//! shows; then come options, one a line, an empty line, and the Dockerfile.
//!
//! | option | means |
//! |---|---|
//! | `build-arg: A=1` | `--build-arg A=1` |
//! | `target: one` | `--target one` |
//! | `name: x/Dockerfile` | the Dockerfile stands in the context under this name, not outside of it |
//! | `file: a.txt = text` | the context has this file too; `\\n` in the text is the end of a line |

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use flareo::model::context::{ContextSource, EntryKind, MemoryContext};

/// A Dockerfile, and what is asked for with it. `base` is busybox with a user `app`.
#[derive(Debug, Clone, Default)]
pub struct Case {
    pub text: String,
    /// `--build-arg`.
    pub args: Vec<(String, String)>,
    /// `--target`.
    pub target: Option<String>,
    /// The Dockerfile's name in the context; it stands outside of it if there is none.
    pub name: Option<String>,
    /// Beside the usual context, or in place of what stands there.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Case {
    pub fn of(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// The cases of a file of them.
    pub fn all(text: &str) -> Vec<Self> {
        // What stands before the first is about the file.
        let (_, cases) = text.split_once("\n===").expect("no case");
        cases.split("\n===").map(Self::read).collect()
    }

    fn read(text: &str) -> Self {
        let (head, text) = text
            .split_once("\n\n")
            .expect("no empty line before a Dockerfile");
        let mut case = Self::of(format!("{}\n", text.trim_end_matches('\n')));
        for option in head.lines().skip(1) {
            let (name, value) = option.split_once(": ").expect(option);
            match name {
                "build-arg" => {
                    let (name, value) = value.split_once('=').expect(option);
                    case.args.push((name.into(), value.into()));
                }
                "target" => case.target = Some(value.into()),
                "name" => case.name = Some(value.into()),
                "file" => {
                    let (path, text) = value.split_once(" = ").expect(option);
                    let text = text.replace("\\n", "\n");
                    case.files.push((path.into(), text.into_bytes()));
                }
                _ => panic!("no option of a case: {option}"),
            }
        }
        case
    }

    /// Lays the context out in `folder`, and the Dockerfile where it belongs; gives the Dockerfile's path.
    pub fn lay_out(&self, folder: &Path) -> std::path::PathBuf {
        let context = folder.join("context");
        fs::create_dir_all(&context).unwrap();
        on_disk(&usual_context(), &context);
        for (path, content) in &self.files {
            let path = context.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        }
        let dockerfile = match &self.name {
            Some(name) => context.join(name),
            None => folder.join("Dockerfile"),
        };
        fs::create_dir_all(dockerfile.parent().unwrap()).unwrap();
        fs::write(&dockerfile, &self.text).unwrap();
        fs::set_permissions(&dockerfile, PermissionsExt::from_mode(0o644)).unwrap();
        dockerfile
    }
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)?;
        for (name, value) in &self.args {
            write!(f, "\n  --build-arg {name}={value}")?;
        }
        if let Some(target) = &self.target {
            write!(f, "\n  --target {target}")?;
        }
        for (path, content) in &self.files {
            let content = String::from_utf8_lossy(&content[..content.len().min(200)]);
            write!(f, "\n  with {path}: {content:?}")?;
        }
        Ok(())
    }
}

/// A tar of a folder and a file, neither of them root's.
pub fn archive() -> Vec<u8> {
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
    archive.into_inner().unwrap()
}

/// `bytes`, packed with gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

/// A tar of entries that say what they are and where they lead: `-` a file, `d` a folder, `l` a link, `h` a hard link, `p`
/// a pipe, `c` a device.
pub fn odd_archive(entries: &[(&str, char, &str)]) -> Vec<u8> {
    use tar::EntryType;
    let mut archive = tar::Builder::new(Vec::new());
    for (path, kind, link) in entries {
        let mut head = tar::Header::new_gnu();
        head.set_entry_type(match kind {
            'd' => EntryType::Directory,
            'l' => EntryType::Symlink,
            'h' => EntryType::Link,
            'p' => EntryType::Fifo,
            'c' => EntryType::Char,
            _ => EntryType::Regular,
        });
        head.set_size(if *kind == '-' { 1 } else { 0 });
        head.set_mode(if *kind == 'd' { 0o2710 } else { 0o640 });
        head.set_uid(33);
        head.set_gid(34);
        head.set_mtime(5);
        head.set_device_major(1).unwrap();
        head.set_device_minor(3).unwrap();
        // Whole and raw: the builder would refuse names that climb.
        let fields = head.as_old_mut();
        fields.name[..path.len()].copy_from_slice(path.as_bytes());
        fields.linkname[..link.len()].copy_from_slice(link.as_bytes());
        head.set_cksum();
        let content: &[u8] = if *kind == '-' { b"x" } else { b"" };
        archive.append(&head, content).unwrap();
    }
    archive.into_inner().unwrap()
}

/// The first half of an archive.
fn archive_cut() -> Vec<u8> {
    let mut archive = archive();
    archive.truncate(700);
    archive
}

/// `xz -9e` of a tar with the file `f` in it: nothing here packs xz.
const XZ: &str = "fd377a585a000004e6d6b446020021011c00000010cf58cce027ff00575d003300335018688982ed6205d8da9ffe66e94d24\
    aaf2e73efd74f110895da15f90ca1eaf30850839d5b82c11eac47e740f32dea6c7e2260bfeb4d947f2a29bd1a9db19451af1\
    7337c4d41991bc5597ab32df4d31d2130e000000733487751200a153000173805000000082140834b1c467fb020000000004\
    595a";

/// What every case finds in its context.
fn usual_context() -> MemoryContext {
    let archive = archive();
    let gz = gzip(&archive);
    let mut bz = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    bz.write_all(&archive).unwrap();
    let zst = zstd::encode_all(&archive[..], 3).unwrap();
    let odd = [
        ("d", 'd', ""),
        ("d/f", '-', ""),
        ("d/g", 'h', "d/f"),
        ("p", 'p', ""),
        ("s", 'l', "d/f"),
    ];
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
        .file("arch.tar.gz", 0o644, gz)
        .file("odd/bz2", 0o644, bz.finish().unwrap())
        .file("odd/zst", 0o644, zst)
        .file("odd/xz", 0o644, hex::decode(XZ).unwrap())
        .file("odd/kinds", 0o644, odd_archive(&odd))
        .file("odd/device", 0o644, odd_archive(&[("n", 'c', "")]))
        .file("odd/absolute", 0o644, odd_archive(&[("/a/f", '-', "")]))
        .file("odd/up", 0o644, odd_archive(&[("../f", '-', "")]))
        .file("odd/around", 0o644, odd_archive(&[("a/../b/f", '-', "")]))
        .file(
            "odd/link",
            0o644,
            odd_archive(&[("l", 'l', "/home"), ("l/f", '-', "")]),
        )
        .file(
            "odd/climb",
            0o644,
            odd_archive(&[("l", 'l', "../home"), ("l/f", '-', "")]),
        )
        .file(
            "odd/twice",
            0o644,
            odd_archive(&[("f", 'd', ""), ("f", '-', ""), ("f", '-', "")]),
        )
        .file("odd/nowhere", 0o644, odd_archive(&[("h", 'h', "none")]))
        .file(
            "odd/whiteout",
            0o644,
            odd_archive(&[("home/.wh.x", '-', "")]),
        )
        .file("odd/cut", 0o644, archive_cut())
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
                let mut file = context.open(index).unwrap();
                file.read_to_end(&mut bytes).unwrap();
                fs::write(&path, bytes).unwrap();
            }
        }
        fs::set_permissions(&path, PermissionsExt::from_mode(entry.mode)).unwrap();
    }
}
