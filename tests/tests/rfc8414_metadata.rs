//! RFC 8414 and OpenID Connect Discovery: the documents that describe the service, and that they
//! name what is built and nothing else.

use bailiwick_e2e::{World, http};
use serde_json::{Value, json};

const DOCUMENTS: [&str; 2] = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];

#[test]
fn the_issuer_in_the_document_is_the_one_that_it_was_asked_of() {
    let world = World::shared();
    for path in DOCUMENTS {
        assert_eq!(world.auth.get(path).expect(200).text("issuer"), world.auth.issuer, "{path}");
    }
}

#[test]
fn both_documents_say_the_same() {
    let world = World::shared();
    let [oauth, openid] = DOCUMENTS.map(|path| world.auth.get(path).expect(200).json());
    assert_eq!(oauth, openid);
}

#[test]
fn every_endpoint_that_is_named_answers() {
    let world = World::shared();
    let metadata = world.auth.get(DOCUMENTS[0]).expect(200).json();
    for (name, url) in metadata.as_object().into_iter().flatten() {
        if name.ends_with("_endpoint") || name == "jwks_uri" {
            let url = url.as_str().unwrap_or_default();
            assert!(url.starts_with(&world.auth.issuer), "{name}: {url}");
            assert_ne!(http::send(world.auth.http.get(url)).status, 404, "{name}: {url}");
        }
    }
}

#[test]
fn what_is_built_is_named() {
    let world = World::shared();
    let metadata = world.auth.get(DOCUMENTS[0]).expect(200).json();
    let endpoint = |path: &str| Value::from(format!("{}{path}", world.auth.issuer));
    assert_eq!(metadata["token_endpoint"], endpoint("/oauth2/token"));
    assert_eq!(metadata["revocation_endpoint"], endpoint("/oauth2/revoke"));
    assert_eq!(metadata["introspection_endpoint"], endpoint("/oauth2/introspect"));
    assert_eq!(metadata["jwks_uri"], endpoint("/.well-known/jwks.json"));
    assert_eq!(metadata["authorization_endpoint"], endpoint("/oauth2/authorize"));
    assert_eq!(metadata["grant_types_supported"], json!(["authorization_code", "client_credentials", "refresh_token"]));
    assert_eq!(metadata["response_types_supported"], json!(["code"]));
    assert_eq!(metadata["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    assert_eq!(metadata["scopes_supported"], json!(["offline_access"]));
    for (endpoint, public) in [("token", true), ("revocation", true), ("introspection", false)] {
        let methods = metadata[format!("{endpoint}_endpoint_auth_methods_supported")].as_array().unwrap();
        assert_eq!(methods[..2], [json!("client_secret_basic"), json!("client_secret_post")], "{endpoint}");
        assert_eq!(methods[2..] == [json!("none")], public, "{endpoint}");
    }
}

#[test]
fn what_is_not_built_is_not_named() {
    let world = World::shared();
    let metadata = world.auth.get(DOCUMENTS[0]).expect(200).json();
    for name in [
        "registration_endpoint",
        "pushed_authorization_request_endpoint",
        "userinfo_endpoint",
        "dpop_signing_alg_values_supported",
    ] {
        assert_eq!(metadata.get(name), None, "{name}");
    }
    for path in ["/oauth2/register", "/oauth2/par"] {
        assert_eq!(world.auth.get(path).status, 404, "{path}");
    }
}

#[test]
fn any_page_may_read_the_documents() {
    let world = World::shared();
    for path in DOCUMENTS {
        let request = world.auth.http.get(format!("{}{path}", world.auth.issuer));
        let answer = http::send(request.header("Origin", "https://inspector.example")).expect(200);
        assert!(answer.header("content-type").starts_with("application/json"), "{answer:#?}");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("access-control-allow-credentials"), "");
    }
}

#[test]
fn a_preflight_is_answered() {
    let world = World::shared();
    for path in [DOCUMENTS[0], "/.well-known/jwks.json", "/oauth2/token"] {
        let url = format!("{}{path}", world.auth.issuer);
        let request =
            world.auth.http.request(reqwest::Method::OPTIONS, url).header("Origin", "https://inspector.example");
        let method = if path == "/oauth2/token" { "POST" } else { "GET" };
        let answer = http::send(request.header("Access-Control-Request-Method", method));
        assert!(matches!(answer.status, 200 | 204), "{path}: {answer:#?}");
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
    }
}

#[test]
fn other_endpoints_are_closed_to_foreign_pages() {
    let world = World::shared();
    for path in ["/oauth2/introspect", "/oauth2/revoke", "/admin/v1/clients"] {
        let request = world.auth.http.post(format!("{}{path}", world.auth.issuer));
        let answer = http::send(request.header("Origin", "https://evil.example"));
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
    }
}

#[test]
fn health_is_answered_whatever_the_host() {
    let world = World::shared();
    for (base, host) in [(world.auth.issuer.clone(), "elsewhere.example"), (world.hr.url(""), "elsewhere.example")] {
        for path in ["/health/live", "/health/ready"] {
            let _ = http::send(world.auth.http.get(format!("{base}{path}")).header("Host", host)).expect(200);
        }
    }
}
