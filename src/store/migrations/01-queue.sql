-- Times are milliseconds since 1970. JSON stands in TEXT. Digests, references and states are the words that
-- `model` writes. What must never change is guarded here as well as in the code (R4, R5, R30).

CREATE TABLE submissions (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    slug            TEXT NOT NULL,
    submitter       TEXT NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'building', 'scanning', 'signing',
                                                   'published', 'rejected', 'withdrawn', 'failed', 'yanked')),
    context         TEXT NOT NULL,
    context_bytes   INTEGER NOT NULL,
    context_entries INTEGER NOT NULL,
    detection       TEXT NOT NULL,
    wishes          TEXT NOT NULL,
    findings        TEXT NOT NULL,
    blocks          INTEGER NOT NULL,
    warnings        INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    approved_at     INTEGER,
    claim_holder    TEXT,
    claim_expires   INTEGER,
    work_holder     TEXT,
    work_expires    INTEGER,
    approval        TEXT,
    attempts        INTEGER NOT NULL DEFAULT 0,
    image           TEXT,
    built           TEXT,
    failure         TEXT,
    version         INTEGER NOT NULL DEFAULT 1,
    CHECK ((claim_holder IS NULL) = (claim_expires IS NULL)),
    CHECK ((work_holder IS NULL) = (work_expires IS NULL)),
    CHECK ((state = 'approved') <= (approved_at IS NOT NULL AND approval IS NOT NULL))
) STRICT;

-- R4: one live submission a slug.
CREATE UNIQUE INDEX one_live_submission_a_slug ON submissions (slug)
    WHERE state IN ('pending', 'approved', 'building', 'scanning', 'signing');
CREATE INDEX submissions_by_state ON submissions (state, id);
CREATE INDEX submissions_by_slug ON submissions (slug, id);
CREATE INDEX submissions_by_submitter ON submissions (submitter, id);
-- The line of what waits for a worker, and what a worker has in hand.
CREATE INDEX approved_line ON submissions (approved_at, id) WHERE state = 'approved';
CREATE INDEX work_in_hand ON submissions (id) WHERE state IN ('building', 'scanning', 'signing');

-- R5: an old row keeps its id, context and findings for ever.
CREATE TRIGGER submissions_stay BEFORE DELETE ON submissions
BEGIN SELECT RAISE(ABORT, 'a submission is never deleted'); END;
CREATE TRIGGER submissions_keep_what_came BEFORE UPDATE OF
    id, slug, submitter, context, context_bytes, context_entries, detection, wishes, findings, created_at ON submissions
BEGIN SELECT RAISE(ABORT, 'what was submitted never changes'); END;

