//! Submissions come in once a slug, and go only where the design lets them.

use super::*;
use crate::model::Failure;
use crate::store::NewMail;

#[test]
fn a_slug_has_one_live_submission_and_the_refusal_says_so() {
    let f = Fixture::new();
    let first = f.submit("foo");
    let error = f.second().submit(&new("foo"), |_, _| None).unwrap_err();
    assert_eq!(error.to_string(), "submission already pending for slug foo");
    f.step(
        &first,
        Move::Reject {
            reason: "no".into(),
        },
    );
    let again = f.submit("foo");
    assert_eq!(again.id.0, first.id.0 + 1, "a refusal takes no number");
    assert_eq!(f.queue.previous(&again).unwrap().unwrap().id, first.id);
}

#[test]
fn the_index_holds_even_where_the_code_does_not() {
    let f = Fixture::new();
    f.submit("foo");
    let copy = "INSERT INTO submissions (slug, submitter, state, context, context_bytes, context_entries, detection,
        wishes, findings, blocks, warnings, created_at, updated_at)
        SELECT slug, submitter, state, context, context_bytes, context_entries, detection, wishes, findings, blocks,
        warnings, created_at, updated_at FROM submissions";
    assert!(f.raw().execute(copy, []).is_err());
    for change in [
        "DELETE FROM submissions",
        "UPDATE submissions SET context = 'other'",
        "UPDATE audit SET actor = 'nobody'",
        "DELETE FROM audit",
    ] {
        assert!(f.raw().execute(change, []).is_err(), "{change}");
    }
}

#[test]
fn a_submission_reads_back_as_it_was_put_in() {
    let f = Fixture::new();
    let mail = NewMail {
        to: "a@example.org".into(),
        subject: "received".into(),
        body: "thanks".into(),
    };
    let (row, position) = f
        .queue
        .submit(&new("foo"), |_, _| Some(mail.clone()))
        .unwrap();
    assert_eq!((position, row.state, row.version), (1, State::Pending, 1));
    assert_eq!(f.queue.submission(row.id).unwrap(), row);
    let mails = f.queue.mails(row.id).unwrap();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].mail, mail);
    assert_eq!(f.queue.submit(&new("bar"), |_, _| None).unwrap().1, 2);
}

#[test]
fn the_whole_way_leaves_a_module_a_decision_and_an_attempt() {
    let f = Fixture::new();
    let row = f.publish("foo");
    assert_eq!(row.state, State::Published);
    assert_eq!((&row.work, &row.claim), (&None, &None));
    let served = f.queue.module(&row.slug).unwrap().unwrap();
    assert_eq!(
        served.attachments,
        module(&f.queue.submission(row.id).unwrap()).attachments
    );
    assert_eq!(f.queue.decisions(row.id).unwrap().len(), 1);
    assert_eq!(
        f.queue.binding(row.id).unwrap().map(|b| b.digest()),
        row.approval
    );
    let attempts = f.queue.attempts(row.id).unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].ending.as_deref(), Some("published"));
    assert_eq!(f.queue.built(row.id).unwrap(), Some(image()));

    f.step(
        &row,
        Move::Yank {
            reason: "broken".into(),
        },
    );
    assert!(f.queue.module(&row.slug).unwrap().unwrap().yanked);
}

#[test]
fn the_second_of_two_reviewers_hears_who_was_faster() {
    let f = Fixture::new();
    let seen = f.submit("foo");
    f.step(&seen, approve(&seen));
    let late = Transition::new(
        &seen,
        &Actor::new("carol"),
        Move::Reject {
            reason: "no".into(),
        },
    );
    match f.second().transition(&late).unwrap_err() {
        StoreError::Conflict {
            state, by, action, ..
        } => {
            assert_eq!(state, State::Approved);
            assert_eq!(
                (by.0.as_str(), action.as_str()),
                ("bob", "submission.approve")
            );
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_submitter_does_not_approve_their_own() {
    let f = Fixture::new();
    let row = f.submit("foo");
    let own = Transition::new(&row, &row.submitter, approve(&row));
    assert!(matches!(
        f.queue.transition(&own),
        Err(StoreError::OwnSubmission { .. })
    ));
    assert_eq!(f.queue.submission(row.id).unwrap(), row);
}

#[test]
fn a_refused_step_leaves_no_trace() {
    let f = Fixture::new();
    let row = f.submit("foo");
    let before = f.queue.verify_audit().unwrap();
    let mail = NewMail {
        to: "a@example.org".into(),
        subject: "s".into(),
        body: "b".into(),
    };
    for action in [Move::Begin, Move::Scanned, Move::Fail(Failure::new("x"))] {
        let step = Transition::new(&row, &Actor::new("bob"), action).mail(mail.clone());
        assert!(matches!(
            f.queue.transition(&step),
            Err(StoreError::Forbidden { .. })
        ));
    }
    assert_eq!(f.queue.verify_audit().unwrap(), before);
    assert_eq!(f.queue.mails(row.id).unwrap(), []);
    assert_eq!(f.queue.submission(row.id).unwrap(), row);
}

#[test]
fn a_void_approval_binds_nothing_but_is_still_told_of() {
    let f = Fixture::new();
    let row = f.approved("foo");
    let row = f.step(
        &row,
        Move::Void {
            reason: "the policy changed".into(),
        },
    );
    assert_eq!((row.state, row.approval), (State::Pending, None));
    assert_eq!(f.queue.binding(row.id).unwrap(), None);
    let decisions = f.queue.decisions(row.id).unwrap();
    assert_eq!(decisions.len(), 1);
    assert_eq!(decisions[0].voided.as_deref(), Some("the policy changed"));

    // What is decided afterwards counts, also in the same instant.
    let approve = Move::Approve {
        binding: decisions[0].binding.clone().unwrap(),
        reason: "again".into(),
    };
    f.step(&row, approve);
    let decisions = f.queue.decisions(row.id).unwrap();
    let voided: Vec<_> = decisions.iter().map(|d| d.voided.is_some()).collect();
    assert_eq!(voided, [true, false]);
}

#[test]
fn what_is_published_is_what_was_built() {
    let f = Fixture::new();
    f.approved("foo");
    let mut row = f.take("w").unwrap();
    for action in [Move::Begin, Move::Built(image()), Move::Scanned] {
        row = by_worker(&f.queue, &row, "w", action).unwrap();
    }
    let other = Module {
        digest: Digest::of("another"),
        ..module(&row)
    };
    assert!(matches!(
        by_worker(&f.queue, &row, "w", Move::Publish(other)),
        Err(StoreError::Invalid(_))
    ));
    assert_eq!(state(&f.queue, &row), State::Signing);
}

#[test]
fn what_was_seen_before_the_row_came_back_to_its_state_is_stale() {
    let f = Fixture::new();
    let seen = f.submit("foo");
    let row = f.step(&seen, approve(&seen));
    let row = f.step(
        &row,
        Move::Void {
            reason: "changed".into(),
        },
    );
    assert_eq!(row.state, seen.state);
    let late = Transition::new(&seen, &Actor::new("carol"), approve(&seen));
    assert!(matches!(
        f.queue.transition(&late),
        Err(StoreError::Conflict { .. })
    ));
    assert_eq!(f.queue.submission(row.id).unwrap(), row);
}
