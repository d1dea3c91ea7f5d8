//! The tables, as numbered steps. A step that was released is never changed: a change is a new step.

/// Marks a file as Cordon's: `CRDN` in ASCII, in SQLite's `application_id`.
pub(crate) const APPLICATION_ID: i64 = 0x4352_444E;

/// The steps; the schema's version (SQLite's `user_version`) is the number of steps done.
pub(crate) const STEPS: &[&str] = &[
    // 1: keys, kills, budgets, notes.
    "CREATE TABLE keys (
        id TEXT NOT NULL PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('agent', 'front', 'admin')),
        agent TEXT CHECK ((agent IS NULL) = (kind = 'admin')),
        digest BLOB NOT NULL CHECK (length(digest) = 32),
        created INTEGER NOT NULL,
        expires INTEGER,
        revoked INTEGER,
        replaces TEXT REFERENCES keys (id),
        label TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE kills (
        scope TEXT NOT NULL PRIMARY KEY,
        since INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE budgets (
        scope TEXT NOT NULL,
        period TEXT NOT NULL,
        tokens INTEGER NOT NULL CHECK (tokens >= 0),
        cost_micros INTEGER NOT NULL CHECK (cost_micros >= 0),
        PRIMARY KEY (scope, period)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE meta (
        key TEXT NOT NULL PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;",
    // 2: held calls, without a word of what they say. `bound` is what a grant's call must show.
    "CREATE TABLE approvals (
        id TEXT NOT NULL PRIMARY KEY,
        agent TEXT NOT NULL,
        key TEXT NOT NULL,
        tool TEXT NOT NULL,
        effect TEXT NOT NULL,
        asked INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        standing TEXT NOT NULL CHECK (standing IN ('asked', 'denied', 'allowed')),
        bound BLOB CHECK (length(bound) = 32),
        exact INTEGER CHECK (exact IN (0, 1)),
        uses INTEGER CHECK (uses >= 0),
        until INTEGER,
        CHECK ((standing = 'allowed') =
            (bound IS NOT NULL AND exact IS NOT NULL AND uses IS NOT NULL AND until IS NOT NULL))
    ) STRICT, WITHOUT ROWID;",
    // 3: the tools of servers, as somebody approved them.
    "CREATE TABLE pins (
        server TEXT NOT NULL PRIMARY KEY,
        tools TEXT NOT NULL,
        accepted TEXT NOT NULL,
        at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;",
    // 4: which of them nobody looked at. What was there before counts as looked at.
    "ALTER TABLE pins ADD COLUMN first_use INTEGER NOT NULL DEFAULT 0 CHECK (first_use IN (0, 1));",
];
