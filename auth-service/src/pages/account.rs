//! `/account`, "my agents": every client that acts for a person, what it may do, and one button that
//! ends it.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use bailiwick_core::{ClientId, ResourceUri, ScopeSet, UnixSeconds};
use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use super::document::{Frame, page};
use super::error::ErrorPage;
use super::forgery::Purpose;
use super::scopes_in_words::ScopesInWords;
use super::texts::{ENGLISH, fill};
use super::visitor::{SignedInVisitor, Visitor};
use crate::oauth2::authorize::see_other;
use crate::oauth2::error::OAuthError;
use crate::oauth2::form::Form;
use crate::service::Service;

#[derive(Template)]
#[template(path = "account.html")]
struct Content<'a> {
    frame: Frame<'a>,
    sentence: String,
    done: Option<String>,
    agents: Vec<Agent>,
    sessions: String,
    has_other_sessions: bool,
    sessions_csrf: String,
    logout_csrf: String,
}

/// A client that acts for the person.
struct Agent {
    name: String,
    client_id: ClientId,
    resources: Vec<AtResource>,
    since: String,
    last_used: String,
    csrf: String,
}

/// What it may do at one resource.
struct AtResource {
    title: String,
    words: ScopesInWords,
}

/// What is known of a client before it is put into words.
#[derive(Default)]
struct Allowed {
    scopes: BTreeMap<ResourceUri, ScopeSet>,
    since: Option<UnixSeconds>,
    last_used: Option<UnixSeconds>,
}

/// Shows the page, or the way to sign in.
pub async fn show(request: HttpRequest, service: web::Data<Service>) -> HttpResponse {
    answer(shown(&request, &service).await, &service)
}

/// Withdraws all that one client was allowed.
pub async fn withdraw(
    request: HttpRequest,
    form: Result<Form, OAuthError>,
    service: web::Data<Service>,
) -> HttpResponse {
    answer(withdrawn(&request, form, &service).await, &service)
}

/// Ends the person's other sessions.
pub async fn end_sessions(
    request: HttpRequest,
    form: Result<Form, OAuthError>,
    service: web::Data<Service>,
) -> HttpResponse {
    answer(sessions_ended(&request, form, &service).await, &service)
}

fn answer(outcome: Result<HttpResponse, ErrorPage>, service: &Service) -> HttpResponse {
    outcome.unwrap_or_else(|error| error.answer(service))
}

async fn withdrawn(
    request: &HttpRequest,
    form: Result<Form, OAuthError>,
    service: &Service,
) -> Result<HttpResponse, ErrorPage> {
    let Some(visitor) = Visitor::of(request, service).await?.signed_in else { return Ok(to_login(service)) };
    let form = form.map_err(|error| ErrorPage::of_form(&error))?;
    let client_id: Option<ClientId> = form.get("client_id").and_then(|text| text.parse().ok());
    let proven =
        client_id.filter(|client_id| Purpose::Withdraw(client_id.as_str()).is_proven(request, &form, &visitor.session));
    let client_id = proven.ok_or_else(|| ErrorPage::forged(request, service, "/account"))?;
    let name = name_of(&client_id, service).await?;
    let mut change = service.storage.change().await?;
    change.withdraw(&visitor.user.user_id, &client_id, "withdrawn by the user", service.clock.now()).await?;
    change.commit().await?;
    tracing::info!(sub = %visitor.user.user_id, %client_id, "access withdrawn");
    account_page(&visitor, service, Some(fill(ENGLISH.withdrawn, &[("client", &name)]))).await
}

async fn sessions_ended(
    request: &HttpRequest,
    form: Result<Form, OAuthError>,
    service: &Service,
) -> Result<HttpResponse, ErrorPage> {
    let Some(visitor) = Visitor::of(request, service).await?.signed_in else { return Ok(to_login(service)) };
    let form = form.map_err(|error| ErrorPage::of_form(&error))?;
    if !Purpose::EndSessions.is_proven(request, &form, &visitor.session) {
        return Err(ErrorPage::forged(request, service, "/account"));
    }
    let mut change = service.storage.change().await?;
    change.end_sessions_of(&visitor.user.user_id, Some(&visitor.session.hash())).await?;
    change.commit().await?;
    tracing::info!(sub = %visitor.user.user_id, "other sessions ended");
    account_page(&visitor, service, Some(ENGLISH.sessions_ended.to_owned())).await
}

