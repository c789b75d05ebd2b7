//! RFC 9110 section 9.3.2: whatever answers GET answers HEAD, with the same head and nothing else.

use bailiwick_e2e::{World, http};

#[test]
fn whatever_answers_get_answers_head_with_the_same_head_and_no_content() {
    let world = World::shared();
    let admin = world.auth.make_administrator("looks-at-heads");
    let admin = world.auth.token(&admin, &[("resource", &world.auth.admin_resource())]);
    for path in [
        "/health/live",
        "/health/ready",
        "/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/openapi.json",
        "/oauth2/authorize",
        "/login",
        "/logout",
        "/admin/v1/roles",
        "/admin/v1/clients/nobody",
        "/nowhere",
    ] {
        let url = format!("{}{path}", world.auth.issuer);
        let get = http::send(world.auth.http.get(&url).bearer_auth(&admin));
        let head = http::send(world.auth.http.head(&url).bearer_auth(&admin));
        assert_eq!((head.status, head.body.as_str()), (get.status, ""), "{path}");
        for header in ["content-length", "content-type", "cache-control", "location"] {
            assert_eq!(head.header(header), get.header(header), "{path}: {header}");
        }
    }
}

#[test]
fn head_does_nothing_that_get_does_not() {
    let world = World::shared();
    for path in ["/oauth2/token", "/oauth2/revoke", "/oauth2/introspect", "/admin/v1/keys/rotate"] {
        let url = format!("{}{path}", world.auth.issuer);
        let (get, head) = (http::send(world.auth.http.get(&url)), http::send(world.auth.http.head(&url)));
        assert_eq!(head.status, get.status, "{path}");
    }
}
