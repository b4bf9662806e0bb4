//! Bases, the approved list, exceptions and mail.

use super::*;
use crate::model::base::{ApprovedBase, Base};
use crate::store::{NewException, NewMail};

fn base(digest: &str) -> Base {
    Base {
        reference: "docker.io/library/alpine:3.19".parse().unwrap(),
        digest: Digest::of(digest),
        bytes: 5,
        layers: 1,
        source: "oci:folder".into(),
        imported_at: Timestamp::UNIX_EPOCH,
    }
}

#[test]
fn a_base_stands_for_its_last_import_and_remembers_the_others() {
    let f = Fixture::new();
    let bob = Actor::new("bob");
    f.queue.put_base(&base("one"), &bob).unwrap();
    f.clock.advance(LEASE);
    f.queue.put_base(&base("two"), &bob).unwrap();
    let reference = "alpine:3.19".parse().unwrap();
    assert_eq!(
        f.queue.base(&reference).unwrap().unwrap().digest,
        Digest::of("two")
    );
    let history = f.queue.base_history(&reference).unwrap();
    let digests: Vec<_> = history.iter().map(|v| v.base.digest).collect();
    assert_eq!(digests, [Digest::of("two"), Digest::of("one")]);
    f.queue.remove_base(&reference, &bob).unwrap();
    assert_eq!(f.queue.bases().unwrap(), []);
    assert_eq!(f.queue.base_history(&reference).unwrap().len(), 2);
}

#[test]
fn the_approved_list_is_seeded_once_and_knows_every_spelling() {
    let f = Fixture::new();
    let bob = Actor::new("bob");
    let seed = [ApprovedBase {
        reference: "alpine:3.19".parse().unwrap(),
        purpose: "small".into(),
    }];
    f.queue.seed_approved(&seed, &bob).unwrap();
    for spelling in ["docker.io/library/alpine:3.19", "library/alpine:3.19"] {
        assert!(f.queue.is_approved(&spelling.parse().unwrap()).unwrap());
    }
    let pinned = seed[0].reference.pinned(Digest::of("x"));
    assert!(f.queue.is_approved(&pinned).unwrap());
    assert!(
        !f.queue
            .is_approved(&"alpine:3.20".parse().unwrap())
            .unwrap()
    );

    f.queue.disapprove_base(&seed[0].reference, &bob).unwrap();
    f.second().seed_approved(&seed, &bob).unwrap();
    assert_eq!(f.queue.approved_bases().unwrap(), []);
}

#[test]
fn an_exception_needs_an_owner_a_reason_and_an_end() {
    let f = Fixture::new();
    let bob = Actor::new("bob");
    let good = NewException {
        vulnerability: "CVE-2023-45853".into(),
        package: "zlib1g".into(),
        module: None,
        owner: bob.clone(),
        reason: "not reachable".into(),
        expires_at: "2027-01-01T00:00:00Z".parse().unwrap(),
    };
    for bad in [
        NewException {
            owner: Actor::new(" "),
            ..good.clone()
        },
        NewException {
            reason: String::new(),
            ..good.clone()
        },
        NewException {
            expires_at: Timestamp::UNIX_EPOCH,
            ..good.clone()
        },
    ] {
        assert!(matches!(
            f.queue.add_exception(&bad, &bob),
            Err(StoreError::Invalid(_))
        ));
    }
    let added = f.queue.add_exception(&good, &bob).unwrap();
    assert_eq!(f.queue.exceptions().unwrap(), std::slice::from_ref(&added));
    f.queue.remove_exception(added.id, &bob).unwrap();
    assert_eq!(f.queue.exceptions().unwrap(), []);
    assert!(matches!(
        f.queue.remove_exception(added.id, &bob),
        Err(StoreError::NotFound(_))
    ));
}

#[test]
fn a_mail_has_one_sender_at_a_time_and_outlives_a_dead_one() {
    let f = Fixture::new();
    let mail = NewMail {
        to: "a@example.org".into(),
        subject: "s".into(),
        body: "b".into(),
    };
    f.queue.submit(&new("foo"), |_, _| Some(mail)).unwrap();
    let taken = f.queue.take_mails(5, LEASE).unwrap();
    assert_eq!(taken.len(), 1);
    assert_eq!(f.second().take_mails(5, LEASE).unwrap(), []);
    f.queue.mail_failed(taken[0].id, "no route").unwrap();
    f.clock.advance(LEASE);
    let again = f.second().take_mails(5, LEASE).unwrap();
    assert_eq!(again[0].last_error.as_deref(), Some("no route"));
    f.queue.mail_sent(again[0].id).unwrap();
    f.clock.advance(LEASE);
    assert_eq!(f.queue.take_mails(5, LEASE).unwrap(), []);
}
