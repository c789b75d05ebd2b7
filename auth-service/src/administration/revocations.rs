//! Revocations by hand.

use bailiwick_core::{Revocation, SubjectKind};

use super::{Administration, AdministrationError, not_found};
use crate::keys::{KeyStatus, views};
use crate::revocations::{NewRevocation, RevocationTarget};
use crate::storage::Change;

/// The events that are read at a time.
const PAGE: u32 = 1000;

impl Administration {
    /// Ends all tokens of a subject. A client, role, resource or key must be there, or have been
    /// revoked already, so that a slip of the pen is not taken for done; tokens, grants and users
    /// are not looked up: their tokens may live where nothing is left of themselves. A grant ends with
    /// its refresh tokens too, which would go on giving access tokens.
    pub async fn revoke(&self, new: NewRevocation) -> Result<Revocation, AdministrationError> {
        let NewRevocation { target, reason } = new;
        let mut change = self.storage.change().await?;
        self.may_revoke(&mut change, &target).await?;
        let subject = target.subject();
        if subject.kind == SubjectKind::Grant {
            change.delete_grant(&subject.id).await?;
        }
        let event = change.append(&subject, &reason, self.clock.now()).await?;
        change.commit().await?;
        Ok(event)
    }

    /// All events that are kept, in the order of their positions.
    pub async fn revocations(&self) -> Result<Vec<Revocation>, AdministrationError> {
        let mut events: Vec<Revocation> = Vec::new();
        loop {
            let after = events.last().map_or(0, |event| event.seq);
            let page = self.storage.revocations_after(after, PAGE).await?;
            if page.events.is_empty() {
                return Ok(events);
            }
            events.extend(page.events);
        }
    }

    async fn may_revoke(&self, change: &mut Change<'_>, target: &RevocationTarget) -> Result<(), AdministrationError> {
        let is_there = match target {
            RevocationTarget::Token(_) | RevocationTarget::Grant(_) | RevocationTarget::User(_) => true,
            RevocationTarget::Client(client_id) => change.client(client_id).await?.is_some(),
            RevocationTarget::Role(role) => self.policy(change).await?.role(role.as_str()).is_some(),
            RevocationTarget::Resource(uri) => self.policy(change).await?.resource_at(uri).is_some(),
            RevocationTarget::Key(key_id) => {
                let keys = views(&change.keys().await?, self.clock.now());
                let key = keys.iter().find(|key| &key.kid == key_id);
                if key.is_some_and(|key| matches!(key.status, KeyStatus::Published | KeyStatus::Signing)) {
                    // Whatever it signs from now on would be refused too.
                    let sentence = format!(
                        "the key {key_id} signs, or is about to: withdraw it, or let another key take over first"
                    );
                    return Err(AdministrationError::Conflict(sentence));
                }
                key.is_some()
            }
        };
        let subject = target.subject();
        if is_there || change.was_revoked(&subject).await? {
            Ok(())
        } else {
            Err(not_found(subject.kind.as_str(), &subject.id))
        }
    }
}
