//! What an image comes to, whoever built it: its configuration, and every file after all layers.
//!
//! Read here from the layers' tars, without the engine's own reader: both engines' images go through the same code.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use flareo::model::Digest;
use serde_json::{Value, json};

/// An image.
#[derive(Debug, Default)]
pub struct Image {
    pub config: Value,
    pub files: BTreeMap<String, File>,
}

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Type, mode, owner, size, content or link, extended attributes; as a line for people.
    pub what: String,
    folder: bool,
    /// Which names are one file.
    inode: usize,
}

/// Fills `files` with a layer's tar.
pub struct Layers {
    files: BTreeMap<String, File>,
    inodes: usize,
}

impl Layers {
    pub fn new() -> Self {
        Self {
            files: BTreeMap::new(),
            inodes: 0,
        }
    }

    /// Puts a layer on top.
    pub fn add(&mut self, tar: impl Read) {
        let mut archive = tar::Archive::new(tar);
        let mut new = Vec::new();
        let (mut gone, mut opaque) = (Vec::new(), Vec::new());
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = name(&entry.path_bytes());
            let (folder, last) = path.rsplit_once('/').unwrap_or(("", &path));
            if last == ".wh..wh..opq" {
                opaque.push(folder.to_owned());
            } else if let Some(hidden) = last.strip_prefix(".wh.") {
                gone.push(
                    format!("{folder}/{hidden}")
                        .trim_start_matches('/')
                        .to_owned(),
                );
            } else if !path.is_empty() {
                new.push(read(&path, &mut entry));
            }
        }
        for path in gone {
            self.files.remove(&path);
            self.remove_below(&path);
        }
        for path in opaque {
            self.remove_below(&path);
        }
        for (path, found) in new {
            let file = match found {
                Found::Link(target) => self
                    .files
                    .get(&target)
                    .unwrap_or_else(|| panic!("/{path} is a link to /{target}, which is not there"))
                    .clone(),
                Found::Own(what, folder) => {
                    self.inodes += 1;
                    let inode = self.inodes;
                    File {
                        what,
                        folder,
                        inode,
                    }
                }
            };
            if !file.folder {
                self.remove_below(&path);
            }
            self.files.insert(path, file);
        }
    }

    fn remove_below(&mut self, path: &str) {
        let below = format!("{path}/");
        self.files.retain(|other, _| !other.starts_with(&below));
    }

    /// Everything, with what tells hard links from copies in the line for people.
    pub fn finish(mut self) -> BTreeMap<String, File> {
        let mut names: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for (path, file) in &self.files {
            names.entry(file.inode).or_default().push(path.clone());
        }
        for (path, file) in &mut self.files {
            let all = &names[&file.inode];
            if all.len() > 1 {
                let others: Vec<_> = all.iter().filter(|p| *p != path).cloned().collect();
                file.what.push_str(&format!(" = {}", others.join(" = ")));
            }
            file.inode = 0;
        }
        self.files
    }
}

enum Found {
    Own(String, bool),
    Link(String),
}

fn name(bytes: &[u8]) -> String {
    let text = bytes.escape_ascii().to_string();
    let text = text.strip_prefix("./").unwrap_or(&text);
    text.trim_matches('/').replace("\\'", "'")
}

