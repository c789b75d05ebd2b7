//! Signing keys, administered.

use bailiwick_core::Algorithm;

use super::{Administration, AdministrationError};
use crate::custody::{Custody, Takeover};
use crate::keys::{KeyView, views};

impl Administration {
    /// All keys, newest first.
    pub async fn keys(&self) -> Result<Vec<KeyView>, AdministrationError> {
        let rows = self.storage.policy().await?;
        Ok(views(&rows.keys, self.clock.now()))
    }

    /// Makes the key that follows the one that signs now.
    pub async fn rotate_key(
        &self,
        custody: &Custody,
        algorithm: Algorithm,
        takeover: Takeover,
    ) -> Result<KeyView, AdministrationError> {
        let key = custody.rotate(&self.storage, algorithm, takeover, self.clock.now()).await?;
        let views = self.keys().await?;
        let view = views.into_iter().find(|view| view.kid == key.key_id);
        view.ok_or_else(|| AdministrationError::Internal("the new key is not there".to_owned()))
    }
}
