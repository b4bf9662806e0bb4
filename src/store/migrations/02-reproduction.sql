-- R20: what a second build of a module came to, as JSON. What was published before was not built twice.
ALTER TABLE modules ADD COLUMN reproduction TEXT NOT NULL DEFAULT '{"label":"not tried"}';
