-- An approval that was voided takes with it those that it stood on: whoever is still for it says so again (R28, R29).
CREATE TABLE voids (
    submission INTEGER NOT NULL REFERENCES submissions (id),
    decision   INTEGER NOT NULL REFERENCES decisions (id), -- the last one that is void
    at         INTEGER NOT NULL,
    reason     TEXT NOT NULL,
    PRIMARY KEY (submission, decision)
) STRICT;
CREATE TRIGGER voids_stay BEFORE DELETE ON voids
BEGIN SELECT RAISE(ABORT, 'a void approval is never deleted'); END;
CREATE TRIGGER voids_stand BEFORE UPDATE ON voids
BEGIN SELECT RAISE(ABORT, 'a void approval never changes'); END;
-- What was voided before this table was there: by the audit log, whose times are those of the decisions.
INSERT OR IGNORE INTO voids (submission, decision, at, reason)
SELECT a.submission, max(d.id), a.at, coalesce(json_extract(a.facts, '$.reason'), '')
FROM audit a JOIN decisions d ON d.submission = a.submission AND d.at <= a.at
WHERE a.action = 'submission.void'
GROUP BY a.number;
