-- Who wants a build to end that a worker has in hand: the worker looks, and fails the row.
CREATE TABLE cancellations (
    submission INTEGER PRIMARY KEY REFERENCES submissions (id),
    by         TEXT NOT NULL,
    at         INTEGER NOT NULL,
    reason     TEXT NOT NULL
) STRICT;
