//! Clients (RFC 6749 section 2) and what may be said of them (the words of RFC 7591 section 2).
//! Owns their rules; how they authenticate is [`crate::authentication`]'s.

mod claims;
mod registration;

use std::collections::BTreeSet;
use std::time::Duration;

use bailiwick_core::{ClientId, ResourceUri, RoleName, UnixSeconds};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::policy::Policy;
use crate::redirect_uris::RedirectUri;
use crate::shown_text;

pub use claims::holds_null;
pub use registration::{AuthenticationMethod, GrantType};

/// The longest lifetime of an access token.
pub const LONGEST_ACCESS_TOKEN: Duration = Duration::from_hours(1);
/// The lifetime of the access tokens of a client that has none of its own.
const DEFAULT_ACCESS_TOKEN: Duration = Duration::from_mins(15);
/// The longest client name, in characters.
const LONGEST_NAME: usize = 200;
/// The most roles of one client.
const MOST_ROLES: usize = 64;
/// The most resources of one client.
const MOST_RESOURCES: usize = 64;
/// The most redirect URIs of one client.
const MOST_REDIRECT_URIS: usize = 20;

/// A registered client.
#[derive(Clone, Debug, PartialEq)]
pub struct Client {
    /// Its identifier.
    pub client_id: ClientId,
    /// Its name for people.
    pub client_name: String,
    /// The grants that it may use.
    pub grant_types: BTreeSet<GrantType>,
    /// How it authenticates.
    pub token_endpoint_auth_method: AuthenticationMethod,
    /// Where people may be sent back to.
    pub redirect_uris: BTreeSet<RedirectUri>,
    /// Its roles.
    pub roles: BTreeSet<RoleName>,
    /// Whether what it may do for people is what its roles give: so from its first role on, also when the
    /// last is taken away. Else it is what clients without roles may.
    pub limited_to_roles: bool,
    /// The resources that it may ask for; `None`: all that its roles reach.
    pub resources: Option<BTreeSet<ResourceUri>>,
    /// The static claims of its tokens.
    pub claims: Map<String, Value>,
    /// The lifetime of its access tokens; `None`: 15 minutes.
    pub access_token_ttl: Option<AccessTokenLifetime>,
    /// Whether it is shut out.
    pub disabled: bool,
    /// When it was registered.
    pub created_at: UnixSeconds,
    /// When anything of it last changed.
    pub updated_at: UnixSeconds,
}

/// The lifetime of an access token: 1 second to [`LONGEST_ACCESS_TOKEN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct AccessTokenLifetime(u32);

impl AccessTokenLifetime {
    /// The lifetime as a duration.
    pub fn duration(self) -> Duration {
        Duration::from_secs(u64::from(self.0))
    }
}

impl TryFrom<u32> for AccessTokenLifetime {
    type Error = &'static str;

    fn try_from(seconds: u32) -> Result<Self, Self::Error> {
        let longest = LONGEST_ACCESS_TOKEN.as_secs();
        let accepted = (1..=longest).contains(&u64::from(seconds));
        accepted.then_some(Self(seconds)).ok_or("access_token_ttl is 1 to 3600 seconds")
    }
}

impl From<AccessTokenLifetime> for u32 {
    fn from(lifetime: AccessTokenLifetime) -> Self {
        lifetime.0
    }
}

impl std::str::FromStr for AccessTokenLifetime {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<u32>().map_err(|_| "access_token_ttl is 1 to 3600 seconds")?.try_into()
    }
}

/// What is wrong with a client's metadata: `invalid_client_metadata` (RFC 7591 section 3.2.2).
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidMetadata(pub String);

/// The metadata of a client to be registered.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewClient {
    /// Chosen by the caller, else generated.
    #[schema(value_type = Option<String>, example = "payroll-agent")]
    pub client_id: Option<ClientId>,
    /// A name for people; at most 200 characters.
    pub client_name: String,
    /// Left out: `["client_credentials"]`, or with `redirect_uris`
    /// `["authorization_code", "refresh_token"]`.
    pub grant_types: Option<BTreeSet<GrantType>>,
    /// `client_secret_basic`, which is the default and allows `client_secret_post` too; or `none`.
    pub token_endpoint_auth_method: AuthenticationMethod,
    /// Where people are sent back to; at most 20. `https`, `http` of a loopback host on any port, or
    /// an application's own scheme.
    #[schema(value_type = Vec<String>, example = json!(["http://127.0.0.1/callback"]))]
    pub redirect_uris: BTreeSet<RedirectUri>,
    /// Roles that exist; at most 64.
    #[schema(value_type = Vec<String>)]
    pub roles: BTreeSet<RoleName>,
    /// Whether it may do for people what its roles give and nothing else; left out: where it has roles.
    pub limited_to_roles: Option<bool>,
    /// The resources that it may ask for, by URI; left out: all that its roles reach.
    #[schema(value_type = Option<Vec<String>>)]
    pub resources: Option<BTreeSet<ResourceUri>>,
    /// Static claims of its tokens; none of the reserved names.
    #[schema(value_type = Object)]
    pub claims: Map<String, Value>,
    /// The lifetime of its access tokens in seconds, 1 to 3600; left out: 900.
    #[schema(value_type = Option<u32>)]
    pub access_token_ttl: Option<AccessTokenLifetime>,
    /// Registered, but shut out.
    pub disabled: bool,
}

