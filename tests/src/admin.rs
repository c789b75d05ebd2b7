//! The admin API of a running auth-service, called as an administrator does.

use reqwest::Method;
use reqwest::blocking::RequestBuilder;
use serde_json::{Value, json};

use crate::auth::{AuthService, Credentials};
use crate::http::{self, Answer};

/// An administrator with a token.
#[derive(Debug)]
pub struct AdminApi<'a> {
    service: &'a AuthService,
    token: String,
}

impl<'a> AdminApi<'a> {
    /// The API, called with `token`.
    #[must_use]
    pub fn new(service: &'a AuthService, token: String) -> Self {
        Self { service, token }
    }

    /// A request to a path below `/admin/v1`, with the token and not sent yet.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.service.http.request(method, format!("{}/admin/v1{path}", self.service.issuer)).bearer_auth(&self.token)
    }

    /// `GET path`.
    #[must_use]
    pub fn get(&self, path: &str) -> Answer {
        http::send(self.request(Method::GET, path))
    }

    /// `POST path` with a JSON body.
    #[must_use]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        http::send(self.request(Method::POST, path).json(body))
    }

    /// `PUT path` with a JSON body.
    #[must_use]
    pub fn put(&self, path: &str, body: &Value) -> Answer {
        http::send(self.request(Method::PUT, path).json(body))
    }

    /// `PATCH path` with a JSON body.
    #[must_use]
    pub fn patch(&self, path: &str, body: &Value) -> Answer {
        http::send(self.request(Method::PATCH, path).json(body))
    }

    /// `DELETE path`.
    #[must_use]
    pub fn delete(&self, path: &str) -> Answer {
        http::send(self.request(Method::DELETE, path))
    }

    /// Makes or changes a role.
    pub fn set_role(&self, name: &str, scope: &str) {
        let answer = self.put(&format!("/roles/{name}"), &json!({"description": name, "scope": scope}));
        assert!(matches!(answer.status, 200 | 201 | 204), "{answer:#?}");
    }

    /// Registers a resource.
    pub fn set_resource(&self, name: &str, body: &Value) {
        let answer = self.put(&format!("/resources/{name}"), body);
        assert!(matches!(answer.status, 200 | 201 | 204), "{answer:#?}");
    }

    /// Registers a client from its metadata.
    #[must_use]
    pub fn create_client(&self, metadata: &Value) -> Credentials {
        Credentials::read(&self.post("/clients", metadata).expect(201).json())
    }

    /// Registers a client that has `roles` and is otherwise as the defaults make it.
    #[must_use]
    pub fn client_with_roles(&self, roles: &[&str]) -> Credentials {
        self.create_client(&json!({"client_name": format!("test client, {roles:?}"), "roles": roles}))
    }
}
