-- What reviewers say about single lines, and what was decided before about the same rule.
CREATE TABLE comments (
    id         INTEGER PRIMARY KEY,
    submission INTEGER NOT NULL REFERENCES submissions (id),
    file       TEXT NOT NULL,
    line       INTEGER NOT NULL,
    by         TEXT NOT NULL,
    at         INTEGER NOT NULL,
    text       TEXT NOT NULL
) STRICT;
CREATE INDEX comments_by_submission ON comments (submission, id);
CREATE TRIGGER comments_stay BEFORE DELETE ON comments
BEGIN SELECT RAISE(ABORT, 'a comment is never deleted'); END;
CREATE TRIGGER comments_stand BEFORE UPDATE ON comments
BEGIN SELECT RAISE(ABORT, 'a comment never changes'); END;
CREATE INDEX rejections ON decisions (id) WHERE verdict = 'reject';