/// Changes of a registered client: what is absent stays; `null` takes a limit away.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::option_option, reason = "absent, null and a value are three different wishes")]
pub struct ClientChanges {
    /// A new name.
    pub client_name: Option<String>,
    /// New grants instead of the old ones.
    pub grant_types: Option<BTreeSet<GrantType>>,
    /// Another way to authenticate; `none` retires its secrets.
    pub token_endpoint_auth_method: Option<AuthenticationMethod>,
    /// New redirect URIs instead of the old ones.
    #[schema(value_type = Option<Vec<String>>)]
    pub redirect_uris: Option<BTreeSet<RedirectUri>>,
    /// New roles instead of the old ones.
    #[schema(value_type = Option<Vec<String>>)]
    pub roles: Option<BTreeSet<RoleName>>,
    /// `false`, without roles: it may do for people what clients without roles may. Left out: what it is,
    /// and `true` from the first role on.
    pub limited_to_roles: Option<bool>,
    /// New resources instead of the old ones; `null`: all that its roles reach.
    #[schema(value_type = Option<Vec<String>>)]
    #[serde(deserialize_with = "present")]
    pub resources: Option<Option<BTreeSet<ResourceUri>>>,
    /// New static claims instead of the old ones.
    #[schema(value_type = Option<Object>)]
    pub claims: Option<Map<String, Value>>,
    /// A new lifetime of its access tokens in seconds; `null`: 900.
    #[schema(value_type = Option<u32>)]
    #[serde(deserialize_with = "present")]
    pub access_token_ttl: Option<Option<AccessTokenLifetime>>,
    /// Shut out, or let in again.
    pub disabled: Option<bool>,
}

/// Tells a member that is `null` from one that is absent.
#[expect(clippy::option_option, reason = "absent, null and a value are three different wishes")]
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

impl NewClient {
    /// The client that is to be stored, its metadata checked against `policy`.
    ///
    /// # Errors
    /// The first member that cannot be accepted.
    pub fn validate(self, generated: ClientId, policy: &Policy, now: UnixSeconds) -> Result<Client, InvalidMetadata> {
        let client = Client {
            client_id: self.client_id.unwrap_or(generated),
            client_name: self.client_name,
            grant_types: self.grant_types.unwrap_or_else(|| GrantType::default_with(&self.redirect_uris)),
            token_endpoint_auth_method: self.token_endpoint_auth_method,
            redirect_uris: self.redirect_uris,
            limited_to_roles: self.limited_to_roles.unwrap_or(!self.roles.is_empty()),
            roles: self.roles,
            resources: self.resources,
            claims: self.claims,
            access_token_ttl: self.access_token_ttl,
            disabled: self.disabled,
            created_at: now,
            updated_at: now,
        };
        if names_a_folder(client.client_id.as_str()) {
            return Err(InvalidMetadata("client_id may not be . or .., which no URL can end with".to_owned()));
        }
        client.check(policy)?;
        claims::check(&client.claims)?;
        Ok(client)
    }
}

impl ClientChanges {
    /// The members that limit a client, and that `null` takes away; of no other is it a value.
    pub const LIMITS: [&str; 2] = ["resources", "access_token_ttl"];

    /// What `client` becomes, checked against `policy`.
    ///
    /// # Errors
    /// The first member that cannot be accepted.
    pub fn apply(self, client: &Client, policy: &Policy, now: UnixSeconds) -> Result<Client, InvalidMetadata> {
        let client = client.clone();
        // Those that are stored stay, whatever was accepted when they came: a client can always be shut out.
        if let Some(claims) = &self.claims {
            claims::check(claims)?;
        }
        let changed = Client {
            client_name: self.client_name.unwrap_or(client.client_name),
            grant_types: self.grant_types.unwrap_or(client.grant_types),
            token_endpoint_auth_method: self.token_endpoint_auth_method.unwrap_or(client.token_endpoint_auth_method),
            redirect_uris: self.redirect_uris.unwrap_or(client.redirect_uris),
            limited_to_roles: self.limited_to_roles.unwrap_or_else(|| {
                client.limited_to_roles || self.roles.as_ref().is_some_and(|roles| !roles.is_empty())
            }),
            roles: self.roles.unwrap_or(client.roles),
            resources: self.resources.unwrap_or(client.resources),
            claims: self.claims.unwrap_or(client.claims),
            access_token_ttl: self.access_token_ttl.unwrap_or(client.access_token_ttl),
            disabled: self.disabled.unwrap_or(client.disabled),
            updated_at: now,
            ..client
        };
        changed.check(policy)?;
        Ok(changed)
    }
}

