//! `/logout`: ends the session of this browser. Asked first, so that no link can do it.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::cookies;
use super::document::{Frame, page};
use super::error::ErrorPage;
use super::forgery::Purpose;
use super::visitor::Visitor;
use crate::oauth2::error::OAuthError;
use crate::oauth2::form::Form;
use crate::service::Service;

#[derive(Template)]
#[template(path = "logout.html")]
struct Question<'a> {
    frame: Frame<'a>,
    csrf: String,
}

#[derive(Template)]
#[template(path = "signed_out.html")]
struct SignedOut<'a> {
    frame: Frame<'a>,
}

/// Asks, or says that nobody is signed in.
pub async fn show(request: HttpRequest, service: web::Data<Service>) -> HttpResponse {
    match Visitor::of(&request, &service).await {
        Ok(Visitor { signed_in: Some(visitor), .. }) => {
            let csrf = Purpose::Logout.proof(&visitor.session);
            page(StatusCode::OK, &Question { frame: Frame::of(&service), csrf }, None)
        }
        Ok(_) => signed_out(&service),
        Err(error) => ErrorPage::from(error).answer(&service),
    }
}

/// Signs out.
pub async fn submit(request: HttpRequest, form: Result<Form, OAuthError>, service: web::Data<Service>) -> HttpResponse {
    ended(&request, form, &service).await.unwrap_or_else(|error| error.answer(&service))
}

async fn ended(
    request: &HttpRequest,
    form: Result<Form, OAuthError>,
    service: &Service,
) -> Result<HttpResponse, ErrorPage> {
    let Some(visitor) = Visitor::of(request, service).await?.signed_in else { return Ok(signed_out(service)) };
    let form = form.map_err(|error| ErrorPage::of_form(&error))?;
    if !Purpose::Logout.is_proven(request, &form, &visitor.session) {
        return Err(ErrorPage::forged(request, service, "/logout"));
    }
    let mut change = service.storage.change().await?;
    change.end_session(&visitor.session.hash()).await?;
    change.commit().await?;
    tracing::info!(sub = %visitor.user.user_id, "signed out");
    Ok(signed_out(service))
}

fn signed_out(service: &Service) -> HttpResponse {
    let mut answer = page(StatusCode::OK, &SignedOut { frame: Frame::of(service) }, None);
    // The session has ended here in any case.
    let _ = answer.add_cookie(&cookies::no_session(&service.issuer));
    answer
}
