//! A build that remembers sees the same as one that reads everything.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

/// What happens to the files `a`, `b` and `d/c` between two builds.
#[derive(Debug, Clone)]
enum Edit {
    /// Other content of the same length, with the old time put back.
    Quietly(usize, u8),
    /// Other content of another length.
    Write(usize, u8),
    /// One byte in the middle.
    InPlace(usize, u8),
    /// The same content in a new file.
    Replace(usize),
    /// The first takes the place of the second.
    Move(usize, usize),
    /// They change places.
    Swap(usize, usize),
    /// The second becomes another name of the first.
    Link(usize, usize),
    Mode(usize, u32),
    Remove(usize),
    /// Nothing, but a build.
    Build,
}

const NAMES: [&str; 3] = ["a", "b", "d/c"];

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let file = || 0..NAMES.len();
    let one = prop_oneof![
        (file(), any::<u8>()).prop_map(|(f, b)| Edit::Quietly(f, b)),
        (file(), any::<u8>()).prop_map(|(f, b)| Edit::Write(f, b)),
        (file(), any::<u8>()).prop_map(|(f, b)| Edit::InPlace(f, b)),
        file().prop_map(Edit::Replace),
        (file(), file()).prop_map(|(f, g)| Edit::Move(f, g)),
        (file(), file()).prop_map(|(f, g)| Edit::Swap(f, g)),
        (file(), file()).prop_map(|(f, g)| Edit::Link(f, g)),
        (file(), 0o600..0o777_u32).prop_map(|(f, m)| Edit::Mode(f, m)),
        file().prop_map(Edit::Remove),
        Just(Edit::Build),
    ];
    prop::collection::vec(one, 1..12)
}

fn apply(room: &Room, edit: &Edit) -> std::io::Result<()> {
    let path = |f: &usize| room.source().join(NAMES[*f]);
    let other = room.source().join("other");
    match edit {
        Edit::Quietly(f, byte) => {
            let before = fs::metadata(path(f))?.modified()?;
            let length = fs::metadata(path(f))?.len();
            let mut file = fs::File::options().write(true).open(path(f))?;
            file.write_all(&vec![*byte; usize::try_from(length).unwrap()])?;
            file.set_modified(before)
        }
        Edit::Write(f, byte) => fs::write(path(f), vec![*byte; usize::from(*byte)]),
        Edit::InPlace(f, byte) => {
            let mut file = fs::File::options().write(true).open(path(f))?;
            file.seek(std::io::SeekFrom::Start(3))?;
            file.write_all(&[*byte])
        }
        Edit::Replace(f) => {
            fs::copy(path(f), &other)?;
            fs::rename(&other, path(f))
        }
        Edit::Move(f, g) => fs::rename(path(f), path(g)),
        Edit::Swap(f, g) => {
            fs::rename(path(f), &other)?;
            // Either may be missing.
            let _ = fs::rename(path(g), path(f));
            fs::rename(&other, path(g))
        }
        Edit::Link(f, g) if f != g => {
            fs::remove_file(path(g))?;
            fs::hard_link(path(f), path(g))
        }
        Edit::Mode(f, mode) => fs::set_permissions(path(f), fs::Permissions::from_mode(*mode)),
        Edit::Remove(f) => fs::remove_file(path(f)),
        Edit::Link(..) | Edit::Build => Ok(()),
    }
}

/// What each file holds, and how many had to be read for that.
fn seen(context: &DirContext) -> (BTreeMap<String, Digest>, u32) {
    let reads = Cell::new(0);
    let files = context.entries().iter().enumerate();
    let files = files.filter(|(_, e)| matches!(e.kind, EntryKind::File { .. }));
    let digests = files.map(|(index, entry)| {
        let digest = context.known_digest(index).unwrap_or_else(|| {
            reads.set(reads.get() + 1);
            let mut bytes = Vec::new();
            context
                .open(index)
                .unwrap()
                .read_to_end(&mut bytes)
                .unwrap();
            context.learn(index, Digest::of(&bytes));
            Digest::of(bytes)
        });
        (entry.path.clone(), digest)
    });
    (digests.collect(), reads.get())
}

impl Room {
    fn listed(&self) -> DirContext {
        DirContext::open(&self.source(), &ContextLimits::default()).unwrap()
    }

