//! What has ended by itself goes away: sessions, browsers, codes, grants, refresh tokens. Owns the
//! order and the size of the steps: each is a transaction of its own, so that nobody waits for long.
//! (Throttles live in memory and forget by themselves.)

use bailiwick_core::UnixSeconds;

use crate::storage::{Storage, StorageError};

/// The most rows that one transaction takes away.
const MOST_AT_ONCE: u32 = 500;

/// What ends.
#[derive(Clone, Copy)]
enum Ending {
    Sessions,
    Browsers,
    Codes,
    RefreshTokens,
    Grants,
}

impl Ending {
    const ALL: [Self; 5] = [Self::Sessions, Self::Browsers, Self::Codes, Self::RefreshTokens, Self::Grants];
}

/// Takes away all that has ended before `now`; gives the number of rows, those that go with a grant
/// not counted.
pub async fn reap(storage: &Storage, now: UnixSeconds) -> Result<u64, StorageError> {
    let mut reaped = 0;
    for ending in Ending::ALL {
        loop {
            let gone = step(storage, ending, now).await?;
            reaped += gone;
            if gone < u64::from(MOST_AT_ONCE) {
                break;
            }
        }
    }
    Ok(reaped)
}

async fn step(storage: &Storage, ending: Ending, now: UnixSeconds) -> Result<u64, StorageError> {
    let mut change = storage.change().await?;
    let gone = match ending {
        Ending::Sessions => change.forget_sessions(now, MOST_AT_ONCE).await?,
        Ending::Browsers => change.forget_browsers(now, MOST_AT_ONCE).await?,
        Ending::Codes => change.forget_codes(now, MOST_AT_ONCE).await?,
        Ending::RefreshTokens => change.forget_refresh_tokens(now, MOST_AT_ONCE).await?,
        Ending::Grants => change.forget_grants(now, MOST_AT_ONCE).await?,
    };
    change.commit().await?;
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bailiwick_core::Issuer;

    use super::*;
    use crate::authorization_codes::{AuthorizationCode, CODE_REMEMBERED, CodeHandle};
    use crate::crypto::entropy::SystemEntropy;
    use crate::grants::{Grant, GrantId, REFRESH_IDLE};
    use crate::policy::Policy;
    use crate::refresh_tokens::{RefreshHandle, RefreshToken};
    use crate::sessions::{BROWSER_REMEMBERED, BrowserHandle, IDLE, SessionHandle};
    use crate::users::{User, UserId};

    const START: UnixSeconds = UnixSeconds(1_000_000);

    async fn storage() -> (Storage, tempfile::TempDir, UserId) {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(&format!("sqlite://{}", folder.path().join("auth.db").display())).await.unwrap();
        let issuer: Issuer = "https://id.example".parse().unwrap();
        let new = serde_json::from_value(serde_json::json!({"username": "ada"})).unwrap();
        let policy = Policy::new(&issuer, Vec::new(), Vec::new());
        let user = User::new(new, "usr_ada".parse().unwrap(), &policy, START).unwrap();
        let mut change = storage.change().await.unwrap();
        change.insert_user(&user, None).await.unwrap();
        change.commit().await.unwrap();
        (storage, folder, user.user_id)
    }

    /// Everything that can end, made at [`START`].
    async fn fill(storage: &Storage, user_id: &UserId, grants: usize) {
        let mut change = storage.change().await.unwrap();
        let session = SessionHandle::generate(&SystemEntropy).unwrap().hash();
        change.insert_session(&session, user_id, START).await.unwrap();
        let browser = BrowserHandle::generate(&SystemEntropy).unwrap().hash();
        change.remember_browser(None, &browser, user_id, START).await.unwrap();
        for _ in 0..grants {
            let grant = Grant {
                grant_id: GrantId::generate(&SystemEntropy).unwrap(),
                user_id: user_id.clone(),
                client_id: "editor".parse().unwrap(),
                resource: "https://hr.example/mcp".parse().unwrap(),
                scope: "hr:read".parse().unwrap(),
                offline_access: true,
                created_at: START,
                last_used_at: START,
                expires_at: Grant::end(START, true, Duration::from_mins(15), START),
            };
            change.insert_grant(&grant).await.unwrap();
            for used_at in [None, Some(START)] {
                let token_hash = RefreshHandle::generate(&SystemEntropy).unwrap().hash();
                let token = RefreshToken { token_hash, grant_id: grant.grant_id.clone(), issued_at: START, used_at };
                change.insert_refresh_token(&token).await.unwrap();
            }
            let code = AuthorizationCode {
                code_hash: CodeHandle::generate(&SystemEntropy).unwrap().hash(),
                grant_id: grant.grant_id,
                user_id: user_id.clone(),
                client_id: grant.client_id,
                redirect_uri: "http://127.0.0.1/cb".parse().unwrap(),
                code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".parse().unwrap(),
                resource: grant.resource,
                scope: grant.scope,
                offline_access: true,
                issued_at: START,
                used: true,
            };
            change.insert_code(&code).await.unwrap();
        }
        change.commit().await.unwrap();
    }

    #[tokio::test]
    async fn each_thing_goes_when_its_time_has_come_and_not_before() {
        let (storage, _folder, user_id) = storage().await;
        fill(&storage, &user_id, 1).await;
        // Of the refresh tokens the used one goes by itself, the live one with its grant.
        for (lifetime, gone) in [(CODE_REMEMBERED, 1), (IDLE, 1), (REFRESH_IDLE, 2), (BROWSER_REMEMBERED, 1)] {
            assert_eq!(reap(&storage, START + lifetime - Duration::from_secs(1)).await.unwrap(), 0);
            assert_eq!(reap(&storage, START + lifetime).await.unwrap(), gone, "{lifetime:?}");
        }
        assert_eq!(storage.grants_of(&user_id, START).await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_live_grant_and_its_live_token_stay() {
        let (storage, _folder, user_id) = storage().await;
        fill(&storage, &user_id, 1).await;
        reap(&storage, START + REFRESH_IDLE - Duration::from_secs(1)).await.unwrap();
        assert_eq!(storage.grants_of(&user_id, START).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn more_than_one_transaction_may_take_is_taken_in_several() {
        let (storage, _folder, user_id) = storage().await;
        fill(&storage, &user_id, 1200).await;
        reap(&storage, START + REFRESH_IDLE).await.unwrap();
        assert_eq!(storage.grants_of(&user_id, START).await.unwrap(), []);
        assert_eq!(reap(&storage, START + REFRESH_IDLE).await.unwrap(), 0);
    }
}
