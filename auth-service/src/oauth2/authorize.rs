//! The authorization endpoint (OAuth 2.1 section 4.1): a client sends a person here, who comes back
//! with a code. Owns who is asked for what next; the pages ask, and each checks the request anew.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};

use super::authorization_request::{AuthorizationRequest, LocalRefusal, Prompt, Refusal, ReplyTo, Wish};
use super::error::{OAuthError, permitted};
use super::standing::{Lapsed, Standing};
use crate::authorization_codes::{AuthorizationCode, CodeHandle};
use crate::caller::Caller;
use crate::clients::GrantType;
use crate::grants::{Consent, GrantId};
use crate::pages::error::ErrorPage;
use crate::pages::visitor::{SignedInVisitor, Visitor};
use crate::service::Service;
use crate::storage::Change;
use crate::users::User;

/// What comes next.
enum Next {
    /// The person signs in.
    Login,
    /// The person is asked.
    Consent,
    /// The person goes back to the client.
    Back(String),
}

/// Sends a person on: to sign in, to be asked, or back to the client with a code.
#[utoipa::path(
    get, path = "/oauth2/authorize", tag = "OAuth",
    params(
        ("response_type" = String, Query, description = "`code`"),
        ("client_id" = String, Query),
        ("redirect_uri" = String, Query, description = "One that the client registered; of a loopback one, any port"),
        ("code_challenge" = String, Query, description = "RFC 7636"),
        ("code_challenge_method" = String, Query, description = "`S256`"),
        ("resource" = Option<String>, Query, description = "RFC 8707; may be left out where there is only one"),
        ("scope" = Option<String>, Query, description = "Left out: all that both may; `offline_access` asks for a refresh token"),
        ("state" = Option<String>, Query),
        ("prompt" = Option<String>, Query, description = "`none`, `consent`, `login` or `select_account`"),
        ("max_age" = Option<u32>, Query, description = "How many seconds ago the person may have signed in"),
    ),
    responses(
        (status = 303, description = "To a page of ours, or to the redirect URI with code or error, state and iss"),
        (status = 400, description = "A page that says what is wrong with client or redirect URI"),
    ),
)]
pub async fn authorize(request: HttpRequest, service: web::Data<Service>) -> HttpResponse {
    let query = request.query_string();
    match decide(&request, &service).await {
        Ok(Next::Login) => see_other(&service.issuer.endpoint(&format!("/login?{query}"))),
        Ok(Next::Consent) => see_other(&service.issuer.endpoint(&format!("/consent?{query}"))),
        Ok(Next::Back(to)) => see_other(&to),
        Err(refusal) => refused(refusal, &request, &service),
    }
}

async fn decide(request: &HttpRequest, service: &Service) -> Result<Next, Refusal> {
    let asked = AuthorizationRequest::read(request, service).await?;
    let back = |error: OAuthError| Refusal::Back(asked.reply_to.clone(), error);
    let current = service.current.now().await.map_err(|error| back(error.into()))?;
    asked.check_target(service, &current).map_err(back)?;
    let visitor = Visitor::of(request, service).await.map_err(|error| back(error.into()))?;
    let signed_in = visitor.signed_in.and_then(|visitor| asked.accepts(visitor, service.clock.now()));
    let Some(SignedInVisitor { user, .. }) = signed_in else {
        return if asked.prompt == Prompt::None { Err(back(OAuthError::LoginRequired)) } else { Ok(Next::Login) };
    };
    let wish = asked.wish(service, &current, &user).map_err(back)?;
    if needs_consent(&asked, &wish, &user, service).await.map_err(back)? {
        return if asked.prompt == Prompt::None { Err(back(OAuthError::ConsentRequired)) } else { Ok(Next::Consent) };
    }
    let within = Consent {
        user_id: user.user_id,
        client_id: asked.client.client_id.clone(),
        resource: wish.resource.resource.clone(),
        scope: wish.scope,
        offline_access: asked.offline_access,
        given_at: service.clock.now(),
    };
    Ok(Next::Back(issue_code(service, &asked, &within, false).await.map_err(back)?))
}

