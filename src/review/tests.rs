//! Who may decide, and what an approval binds.

use super::*;
use crate::model::decision::Grant;
use crate::model::finding::Span;
use crate::model::network::{Group, NetworkPolicy};
use crate::model::submission::{Detection, Wishes};
use crate::model::view::{BasePin, ReviewPage};
use crate::model::*;

fn page() -> ReviewPage {
    let at: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let submission = Submission {
        id: SubmissionId(7),
        slug: "hello".parse().unwrap(),
        submitter: Actor::new("ann"),
        state: State::Pending,
        context: Digest::of("context"),
        context_bytes: 1,
        context_entries: 1,
        detection: Detection::default(),
        wishes: Wishes::default(),
        created_at: at,
        updated_at: at,
        claim: None,
        work: None,
        approval: None,
        attempts: 0,
        image: None,
        failure: None,
        version: 1,
    };
    let pin = BasePin {
        written: "debian:12-slim".into(),
        reference: "debian:12-slim".parse().unwrap(),
        digest: Some(Digest::of("debian")),
        approved: true,
        line: 1,
    };
    ReviewPage {
        submission,
        dockerfile: "FROM debian:12-slim\nCMD [\"true\"]\n".into(),
        findings: Vec::new(),
        pins: vec![pin],
        decisions: Vec::new(),
        reproduction: None,
        comments: Vec::new(),
        precedents: Vec::new(),
        templates: Vec::new(),
        grantable: Vec::new(),
        approvals: Default::default(),
        switches: Vec::new(),
        previous: None,
        published: None,
        network: None,
    }
}

fn block(rule: &str, line: u32) -> Finding {
    Finding {
        rule: rule.into(),
        severity: Severity::Block,
        file: "Dockerfile".into(),
        span: Span {
            line,
            column: 1,
            ..Span::default()
        },
        message: "no".into(),
        help: String::new(),
        patch: None,
    }
}

#[test]
fn another_person_may_approve_what_nothing_blocks() {
    assert_eq!(may_approve(&page(), &Actor::new("bob"), &[], ""), Ok(()));
}

#[test]
fn submitters_cannot_approve_their_own_row() {
    assert!(matches!(
        may_approve(&page(), &Actor::new("ann"), &[], ""),
        Err(Refusal::OwnSubmission { .. })
    ));
}

#[test]
fn a_blocking_finding_stops_approval_and_only_a_base_can_be_granted() {
    let bob = Actor::new("bob");
    let grant = Grant::Base {
        reference: "docker.io/library/debian:12-slim".parse().unwrap(),
    };
    for (rule, line, passes) in [
        ("NET01", 1, false),
        ("BASE01", 2, false),
        ("BASE01", 1, true),
    ] {
        let mut page = page();
        page.findings.push(block(rule, line));
        assert!(may_approve(&page, &bob, &[], "").is_err());
        assert_eq!(
            may_approve(&page, &bob, std::slice::from_ref(&grant), "we know them").is_ok(),
            passes,
            "{rule} {line}"
        );
        assert!(
            may_approve(&page, &bob, std::slice::from_ref(&grant), " ").is_err(),
            "a grant without a reason"
        );
    }
}

#[test]
fn a_base_that_is_not_held_cannot_be_approved() {
    let mut page = page();
    page.pins[0].digest = None;
    let refusal = may_approve(&page, &Actor::new("bob"), &[], "").unwrap_err();
    assert!(
        refusal
            .to_string()
            .contains("flareo base import debian:12-slim"),
        "{refusal}"
    );
}

#[test]
fn a_rejection_needs_words_and_a_pending_row() {
    assert_eq!(may_reject(&page(), ""), Err(Refusal::NoReason));
    assert_eq!(may_reject(&page(), "no licence"), Ok(()));
    let mut page = page();
    page.submission.state = State::Published;
    assert!(matches!(
        may_reject(&page, "late"),
        Err(Refusal::NotPending { .. })
    ));
}

#[test]
fn an_approval_is_void_when_anything_under_it_changes() {
    let policy = Policy::default();
    let page = page();
    let dockerfile = Digest::of(&page.dockerfile);
    let binding = bind(&page.submission, dockerfile, &page.pins, &[], &policy);
    let mut row = page.submission.clone();
    row.approval = Some(binding.digest());
    assert_eq!(still_binds(&row, &binding, dockerfile, &policy), Ok(()));
    assert_eq!(
        still_binds(&row, &binding, Digest::of("other"), &policy),
        Err(Changed::Dockerfile)
    );
    let mut stricter = policy.clone();
    stricter.limits.time_seconds = 60;
    assert_eq!(
        still_binds(&row, &binding, dockerfile, &stricter),
        Err(Changed::Policy)
    );
    let mut swapped = row.clone();
    swapped.context = Digest::of("swapped");
    assert_eq!(
        still_binds(&swapped, &binding, dockerfile, &policy),
        Err(Changed::Context)
    );
    let mut forged = binding.clone();
    forged.pins.clear();
    assert_eq!(
        still_binds(&row, &forged, dockerfile, &policy),
        Err(Changed::Record)
    );
}

#[test]
fn grants_in_any_order_bind_the_same_hash() {
    let page = page();
    let grants = [
        Grant::Time { minutes: 20 },
        Grant::Base {
            reference: "debian:12-slim".parse().unwrap(),
        },
    ];
    let reversed: Vec<_> = grants.iter().rev().cloned().collect();
    let hash = |grants: &[Grant]| {
        bind(
            &page.submission,
            Digest::of("d"),
            &page.pins,
            grants,
            &Policy::default(),
        )
        .digest()
    };
    assert_eq!(hash(&grants), hash(&reversed));
    assert_ne!(hash(&grants), hash(&[]));
}

#[test]
fn the_network_is_granted_only_to_who_asked_and_only_what_the_policy_names() {
    let policy = NetworkPolicy {
        groups: [(
            "npm".to_owned(),
            Group {
                hosts: vec!["registry.example".parse().unwrap()],
                reason: "packages".into(),
            },
        )]
        .into(),
        ..NetworkPolicy::default()
    };
    let mut page = page();
    let npm = Grant::network(&["npm".to_owned()]);
    let may = |page: &ReviewPage, grant: &Grant| {
        may_grant_network(page, std::slice::from_ref(grant), &policy)
    };
    assert!(matches!(
        may(&page, &npm),
        Err(Refusal::NetworkNotAskedFor { .. })
    ));
    page.submission.wishes.requires_network = true;
    assert_eq!(may(&page, &npm), Ok(()));
    assert_eq!(may(&page, &Grant::network(&[])), Err(Refusal::NoGroup));
    let error = may(&page, &Grant::network(&["pip".to_owned()])).unwrap_err();
    assert!(
        error.to_string().contains("no network group `pip`"),
        "{error}"
    );
    let bob = Actor::new("bob");
    assert_eq!(
        may_approve(&page, &bob, std::slice::from_ref(&npm), " "),
        Err(Refusal::GrantWithoutReason)
    );
    assert_eq!(
        may_approve(&page, &bob, &[npm], "vendoring is too large"),
        Ok(())
    );
}

#[test]
fn a_network_grant_is_part_of_what_is_bound() {
    let page = page();
    let bound = |groups: &[&str]| {
        let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
        let grants = [Grant::network(&groups)];
        bind(
            &page.submission,
            Digest::of("d"),
            &page.pins,
            &grants,
            &Policy::default(),
        )
        .digest()
    };
    assert_eq!(bound(&["npm", "pypi"]), bound(&["pypi", "npm", "npm"]));
    assert_ne!(bound(&["npm"]), bound(&["npm", "pypi"]));
}
