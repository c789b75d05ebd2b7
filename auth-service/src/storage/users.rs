//! Users in the database. A change that takes something away appends its revocation itself.

use bailiwick_core::{Subject, SubjectKind, UnixSeconds};
use sqlx::FromRow;

use super::grants::GrantsOf;
use super::{Change, Storage, StorageError, parsed, seconds, split};
use crate::users::{User, UserId, Username};

/// The columns that make a user, of the table `users u`.
macro_rules! user_columns {
    () => {
        "u.user_id, u.username, u.name, u.password_hash, u.password_changed_at, u.disabled, u.created_at, u.updated_at, \
         (SELECT string_agg(role, ' ') FROM user_roles r WHERE r.user_id = u.user_id) AS roles"
    };
}

const ONE: &str = concat!("SELECT ", user_columns!(), " FROM users u WHERE u.user_id = $1");
const BY_USERNAME: &str = concat!("SELECT ", user_columns!(), " FROM users u WHERE u.username = $1");
const PAGE: &str =
    concat!("SELECT ", user_columns!(), " FROM users u WHERE u.user_id > $1 ORDER BY u.user_id LIMIT $2");
const INSERT: &str = "\
    INSERT INTO users (user_id, username, name, password_hash, password_changed_at, disabled, created_at, updated_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
const UPDATE: &str = "\
    UPDATE users SET username = $2, name = $3, password_hash = COALESCE($4, password_hash), password_changed_at = $5, \
                     disabled = $6, created_at = $7, updated_at = $8 \
    WHERE user_id = $1";
const DELETE: &str = "DELETE FROM users WHERE user_id = $1";
const IS_FORMER: &str = "SELECT COUNT(*) FROM former_users WHERE user_id = $1";
const REMEMBER: &str = "INSERT INTO former_users (user_id, deleted_at) VALUES ($1, $2)";
const ADD_ROLE: &str = "INSERT INTO user_roles (user_id, role) VALUES ($1, $2)";
const CLEAR_ROLES: &str = "DELETE FROM user_roles WHERE user_id = $1";

/// What became of a user to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It is stored.
    Stored,
    /// The identifier is taken.
    UserIdTaken,
    /// The identifier was that of a user who was deleted.
    UserIdFormer,
    /// The username is taken.
    UsernameTaken,
}

/// A user with the stored hash of the password, where there is one.
pub struct UserWithPassword {
    /// The user.
    pub user: User,
    /// A PHC string.
    pub password_hash: Option<String>,
}

#[derive(FromRow)]
struct UserRow {
    user_id: String,
    username: String,
    name: String,
    password_hash: Option<String>,
    password_changed_at: Option<i64>,
    disabled: bool,
    created_at: i64,
    updated_at: i64,
    roles: Option<String>,
}

impl TryFrom<UserRow> for UserWithPassword {
    type Error = StorageError;

    fn try_from(row: UserRow) -> Result<Self, StorageError> {
        let user = User {
            user_id: parsed(&row.user_id, "user_id")?,
            username: parsed(&row.username, "username")?,
            name: row.name,
            roles: split(row.roles.as_deref(), "role of a user")?,
            disabled: row.disabled,
            password_changed_at: row.password_changed_at.map(UnixSeconds),
            created_at: UnixSeconds(row.created_at),
            updated_at: UnixSeconds(row.updated_at),
        };
        Ok(Self { user, password_hash: row.password_hash })
    }
}

impl Storage {
    /// The user of that identifier.
    pub async fn user(&self, user_id: &UserId) -> Result<Option<User>, StorageError> {
        Ok(one(&self.readers, ONE, user_id.as_str()).await?.map(|found| found.user))
    }

    /// The user who signs in with that name.
    pub async fn user_by_username(&self, username: &Username) -> Result<Option<UserWithPassword>, StorageError> {
        one(&self.readers, BY_USERNAME, username.as_str()).await
    }

    /// At most `limit` users in the order of their identifiers, those after `after`.
    pub async fn users_after(&self, after: &str, limit: u32) -> Result<Vec<User>, StorageError> {
        let rows: Vec<UserRow> =
            sqlx::query_as(PAGE).bind(after).bind(i64::from(limit)).fetch_all(&self.readers).await?;
        rows.into_iter().map(|row| UserWithPassword::try_from(row).map(|found| found.user)).collect()
    }
}