fn read<R: Read>(path: &str, entry: &mut tar::Entry<'_, R>) -> (String, Found) {
    let link = entry.link_name_bytes().map(|l| name(&l));
    let raw_link = entry
        .link_name_bytes()
        .map(|l| l.escape_ascii().to_string())
        .unwrap_or_default();
    let mut attributes = String::new();
    for extension in entry.pax_extensions().unwrap().into_iter().flatten() {
        let extension = extension.unwrap();
        if let Some(name) = extension.key().unwrap().strip_prefix("SCHILY.xattr.") {
            let value = extension.value_bytes().escape_ascii();
            attributes.push_str(&format!(" {name}={value}"));
        }
    }
    let head = entry.header().clone();
    let kind = match head.entry_type() {
        tar::EntryType::Link => return (path.to_owned(), Found::Link(link.unwrap())),
        tar::EntryType::Directory => "folder".to_owned(),
        tar::EntryType::Symlink => format!("-> {raw_link}"),
        tar::EntryType::Fifo => "pipe".to_owned(),
        tar::EntryType::Char | tar::EntryType::Block => format!(
            "device {:?} {:?}:{:?}",
            head.entry_type(),
            head.device_major(),
            head.device_minor()
        ),
        _ => {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            let short = bytes.len() < 100 && bytes.is_ascii();
            let shown = if short {
                format!("{:?}", String::from_utf8_lossy(&bytes))
            } else {
                Digest::of(&bytes).to_string()
            };
            format!("file of {} bytes {shown}", bytes.len())
        }
    };
    let what = format!(
        "{:o} {}:{} {kind}{attributes}",
        head.mode().unwrap() & 0o7777,
        head.uid().unwrap(),
        head.gid().unwrap()
    );
    let folder = head.entry_type() == tar::EntryType::Directory;
    (path.to_owned(), Found::Own(what, folder))
}

/// What there is to say where the images are not one; empty if they are, but for what Docker leaves where it mounted
/// something.
pub fn differences(ours: &Image, theirs: &Image) -> Vec<String> {
    compare(ours, theirs, made_for_mounts)
}

/// The same without exception.
pub fn unforgiving_differences(ours: &Image, theirs: &Image) -> Vec<String> {
    compare(ours, theirs, |_, _, _| false)
}

fn compare(
    ours: &Image,
    theirs: &Image,
    forgiven: impl Fn(&str, Option<&File>, Option<&File>) -> bool,
) -> Vec<String> {
    let mut all = Vec::new();
    let (a, b) = (meaning(&ours.config), meaning(&theirs.config));
    for (field, a) in a.as_object().unwrap() {
        let b = &b[field];
        if a != b {
            all.push(format!("{field}\n    ours   {a}\n    docker {b}"));
        }
    }
    let paths: BTreeSet<_> = ours.files.keys().chain(theirs.files.keys()).collect();
    for path in paths {
        let (a, b) = (ours.files.get(path), theirs.files.get(path));
        if a != b && !forgiven(path, a, b) {
            let shown = |file: Option<&File>| file.map_or("nothing", |f| &f.what).to_owned();
            all.push(format!(
                "/{path}\n    ours   {}\n    docker {}",
                shown(a),
                shown(b)
            ));
        }
    }
    all
}

/// What Docker leaves where it mounted something and nothing was there before: the row `mount-points` of the table of
/// differences.
fn made_for_mounts(path: &str, ours: Option<&File>, theirs: Option<&File>) -> bool {
    let empty = match path {
        "dev" | "proc" | "sys" | "etc" => "755 0:0 folder",
        "etc/hosts" | "etc/resolv.conf" => "755 0:0 file of 0 bytes \"\"",
        _ => return false,
    };
    ours.is_none() && theirs.is_some_and(|f| f.what == empty)
}

/// The fields that mean something to a container; absent, null and empty are one.
fn meaning(image: &Value) -> Value {
    let mut meaning = serde_json::Map::new();
    for field in ["architecture", "os", "author"] {
        meaning.insert(field.into(), image.get(field).cloned().unwrap_or_default());
    }
    let nothing = json!({});
    let config = image.get("config").unwrap_or(&nothing);
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
        "ArgsEscaped",
    ] {
        let value = config.get(field).cloned().unwrap_or(Value::Null);
        let empty = [json!({}), json!([]), json!(""), json!(false)].contains(&value);
        // What a container does without one.
        let root = field == "WorkingDir" && value == json!("/");
        let value = if empty || root { Value::Null } else { value };
        meaning.insert(field.into(), value);
    }
    meaning.into()
}
