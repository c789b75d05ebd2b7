//! Who is looking at a page: by the cookies, as far as they are still good.

use actix_web::HttpRequest;
use bailiwick_core::UnixSeconds;

use super::cookies;
use crate::service::Service;
use crate::sessions::{BrowserHandle, SessionHandle};
use crate::storage::StorageError;
use crate::users::User;

/// Somebody with a browser.
pub struct Visitor {
    /// Who it is, where somebody has signed in.
    pub signed_in: Option<SignedInVisitor>,
    /// The browser, where it has been here before.
    pub browser: Option<BrowserHandle>,
}

/// Somebody who has signed in.
pub struct SignedInVisitor {
    /// Who.
    pub user: User,
    /// The session.
    pub session: SessionHandle,
    /// When that was.
    pub signed_in_at: UnixSeconds,
}

impl Visitor {
    /// Whoever sends the request. A session that is used stays awake.
    pub async fn of(request: &HttpRequest, service: &Service) -> Result<Self, StorageError> {
        let browser = cookies::browser(request, &service.issuer);
        let signed_in = match cookies::session(request, &service.issuer) {
            Some(session) => signed_in(session, service).await?,
            None => None,
        };
        Ok(Self { signed_in, browser })
    }
}

async fn signed_in(session: SessionHandle, service: &Service) -> Result<Option<SignedInVisitor>, StorageError> {
    let now = service.clock.now();
    let hash = session.hash();
    let Some(found) = service.storage.session(&hash).await?.filter(|found| found.is_live(now)) else {
        return Ok(None);
    };
    let user = service.storage.user(&found.user_id).await?.filter(|user| !user.disabled);
    if user.is_some() && found.use_is_news(now) {
        let mut change = service.storage.change().await?;
        change.session_seen(&hash, now).await?;
        change.commit().await?;
    }
    Ok(user.map(|user| SignedInVisitor { user, session, signed_in_at: found.created_at }))
}
