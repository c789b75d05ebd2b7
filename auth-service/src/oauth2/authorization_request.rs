//! An authorization request (OAuth 2.1 section 4.1.1): its checks, in their order. Until client and
//! redirect URI are proven, what is wrong is told to the person; from then on, to the client. What a
//! request asks for is resolved anew at each step, so that no step rests on what a form brought back.

use std::time::Duration;

use actix_web::HttpRequest;
use bailiwick_core::{ClientId, ScopeSet, UnixSeconds, resolve};

use super::error::OAuthError;
use super::form::{Form, form_decoded, stands_twice};
use crate::authorization_codes::CodeChallenge;
use crate::clients::{Client, GrantType};
use crate::current::Current;
use crate::delegation::Allowed;
use crate::grants::RequestedScope;
use crate::pages::visitor::SignedInVisitor;
use crate::redirect_uris::RedirectUri;
use crate::resources::Resource;
use crate::service::Service;
use crate::storage::StorageError;
use crate::users::User;

/// The longest query of a request, in bytes: with the largest sets of scopes it still fits a URL.
const LONGEST_QUERY: usize = 8 * 1024;

/// Where the answer goes, once that is proven.
#[derive(Clone, Debug)]
pub struct ReplyTo {
    /// The redirect URI of the request: a registered one.
    pub redirect_uri: RedirectUri,
    /// What the client wants to see again.
    pub state: Option<String>,
}

/// Why there is no request to go on with.
#[derive(Debug)]
pub enum Refusal {
    /// Told to the person: nobody has proven where else it might go.
    Here(LocalRefusal),
    /// Told to the client.
    Back(ReplyTo, OAuthError),
}

/// What is told to the person and to nobody else.
#[derive(Debug, thiserror::Error)]
pub enum LocalRefusal {
    /// The query is not one.
    #[error("{0}")]
    Malformed(String),
    /// `client_id` names no client that may send people here.
    #[error("the client is not known, or may not send people here")]
    Client,
    /// `redirect_uri` is not one of the client's.
    #[error("the redirect URI is not one that the client registered")]
    RedirectUri,
    /// The database failed, or is busy.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Whether the person may, must or must not be asked (OpenID Connect Core section 3.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// Where it is needed.
    WhereNeeded,
    /// In any case.
    Consent,
    /// Never; the client hears instead what would have been asked.
    None,
}

/// A request of a proven client, which is answered to a proven place.
#[derive(Debug)]
pub struct AuthorizationRequest {
    /// The client.
    pub client: Client,
    /// Where the answer goes.
    pub reply_to: ReplyTo,
    /// What the code will be bound to.
    pub code_challenge: CodeChallenge,
    /// Whether a refresh token is wanted that the client may have.
    pub offline_access: bool,
    /// Whether the person is asked.
    pub prompt: Prompt,
    signs_in_anew: bool,
    longest_since_sign_in: Option<Duration>,
    resource: Option<String>,
    scope: Option<String>,
}

/// What a request comes to for one user.
#[derive(Debug)]
pub struct Wish<'a> {
    /// The resource.
    pub resource: &'a Resource,
    /// What is asked for there, within what both may.
    pub scope: ScopeSet,
}

impl AuthorizationRequest {
    /// Reads and checks the query of a request.
    pub async fn read(request: &HttpRequest, service: &Service) -> Result<Self, Refusal> {
        let query = request.query_string();
        let malformed = |text: String| Refusal::Here(LocalRefusal::Malformed(text));
        // It is sent on as it is, in a header.
        if query.len() > LONGEST_QUERY || !query.is_ascii() {
            return Err(malformed(format!("the request has more than {LONGEST_QUERY} bytes, or others than ASCII")));
        }
        let (form, repeated) = Form::read(query.as_bytes()).map_err(|error| malformed(error.to_string()))?;
        let client = proven_client(&form, service).await.map_err(Refusal::Here)?;
        let redirect_uri = proven_redirect_uri(&form, &client).map_err(Refusal::Here)?;
        let reply_to = ReplyTo { redirect_uri, state: form.get("state").map(str::to_owned) };
        if let Some(name) = repeated.first() {
            return Err(Refusal::Back(reply_to, stands_twice(name)));
        }
        Self::check(&form, client, &reply_to).map_err(|error| Refusal::Back(reply_to, error))
    }

    /// The checks of all that does not depend on who signs in.
    fn check(form: &Form, client: Client, reply_to: &ReplyTo) -> Result<Self, OAuthError> {
        check_response(form)?;
        let code_challenge = check_proof_key(form)?;
        let (prompt, signs_in_anew) = check_prompt(form)?;
        let RequestedScope { scope, offline_access } = RequestedScope::read(form.get("scope"));
        Ok(Self {
            offline_access: offline_access && client.may_use(GrantType::RefreshToken),
            code_challenge,
            prompt,
            signs_in_anew,
            longest_since_sign_in: check_max_age(form)?,
            resource: form.get("resource").map(str::to_owned),
            scope,
            reply_to: reply_to.clone(),
            client,
        })
    }

    /// Who has signed in, as far as that was recently enough for the request: not before it, where the client
    /// wants it so (OpenID Connect Core section 3.1.2.1, `prompt=login` and `max_age`).
    pub fn accepts(&self, visitor: SignedInVisitor, now: UnixSeconds) -> Option<SignedInVisitor> {
        let age = now.since(visitor.signed_in_at);
        let is_too_old = self.longest_since_sign_in.is_some_and(|longest| longest.is_zero() || age > longest);
        (!self.signs_in_anew && !is_too_old).then_some(visitor)
    }

