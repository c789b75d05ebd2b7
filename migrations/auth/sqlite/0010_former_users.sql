-- The identifiers of users who were deleted: given to nobody else, for tokens, logs and guarded servers
-- know people by them.
CREATE TABLE former_users (
    user_id    TEXT PRIMARY KEY,
    deleted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
