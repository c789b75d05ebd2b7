//! Users: the people who let clients act for them. Owns what may be said of one and what a password
//! must be; how a user signs in is [`crate::sign_in`]'s.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use bailiwick_core::{RoleName, UnixSeconds};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::crypto::entropy::{Entropy, NoEntropy, random};
use crate::crypto::secret::Secret;
use crate::policy::Policy;
use crate::shown_text;

/// The longest name for people, in characters.
const LONGEST_NAME: usize = 200;
/// The most roles of one user.
const MOST_ROLES: usize = 64;

/// A user's identifier: `usr_` and 1 to 60 characters of `A-Z a-z 0-9 _ -`. No client's begins so,
/// and a `sub` claim is never in doubt. It never changes, and is never given to somebody else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct UserId(String);

impl UserId {
    const PREFIX: &str = "usr_";
    const LONGEST: usize = 64;
    const RANDOM_BYTES: usize = 16;

    /// Makes a new one.
    ///
    /// # Errors
    /// [`NoEntropy`] where no random bytes can be had.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, NoEntropy> {
        let random = random::<{ Self::RANDOM_BYTES }>(entropy)?;
        Ok(Self(format!("{}{}", Self::PREFIX, URL_SAFE_NO_PAD.encode(random))))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.strip_prefix(Self::PREFIX).unwrap_or_default();
        let accepted = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        let has_form = !rest.is_empty() && text.len() <= Self::LONGEST && rest.bytes().all(accepted);
        has_form.then(|| Self(text.to_owned())).ok_or("a user_id is usr_ and 1 to 60 characters of A-Z a-z 0-9 _ -")
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for UserId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What a user types to sign in: 1 to 128 characters of `A-Z a-z 0-9 . _ % + @ -`, so that an e-mail
/// address is one. Kept in lower case, because nobody remembers how they wrote it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Username(String);

impl Username {
    const LONGEST: usize = 128;

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Username {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let accepted = |byte: u8| byte.is_ascii_alphanumeric() || b"._%+@-".contains(&byte);
        let has_form = (1..=Self::LONGEST).contains(&text.len()) && text.bytes().all(accepted);
        has_form
            .then(|| Self(text.to_ascii_lowercase()))
            .ok_or("a username has 1 to 128 characters of A-Z a-z 0-9 . _ % + @ -")
    }
}

impl fmt::Display for Username {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Username {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A password that somebody chooses: 12 characters at least, since it is all that stands between a
/// stranger and the account; no rule about kinds of characters (NIST SP 800-63B section 3.1.1.2).
pub struct NewPassword(Secret);

impl NewPassword {
    /// The fewest characters.
    pub const SHORTEST: usize = 12;
    /// The most bytes: what the form and the API read anyway, and no hash is slower for.
    pub const LONGEST: usize = 1024;

    /// Takes a chosen password.
    ///
    /// # Errors
    /// What it must be. Never quotes it.
    pub fn new(password: Secret) -> Result<Self, &'static str> {
        let text = password.expose();
        let accepted = text.chars().count() >= Self::SHORTEST && text.len() <= Self::LONGEST;
        accepted.then_some(Self(password)).ok_or("a password has at least 12 characters and at most 1024 bytes")
    }

    /// The secret, to be hashed.
    pub fn into_secret(self) -> Secret {
        self.0
    }
}

impl fmt::Debug for NewPassword {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("NewPassword(…)")
    }
}

impl<'de> Deserialize<'de> for NewPassword {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Secret::new(String::deserialize(deserializer)?)).map_err(serde::de::Error::custom)
    }
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The identifier.
    pub user_id: UserId,
    /// What is typed to sign in.
    pub username: Username,
    /// The name for people.
    pub name: String,
    /// The roles.
    pub roles: BTreeSet<RoleName>,
    /// Whether the user is shut out.
    pub disabled: bool,
    /// When the password was last set; `None`: there is none to sign in with.
    pub password_changed_at: Option<UnixSeconds>,
    /// When the user was made.
    pub created_at: UnixSeconds,
    /// When anything of the user last changed.
    pub updated_at: UnixSeconds,
}

/// A user to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// Chosen by the caller, else generated; begins with `usr_`.
    #[schema(value_type = Option<String>, example = "usr_ada")]
    pub user_id: Option<UserId>,
    /// What is typed to sign in; not told apart by case.
    #[schema(value_type = String, example = "ada@example.com")]
    pub username: Username,
    /// A name for people; at most 200 characters.
    #[serde(default)]
    pub name: String,
    /// Roles that exist; at most 64.
    #[schema(value_type = Vec<String>)]
    #[serde(default)]
    pub roles: BTreeSet<RoleName>,
    /// Made, but shut out.
    #[serde(default)]
    pub disabled: bool,
    /// At least 12 characters; left out: nobody can sign in as this user yet.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    pub password: Option<NewPassword>,
}

/// Changes of a user: what is absent stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChanges {
    /// A new name to sign in with.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    pub username: Option<Username>,
    /// A new name for people.
    #[serde(default)]
    pub name: Option<String>,
    /// New roles instead of the old ones.
    #[schema(value_type = Option<Vec<String>>)]
    #[serde(default)]
    pub roles: Option<BTreeSet<RoleName>>,
    /// Shut out, or let in again.
    #[serde(default)]
    pub disabled: Option<bool>,
    /// A new password. It ends the user's sessions, and what clients were allowed.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    pub password: Option<NewPassword>,
    /// With `password`: whether what clients were allowed stays.
    #[serde(default)]
    pub keep_grants: bool,
}

