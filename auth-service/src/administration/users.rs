//! Users, administered.

use super::{Administration, AdministrationError, clients::internal, not_found};
use crate::crypto::hash::{Cost, HashMemory, NewSalt, StoredHash};
use crate::storage::{Change, Inserted};
use crate::users::{InvalidUser, NewPassword, NewUser, User, UserChanges, UserId};

impl Administration {
    /// Makes a user.
    pub async fn create_user(&self, mut new: NewUser) -> Result<User, AdministrationError> {
        let now = self.clock.now();
        let generated = UserId::generate(self.entropy.as_ref()).map_err(internal)?;
        // The password is hashed before the change begins: nobody waits for the hash.
        let password = new.password.take();
        let has_password = password.is_some();
        let hash = self.hashed(password).await?;
        let mut change = self.storage.change().await?;
        let policy = self.policy(&mut change).await?;
        let mut user = User::new(new, generated, &policy, now)?;
        user.password_changed_at = has_password.then_some(now);
        match change.insert_user(&user, hash.as_deref()).await? {
            Inserted::Stored => {}
            Inserted::UserIdTaken => return Err(taken("user_id", &user.user_id)),
            Inserted::UserIdFormer => return Err(former(&user.user_id)),
            Inserted::UsernameTaken => return Err(taken("username", &user.username)),
        }
        change.commit().await?;
        Ok(user)
    }

    /// The user of that identifier.
    pub async fn user(&self, user_id: &UserId) -> Result<User, AdministrationError> {
        self.storage.user(user_id).await?.ok_or_else(|| not_found("user", user_id))
    }

    /// At most `limit` users in the order of their identifiers, those after `after`.
    pub async fn users_after(&self, after: &str, limit: u32) -> Result<Vec<User>, AdministrationError> {
        Ok(self.storage.users_after(after, limit).await?)
    }

    /// Changes a user; what is taken away ends tokens. A new password ends the sessions, and, unless
    /// they are kept, what clients were allowed.
    pub async fn update_user(&self, user_id: &UserId, mut changes: UserChanges) -> Result<User, AdministrationError> {
        let now = self.clock.now();
        let keep_grants = changes.keep_grants;
        let hash = self.hashed(changes.password.take()).await?;
        let mut change = self.storage.change().await?;
        let before = existing(&mut change, user_id).await?;
        let policy = self.policy(&mut change).await?;
        let mut user = before.changed(changes, &policy, now)?;
        if hash.is_some() {
            user.password_changed_at = Some(now);
        }
        let same_name = change.user_by_username(&user.username).await?;
        if same_name.is_some_and(|other| other.user_id != user.user_id) {
            return Err(taken("username", &user.username));
        }
        change.update_user(&before, &user, hash.as_deref()).await?;
        if hash.is_some() {
            change.end_sessions_of(user_id, None).await?;
            if !keep_grants {
                change.withdraw_all(user_id, "password changed", now).await?;
            }
        }
        change.commit().await?;
        Ok(user)
    }

    /// Deletes a user and ends the tokens.
    pub async fn delete_user(&self, user_id: &UserId) -> Result<(), AdministrationError> {
        let mut change = self.storage.change().await?;
        if !change.delete_user(user_id, self.clock.now()).await? {
            return Err(not_found("user", user_id));
        }
        Ok(change.commit().await?)
    }

    /// Hashes an administrator's choice of a password. It does not stand in the queue of those who
    /// sign in, and does not hold up a worker either.
    async fn hashed(&self, password: Option<NewPassword>) -> Result<Option<String>, AdministrationError> {
        let Some(password) = password else { return Ok(None) };
        let password = password.into_secret();
        let salt = NewSalt::generate(self.entropy.as_ref()).map_err(internal)?;
        let hashing = tokio::task::spawn_blocking(move || {
            StoredHash::create(password.expose(), Cost::PASSWORD, &salt, &mut HashMemory::default())
        });
        Ok(Some(hashing.await.map_err(internal)?.map_err(internal)?.as_str().to_owned()))
    }
}

async fn existing(change: &mut Change<'_>, user_id: &UserId) -> Result<User, AdministrationError> {
    change.user(user_id).await?.ok_or_else(|| not_found("user", user_id))
}

fn former(user_id: &UserId) -> AdministrationError {
    AdministrationError::Conflict(format!(
        "the user_id {user_id} was that of a user who was deleted, and is given to nobody else; choose another, or none"
    ))
}

fn taken(member: &str, name: &dyn std::fmt::Display) -> AdministrationError {
    AdministrationError::Conflict(format!("the {member} {name} is taken"))
}

impl From<InvalidUser> for AdministrationError {
    fn from(error: InvalidUser) -> Self {
        Self::Invalid(error.0)
    }
}
