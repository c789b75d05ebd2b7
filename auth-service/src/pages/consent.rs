//! `/consent`: what a client wants, in words, and the person's answer. The query is the authorization
//! request; it is checked anew, and what is allowed is taken from it, never from the form: the form can
//! only leave something out.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use bailiwick_core::ScopeSet;

use super::document::{Frame, page};
use super::error::ErrorPage;
use super::forgery::Purpose;
use super::scopes_in_words::ScopesInWords;
use super::texts::{ENGLISH, fill};
use super::visitor::{SignedInVisitor, Visitor};
use crate::current::Current;
use crate::grants::{Consent, OFFLINE_ACCESS};
use crate::oauth2::authorization_request::{AuthorizationRequest, Refusal, Wish};
use crate::oauth2::authorize::{issue_code, refused, see_other};
use crate::oauth2::error::OAuthError;
use crate::oauth2::form::Form;
use crate::redirect_uris::RedirectUri;
use crate::service::Service;

#[derive(Template)]
#[template(path = "consent.html")]
struct Content<'a> {
    frame: Frame<'a>,
    question: String,
    sentence: String,
    loopback: bool,
    problem: Option<&'a str>,
    words: &'a ScopesInWords,
    offline_access: bool,
    client_id: &'a str,
    redirect_host: &'a str,
    resource: &'a str,
    user: &'a str,
    action: String,
    csrf: String,
}

/// What the page is about: a request that was checked, by somebody who has signed in.
struct Question {
    asked: AuthorizationRequest,
    current: Arc<Current>,
    visitor: SignedInVisitor,
}

/// Asks.
pub async fn show(request: HttpRequest, service: web::Data<Service>) -> HttpResponse {
    let question = match Question::of(&request, &service).await {
        Ok(question) => question,
        Err(answer) => return answer,
    };
    match question.wish(&service) {
        Ok(wish) => question.page(&wish, &request, &service, StatusCode::OK, None),
        Err(refusal) => refused(refusal, &request, &service),
    }
}

/// Takes the answer, and sends the person back to the client with it.
pub async fn submit(request: HttpRequest, form: Result<Form, OAuthError>, service: web::Data<Service>) -> HttpResponse {
    let question = match Question::of(&request, &service).await {
        Ok(question) => question,
        Err(answer) => return answer,
    };
    let form = match form {
        Ok(form) => form,
        Err(error) => return ErrorPage::of_form(&error).answer(&service),
    };
    let query = request.query_string();
    if !Purpose::Consent(query).is_proven(&request, &form, &question.visitor.session) {
        return ErrorPage::forged(&request, &service, &format!("/oauth2/authorize?{query}")).answer(&service);
    }
    let answered = match form.get("decision") {
        Some("allow") => question.allow(&form, &request, &service).await,
        Some("deny") => Err(question.back(OAuthError::AccessDenied)),
        _ => {
            let error = OAuthError::InvalidRequest("decision is allow or deny".to_owned());
            return ErrorPage::of_form(&error).answer(&service);
        }
    };
    answered.unwrap_or_else(|refusal| refused(refusal, &request, &service))
}

impl Question {
    async fn of(request: &HttpRequest, service: &Service) -> Result<Self, HttpResponse> {
        let failed = |page: ErrorPage| page.answer(service);
        let asked =
            AuthorizationRequest::read(request, service).await.map_err(|refusal| refused(refusal, request, service))?;
        let current = service.current.now().await.map_err(|error| failed(error.into()))?;
        let visitor = Visitor::of(request, service).await.map_err(|error| failed(error.into()))?;
        match visitor.signed_in.and_then(|visitor| asked.accepts(visitor, service.clock.now())) {
            Some(visitor) => Ok(Self { asked, current, visitor }),
            None => Err(see_other(&service.issuer.endpoint(&format!("/login?{}", request.query_string())))),
        }
    }

    fn back(&self, error: OAuthError) -> Refusal {
        Refusal::Back(self.asked.reply_to.clone(), error)
    }

    fn wish(&self, service: &Service) -> Result<Wish<'_>, Refusal> {
        self.asked.wish(service, &self.current, &self.visitor.user).map_err(|error| self.back(error))
    }

    async fn allow(&self, form: &Form, request: &HttpRequest, service: &Service) -> Result<HttpResponse, Refusal> {
        let wish = self.wish(service)?;
        let scope = ticked(&wish, form);
        if scope.is_empty() {
            let problem = Some(ENGLISH.nothing_chosen);
            return Ok(self.page(&wish, request, service, StatusCode::BAD_REQUEST, problem));
        }
        let consent = Consent {
            user_id: self.visitor.user.user_id.clone(),
            client_id: self.asked.client.client_id.clone(),
            resource: wish.resource.resource.clone(),
            scope,
            offline_access: self.asked.offline_access && form.get(OFFLINE_ACCESS).is_some(),
            given_at: service.clock.now(),
        };
        let location = issue_code(service, &self.asked, &consent, true).await.map_err(|error| self.back(error))?;
        Ok(see_other(&location))
    }

    fn page(
        &self,
        wish: &Wish<'_>,
        request: &HttpRequest,
        service: &Service,
        status: StatusCode,
        problem: Option<&str>,
    ) -> HttpResponse {
        let Self { asked, visitor, .. } = self;
        let (client, user) = (asked.client.display_name(), visitor.user.display_name());
        let host = asked.reply_to.redirect_uri.host();
        let title = &wish.resource.title;
        let resource = if title.is_empty() { wish.resource.resource.as_str() } else { title };
        let values = [("client", client), ("user", user), ("host", &host), ("resource", resource)];
        let query = request.query_string();
        let content = Content {
            frame: Frame::of(service),
            question: fill(ENGLISH.consent_question, &values),
            sentence: fill(ENGLISH.consent_sentence, &values),
            loopback: asked.client.redirect_uris.iter().all(RedirectUri::is_loopback),
            problem,
            words: &ScopesInWords::of(&wish.scope, &wish.resource.tools),
            offline_access: asked.offline_access,
            client_id: asked.client.client_id.as_str(),
            redirect_host: &host,
            resource: wish.resource.resource.as_str(),
            user: visitor.user.username.as_str(),
            action: service.issuer.endpoint(&format!("/consent?{query}")),
            csrf: Purpose::Consent(query).proof(&visitor.session),
        };
        page(status, &content, Some(&asked.reply_to.redirect_uri))
    }
}

/// What was left ticked of what was asked for. All of it is the very set that was asked for.
fn ticked(wish: &Wish<'_>, form: &Form) -> ScopeSet {
    let words = ScopesInWords::of(&wish.scope, &wish.resource.tools);
    let is_ticked = |scope: &str| form.get(scope).is_some();
    if words.items().all(|item| is_ticked(&item.scope.to_string())) {
        return wish.scope.clone();
    }
    words.items().filter(|item| is_ticked(&item.scope.to_string())).map(|item| item.scope.clone()).collect()
}
