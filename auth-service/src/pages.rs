//! The pages for people: plain HTML forms, rendered here, that work without JavaScript. Owns the way
//! from request to page; who may do what is the domain's, and every form is checked for forgery.

pub mod account;
pub mod consent;
pub mod cookies;
pub mod document;
pub mod error;
pub mod forgery;
pub mod login;
pub mod logout;
pub mod password;
pub mod refusal;
pub mod scopes_in_words;
pub mod stylesheet;
pub mod texts;
pub mod visitor;

use actix_web::web;

/// The routes of the pages.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/login").route(web::get().to(login::show)).route(web::post().to(login::submit)))
        .service(web::resource("/consent").route(web::get().to(consent::show)).route(web::post().to(consent::submit)))
        .service(web::resource("/account").route(web::get().to(account::show)))
        .service(web::resource("/account/withdraw").route(web::post().to(account::withdraw)))
        .service(web::resource("/account/sessions").route(web::post().to(account::end_sessions)))
        .service(
            web::resource("/account/password")
                .route(web::get().to(password::show))
                .route(web::post().to(password::submit)),
        )
        .service(web::resource("/logout").route(web::get().to(logout::show)).route(web::post().to(logout::submit)))
        .service(web::resource("/assets/{name}").route(web::get().to(stylesheet::stylesheet)));
}