    /// A build that remembers, as soon as the clock of files has moved on: so no margin is needed.
    fn remembering(&self, grain: Duration) -> (BTreeMap<String, Digest>, u32) {
        let context = self.listed().remembered_with_grain(&self.memory(), grain);
        let seen = seen(&context);
        context.remember();
        seen
    }

    fn memory(&self) -> PathBuf {
        self.folder.path().join("memory")
    }

    /// Waits until a file that is written now gets another time than all that were written before.
    fn tick(&self) {
        let path = self.folder.path().join("clock");
        let time = || {
            fs::write(&path, "x").unwrap();
            let stat = fs::metadata(&path).unwrap();
            (stat.ctime(), stat.ctime_nsec())
        };
        let before = time();
        while time() == before {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

const NO_GRAIN: Duration = Duration::ZERO;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn after_any_edits_what_is_remembered_is_what_is_there(edits in edits()) {
        let room = Room::new();
        room.file("a", "content").file("b", "of some").file("d/c", "lengths");
        for edit in edits {
            room.tick();
            room.remembering(NO_GRAIN);
            // An edit of a file that is gone changes nothing.
            let _ = apply(&room, &edit);
            prop_assert_eq!(room.remembering(NO_GRAIN).0, seen(&room.listed()).0, "{:?}", edit);
        }
    }
}

#[test]
fn only_what_was_written_is_read_again() {
    let room = Room::new();
    for number in 0..50 {
        room.file(&format!("d{}/f{number}", number % 3), format!("{number}"));
    }
    room.tick();
    assert_eq!(room.remembering(NO_GRAIN).1, 50);
    assert_eq!(room.remembering(NO_GRAIN).1, 0);
    room.file("d1/f7", "seven").file("d0/new", "new");
    fs::remove_file(room.source().join("d2/f2")).unwrap();
    room.mode("d1/f10", 0o600);
    room.tick();
    assert_eq!(room.remembering(NO_GRAIN).1, 3);
    // Files that were moved are new where they are now only to the list of paths.
    fs::rename(room.source().join("d0"), room.source().join("z")).unwrap();
    assert_eq!(room.remembering(NO_GRAIN).1, 0);
}

#[test]
fn what_was_written_a_moment_ago_is_not_remembered() {
    let room = Room::new();
    room.file("a", "content");
    for _ in 0..3 {
        assert_eq!(room.remembering(Duration::from_secs(3600)).1, 1);
    }
}

#[test]
fn a_memory_that_is_damaged_or_of_another_folder_is_none() {
    let room = Room::new();
    room.file("a", "content").file("b", "more");
    room.tick();
    room.remembering(NO_GRAIN);
    let file = || {
        fs::read_dir(room.memory())
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path()
    };
    let whole = fs::read(file()).unwrap();
    for at in [0, 20, whole.len() / 2, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(file(), damaged).unwrap();
        assert_eq!(room.remembering(NO_GRAIN).1, 2, "byte {at}");
    }
    fs::write(file(), &whole[..whole.len() / 2]).unwrap();
    assert_eq!(room.remembering(NO_GRAIN).1, 2);
    fs::write(file(), &whole).unwrap();
    assert_eq!(room.remembering(NO_GRAIN).1, 0);
    let stranger = Room::new();
    stranger.file("a", "content");
    stranger.tick();
    stranger.remembering(NO_GRAIN);
    fs::copy(
        fs::read_dir(stranger.memory())
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path(),
        file(),
    )
    .unwrap();
    assert_eq!(room.remembering(NO_GRAIN).1, 2);
}

#[test]
fn a_digest_that_turned_out_wrong_is_read_again() {
    let room = Room::new();
    room.file("a", "content").file("b", "more");
    room.tick();
    room.remembering(NO_GRAIN);
    let context = room
        .listed()
        .remembered_with_grain(&room.memory(), NO_GRAIN);
    context.doubt(0);
    context.remember();
    assert_eq!(room.remembering(NO_GRAIN).1, 1);
}

#[test]
fn so_many_contexts_are_remembered_and_no_more() {
    let room = Room::new();
    room.file("a", "content");
    room.tick();
    fs::create_dir(room.memory()).unwrap();
    for number in 0..100 {
        fs::write(room.memory().join(number.to_string()), "").unwrap();
    }
    room.tick();
    room.remembering(NO_GRAIN);
    assert_eq!(fs::read_dir(room.memory()).unwrap().count(), 64);
    assert_eq!(room.remembering(NO_GRAIN).1, 0);
}