    /// Checks before anybody signs in that the client may ask for the resource at all.
    pub fn check_target(&self, service: &Service, current: &Current) -> Result<(), OAuthError> {
        let target = service.ceiling.target(&self.client, self.resource.as_deref(), &current.policy);
        target.map(drop).map_err(|error| OAuthError::InvalidTarget(error.to_string()))
    }

    /// What the request comes to for `user`: the resource, and the scopes that both may have there.
    pub fn wish<'a>(&self, service: &Service, current: &'a Current, user: &User) -> Result<Wish<'a>, OAuthError> {
        let Allowed { resource, scope: both } = service
            .ceiling
            .allowed(&self.client, user, self.resource.as_deref(), &current.policy)
            .map_err(|error| OAuthError::InvalidTarget(error.to_string()))?;
        let scope = resolve(self.scope.as_deref(), &both, &resource.tools)
            .map_err(|refusal| OAuthError::InvalidScope(refusal.to_string()))?;
        Ok(Wish { resource, scope })
    }
}

/// The client that `client_id` names, where it may send people here.
async fn proven_client(form: &Form, service: &Service) -> Result<Client, LocalRefusal> {
    let client_id: ClientId = form.get("client_id").and_then(|text| text.parse().ok()).ok_or(LocalRefusal::Client)?;
    let found = service.storage.client(&client_id).await?;
    found.filter(|client| !client.disabled && client.may_use(GrantType::AuthorizationCode)).ok_or(LocalRefusal::Client)
}

/// The requested redirect URI, where the client has registered it. Always to be named: what is left
/// out cannot be compared.
fn proven_redirect_uri(form: &Form, client: &Client) -> Result<RedirectUri, LocalRefusal> {
    let requested: Option<RedirectUri> = form.get("redirect_uri").and_then(|text| text.parse().ok());
    requested.filter(|requested| client.accepts_redirect(requested)).ok_or(LocalRefusal::RedirectUri)
}

/// A code, in the query: anything else would put tokens where they leak (RFC 9700 section 2.1.2).
fn check_response(form: &Form) -> Result<(), OAuthError> {
    if form.required("response_type")? != "code" {
        return Err(OAuthError::UnsupportedResponseType);
    }
    if form.get("response_mode").is_some_and(|mode| mode != "query") {
        return Err(OAuthError::InvalidRequest("response_mode must be query".to_owned()));
    }
    Ok(())
}

/// A proof key by S256, of every client (RFC 9700 section 2.1.1); left out, the method would be `plain`.
fn check_proof_key(form: &Form) -> Result<CodeChallenge, OAuthError> {
    let invalid = |text: &str| OAuthError::InvalidRequest(text.to_owned());
    let challenge = form.required("code_challenge")?;
    if form.get("code_challenge_method") != Some("S256") {
        return Err(invalid("code_challenge_method must be S256"));
    }
    challenge.parse().map_err(invalid)
}

/// Whether the person may be asked, and whether they sign in anew.
fn check_prompt(form: &Form) -> Result<(Prompt, bool), OAuthError> {
    let words: Vec<&str> = form.get("prompt").unwrap_or_default().split(' ').filter(|word| !word.is_empty()).collect();
    // Whoever signs in anew may do so as somebody else.
    let signs_in_anew = words.iter().any(|word| ["login", "select_account"].contains(word));
    match words[..] {
        ["none"] => Ok((Prompt::None, false)),
        _ if words.contains(&"none") => Err(OAuthError::InvalidRequest("prompt none stands alone".to_owned())),
        _ if words.contains(&"consent") => Ok((Prompt::Consent, signs_in_anew)),
        _ => Ok((Prompt::WhereNeeded, signs_in_anew)),
    }
}

fn check_max_age(form: &Form) -> Result<Option<Duration>, OAuthError> {
    let seconds = form.get("max_age").map(str::parse::<u32>).transpose();
    let seconds = seconds.map_err(|_| OAuthError::InvalidRequest("max_age is a number of seconds".to_owned()))?;
    Ok(seconds.map(|seconds| Duration::from_secs(u64::from(seconds))))
}

/// The query of a request as it goes on once the person has signed in for it: that wish is fulfilled.
pub fn after_sign_in(query: &str) -> String {
    let name = |pair: &str| form_decoded(pair.split('=').next().unwrap_or_default()).unwrap_or_default();
    let wants_consent = Form::parse(query.as_bytes()).is_ok_and(|form| {
        let words = form.get("prompt").unwrap_or_default();
        words.split(' ').any(|word| word == "consent")
    });
    let rest = query.split('&').filter(|pair| !["prompt", "max_age"].contains(&name(pair).as_str()));
    rest.chain(wants_consent.then_some("prompt=consent")).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_goes_on_after_signing_in_as_it_was_but_for_the_wish_that_is_fulfilled() {
        for (query, expected) in [
            ("client_id=a&state=x%20y", "client_id=a&state=x%20y"),
            ("client_id=a&prompt=login&state=x", "client_id=a&state=x"),
            ("prompt=select_account&client_id=a&max_age=0", "client_id=a"),
            ("client_id=a&%70rompt=login%20consent&state=x", "client_id=a&state=x&prompt=consent"),
            ("client_id=a&prompt=login+consent", "client_id=a&prompt=consent"),
        ] {
            assert_eq!(after_sign_in(query), expected);
        }
    }
}