/// Whether the person has to be asked: never again for what was allowed before, unless the client
/// wants it so.
async fn needs_consent(
    asked: &AuthorizationRequest,
    wish: &Wish<'_>,
    user: &User,
    service: &Service,
) -> Result<bool, OAuthError> {
    if asked.prompt == Prompt::Consent {
        return Ok(true);
    }
    let given = service.storage.consent(&user.user_id, &asked.client.client_id, &wish.resource.resource).await?;
    Ok(!given.is_some_and(|given| given.covers(&wish.scope, asked.offline_access, &wish.resource.tools)))
}

/// Issues a code for what the person allows, and gives the URL that carries it to the client.
/// `is_new` remembers it, so that the person is not asked for it again.
pub async fn issue_code(
    service: &Service,
    asked: &AuthorizationRequest,
    allowed: &Consent,
    is_new: bool,
) -> Result<String, OAuthError> {
    let internal = |cause: &dyn std::fmt::Display| OAuthError::Internal(cause.to_string());
    let handle = CodeHandle::generate(service.entropy.as_ref()).map_err(|cause| internal(&cause))?;
    let code = AuthorizationCode {
        code_hash: handle.hash(),
        grant_id: GrantId::generate(service.entropy.as_ref()).map_err(|cause| internal(&cause))?,
        user_id: allowed.user_id.clone(),
        client_id: allowed.client_id.clone(),
        redirect_uri: asked.reply_to.redirect_uri.clone(),
        code_challenge: asked.code_challenge.clone(),
        resource: allowed.resource.clone(),
        scope: allowed.scope.clone(),
        offline_access: allowed.offline_access,
        issued_at: service.clock.now(),
        used: false,
    };
    let mut change = service.storage.change().await?;
    check_still_allowed(service, &mut change, allowed, is_new).await?;
    if is_new {
        change.put_consent(allowed).await?;
    }
    change.insert_code(&code).await?;
    change.commit().await?;
    tracing::info!(
        client_id = %code.client_id, sub = %code.user_id, aud = %code.resource, scope = %code.scope,
        grant_id = %code.grant_id, "authorization code issued"
    );
    Ok(asked.reply_to.url(service, &[("code", handle.expose())]))
}

/// Looks again, in the change that issues the code: who was shut out in the meantime, or said no to what
/// was allowed before, begins no grant any more.
async fn check_still_allowed(
    service: &Service,
    change: &mut Change<'_>,
    allowed: &Consent,
    is_new: bool,
) -> Result<(), OAuthError> {
    let Consent { user_id, client_id, resource, scope, offline_access, .. } = allowed;
    let standing = Standing::read(change, service, GrantType::AuthorizationCode, client_id, user_id)
        .await
        .map_err(Lapsed::at_authorization)?;
    let given = standing.gives(resource, scope).map_err(Lapsed::at_authorization)?;
    if is_new {
        return Ok(());
    }
    let consent = change.consent(user_id, client_id, resource).await?;
    let covers = consent.is_some_and(|consent| consent.covers(scope, *offline_access, &given.resource.tools));
    if covers { Ok(()) } else { Err(OAuthError::ConsentRequired) }
}

impl ReplyTo {
    /// The redirect URI with an answer's parameters, the state, and who answers (RFC 9207).
    fn url(&self, service: &Service, parameters: &[(&str, &str)]) -> String {
        let state = self.state.iter().map(|state| ("state", state.as_str()));
        let issuer = ("iss", service.issuer.as_str());
        let all: Vec<(&str, &str)> = parameters.iter().copied().chain(state).chain([issuer]).collect();
        self.redirect_uri.with(&all)
    }
}

/// The answer to a request that is not gone on with: a page here, or an error at the client.
pub fn refused(refusal: Refusal, request: &HttpRequest, service: &Service) -> HttpResponse {
    let caller = Caller::of(request, service);
    match refusal {
        Refusal::Back(reply_to, error) => {
            caller.refused("authorization", error.word(), &error);
            let description = permitted(&error.description());
            see_other(&reply_to.url(service, &[("error", error.word()), ("error_description", &description)]))
        }
        Refusal::Here(local) => {
            // A failure of ours is no refusal; its page tells the log of it.
            if !matches!(local, LocalRefusal::Storage(_)) {
                caller.refused("authorization", "refused_here", &local);
            }
            ErrorPage::of_request(local).answer(service)
        }
    }
}

/// Sends the browser on, always with GET (RFC 9700 section 4.12).
pub fn see_other(location: &str) -> HttpResponse {
    HttpResponse::build(StatusCode::SEE_OTHER)
        .insert_header((header::LOCATION, location))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .finish()
}