/// What is wrong with what is said of a user.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidUser(pub String);

impl User {
    /// The user made of `new`, checked against `policy`; the password is the caller's to hash.
    ///
    /// # Errors
    /// The first member that cannot be accepted.
    pub fn new(new: NewUser, generated: UserId, policy: &Policy, now: UnixSeconds) -> Result<Self, InvalidUser> {
        let user = Self {
            user_id: new.user_id.unwrap_or(generated),
            username: new.username,
            name: new.name,
            roles: new.roles,
            disabled: new.disabled,
            password_changed_at: new.password.is_some().then_some(now),
            created_at: now,
            updated_at: now,
        };
        user.check(policy)?;
        Ok(user)
    }

    /// What `self` becomes, checked against `policy`; the password is the caller's to hash.
    ///
    /// # Errors
    /// The first member that cannot be accepted.
    pub fn changed(&self, changes: UserChanges, policy: &Policy, now: UnixSeconds) -> Result<Self, InvalidUser> {
        let user = self.clone();
        let after = Self {
            username: changes.username.unwrap_or(user.username),
            name: changes.name.unwrap_or(user.name),
            roles: changes.roles.unwrap_or(user.roles),
            disabled: changes.disabled.unwrap_or(user.disabled),
            password_changed_at: if changes.password.is_some() { Some(now) } else { user.password_changed_at },
            updated_at: now,
            ..user
        };
        after.check(policy)?;
        Ok(after)
    }

    /// How the user is addressed.
    pub fn display_name(&self) -> &str {
        if self.name.is_empty() { self.username.as_str() } else { &self.name }
    }

    /// Why tokens that rest on `before` must not outlive the change to `self`; `None` where nothing
    /// was taken away.
    pub fn taken_away_since(&self, before: &Self) -> Option<&'static str> {
        if self.disabled && !before.disabled {
            return Some("user disabled");
        }
        (!before.roles.is_subset(&self.roles)).then_some("role removed from user")
    }

    fn check(&self, policy: &Policy) -> Result<(), InvalidUser> {
        let refuse = |reason: String| Err(InvalidUser(reason));
        shown_text::check("name", &self.name, LONGEST_NAME).map_err(InvalidUser)?;
        if self.roles.len() > MOST_ROLES {
            return refuse(format!("a user has at most {MOST_ROLES} roles"));
        }
        match self.roles.iter().find(|role| policy.role(role.as_str()).is_none()) {
            Some(role) => refuse(format!("there is no role {role}; create it first")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::crypto::entropy::SystemEntropy;

    fn policy() -> Policy {
        Policy::new(&"https://id.example".parse().unwrap(), Vec::new(), Vec::new())
    }

    fn made(value: Value) -> Result<User, String> {
        let new: NewUser = serde_json::from_value(value).map_err(|error| error.to_string())?;
        User::new(new, "usr_generated".parse().unwrap(), &policy(), UnixSeconds(7)).map_err(|error| error.0)
    }

    #[test]
    fn a_user_needs_a_username_and_may_say_more() {
        let least = made(json!({"username": "Ada@Example.com"})).unwrap();
        assert_eq!((least.user_id.as_str(), least.username.as_str()), ("usr_generated", "ada@example.com"));
        assert_eq!((least.display_name(), least.password_changed_at), ("ada@example.com", None));
        let much = json!({
            "user_id": "usr_ada", "username": "ada", "name": "Ada", "roles": ["admin"], "disabled": true,
            "password": "a password of some length",
        });
        assert_eq!(made(much).unwrap().display_name(), "Ada");
    }

    #[test]
    fn what_cannot_be_accepted_is_named_and_no_password_is_quoted() {
        for (value, named) in [
            (json!({}), "username"),
            (json!({"username": ""}), "username"),
            (json!({"username": "a b"}), "username"),
            (json!({"username": "x".repeat(129)}), "username"),
            (json!({"username": "a", "user_id": "ada"}), "usr_"),
            (json!({"username": "a", "user_id": "usr_"}), "usr_"),
            (json!({"username": "a", "roles": ["nobody"]}), "nobody"),
            (json!({"username": "a", "name": "a\u{7}b"}), "name"),
            (json!({"username": "a", "password": "short-s3cre"}), "password"),
            (json!({"username": "a", "password": "x".repeat(1025)}), "password"),
            (json!({"username": "a", "password_hash": "x"}), "password_hash"),
        ] {
            let error = made(value.clone()).unwrap_err();
            assert!(error.contains(named) && !error.contains("short-s3cre"), "{value}: {error}");
        }
    }

    #[test]
    fn only_what_takes_something_away_ends_tokens() {
        let before = made(json!({"username": "a", "roles": ["admin"]})).unwrap();
        let after = |changes: Value| {
            let changes: UserChanges = serde_json::from_value(changes).unwrap();
            before.changed(changes, &policy(), UnixSeconds(8)).unwrap().taken_away_since(&before)
        };
        assert_eq!(after(json!({"name": "New", "username": "b"})), None);
        assert_eq!(after(json!({"roles": ["admin", "guard"]})), None);
        assert!(after(json!({"roles": []})).is_some());
        assert!(after(json!({"disabled": true})).is_some());
    }

    #[test]
    fn a_generated_identifier_is_one() {
        let made = UserId::generate(&SystemEntropy).unwrap();
        assert_eq!(made.as_str().parse(), Ok(made.clone()));
        assert!(made.as_str().parse::<bailiwick_core::ClientId>().is_err());
    }
}