impl Change<'_> {
    /// The user of that identifier, as this change sees it.
    pub async fn user(&mut self, user_id: &UserId) -> Result<Option<User>, StorageError> {
        Ok(one(&mut *self.0, ONE, user_id.as_str()).await?.map(|found| found.user))
    }

    /// The user who signs in with that name, as this change sees it.
    pub async fn user_by_username(&mut self, username: &Username) -> Result<Option<User>, StorageError> {
        Ok(one(&mut *self.0, BY_USERNAME, username.as_str()).await?.map(|found| found.user))
    }

    /// Whether the user is not shut out and the password is still the one of that stored hash.
    pub async fn password_is(&mut self, user_id: &UserId, hash: Option<&str>) -> Result<bool, StorageError> {
        let found = one(&mut *self.0, ONE, user_id.as_str()).await?;
        Ok(found.is_some_and(|found| !found.user.disabled && found.password_hash.as_deref() == hash))
    }

    /// Stores a new user.
    pub async fn insert_user(&mut self, user: &User, password_hash: Option<&str>) -> Result<Inserted, StorageError> {
        let query = sqlx::query_as(IS_FORMER).bind(user.user_id.as_str());
        let (former,): (i64,) = query.fetch_one(&mut *self.0).await?;
        if former > 0 {
            return Ok(Inserted::UserIdFormer);
        }
        if write(INSERT, user, password_hash).execute(&mut *self.0).await?.rows_affected() == 1 {
            self.add_user_roles(user).await?;
            return Ok(Inserted::Stored);
        }
        let id_is_taken = self.user(&user.user_id).await?.is_some();
        Ok(if id_is_taken { Inserted::UserIdTaken } else { Inserted::UsernameTaken })
    }

    /// Stores a changed user, with a new password where there is one. Where the change took
    /// something away, the user's tokens end; a user who is shut out loses sessions and grants too.
    pub async fn update_user(
        &mut self,
        before: &User,
        after: &User,
        password_hash: Option<&str>,
    ) -> Result<(), StorageError> {
        write(UPDATE, after, password_hash).execute(&mut *self.0).await?;
        sqlx::query(CLEAR_ROLES).bind(after.user_id.as_str()).execute(&mut *self.0).await?;
        self.add_user_roles(after).await?;
        if after.disabled {
            self.end_sessions_of(&after.user_id, None).await?;
            self.end_grants(GrantsOf::User(&after.user_id)).await?;
        }
        if let Some(reason) = after.taken_away_since(before) {
            self.revoke_user(&after.user_id, reason, after.updated_at).await?;
        }
        Ok(())
    }

    /// Deletes a user with sessions, consents and grants, and ends the tokens; `false` where there is
    /// none. The identifier is remembered.
    pub async fn delete_user(&mut self, user_id: &UserId, now: UnixSeconds) -> Result<bool, StorageError> {
        let deleted = sqlx::query(DELETE).bind(user_id.as_str()).execute(&mut *self.0).await?.rows_affected() == 1;
        if deleted {
            let query = sqlx::query(REMEMBER).bind(user_id.as_str()).bind(seconds(now));
            query.execute(&mut *self.0).await?;
            self.revoke_user(user_id, "user deleted", now).await?;
        }
        Ok(deleted)
    }

    /// Ends all tokens of a user.
    pub async fn revoke_user(&mut self, user_id: &UserId, reason: &str, now: UnixSeconds) -> Result<(), StorageError> {
        self.revoke(&Subject::new(SubjectKind::User, user_id.as_str()), reason, now).await.map(drop)
    }

    async fn add_user_roles(&mut self, user: &User) -> Result<(), StorageError> {
        for role in &user.roles {
            sqlx::query(ADD_ROLE).bind(user.user_id.as_str()).bind(role.as_str()).execute(&mut *self.0).await?;
        }
        Ok(())
    }
}

async fn one<'e>(
    database: impl sqlx::SqliteExecutor<'e>,
    sql: &'static str,
    name: &str,
) -> Result<Option<UserWithPassword>, StorageError> {
    let row: Option<UserRow> = sqlx::query_as(sql).bind(name).fetch_optional(database).await?;
    row.map(UserWithPassword::try_from).transpose()
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

/// The columns of a user in the order of [`INSERT`] and [`UPDATE`].
fn write<'q>(sql: &'static str, user: &'q User, password_hash: Option<&'q str>) -> Query<'q> {
    sqlx::query(sql)
        .bind(user.user_id.as_str())
        .bind(user.username.as_str())
        .bind(&user.name)
        .bind(password_hash)
        .bind(user.password_changed_at.map(seconds))
        .bind(user.disabled)
        .bind(seconds(user.created_at))
        .bind(seconds(user.updated_at))
}
