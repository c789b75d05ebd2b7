//! Clients and their secrets, administered.

use bailiwick_core::{ClientId, UnixSeconds};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Administration, AdministrationError, not_found};
use crate::clients::{Client, ClientChanges, InvalidMetadata, NewClient};
use crate::crypto::entropy::random;
use crate::crypto::hash::{Cost, HashMemory, NewSalt, StoredHash};
use crate::crypto::secret::ClientSecret;
use crate::secrets::{MOST_SECRETS, SecretId, SecretRecord};
use crate::storage::Change;

/// The random bits of a generated `client_id`, in bytes.
const CLIENT_ID_BYTES: usize = 12;

/// A secret that was just made: the only moment at which it can be read.
pub struct NewSecret {
    /// Its identifier.
    pub secret_id: SecretId,
    /// The secret.
    pub secret: ClientSecret,
    /// When it was made.
    pub created_at: UnixSeconds,
}

/// A client that was just registered.
pub struct RegisteredClient {
    /// The client.
    pub client: Client,
    /// Its first secret; a public client has none.
    pub secret: Option<NewSecret>,
}

/// A client and what may be told of its secrets.
pub struct ClientWithSecrets {
    /// The client.
    pub client: Client,
    /// Its live secrets, oldest first.
    pub secrets: Vec<SecretRecord>,
}

impl Administration {
    /// Registers a client and gives it its first secret, unless it is a public one.
    pub async fn create_client(&self, new: NewClient) -> Result<RegisteredClient, AdministrationError> {
        let now = self.clock.now();
        let generated = self.generate_client_id()?;
        let (secret, hash) = self.generate_secret(now).await?;
        let mut change = self.storage.change().await?;
        let policy = self.policy(&mut change).await?;
        let client = new.validate(generated, &policy, now)?;
        if !change.insert_client(&client).await? {
            return Err(AdministrationError::Conflict(format!("the client_id {} is taken", client.client_id)));
        }
        let secret = (!client.is_public()).then_some(secret);
        if let Some(secret) = &secret {
            change.add_secret(&client.client_id, &secret.secret_id, &hash, now).await?;
        }
        change.commit().await?;
        Ok(RegisteredClient { client, secret })
    }

    /// The client of that name.
    pub async fn client(&self, client_id: &ClientId) -> Result<ClientWithSecrets, AdministrationError> {
        let client = self.storage.client(client_id).await?.ok_or_else(|| not_found("client", client_id))?;
        let secrets = self.storage.secrets_of(client_id).await?;
        Ok(ClientWithSecrets { client, secrets })
    }

    /// At most `limit` clients in the order of their names, those after `after`.
    pub async fn clients_after(&self, after: &str, limit: u32) -> Result<Vec<Client>, AdministrationError> {
        Ok(self.storage.clients_after(after, limit).await?)
    }

    /// Changes a client; what is taken away ends its tokens.
    pub async fn update_client(
        &self,
        client_id: &ClientId,
        changes: ClientChanges,
    ) -> Result<ClientWithSecrets, AdministrationError> {
        let mut change = self.storage.change().await?;
        let before = existing(&mut change, client_id).await?;
        let policy = self.policy(&mut change).await?;
        let client = changes.apply(&before, &policy, self.clock.now())?;
        change.update_client(&before, &client).await?;
        let secrets = change.secrets_of(client_id).await?;
        change.commit().await?;
        Ok(ClientWithSecrets { client, secrets })
    }

    /// Deletes a client and ends its tokens.
    pub async fn delete_client(&self, client_id: &ClientId) -> Result<(), AdministrationError> {
        let mut change = self.storage.change().await?;
        if !change.delete_client(client_id, self.clock.now()).await? {
            return Err(not_found("client", client_id));
        }
        Ok(change.commit().await?)
    }

    /// Gives a client another live secret.
    pub async fn add_secret(&self, client_id: &ClientId) -> Result<NewSecret, AdministrationError> {
        let now = self.clock.now();
        let (secret, hash) = self.generate_secret(now).await?;
        let mut change = self.storage.change().await?;
        if existing(&mut change, client_id).await?.is_public() {
            let sentence =
                format!("the client {client_id} is public (token_endpoint_auth_method none): it has no secrets");
            return Err(AdministrationError::Conflict(sentence));
        }
        if change.secrets_of(client_id).await?.len() >= MOST_SECRETS {
            return Err(AdministrationError::Conflict(format!(
                "a client has at most {MOST_SECRETS} live secrets; retire one first"
            )));
        }
        change.add_secret(client_id, &secret.secret_id, &hash, now).await?;
        change.commit().await?;
        Ok(secret)
    }

    /// Retires a secret: it is wrong from now on. `and_its_tokens` ends the client's tokens too.
    pub async fn retire_secret(
        &self,
        client_id: &ClientId,
        secret_id: &SecretId,
        and_its_tokens: bool,
    ) -> Result<(), AdministrationError> {
        let mut change = self.storage.change().await?;
        existing(&mut change, client_id).await?;
        if !change.retire_secret(client_id, secret_id).await? {
            return Err(not_found("secret", &secret_id.as_str()));
        }
        if and_its_tokens {
            change.revoke_client(client_id, "secret retired", self.clock.now()).await?;
        }
        Ok(change.commit().await?)
    }

    fn generate_client_id(&self) -> Result<ClientId, AdministrationError> {
        let random = random::<CLIENT_ID_BYTES>(self.entropy.as_ref()).map_err(internal)?;
        format!("client-{}", URL_SAFE_NO_PAD.encode(random)).parse().map_err(internal)
    }

    /// Makes a secret and its hash. One light hash for an administrator does not stand in the
    /// queue of those that authenticate, and does not hold up a worker either.
    async fn generate_secret(&self, now: UnixSeconds) -> Result<(NewSecret, String), AdministrationError> {
        let secret = ClientSecret::generate(|bytes| self.entropy.fill(bytes)).map_err(internal)?;
        let salt = NewSalt::generate(self.entropy.as_ref()).map_err(internal)?;
        let hashing = tokio::task::spawn_blocking(move || {
            let hash = StoredHash::create(secret.expose(), Cost::GENERATED, &salt, &mut HashMemory::default());
            hash.map(|hash| (secret, hash.as_str().to_owned()))
        });
        let (secret, hash) = hashing.await.map_err(internal)?.map_err(internal)?;
        Ok((NewSecret { secret_id: SecretId::of(&secret), secret, created_at: now }, hash))
    }
}

async fn existing(change: &mut Change<'_>, client_id: &ClientId) -> Result<Client, AdministrationError> {
    change.client(client_id).await?.ok_or_else(|| not_found("client", client_id))
}

/// Something that the caller cannot mend.
pub(super) fn internal(cause: impl std::fmt::Display) -> AdministrationError {
    AdministrationError::Internal(cause.to_string())
}

impl From<InvalidMetadata> for AdministrationError {
    fn from(error: InvalidMetadata) -> Self {
        Self::InvalidMetadata(error.0)
    }
}