impl Client {
    /// How long its access tokens live.
    pub fn access_token_lifetime(&self) -> Duration {
        self.access_token_ttl.map_or(DEFAULT_ACCESS_TOKEN, AccessTokenLifetime::duration)
    }

    /// Whether it may use that grant.
    pub fn may_use(&self, grant: GrantType) -> bool {
        self.grant_types.contains(&grant)
    }

    /// Whether it has nothing to prove itself with (OAuth 2.1 section 2.1).
    pub fn is_public(&self) -> bool {
        self.token_endpoint_auth_method == AuthenticationMethod::None
    }

    /// Whether people may be sent back there.
    pub fn accepts_redirect(&self, requested: &RedirectUri) -> bool {
        self.redirect_uris.iter().any(|registered| registered.accepts(requested))
    }

    /// How people are told of it.
    pub fn display_name(&self) -> &str {
        if self.client_name.is_empty() { self.client_id.as_str() } else { &self.client_name }
    }

    fn check_grants(&self) -> Result<(), InvalidMetadata> {
        let for_people = self.may_use(GrantType::AuthorizationCode);
        let told = |reason: &str| refuse(reason.to_owned());
        if self.grant_types.is_empty() {
            return told("grant_types names at least one grant; to shut a client out, disable it");
        }
        if self.may_use(GrantType::RefreshToken) && !for_people {
            return told("grant_types with refresh_token needs authorization_code: only people's grants are refreshed");
        }
        if self.may_use(GrantType::ClientCredentials) && self.is_public() {
            return told("grant_types may not have client_credentials where token_endpoint_auth_method is none");
        }
        if self.redirect_uris.is_empty() == for_people {
            return told("redirect_uris and the grant authorization_code come together: give both or neither");
        }
        if self.redirect_uris.len() > MOST_REDIRECT_URIS {
            return refuse(format!("a client has at most {MOST_REDIRECT_URIS} redirect_uris"));
        }
        Ok(())
    }

    fn check(&self, policy: &Policy) -> Result<(), InvalidMetadata> {
        self.check_grants()?;
        shown_text::check("client_name", &self.client_name, LONGEST_NAME).map_err(InvalidMetadata)?;
        if self.roles.len() > MOST_ROLES {
            return refuse(format!("a client has at most {MOST_ROLES} roles"));
        }
        if let Some(role) = self.roles.iter().find(|role| policy.role(role.as_str()).is_none()) {
            return refuse(format!("there is no role {role}; create it first"));
        }
        if !self.limited_to_roles && !self.roles.is_empty() {
            return refuse("limited_to_roles false is for clients without roles: take them away too".to_owned());
        }
        let resources = self.resources.iter().flatten();
        if resources.clone().count() > MOST_RESOURCES {
            return refuse(format!("a client has at most {MOST_RESOURCES} resources"));
        }
        if let Some(resource) = resources.into_iter().find(|resource| policy.resource_at(resource).is_none()) {
            return refuse(format!("there is no resource {resource}; register it first"));
        }
        Ok(())
    }

    /// Why tokens that rest on `before` must not outlive the change to `self`; `None` where
    /// nothing was taken away.
    pub fn taken_away_since(&self, before: &Self) -> Option<&'static str> {
        if self.disabled && !before.disabled {
            return Some("client disabled");
        }
        if !before.roles.is_subset(&self.roles) {
            return Some("role removed from client");
        }
        if !before.grant_types.is_subset(&self.grant_types) {
            return Some("grant type removed from client");
        }
        if self.is_public() && !before.is_public() {
            return Some("client made public");
        }
        if self.limited_to_roles && !before.limited_to_roles && before.may_use(GrantType::AuthorizationCode) {
            return Some("client limited to its roles");
        }
        let narrower = match (&before.resources, &self.resources) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(before), Some(after)) => !before.is_subset(after),
        };
        narrower.then_some("resource removed from client")
    }

    /// Whether nothing that people granted it on the strength of `before` may outlive the change to
    /// `self`: it is shut out, may not act for them any more, or need not prove any more who it is.
    pub fn loses_grants_since(&self, before: &Self) -> bool {
        let loses = |grant| before.may_use(grant) && !self.may_use(grant);
        self.disabled
            || loses(GrantType::AuthorizationCode)
            || loses(GrantType::RefreshToken)
            || (self.is_public() && !before.is_public())
    }
}

/// Whether a name is a step in a path to whoever reads URLs, so that nothing of that name can be reached by one
/// (RFC 3986 section 5.2.4).
pub fn names_a_folder(name: &str) -> bool {
    matches!(name, "." | "..")
}

fn refuse(reason: String) -> Result<(), InvalidMetadata> {
    Err(InvalidMetadata(reason))
}

#[cfg(test)]
mod tests;
