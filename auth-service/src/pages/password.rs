//! `/account/password`: a person changes the password, and chooses what ends with the old one.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::account::{account_page, to_login};
use super::cookies;
use super::document::{Frame, page};
use super::error::ErrorPage;
use super::forgery::Purpose;
use super::refusal::{Refusal, record};
use super::texts::ENGLISH;
use super::visitor::{SignedInVisitor, Visitor};
use crate::crypto::secret::Secret;
use crate::oauth2::error::OAuthError;
use crate::oauth2::form::Form;
use crate::service::Service;
use crate::sign_in::PasswordChange;
use crate::users::NewPassword;

#[derive(Template)]
#[template(path = "password.html")]
struct Content<'a> {
    frame: Frame<'a>,
    username: &'a str,
    problem: Option<String>,
    csrf: String,
}

/// Shows the form.
pub async fn show(request: HttpRequest, service: web::Data<Service>) -> HttpResponse {
    match Visitor::of(&request, &service).await {
        Ok(Visitor { signed_in: Some(visitor), .. }) => form_page(&visitor, &service, StatusCode::OK, None),
        Ok(_) => to_login(&service),
        Err(error) => ErrorPage::from(error).answer(&service),
    }
}

/// Changes the password.
pub async fn submit(request: HttpRequest, form: Result<Form, OAuthError>, service: web::Data<Service>) -> HttpResponse {
    changed(&request, form, &service).await.unwrap_or_else(|error| error.answer(&service))
}

async fn changed(
    request: &HttpRequest,
    form: Result<Form, OAuthError>,
    service: &Service,
) -> Result<HttpResponse, ErrorPage> {
    let Some(visitor) = Visitor::of(request, service).await?.signed_in else { return Ok(to_login(service)) };
    let mut form = form.map_err(|error| ErrorPage::of_form(&error))?;
    if !Purpose::Password.is_proven(request, &form, &visitor.session) {
        return Err(ErrorPage::forged(request, service, "/account/password"));
    }
    let again = |problem: String| form_page(&visitor, service, StatusCode::BAD_REQUEST, Some(problem));
    if form.get("new_password") != form.get("new_password_again") {
        return Ok(again(ENGLISH.passwords_differ.to_owned()));
    }
    let mut take = |name: &str| form.take(name).unwrap_or_else(|| Secret::new(String::new()));
    let (current, new) = (take("current_password"), take("new_password"));
    let Ok(new) = NewPassword::new(new) else { return Ok(again(ENGLISH.password_rule.to_owned())) };
    let wish = PasswordChange {
        session: visitor.session.hash(),
        current,
        new,
        end_sessions: form.get("end_sessions").is_some(),
        end_grants: form.get("end_grants").is_some(),
        browser: cookies::browser(request, &service.issuer).map(|browser| browser.hash()),
        address: service.address_of(request),
    };
    let now = service.clock.now();
    match service.sign_in.change_password(&visitor.user, wish, now).await {
        Ok(session) => {
            tracing::info!(sub = %visitor.user.user_id, "password changed");
            let cookie = cookies::of_session(&session, &service.issuer);
            let visitor = SignedInVisitor { user: visitor.user, session, signed_in_at: now };
            let mut answer = account_page(&visitor, service, Some(ENGLISH.password_changed.to_owned())).await?;
            // A cookie that cannot be set leaves the person signed out, with the new password.
            let _ = answer.add_cookie(&cookie);
            Ok(answer)
        }
        Err(error) => {
            record(&error, Some(&visitor.user.user_id), request, service);
            let refusal = Refusal::of(&error, ENGLISH.current_password_wrong)?;
            Ok(refusal.answer(|status, problem| form_page(&visitor, service, status, problem)))
        }
    }
}

fn form_page(
    visitor: &SignedInVisitor,
    service: &Service,
    status: StatusCode,
    problem: Option<String>,
) -> HttpResponse {
    let content = Content {
        frame: Frame::of(service),
        username: visitor.user.username.as_str(),
        problem,
        csrf: Purpose::Password.proof(&visitor.session),
    };
    page(status, &content, None)
}
