-- What people's signing in leaves behind. Every handle (session, code, refresh token, browser) is
-- kept as its SHA-256 alone. Everything here ends by itself; housekeeping takes it away.

CREATE TABLE sessions (
    session_hash TEXT PRIMARY KEY,
    user_id      TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at   INTEGER NOT NULL,
    -- Within a minute or so.
    last_seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_created_at ON sessions (created_at);
CREATE INDEX sessions_by_last_seen_at ON sessions (last_seen_at);

-- Browsers in which somebody has signed in before: strangers' failures do not count against them.
CREATE TABLE browsers (
    browser_hash TEXT NOT NULL,
    user_id      TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    signed_in_at INTEGER NOT NULL,
    PRIMARY KEY (browser_hash, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX browsers_by_signed_in_at ON browsers (signed_in_at);

-- What a person has allowed a client at a resource; asked again where a request goes beyond it.
CREATE TABLE consents (
    user_id        TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    client_id      TEXT NOT NULL,
    resource       TEXT NOT NULL,
    scope          TEXT NOT NULL,
    offline_access INTEGER NOT NULL CHECK (offline_access IN (0, 1)),
    given_at       INTEGER NOT NULL,
    PRIMARY KEY (user_id, client_id, resource)
) STRICT, WITHOUT ROWID;
CREATE INDEX consents_by_client ON consents (client_id);

-- One authorization of one client by one person, from its code to its end. A row that is gone is a
-- grant that has ended.
CREATE TABLE grants (
    grant_id       TEXT PRIMARY KEY,
    user_id        TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    client_id      TEXT NOT NULL,
    resource       TEXT NOT NULL,
    scope          TEXT NOT NULL,
    offline_access INTEGER NOT NULL CHECK (offline_access IN (0, 1)),
    created_at     INTEGER NOT NULL,
    last_used_at   INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_by_user ON grants (user_id, client_id);
CREATE INDEX grants_by_client ON grants (client_id);
CREATE INDEX grants_by_end ON grants (expires_at);

-- Kept a while after its use, so that its replay is known for one.
CREATE TABLE authorization_codes (
    code_hash      TEXT PRIMARY KEY,
    grant_id       TEXT NOT NULL,
    user_id        TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    client_id      TEXT NOT NULL,
    redirect_uri   TEXT NOT NULL,
    code_challenge TEXT NOT NULL,
    resource       TEXT NOT NULL,
    scope          TEXT NOT NULL,
    offline_access INTEGER NOT NULL CHECK (offline_access IN (0, 1)),
    issued_at      INTEGER NOT NULL,
    used           INTEGER NOT NULL CHECK (used IN (0, 1))
) STRICT, WITHOUT ROWID;
CREATE INDEX authorization_codes_by_user ON authorization_codes (user_id, client_id);
CREATE INDEX authorization_codes_by_client ON authorization_codes (client_id);
CREATE INDEX authorization_codes_by_issue ON authorization_codes (issued_at);

-- The tokens of a grant are one family: one is live, those before it are kept to know them again.
CREATE TABLE refresh_tokens (
    token_hash TEXT PRIMARY KEY,
    grant_id   TEXT NOT NULL REFERENCES grants ON DELETE CASCADE,
    issued_at  INTEGER NOT NULL,
    -- NULL: not used yet.
    used_at    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_by_grant ON refresh_tokens (grant_id);
CREATE INDEX refresh_tokens_by_use ON refresh_tokens (used_at);