async fn shown(request: &HttpRequest, service: &Service) -> Result<HttpResponse, ErrorPage> {
    match Visitor::of(request, service).await?.signed_in {
        Some(visitor) => account_page(&visitor, service, None).await,
        None => Ok(to_login(service)),
    }
}

/// The page, with a sentence about what was just done.
pub async fn account_page(
    visitor: &SignedInVisitor,
    service: &Service,
    done: Option<String>,
) -> Result<HttpResponse, ErrorPage> {
    let user = &visitor.user;
    let sessions = service.storage.count_sessions(&user.user_id, service.clock.now()).await?;
    let content = Content {
        frame: Frame::of(service),
        sentence: fill(ENGLISH.account_sentence, &[("user", user.display_name())]),
        done,
        agents: agents(visitor, service).await?,
        sessions: match sessions {
            ..=1 => ENGLISH.one_session.to_owned(),
            count => fill(ENGLISH.more_sessions, &[("count", &count.to_string())]),
        },
        has_other_sessions: sessions > 1,
        sessions_csrf: Purpose::EndSessions.proof(&visitor.session),
        logout_csrf: Purpose::Logout.proof(&visitor.session),
    };
    Ok(page(StatusCode::OK, &content, None))
}

/// The way to sign in and back to the account.
pub fn to_login(service: &Service) -> HttpResponse {
    see_other(&service.issuer.endpoint("/login"))
}

/// Whoever has a consent or a live grant.
async fn agents(visitor: &SignedInVisitor, service: &Service) -> Result<Vec<Agent>, ErrorPage> {
    let user_id = &visitor.user.user_id;
    let mut clients: BTreeMap<ClientId, Allowed> = BTreeMap::new();
    for consent in service.storage.consents_of(user_id).await? {
        clients.entry(consent.client_id).or_default().note(consent.resource, &consent.scope, consent.given_at, None);
    }
    for grant in service.storage.grants_of(user_id, service.clock.now()).await? {
        let allowed = clients.entry(grant.client_id).or_default();
        allowed.note(grant.resource, &grant.scope, grant.created_at, Some(grant.last_used_at));
    }
    let mut agents = Vec::with_capacity(clients.len());
    for (client_id, allowed) in clients {
        agents.push(agent(client_id, allowed, visitor, service).await?);
    }
    Ok(agents)
}

impl Allowed {
    fn note(&mut self, resource: ResourceUri, scope: &ScopeSet, since: UnixSeconds, used: Option<UnixSeconds>) {
        self.scopes.entry(resource).or_default().extend(scope);
        self.since = Some(self.since.map_or(since, |known| known.min(since)));
        self.last_used = self.last_used.max(used);
    }
}

async fn agent(
    client_id: ClientId,
    allowed: Allowed,
    visitor: &SignedInVisitor,
    service: &Service,
) -> Result<Agent, ErrorPage> {
    let current = service.current.now().await?;
    let at_resource = |(uri, scope): (ResourceUri, ScopeSet)| {
        // A resource that is not there any more opens nothing.
        let resource = current.policy.resource_at(&uri)?;
        let title = if resource.title.is_empty() { uri.to_string() } else { resource.title.clone() };
        Some(AtResource { title, words: ScopesInWords::of(&scope.at(&resource.tools), &resource.tools) })
    };
    Ok(Agent {
        name: name_of(&client_id, service).await?,
        resources: allowed.scopes.into_iter().filter_map(at_resource).collect(),
        since: allowed.since.map_or_else(|| ENGLISH.never.to_owned(), moment),
        last_used: allowed.last_used.map_or_else(|| ENGLISH.never.to_owned(), moment),
        csrf: Purpose::Withdraw(client_id.as_str()).proof(&visitor.session),
        client_id,
    })
}

async fn name_of(client_id: &ClientId, service: &Service) -> Result<String, ErrorPage> {
    let client = service.storage.client(client_id).await?;
    Ok(client.map_or_else(|| client_id.to_string(), |client| client.display_name().to_owned()))
}

/// A moment for people, to the minute.
fn moment(at: UnixSeconds) -> String {
    let text = |at: Timestamp| strtime::format("%Y-%m-%d %H:%M UTC", &at.to_zoned(TimeZone::UTC)).ok();
    Timestamp::from_second(at.0).ok().and_then(text).unwrap_or_else(|| at.to_string())
}
