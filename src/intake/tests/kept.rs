//! What is kept, and what is believed of it later.

use super::*;

#[test]
fn a_stored_context_that_was_touched_is_not_believed() {
    let room = Room::new();
    let archive = Archive::default()
        .file("a", b"content")
        .file("b/c", b"x")
        .end();
    let stored = room.receive(&archive).unwrap();
    let path = room.contexts().join("sha256").join(stored.digest.hex());
    let good = fs::read(&path).unwrap();
    let open = |bytes: &[u8]| {
        fs::remove_file(&path).unwrap();
        fs::write(&path, bytes).unwrap();
        StoredContext::open(&room.contexts(), stored.digest)
    };
    for at in [0, 5, 101, 110, 130, 140, 148, 156, 160, 260, 300, 400] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert!(open(&bad).is_err_and(|e| e.is_host()), "byte {at}");
    }
    assert!(open(&good[..good.len() - 512]).is_err());
    assert!(open(&[&good[..], &[0; 512]].concat()).is_err());
    assert!(open(&archive).is_err(), "an archive in another form");
    let mut bad = good.clone();
    bad[512] ^= 1;
    let context = open(&bad).unwrap();
    assert!(context.verify().unwrap_err().is_host(), "a changed content");
    assert!(open(&good).unwrap().verify().is_ok());
    fs::remove_file(&path).unwrap();
    let error = StoredContext::open(&room.contexts(), stored.digest).unwrap_err();
    assert!(
        error.is_host() && error.to_string().contains("is not there"),
        "{error}"
    );
}

#[test]
fn what_a_killed_process_left_is_swept_after_a_day() {
    let room = Room::new();
    room.file("a", "").pack().unwrap();
    let place = room.contexts().join("sha256");
    for (name, age) in [(".incoming-old", 25), (".incoming-new", 1)] {
        let file = fs::File::create(place.join(name)).unwrap();
        let then = std::time::SystemTime::now() - std::time::Duration::from_secs(age * 3600);
        file.set_modified(then).unwrap();
    }
    room.pack().unwrap();
    let kept = room.kept();
    assert!(
        kept.len() == 2 && kept.contains(&".incoming-new".to_owned()),
        "{kept:?}"
    );
}
