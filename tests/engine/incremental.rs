//! A COPY of which little has changed: what it comes to, and what a RUN on it sees, is what it would have been from
//! nothing.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::sync::Arc;

use flareo::model::Digest;
use flareo::model::context::{ContextEntry, ContextSource, MemoryContext};

use super::ground::Ground;
use crate::everybody::for_everybody;

/// A context that knows what its files hold, as a folder does that was read before.
struct Known {
    files: MemoryContext,
    digests: Vec<Option<Digest>>,
}

impl Known {
    fn of(files: MemoryContext) -> Self {
        let digest = |index| {
            let mut bytes = Vec::new();
            let read = files
                .open(index)
                .and_then(|mut file| file.read_to_end(&mut bytes));
            read.ok().map(|_| Digest::of(&bytes))
        };
        let digests = (0..files.entries().len()).map(digest).collect();
        Self { files, digests }
    }
}

impl ContextSource for Known {
    fn entries(&self) -> &[ContextEntry] {
        self.files.entries()
    }

    fn open(&self, index: usize) -> std::io::Result<Box<dyn Read + Send + '_>> {
        self.files.open(index)
    }

    fn known_digest(&self, index: usize) -> Option<Digest> {
        self.digests[index]
    }
}

#[derive(Clone)]
enum What {
    File(u32, Vec<u8>),
    Folder(u32),
    Link(&'static str),
}

type Files = BTreeMap<String, What>;

fn context(files: &Files) -> Known {
    let mut context = MemoryContext::default();
    for (path, what) in files {
        context = match what {
            What::File(mode, content) => context.file(path, *mode, content.clone()),
            What::Folder(mode) => context.folder(path, *mode),
            What::Link(target) => context.link(path, target),
        };
    }
    Known::of(context)
}

fn text(number: usize) -> Vec<u8> {
    let word = |at: usize| (at * 7919 + number * 104_729) % 65_537;
    (0..600)
        .flat_map(|at| format!("{:x} ", word(at)).into_bytes())
        .collect()
}

/// Some hundred files in folders: a dozen members.
fn files() -> Files {
    let mut files = Files::from([
        ("src".into(), What::Folder(0o755)),
        ("src/link".into(), What::Link("d0/f000")),
    ]);
    for number in 0..360 {
        let folder = format!("src/d{}", number / 40);
        files.entry(folder.clone()).or_insert(What::Folder(0o755));
        files.insert(
            format!("{folder}/f{number:03}"),
            What::File(0o644, text(number)),
        );
    }
    files
}

/// What a RUN that follows sees of it.
const SEEN: &str = "RUN (cd /app; find . | sort | xargs stat -c '%n %F %a %u %g'; \
    find . -type f | sort | xargs -r sha256sum; find . -type l | xargs -r readlink) > /seen\n";

impl Ground {
    /// Builds with what is known of earlier builds, and from nothing.
    fn both(&self, text: &str, files: &Files) {
        let mut request = self.request(text, MemoryContext::default());
        request.context = Arc::new(context(files));
        let warm = self.build_request(&request).unwrap();
        request.no_cache = true;
        let cold = self.build_request(&request).unwrap();
        assert_eq!(warm.image.digest, cold.image.digest, "{text}");
    }

    /// How many layers lie unpacked as changes over another.
    fn laid_upon(&self) -> usize {
        let layers = fs::read_dir(self.path().join("snapshots/layers")).unwrap();
        layers
            .filter(|layer| layer.as_ref().unwrap().path().join("upon").exists())
            .count()
    }
}

type Change = (&'static str, fn(&mut Files), usize);

/// Each upon what the one before it left, with the number of layers that it lays upon another.
const CHANGES: &[Change] = &[
    (
        "another content",
        |files| drop(files.insert("src/d8/f359".into(), What::File(0o644, text(1)))),
        1,
    ),
    (
        "the same size",
        |files| {
            let Some(What::File(_, content)) = files.get_mut("src/d0/f003") else {
                panic!()
            };
            content[7] ^= 1;
        },
        1,
    ),
    (
        "a mode",
        |files| drop(files.insert("src/d4/f160".into(), What::File(0o755, text(160)))),
        1,
    ),
    (
        "a folder's mode",
        |files| drop(files.insert("src/d4".into(), What::Folder(0o700))),
        1,
    ),
    (
        "one more, in a new folder",
        |files| {
            files.insert("src/d4/new".into(), What::Folder(0o711));
            files.insert("src/d4/new/file".into(), What::File(0o600, b"new".to_vec()));
        },
        1,
    ),
    ("one less", |files| drop(files.remove("src/d2/f090")), 1),
    (
        "a folder less",
        |files| files.retain(|path, _| !path.starts_with("src/d4/new")),
        1,
    ),
    // Eight folders are enough: it is unpacked anew.
    (
        "a link",
        |files| drop(files.insert("src/link".into(), What::Link("d1"))),
        0,
    ),
    (
        "and after it",
        |files| drop(files.insert("src/link".into(), What::Link("d2"))),
        1,
    ),
    (
        "a file where a link was",
        |files| drop(files.insert("src/link".into(), What::File(0o644, b"x".to_vec()))),
        1,
    ),
    (
        "a folder where a file was",
        |files| {
            files.insert("src/link".into(), What::Folder(0o755));
            files.insert("src/link/inside".into(), What::File(0o644, b"y".to_vec()));
        },
        0,
    ),
    (
        "a file where a folder was",
        |files| {
            files.remove("src/link/inside");
            files.insert("src/link".into(), What::File(0o644, b"z".to_vec()));
        },
        0,
    ),
    (
        "most folders less",
        |files| files.retain(|path, _| !path.starts_with("src/d") || path.starts_with("src/d0")),
        1,
    ),
];

for_everybody! {
    a_run_sees_what_is_there: |ground| {
        let text = format!("FROM base\nWORKDIR /app\nCOPY src ./\n{SEEN}");
        let mut files = files();
        ground.both(&text, &files);
        for (what, change, upon) in CHANGES {
            let before = ground.laid_upon();
            change(&mut files);
            ground.both(&text, &files);
            assert_eq!(ground.laid_upon() - before, *upon, "{what}");
        }
    };

    what_lies_below_shows_again: |ground| {
        // `f000` and `d3` stand in the layer below too, and `there` only there.
        let text = format!(
            "FROM base\nRUN mkdir -p /app/d0 /app/d3 && echo below | tee /app/d0/f000 > /app/d3/there\n\
             COPY src /app/\n{SEEN}"
        );
        let mut files = files();
        ground.both(&text, &files);
        files.insert("src/d3/f120".into(), What::File(0o644, b"other".to_vec()));
        ground.both(&text, &files);
        files.remove("src/d0/f000");
        ground.both(&text, &files);
        files.retain(|path, _| !path.starts_with("src/d3"));
        ground.both(&text, &files);
    };

    what_stands_on_it_is_found_in_every_folder: |ground| {
        // Three COPYs upon each other, of which the middle one changes; and a stage that takes from what a RUN left.
        let text = format!(
            "FROM base AS made\nCOPY src /app/\nCOPY src/d1 /app/d0/\nCOPY src/d2 /app/d0/\nRUN mv /app/d0 /out\n{SEEN}\
             FROM base\nCOPY --from=made /out /app/\n{SEEN}"
        );
        let mut files = files();
        for number in [40, 41, 80, 0] {
            ground.both(&text, &files);
            let path = format!("src/d{}/f{number:03}", number / 40);
            files.insert(path, What::File(0o600, format!("now {number}").into_bytes()));
        }
        ground.both(&text, &files);
    };
}
