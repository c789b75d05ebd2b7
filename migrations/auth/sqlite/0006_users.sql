-- People. Times are Unix seconds, booleans 0 or 1.

CREATE TABLE users (
    user_id             TEXT PRIMARY KEY,
    -- What is typed to sign in, in lower case.
    username            TEXT NOT NULL UNIQUE,
    name                TEXT NOT NULL,
    -- argon2id, PHC string; NULL: there is no password to sign in with.
    password_hash       TEXT,
    password_changed_at INTEGER,
    disabled            INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Built-in roles have no row in roles, hence no foreign key; a role's deletion removes its rows here.
CREATE TABLE user_roles (
    user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    role    TEXT NOT NULL,
    PRIMARY KEY (user_id, role)
) STRICT, WITHOUT ROWID;
CREATE INDEX user_roles_by_role ON user_roles (role);
