//! `/login`: a username and a password. The query is that of the authorization request on whose way it
//! stands, if any; from here it goes on to that request and nowhere else, so that nobody can be sent
//! astray from here.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::cookies;
use super::document::{Frame, page};
use super::error::ErrorPage;
use super::forgery::Purpose;
use super::refusal::{Refusal, record};
use super::texts::{ENGLISH, fill};
use super::visitor::Visitor;
use crate::crypto::handle::Handle;
use crate::crypto::secret::Secret;
use crate::oauth2::authorization_request::{AuthorizationRequest, after_sign_in};
use crate::oauth2::authorize::{refused, see_other};
use crate::oauth2::error::OAuthError;
use crate::oauth2::form::Form;
use crate::service::Service;
use crate::sessions::BrowserHandle;
use crate::sign_in::{Presented, SignInError};

#[derive(Template)]
#[template(path = "login.html")]
struct Content<'a> {
    frame: Frame<'a>,
    lead: Option<String>,
    problem: Option<String>,
    action: String,
    csrf: String,
    username: &'a str,
}

/// Shows the form, or goes on where somebody has signed in already.
pub async fn show(request: HttpRequest, service: web::Data<Service>) -> HttpResponse {
    let asked = match asked(&request, &service).await {
        Ok(asked) => asked,
        Err(answer) => return answer,
    };
    let visitor = match Visitor::of(&request, &service).await {
        Ok(visitor) => visitor,
        Err(error) => return ErrorPage::from(error).answer(&service),
    };
    let now = service.clock.now();
    let accepted = |visitor| asked.as_ref().is_none_or(|asked| asked.accepts(visitor, now).is_some());
    if visitor.signed_in.is_some_and(accepted) {
        return see_other(&onward(request.query_string(), &service));
    }
    let (browser, is_new) = match visitor.browser {
        Some(browser) => (browser, false),
        None => match Handle::generate(service.entropy.as_ref()) {
            Ok(browser) => (browser, true),
            Err(error) => return ErrorPage::internal(&error.to_string()).answer(&service),
        },
    };
    let form = LoginForm { asked: asked.as_ref(), browser: &browser, username: "" };
    let mut answer = form.page(&request, &service, StatusCode::OK, None);
    if is_new {
        // What cannot be set is not sent; the form then proves nothing, and nothing is done.
        let _ = answer.add_cookie(&cookies::of_browser(&browser, &service.issuer));
    }
    answer
}

/// Signs somebody in, and goes on.
pub async fn submit(request: HttpRequest, form: Result<Form, OAuthError>, service: web::Data<Service>) -> HttpResponse {
    let asked = match asked(&request, &service).await {
        Ok(asked) => asked,
        Err(answer) => return answer,
    };
    let mut form = match form {
        Ok(form) => form,
        Err(error) => return ErrorPage::of_form(&error).answer(&service),
    };
    let again = with_query("/login", request.query_string());
    let Some(browser) = cookies::browser(&request, &service.issuer) else {
        return ErrorPage::forged(&request, &service, &again).answer(&service);
    };
    if !Purpose::Login(request.query_string()).is_proven(&request, &form, &browser) {
        return ErrorPage::forged(&request, &service, &again).answer(&service);
    }
    let username = form.get("username").unwrap_or_default().trim().to_owned();
    let password = form.take("password").unwrap_or_else(|| Secret::new(String::new()));
    let presented = Presented {
        username: username.clone(),
        password,
        session: cookies::session(&request, &service.issuer).map(|session| session.hash()),
        address: service.address_of(&request),
        browser: browser.hash(),
    };
    let outcome = service.sign_in.sign_in(presented, service.clock.now()).await;
    service.metrics.sign_in(outcome.as_ref().map_or_else(SignInError::reason, |_| "succeeded"));
    match outcome {
        Ok(signed_in) => {
            tracing::info!(sub = %signed_in.user.user_id, "signed in");
            let mut answer = see_other(&onward(&after_sign_in(request.query_string()), &service));
            // A cookie that cannot be set leaves the person at the form.
            let _ = answer.add_cookie(&cookies::of_session(&signed_in.session, &service.issuer));
            let _ = answer.add_cookie(&cookies::of_browser(&signed_in.browser, &service.issuer));
            answer
        }
        Err(error) => {
            let form = LoginForm { asked: asked.as_ref(), browser: &browser, username: &username };
            record(&error, error.user_id(), &request, &service);
            match Refusal::of(&error, ENGLISH.login_failed) {
                Ok(refusal) => refusal.answer(|status, problem| form.page(&request, &service, status, problem)),
                Err(page) => page.answer(&service),
            }
        }
    }
}

struct LoginForm<'a> {
    asked: Option<&'a AuthorizationRequest>,
    browser: &'a BrowserHandle,
    username: &'a str,
}

impl LoginForm<'_> {
    fn page(
        &self,
        request: &HttpRequest,
        service: &Service,
        status: StatusCode,
        problem: Option<String>,
    ) -> HttpResponse {
        let query = request.query_string();
        let lead = |asked: &AuthorizationRequest| fill(ENGLISH.login_for, &[("client", asked.client.display_name())]);
        let content = Content {
            frame: Frame::of(service),
            lead: self.asked.map(lead),
            problem,
            action: service.issuer.endpoint(&with_query("/login", query)),
            csrf: Purpose::Login(query).proof(self.browser),
            username: self.username,
        };
        page(status, &content, self.asked.map(|asked| &asked.reply_to.redirect_uri))
    }
}

/// The authorization request on whose way the form stands, or the answer that it gets instead.
async fn asked(request: &HttpRequest, service: &Service) -> Result<Option<AuthorizationRequest>, HttpResponse> {
    if request.query_string().is_empty() {
        return Ok(None);
    }
    match AuthorizationRequest::read(request, service).await {
        Ok(asked) => Ok(Some(asked)),
        Err(refusal) => Err(refused(refusal, request, service)),
    }
}

/// Where somebody goes who has signed in: to the request that brought them, or to their account.
fn onward(query: &str, service: &Service) -> String {
    match query {
        "" => service.issuer.endpoint("/account"),
        query => service.issuer.endpoint(&with_query("/oauth2/authorize", query)),
    }
}

fn with_query(path: &str, query: &str) -> String {
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}
