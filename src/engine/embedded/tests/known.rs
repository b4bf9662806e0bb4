//! What is known from an earlier build is not made again, and only while it is whole.

use std::fs::Permissions;
use std::io::Read;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::super::*;
use super::ground::{Ground, context};
use crate::model::context::{ContextEntry, ContextSource, MemoryContext};
use crate::model::event::StepOutcome;

#[test]
fn a_layer_that_was_damaged_is_made_again() {
    let ground = Ground::new();
    let text = "FROM scratch\nCOPY a.txt /\n";
    let first = ground.build(text, context());
    let layer = ground
        .engine
        .store
        .manifest(first.image.digest)
        .unwrap()
        .layers[0]
        .clone();
    let path = ground.engine.store.path(layer.digest);
    let whole = std::fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    damaged[15] ^= 1;
    std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    std::fs::write(&path, damaged).unwrap();
    let again = ground.build(text, context());
    assert_eq!(again.outcomes, [StepOutcome::Cached, StepOutcome::Done]);
    assert_eq!(again.image.digest, first.image.digest);
    assert_eq!(std::fs::read(&path).unwrap(), whole);
    let third = ground.build(text, context());
    assert_eq!(third.outcomes, [StepOutcome::Cached; 2]);
}

#[test]
fn a_build_without_a_run_looks_for_no_sandbox() {
    static LOOKED: AtomicU32 = AtomicU32::new(0);
    let mut ground = Ground::new();
    let late = Late::new(None, || {
        LOOKED.fetch_add(1, Ordering::Relaxed);
        Err("none here".into())
    });
    let store = ground.engine.store.clone();
    let snapshots = ground.dir.path().join("snapshots");
    ground.engine = Embedded::with_late(store, &snapshots, late).unwrap();
    ground.build("FROM scratch\nCOPY a.txt /\n", context());
    assert_eq!(LOOKED.load(Ordering::Relaxed), 0);
    let request = ground.request("FROM scratch\nCOPY a.txt /\nRUN x\n", context());
    let error = ground.build_request(&request).unwrap_err();
    assert!(matches!(error, BuildError::Host(text) if text == "none here"));
    assert_eq!(LOOKED.load(Ordering::Relaxed), 1);
}

/// Knows the digest of its first file, rightly or not, and counts what is read.
struct Knowing {
    files: MemoryContext,
    known: Digest,
    read: AtomicU32,
    doubted: AtomicU32,
}

impl ContextSource for Knowing {
    fn entries(&self) -> &[ContextEntry] {
        self.files.entries()
    }

    fn open(&self, index: usize) -> std::io::Result<Box<dyn Read + Send + '_>> {
        self.read.fetch_add(1, Ordering::Relaxed);
        self.files.open(index)
    }

    fn known_digest(&self, index: usize) -> Option<Digest> {
        (index == 0).then_some(self.known)
    }

    fn doubt(&self, _: usize) {
        self.doubted.fetch_add(1, Ordering::Relaxed);
    }
}

fn knowing(digest: Digest) -> Arc<Knowing> {
    Arc::new(Knowing {
        files: MemoryContext::default().file("a", 0o644, "text"),
        known: digest,
        read: 0.into(),
        doubted: 0.into(),
    })
}

#[test]
fn a_file_whose_digest_is_known_is_not_read() {
    let ground = Ground::new();
    let text = "FROM scratch\nCOPY a /\n";
    let context = knowing(Digest::of("text"));
    let mut request = ground.request(text, MemoryContext::default());
    request.context = context.clone();
    let first = ground.build_request(&request).unwrap();
    // Once, for the layer.
    assert_eq!(context.read.load(Ordering::Relaxed), 1);
    let second = ground.build_request(&request).unwrap();
    assert_eq!(context.read.load(Ordering::Relaxed), 1);
    assert_eq!(second.image.digest, first.image.digest);
    let fresh = Ground::new().build(text, context.files.clone());
    assert_eq!(fresh.image.digest, first.image.digest);
}

#[test]
fn a_digest_that_was_wrong_is_refused_and_taken_back() {
    let ground = Ground::new();
    let context = knowing(Digest::of("other text"));
    let mut request = ground.request("FROM scratch\nCOPY a /\n", MemoryContext::default());
    request.context = context.clone();
    // A new step reads the file and believes that.
    let first = ground.build_request(&request).unwrap();
    let fresh = Ground::new().build("FROM scratch\nCOPY a /\n", context.files.clone());
    assert_eq!(first.image.digest, fresh.image.digest);
    assert_eq!(context.doubted.load(Ordering::Relaxed), 0);
    let BuildError::Failed(failure) = ground.build_request(&request).unwrap_err() else {
        panic!()
    };
    assert_eq!(failure.message, "/a changed while the build read it");
    assert_eq!(context.doubted.load(Ordering::Relaxed), 1);
}

/// To read `/etc/passwd` means to unpack what stands before it in its layer, which is a whole distribution mostly.
#[test]
fn accounts_are_read_out_of_a_layer_once() {
    let text = "FROM scratch\nCOPY etc/passwd /etc/\nCOPY --chown=app a.txt /one\n";
    let owner = |ground: &Ground| {
        let layers = ground.layers(&ground.build(text, context()));
        let one = layers[1].entries().find(|(path, _)| *path == b"one");
        one.map(|(_, node)| node.uid)
    };
    let ground = Ground::new();
    assert_eq!(owner(&ground), Some(1000));
    let digest = Digest::of("root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home:/bin/sh\n");
    assert!(ground.engine.snapshots.small.get(digest).is_some());
    // Who has it does not read it: else this would not be believed.
    let ground = Ground::new();
    let other = b"app:x:7:7::/:/bin/sh\n";
    ground.engine.snapshots.small.keep(digest, other);
    assert_eq!(owner(&ground), Some(7));
}
