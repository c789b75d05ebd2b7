//! Signing keys, administered.

use bailiwick_core::{Algorithm, KeyId};

use super::{Administration, AdministrationError, not_found};
use crate::custody::{Custody, KeyInMaking, Takeover, Withdrawal};
use crate::keys::{KeyView, views};

impl Administration {
    /// All keys, newest first.
    pub async fn keys(&self) -> Result<Vec<KeyView>, AdministrationError> {
        let rows = self.storage.policy().await?;
        Ok(views(&rows.keys, self.clock.now()))
    }

    /// Lets `next` follow the key that signs now.
    pub async fn rotate_key(
        &self,
        custody: &Custody,
        next: impl Into<KeyInMaking>,
        takeover: Takeover,
    ) -> Result<KeyView, AdministrationError> {
        let key = custody.rotate(&self.storage, next, takeover, self.clock.as_ref()).await?;
        let views = self.keys().await?;
        let view = views.into_iter().find(|view| view.kid == key.key_id);
        view.ok_or_else(|| AdministrationError::Internal("the new key is not there".to_owned()))
    }

    /// Withdraws a key and ends its tokens. Where it signed tokens of an algorithm that is in use
    /// (`own`, or one that a resource asks for), the key that signs from now on is given.
    pub async fn withdraw_key(
        &self,
        custody: &Custody,
        key_id: &KeyId,
        own: Algorithm,
    ) -> Result<Option<KeyId>, AdministrationError> {
        match custody.withdraw(&self.storage, key_id, own, self.clock.as_ref()).await? {
            Withdrawal::Done(successor) => Ok(successor),
            Withdrawal::Unknown => Err(not_found("signing key", key_id)),
        }
    }
}
