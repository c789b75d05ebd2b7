//! An editor that connects to an MCP server for a person: a public client with a loopback redirect URI
//! that knows the code flow with a proof key. Owns its requests; the person's part is [`crate::Person`]'s.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::admin::AdminApi;
use crate::auth::AuthService;
use crate::http::{self, Answer};

/// Where an editor listens: a port that its registration does not name.
pub const REDIRECT_URI: &str = "http://127.0.0.1:51004/callback";

/// An editor.
#[derive(Debug)]
pub struct Editor<'a> {
    auth: &'a AuthService,
    /// Its `client_id`.
    pub client_id: String,
    /// The resource that it wants to use.
    pub resource: String,
    /// Its secret of this one request.
    pub verifier: String,
}

/// A change of a request: a parameter with another value, or left out.
pub type Change<'a> = (&'a str, Option<&'a str>);

impl<'a> Editor<'a> {
    /// An editor that is registered as a public client, with `more` members.
    #[must_use]
    pub fn register(auth: &'a AuthService, admin: &AdminApi<'_>, resource: &str, more: &Value) -> Self {
        let mut metadata = json!({
            "client_name": "Test editor", "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
            "redirect_uris": ["http://127.0.0.1/callback", "http://localhost/callback"],
        });
        metadata.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        let client_id = admin.post("/clients", &metadata).expect(201).text("client_id");
        let verifier = URL_SAFE_NO_PAD.encode(digest(&SHA256, client_id.as_bytes()));
        Self { auth, client_id, resource: resource.to_owned(), verifier }
    }

    /// The challenge of a verifier.
    #[must_use]
    pub fn challenge(verifier: &str) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
    }

    /// Where it sends a person, the request changed.
    #[must_use]
    pub fn url(&self, changes: &[Change<'_>]) -> String {
        let challenge = Self::challenge(&self.verifier);
        let parameters = changed(
            &[
                ("response_type", "code"),
                ("client_id", &self.client_id),
                ("redirect_uri", REDIRECT_URI),
                ("code_challenge", &challenge),
                ("code_challenge_method", "S256"),
                ("resource", &self.resource),
                ("state", "some state"),
            ],
            changes,
        );
        let url = reqwest::Url::parse_with_params(&format!("{}/oauth2/authorize", self.auth.issuer), parameters);
        url.unwrap().to_string()
    }

    /// Redeems a code, the request changed.
    #[must_use]
    pub fn redeem(&self, code: &str, changes: &[Change<'_>]) -> Answer {
        self.request_token(
            &[
                ("grant_type", "authorization_code"),
                ("client_id", &self.client_id),
                ("code", code),
                ("code_verifier", &self.verifier),
                ("redirect_uri", REDIRECT_URI),
                ("resource", &self.resource),
            ],
            changes,
        )
    }

    /// Uses a refresh token, the request changed.
    #[must_use]
    pub fn refresh(&self, token: &str, changes: &[Change<'_>]) -> Answer {
        let client_id = ("client_id", self.client_id.as_str());
        self.request_token(&[("grant_type", "refresh_token"), client_id, ("refresh_token", token)], changes)
    }

    fn request_token(&self, parameters: &[(&str, &str)], changes: &[Change<'_>]) -> Answer {
        let url = format!("{}/oauth2/token", self.auth.issuer);
        http::send(self.auth.http.post(url).form(&changed(parameters, changes)))
    }
}

fn changed<'a>(parameters: &[(&'a str, &'a str)], changes: &[Change<'a>]) -> Vec<(&'a str, &'a str)> {
    let mut all: BTreeMap<&str, &str> = parameters.iter().copied().collect();
    for (name, value) in changes {
        match value {
            Some(value) => all.insert(name, value),
            None => all.remove(name),
        };
    }
    all.into_iter().collect()
}

/// A parameter of the query of the URL that an answer sends a browser to; empty where there is none.
#[must_use]
pub fn carried(answer: &Answer, name: &str) -> String {
    let url = reqwest::Url::parse(answer.header("location")).unwrap_or_else(|error| panic!("{error}: {answer:#?}"));
    let values: Vec<String> =
        url.query_pairs().filter(|(known, _)| known == name).map(|(_, value)| value.into_owned()).collect();
    assert!(values.len() <= 1, "{name} stands twice: {answer:#?}");
    values.into_iter().next().unwrap_or_default()
}
