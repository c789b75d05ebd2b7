-- The token service's first schema. Times are Unix seconds, booleans 0 or 1, JSON is text.

-- One row: what every token request reads before anything else.
CREATE TABLE state (
    id             INTEGER PRIMARY KEY CHECK (id = 1),
    -- The position of the latest revocation: counted here, in the transaction that commits it, so
    -- that positions are in commit order.
    feed_position  INTEGER NOT NULL,
    -- Grows with every change of roles, resources and keys, so that any process notices it.
    policy_version INTEGER NOT NULL,
    -- Grows with every change of clients, their secrets, roles and resources, to the same end.
    client_version INTEGER NOT NULL
) STRICT;
INSERT INTO state (id, feed_position, policy_version, client_version) VALUES (1, 0, 0, 0);

CREATE TABLE clients (
    client_id        TEXT PRIMARY KEY,
    client_name      TEXT NOT NULL,
    -- A JSON object: the static claims of its tokens.
    claims           TEXT NOT NULL,
    -- NULL: the service's default.
    access_token_ttl INTEGER,
    -- 0: it may ask for whatever its roles reach; 1: only for client_resources.
    has_resources    INTEGER NOT NULL CHECK (has_resources IN (0, 1)),
    disabled         INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE client_secrets (
    client_id    TEXT NOT NULL REFERENCES clients ON DELETE CASCADE,
    secret_id    TEXT NOT NULL,
    -- argon2id, PHC string.
    hash         TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    PRIMARY KEY (client_id, secret_id)
) STRICT, WITHOUT ROWID;

-- Built-in roles have no row in roles, hence no foreign key; a role's deletion removes its rows here.
CREATE TABLE client_roles (
    client_id TEXT NOT NULL REFERENCES clients ON DELETE CASCADE,
    role      TEXT NOT NULL,
    PRIMARY KEY (client_id, role)
) STRICT, WITHOUT ROWID;
CREATE INDEX client_roles_by_role ON client_roles (role);

CREATE TABLE client_resources (
    client_id TEXT NOT NULL REFERENCES clients ON DELETE CASCADE,
    resource  TEXT NOT NULL,
    PRIMARY KEY (client_id, resource)
) STRICT, WITHOUT ROWID;

CREATE TABLE roles (
    role        TEXT PRIMARY KEY,
    description TEXT NOT NULL,
    scope       TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE resources (
    name     TEXT PRIMARY KEY,
    resource TEXT NOT NULL UNIQUE,
    title    TEXT NOT NULL,
    -- A JSON array of {"name", "kind", "title"}.
    tools    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE signing_keys (
    kid         TEXT PRIMARY KEY,
    -- Counts the keys in the order in which they were made: of two that begin to sign in the same
    -- second, the later one follows the earlier.
    number      INTEGER NOT NULL UNIQUE,
    algorithm   TEXT NOT NULL,
    -- The published JWK.
    public_jwk  TEXT NOT NULL,
    -- PKCS#8, sealed under the master key.
    private_key BLOB NOT NULL,
    created_at  INTEGER NOT NULL,
    signs_from  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE revocations (
    seq          INTEGER PRIMARY KEY,
    at           INTEGER NOT NULL,
    kind         TEXT NOT NULL,
    subject      TEXT NOT NULL,
    reason       TEXT NOT NULL,
    retain_until INTEGER NOT NULL
) STRICT;
CREATE INDEX revocations_by_subject ON revocations (kind, subject);
CREATE INDEX revocations_by_end ON revocations (retain_until);