-- How many rows each state has, so that a face knows without counting.
CREATE TABLE state_counts (state TEXT PRIMARY KEY, rows INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TRIGGER submissions_count_new AFTER INSERT ON submissions
BEGIN
    INSERT INTO state_counts VALUES (new.state, 1) ON CONFLICT (state) DO UPDATE SET rows = rows + 1;
END;
CREATE TRIGGER submissions_count_move AFTER UPDATE OF state ON submissions WHEN old.state <> new.state
BEGIN
    UPDATE state_counts SET rows = rows - 1 WHERE state = old.state;
    INSERT INTO state_counts VALUES (new.state, 1) ON CONFLICT (state) DO UPDATE SET rows = rows + 1;
END;

-- What the reviewer's page was made of when it was last opened: findings and resolved pins (R9).
CREATE TABLE reviews (
    submission INTEGER PRIMARY KEY REFERENCES submissions (id),
    opened_at  INTEGER NOT NULL,
    opened_by  TEXT NOT NULL,
    findings   TEXT NOT NULL,
    pins       TEXT NOT NULL
) STRICT;

CREATE TABLE decisions (
    id         INTEGER PRIMARY KEY,
    submission INTEGER NOT NULL REFERENCES submissions (id),
    verdict    TEXT NOT NULL CHECK (verdict IN ('approve', 'reject')),
    by         TEXT NOT NULL,
    reason     TEXT NOT NULL,
    at         INTEGER NOT NULL,
    binding    TEXT
) STRICT;
CREATE INDEX decisions_by_submission ON decisions (submission, id);
CREATE TRIGGER decisions_stay BEFORE DELETE ON decisions
BEGIN SELECT RAISE(ABORT, 'a decision is never deleted'); END;
CREATE TRIGGER decisions_stand BEFORE UPDATE ON decisions
BEGIN SELECT RAISE(ABORT, 'a decision never changes'); END;

-- R30.
CREATE TABLE audit (
    number     INTEGER PRIMARY KEY CHECK (number > 0),
    at         INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    action     TEXT NOT NULL,
    submission INTEGER REFERENCES submissions (id),
    facts      TEXT NOT NULL,
    previous   TEXT NOT NULL,
    hash       TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_submission ON audit (submission, number) WHERE submission IS NOT NULL;
CREATE TRIGGER audit_stays BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_stands BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

-- Each time that a worker takes a row.
CREATE TABLE attempts (
    submission  INTEGER NOT NULL REFERENCES submissions (id),
    attempt     INTEGER NOT NULL,
    holder      TEXT NOT NULL,
    from_state  TEXT NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    ending      TEXT,
    PRIMARY KEY (submission, attempt)
) STRICT, WITHOUT ROWID;

-- What the content store holds about a submission: scan report, bill of materials, log, …
CREATE TABLE evidence (
    submission INTEGER NOT NULL REFERENCES submissions (id),
    kind       TEXT NOT NULL,
    digest     TEXT NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (submission, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    submission INTEGER REFERENCES submissions (id),
    recipient  TEXT NOT NULL,
    subject    TEXT NOT NULL,
    body       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    leased_to  INTEGER NOT NULL DEFAULT 0,
    tries      INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    sent_at    INTEGER
) STRICT;
CREATE INDEX outbox_unsent ON outbox (id) WHERE sent_at IS NULL;
CREATE INDEX outbox_by_submission ON outbox (submission, id) WHERE submission IS NOT NULL;

CREATE TABLE bases (
    reference   TEXT PRIMARY KEY,
    digest      TEXT NOT NULL,
    bytes       INTEGER NOT NULL,
    layers      INTEGER NOT NULL,
    source      TEXT NOT NULL,
    imported_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE base_history (
    id          INTEGER PRIMARY KEY,
    reference   TEXT NOT NULL,
    digest      TEXT NOT NULL,
    bytes       INTEGER NOT NULL,
    layers      INTEGER NOT NULL,
    source      TEXT NOT NULL,
    imported_at INTEGER NOT NULL,
    imported_by TEXT NOT NULL
) STRICT;
CREATE INDEX base_history_by_reference ON base_history (reference, id);
CREATE TRIGGER base_history_stays BEFORE DELETE ON base_history
BEGIN SELECT RAISE(ABORT, 'the history of a base is never deleted'); END;
CREATE TRIGGER base_history_stands BEFORE UPDATE ON base_history
BEGIN SELECT RAISE(ABORT, 'the history of a base never changes'); END;

CREATE TABLE approved_bases (
    reference TEXT PRIMARY KEY,
    purpose   TEXT NOT NULL,
    added_at  INTEGER NOT NULL,
    added_by  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE exceptions (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    vulnerability TEXT NOT NULL,
    package       TEXT NOT NULL,
    module        TEXT,
    owner         TEXT NOT NULL,
    reason        TEXT NOT NULL,
    expires_at    INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    removed_at    INTEGER
) STRICT;

CREATE TABLE modules (
    submission   INTEGER PRIMARY KEY REFERENCES submissions (id),
    slug         TEXT NOT NULL,
    digest       TEXT NOT NULL,
    published_at INTEGER NOT NULL,
    bytes        INTEGER NOT NULL,
    layers       INTEGER NOT NULL,
    excepted     INTEGER NOT NULL,
    packages     INTEGER NOT NULL,
    yanked_at    INTEGER
) STRICT;
CREATE INDEX modules_by_slug ON modules (slug, submission);
CREATE INDEX modules_by_digest ON modules (digest);
CREATE TABLE attachments (
    submission INTEGER NOT NULL REFERENCES modules (submission),
    place      INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    manifest   TEXT NOT NULL,
    tag        TEXT,
    PRIMARY KEY (submission, place)
) STRICT, WITHOUT ROWID;

-- Every policy that was ever in force when something was decided, by its digest.
CREATE TABLE policies (
    digest  TEXT PRIMARY KEY,
    policy  TEXT NOT NULL,
    seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Facts about the database itself, as `approved-list-seeded`.
CREATE TABLE marks (name TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
