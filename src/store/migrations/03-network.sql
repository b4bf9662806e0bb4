-- R14: every connection that a granted build made or tried to make. Written while the build runs.
CREATE TABLE connections (
    id         INTEGER PRIMARY KEY,
    submission INTEGER NOT NULL REFERENCES submissions (id),
    attempt    INTEGER NOT NULL,
    step       INTEGER NOT NULL,
    host       TEXT NOT NULL,
    port       INTEGER NOT NULL,
    address    TEXT,
    started_at INTEGER NOT NULL,
    took_ms    INTEGER NOT NULL,
    up         INTEGER NOT NULL,
    down       INTEGER NOT NULL,
    verdict    TEXT NOT NULL CHECK (verdict IN ('allowed', 'refused', 'failed', 'cut')),
    reason     TEXT NOT NULL
) STRICT;
CREATE INDEX connections_by_submission ON connections (submission, attempt, id);
CREATE TRIGGER connections_stay BEFORE DELETE ON connections
BEGIN SELECT RAISE(ABORT, 'a connection is never struck from the ledger'); END;
CREATE TRIGGER connections_stand BEFORE UPDATE ON connections
BEGIN SELECT RAISE(ABORT, 'a connection in the ledger never changes'); END;

-- One closed ledger for each granted build, also where nothing was connected to.
CREATE TABLE ledgers (
    submission INTEGER NOT NULL REFERENCES submissions (id),
    attempt    INTEGER NOT NULL,
    network    TEXT NOT NULL,
    closed_at  INTEGER NOT NULL,
    PRIMARY KEY (submission, attempt)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER ledgers_stay BEFORE DELETE ON ledgers
BEGIN SELECT RAISE(ABORT, 'a ledger is never deleted'); END;
CREATE TRIGGER ledgers_stand BEFORE UPDATE ON ledgers
BEGIN SELECT RAISE(ABORT, 'a closed ledger never changes'); END;
