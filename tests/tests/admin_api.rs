//! The admin API: clients, secrets, roles, resources and keys, and who may touch them.

use bailiwick_e2e::http::{self, Answer};
use bailiwick_e2e::{AdminApi, Credentials, Era, World};
use reqwest::Method;
use serde_json::{Value, json};

/// A path and method of every collection, each of which must be closed to strangers.
const PATHS: [(&str, &str); 15] = [
    ("GET", "/clients"),
    ("POST", "/clients"),
    ("GET", "/clients/admin"),
    ("PATCH", "/clients/admin"),
    ("DELETE", "/clients/admin"),
    ("POST", "/clients/admin/secrets"),
    ("GET", "/roles"),
    ("PUT", "/roles/Manager"),
    ("GET", "/resources"),
    ("GET", "/users"),
    ("POST", "/users"),
    ("DELETE", "/users/usr_nobody"),
    ("GET", "/keys"),
    ("POST", "/keys/rotate"),
    ("DELETE", "/keys/any"),
];

fn refused(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{answer:#?}");
    let body = answer.json();
    assert!(body["error"].is_string() && body["error_description"].is_string(), "{body}");
}

fn names(list: &Value, collection: &str, member: &str) -> Vec<String> {
    let items = list[collection].as_array().cloned().unwrap_or_default();
    items.iter().filter_map(|item| item[member].as_str().map(str::to_owned)).collect()
}

#[test]
fn nobody_gets_in_without_a_token_of_this_service_for_this_api() {
    let world = World::shared();
    let for_hr = world.hr_token(&["Manager"], "");
    for (method, path) in PATHS {
        let url = format!("{}/admin/v1{path}", world.auth.issuer);
        let request = || world.auth.http.request(method.parse().unwrap_or_default(), &url).json(&json!({}));
        let without = http::send(request());
        refused(&without, 401);
        assert!(without.challenge().starts_with("Bearer"), "{without:#?}");
        assert!(!without.challenge().contains("error="), "{without:#?}");
        for token in [for_hr.as_str(), "nonsense", ""] {
            let answer = http::send(request().header("Authorization", format!("Bearer {token}")));
            assert!(matches!(answer.status, 400 | 401), "{method} {path} with {token:.20}: {answer:#?}");
        }
        let basic = http::send(request().basic_auth(&world.administrator.id, Some(&world.administrator.secret)));
        refused(&basic, 401);
    }
}

#[test]
fn reading_needs_admin_read_and_writing_admin_write_and_neither_implies_the_other() {
    let world = World::shared();
    let resource = world.auth.admin_resource();
    let with = |scope: &str| {
        AdminApi::new(&world.auth, world.auth.token(&world.administrator, &[("resource", &resource), ("scope", scope)]))
    };
    let (reader, writer) = (with("admin:read"), with("admin:write"));
    let role = json!({"scope": "hr:read"});
    for path in ["/clients", "/clients/admin", "/roles", "/roles/Manager", "/resources", "/resources/hr", "/keys"] {
        let _ = reader.get(path).expect(200);
        let answer = writer.get(path);
        refused(&answer, 403);
        assert!(answer.challenge().contains(r#"error="insufficient_scope""#), "{answer:#?}");
        assert!(answer.challenge().contains(r#"scope="admin:read""#), "{answer:#?}");
    }
    let answer = reader.put("/roles/Made", &role);
    refused(&answer, 403);
    assert!(answer.challenge().contains(r#"scope="admin:write""#), "{answer:#?}");
    refused(&reader.get("/roles/Made"), 404);
    assert!(writer.put("/roles/Made", &role).status < 300);
    let _ = reader.get("/roles/Made").expect(200);
}

#[test]
fn a_client_is_registered_read_changed_and_deleted() {
    let world = World::shared();
    let admin = world.admin();
    let metadata =
        json!({"client_id": "payroll", "client_name": "Payroll", "roles": ["Reader"], "claims": {"id": "7"}});
    let client = Credentials::read(&admin.post("/clients", &metadata).expect(201).json());
    assert_eq!(client.id, "payroll");
    let shown = admin.get("/clients/payroll").expect(200).json();
    assert_eq!(shown["client_name"], "Payroll");
    assert_eq!(shown["roles"], json!(["Reader"]));
    assert_eq!(shown["claims"], json!({"id": "7"}));
    assert_eq!(shown["grant_types"], json!(["client_credentials"]));
    assert_eq!(shown["disabled"], false);
    let changed = admin.patch("/clients/payroll", &json!({"client_name": "Payroll 2", "access_token_ttl": 60}));
    let changed = changed.expect(200).json();
    assert_eq!((&changed["client_name"], &changed["access_token_ttl"]), (&json!("Payroll 2"), &json!(60)));
    assert_eq!(changed["roles"], json!(["Reader"]), "what a change does not name stays");
    let _ = admin.delete("/clients/payroll").expect(204);
    refused(&admin.get("/clients/payroll"), 404);
    refused(&admin.delete("/clients/payroll"), 404);
    assert_eq!(world.auth.request_token(&client, &[]).refusal(), (401, "invalid_client".to_owned()));
}

#[test]
fn a_secret_is_shown_once_and_never_again() {
    let world = World::shared();
    let admin = world.admin();
    let client = admin.client_with_roles(&["Reader"]);
    for path in [format!("/clients/{}", client.id), "/clients?limit=1000".to_owned()] {
        let answer = admin.get(&path).expect(200);
        assert!(!answer.body.contains(&client.secret) && !answer.body.contains("argon2"), "{path} shows a secret");
    }
    let _ = world.auth.token(&client, &[]);
    assert!(!world.auth.process.log().contains(&client.secret), "the log shows a secret");
}

#[test]
fn a_second_secret_lets_a_client_change_without_a_gap() {
    let world = World::shared();
    let admin = world.admin();
    let first = admin.client_with_roles(&["Reader"]);
    let path = format!("/clients/{}/secrets", first.id);
    let added = admin.post(&path, &json!({})).expect(201).json();
    assert!(added["secret_id"].is_string() && !added["created_at"].is_null(), "{added}");
    let secret = added["client_secret"].as_str().unwrap_or_default().to_owned();
    let second = Credentials { id: first.id.clone(), secret };
    for client in [&first, &second] {
        let _ = world.auth.token(client, &[]);
    }
    let secrets = admin.get(&format!("/clients/{}", first.id)).expect(200).json()["secrets"].clone();
    let ids = names(&json!({"secrets": secrets}), "secrets", "secret_id");
    assert_eq!(ids.len(), 2, "{secrets}");
    let old = ids.iter().find(|id| Some(id.as_str()) != added["secret_id"].as_str()).cloned().unwrap_or_default();
    let _ = admin.delete(&format!("{path}/{old}")).expect(204);
    assert_eq!(world.auth.request_token(&first, &[]).refusal(), (401, "invalid_client".to_owned()));
    let _ = world.auth.token(&second, &[]);
    refused(&admin.delete(&format!("{path}/{old}")), 404);
}

#[test]
fn the_number_of_live_secrets_has_an_end() {
    let world = World::shared();
    let admin = world.admin();
    let client = admin.client_with_roles(&["Reader"]);
    let add = || admin.post(&format!("/clients/{}/secrets", client.id), &json!({})).status;
    let statuses: Vec<u16> = (0..20).map(|_| add()).collect();
    assert!(statuses.iter().any(|status| matches!(status, 400 | 409)), "{statuses:?}");
}

#[test]
fn a_name_that_is_taken_is_a_conflict() {
    let world = World::shared();
    let admin = world.admin();
    let _ = admin.post("/clients", &json!({"client_id": "taken", "roles": ["Reader"]})).expect(201);
    refused(&admin.post("/clients", &json!({"client_id": "taken", "roles": ["Manager"]})), 409);
    assert_eq!(admin.get("/clients/taken").expect(200).json()["roles"], json!(["Reader"]));
}

#[test]
fn a_resource_uri_belongs_to_one_name() {
    let world = World::shared();
    let body = json!({"resource": world.hr.resource, "title": "Copy", "tools": []});
    refused(&world.admin().put("/resources/copy", &body), 409);
}

#[test]
fn what_is_not_understood_is_refused_and_nothing_is_made() {
    let world = World::shared();
    let admin = world.admin();
    let bodies = [
        json!({"client_id": "bad1", "colour": "green"}),
        json!({"client_id": "bad 2"}),
        json!({"client_id": ""}),
        json!({"client_id": "usr_3"}),
        json!({"client_id": "x".repeat(129)}),
        json!({"client_id": "bad4", "roles": "Reader"}),
        json!({"client_id": "bad5", "roles": ["NoSuchRole"]}),
        json!({"client_id": "bad6", "resources": ["http://nowhere.example/mcp"]}),
        json!({"client_id": "bad7", "grant_types": ["password"]}),
        json!({"client_id": "bad8", "token_endpoint_auth_method": "carrier_pigeon"}),
        json!({"client_id": "bad9", "access_token_ttl": 0}),
        json!({"client_id": "bad10", "access_token_ttl": 3601}),
        json!({"client_id": "bad11", "access_token_ttl": "60"}),
        json!({"client_id": "bad12", "client_name": "x".repeat(1000)}),
        json!({"client_id": "bad13", "claims": {"sub": "forged"}}),
        json!({"client_id": "bad14", "claims": []}),
        json!({"client_id": "bad15", "client_secret": "chosen-by-me"}),
        json!([]),
        json!("text"),
    ];
    for body in &bodies {
        refused(&admin.post("/clients", body), 400);
    }
    let ids = names(&admin.get("/clients?limit=1000").expect(200).json(), "clients", "client_id");
    assert!(!ids.iter().any(|id| id.starts_with("bad")), "{ids:?}");
}

#[test]
fn a_body_that_is_no_json_is_refused() {
    let world = World::shared();
    let admin = world.admin();
    for body in ["", "{", "{\"client_id\": \"a\", \"client_id\": \"b\"}", "\u{0}", "{} trailing"] {
        let request = admin.request(Method::POST, "/clients").header("Content-Type", "application/json");
        refused(&http::send(request.body(body)), 400);
    }
}

#[test]
fn roles_are_put_read_and_deleted() {
    let world = World::shared();
    let admin = world.admin();
    admin.set_role("Auditor", "hr:read project:get_project_tasks");
    let shown = admin.get("/roles/Auditor").expect(200).json();
    assert_eq!(shown["scope"], "hr:read project:get_project_tasks");
    assert!(names(&admin.get("/roles?limit=1000").expect(200).json(), "roles", "role").contains(&"Auditor".to_owned()));
    let _ = admin.delete("/roles/Auditor").expect(204);
    refused(&admin.get("/roles/Auditor"), 404);
    refused(&admin.delete("/roles/Auditor"), 404);
}

#[test]
fn a_role_that_makes_no_sense_is_refused() {
    let world = World::shared();
    let admin = world.admin();
    for body in [
        json!({"scope": ""}),
        json!({"scope": "hr"}),
        json!({"scope": "hr:read openid"}),
        json!({"scope": ["hr:read"]}),
        json!({"scope": "hr:read", "colour": "green"}),
        json!({"description": "no scope"}),
    ] {
        refused(&admin.put("/roles/Nonsense", &body), 400);
    }
    for name in ["bad%20name", "bad%2Fname", &"x".repeat(65)] {
        assert!(
            matches!(admin.put(&format!("/roles/{name}"), &json!({"scope": "hr:read"})).status, 400 | 404),
            "{name}"
        );
    }
    refused(&admin.get("/roles/Nonsense"), 404);
}

#[test]
fn what_is_built_in_cannot_be_changed() {
    let world = World::shared();
    let admin = world.admin();
    let body = json!({"resource": "http://localhost:1/mcp", "title": "Taken over", "tools": []});
    for path in ["/roles/admin", "/roles/guard"] {
        for answer in [admin.put(path, &json!({"scope": "hr:read"})), admin.delete(path)] {
            assert!(matches!(answer.status, 400 | 403 | 409), "{path}: {answer:#?}");
        }
        let _ = admin.get(path).expect(200);
    }
    for path in ["/resources/admin", "/resources/feed"] {
        for answer in [admin.put(path, &body), admin.delete(path)] {
            assert!(matches!(answer.status, 400 | 403 | 409), "{path}: {answer:#?}");
        }
    }
    assert_eq!(admin.get("/roles/admin").expect(200).json()["scope"], "admin:*");
    assert_eq!(admin.get("/roles/guard").expect(200).json()["scope"], "feed:read");
}

#[test]
fn resources_are_put_read_and_deleted() {
    let world = World::shared();
    let admin = world.admin();
    let uri = "https://wiki.example/mcp";
    let tools = json!([{"name": "search", "kind": "read", "title": "Search"}, {"name": "edit", "kind": "write", "title": "Edit"}]);
    admin.set_resource("wiki", &json!({"resource": uri, "title": "Wiki", "tools": tools}));
    let shown = admin.get("/resources/wiki").expect(200).json();
    assert_eq!((&shown["resource"], &shown["title"]), (&json!(uri), &json!("Wiki")));
    assert_eq!(names(&shown, "tools", "name"), ["edit", "search"]);
    let client = {
        admin.set_role("WikiReader", "wiki:read");
        admin.client_with_roles(&["WikiReader"])
    };
    assert_eq!(world.auth.request_token(&client, &[]).expect(200).text("scope"), "wiki:read");
    let _ = admin.delete("/resources/wiki").expect(204);
    refused(&admin.get("/resources/wiki"), 404);
    assert_eq!(world.auth.request_token(&client, &[("resource", uri)]).refusal(), (400, "invalid_target".to_owned()));
}

#[test]
fn a_resource_that_makes_no_sense_is_refused() {
    let world = World::shared();
    let admin = world.admin();
    let tool = |name: &str, kind: &str| json!({"name": name, "kind": kind, "title": ""});
    let uri = "https://nonsense.example/mcp";
    for body in [
        json!({"resource": "nonsense", "title": "", "tools": []}),
        json!({"resource": "https://nonsense.example/mcp#part", "title": "", "tools": []}),
        json!({"resource": "ftp://nonsense.example/mcp", "title": "", "tools": []}),
        json!({"resource": uri, "title": "", "tools": [tool("a", "execute")]}),
        json!({"resource": uri, "title": "", "tools": [tool("read", "read")]}),
        json!({"resource": uri, "title": "", "tools": [tool("a b", "read")]}),
        json!({"resource": uri, "title": "", "tools": [tool("a", "read"), tool("a", "write")]}),
        json!({"resource": uri, "title": "", "tools": [{"name": "a"}]}),
        json!({"resource": uri, "title": "", "tools": [], "colour": "green"}),
        json!({"title": "", "tools": []}),
    ] {
        refused(&admin.put("/resources/nonsense", &body), 400);
    }
    refused(&admin.get("/resources/nonsense"), 404);
}

#[test]
fn a_list_is_read_page_by_page() {
    let world = World::shared();
    let admin = world.admin();
    for number in 0..5 {
        let _ = admin.post("/clients", &json!({"client_id": format!("page-{number}")})).expect(201);
    }
    let all = names(&admin.get("/clients?limit=1000").expect(200).json(), "clients", "client_id");
    let mut seen = Vec::new();
    let mut path = "/clients?limit=2".to_owned();
    loop {
        let page = admin.get(&path).expect(200).json();
        let ids = names(&page, "clients", "client_id");
        assert!(ids.len() <= 2, "{page}");
        seen.extend(ids);
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/clients?limit=2&after={next}");
    }
    // Other tests make clients meanwhile, so the walk may see more than the first look did.
    assert!(all.iter().filter(|id| id.starts_with("page-")).count() == 5, "{all:?}");
    assert_eq!(seen.iter().filter(|id| id.starts_with("page-")).count(), 5, "{seen:?}");
    let mut once = seen.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), seen.len(), "a client was listed twice");
}

#[test]
fn a_limit_out_of_range_is_refused() {
    let world = World::shared();
    for query in ["limit=0", "limit=1001", "limit=-1", "limit=many", "limit=1&limit=2", "colour=green"] {
        refused(&world.admin().get(&format!("/clients?{query}")), 400);
    }
}

#[test]
fn keys_are_listed_without_what_is_secret_and_turn_at_once_when_told() {
    let world = World::start();
    let admin = world.admin();
    let before = admin.get("/keys").expect(200);
    assert!(!before.body.contains("PRIVATE") && !before.body.contains("\"d\""), "{before:#?}");
    let token = world.hr_token(&["Officer"], "");
    let kid = |token: &str| bailiwick_e2e::jwt::header(token)["kid"].clone();
    let answer = admin.post("/keys/rotate", &json!({"now": true}));
    assert!(answer.status < 300, "{answer:#?}");
    let newer = world.hr_token(&["Officer"], "");
    assert_ne!(kid(&token), kid(&newer));
    let published = world.auth.jwks().to_string();
    for token in [&token, &newer] {
        assert!(published.contains(kid(token).as_str().unwrap_or("?")), "{published}");
        let _ = world.hr.caller(token, Era::July2026).request("tools/list", json!({})).expect(200);
    }
}

#[test]
fn a_new_key_is_published_before_it_signs() {
    let world = World::start();
    let token = world.hr_token(&["Officer"], "");
    let answer = world.admin().post("/keys/rotate", &json!({}));
    assert!(answer.status < 300, "{answer:#?}");
    assert_eq!(world.auth.jwks()["keys"].as_array().map(Vec::len), Some(2));
    let kid = |token: &str| bailiwick_e2e::jwt::header(token)["kid"].clone();
    assert_eq!(kid(&token), kid(&world.hr_token(&["Officer"], "")));
}

#[test]
fn paths_and_methods_that_do_not_exist_say_so() {
    let world = World::shared();
    let admin = world.admin();
    refused(&admin.get("/nonsense"), 404);
    refused(&admin.get("/clients/no-such-client"), 404);
    refused(&admin.patch("/clients/no-such-client", &json!({})), 404);
    let answer = admin.put("/clients", &json!({}));
    assert_eq!(answer.status, 405, "{answer:#?}");
    assert!(answer.header("allow").contains("POST"), "{answer:#?}");
}

#[test]
fn an_administrator_that_was_disabled_is_shut_out_at_once() {
    let world = World::shared();
    let second = world.auth.make_administrator("admin-2");
    let api = world.auth.admin(&second);
    let _ = api.get("/clients").expect(200);
    let _ = world.admin().patch("/clients/admin-2", &json!({"disabled": true})).expect(200);
    refused(&api.get("/clients"), 401);
}

#[test]
fn null_takes_a_limit_away_and_is_refused_where_there_is_none() {
    let world = World::shared();
    let (admin, client, person) = (world.admin(), world.client(&["Officer"]), world.person("null", &["Officer"]));
    let (client, user) = (format!("/clients/{}", client.id), format!("/users/{}", person.user_id));
    let members =
        ["client_name", "grant_types", "token_endpoint_auth_method", "redirect_uris", "roles", "claims", "disabled"];
    let of_client = members.map(|member| (&client, "invalid_client_metadata", member));
    let members = ["username", "name", "roles", "disabled", "password", "keep_grants"];
    let of_user = members.map(|member| (&user, "invalid_request", member));
    for (path, error, member) in of_client.into_iter().chain(of_user) {
        let before = admin.get(path).expect(200).json();
        let refused = admin.patch(path, &json!({"disabled": true, member: null})).expect(400);
        assert_eq!(refused.text("error"), error, "{member}");
        assert!(refused.text("error_description").contains(member), "{refused:#?}");
        assert_eq!(admin.get(path).expect(200).json(), before, "{member}: something was done");
    }
    let limited = json!({"resources": [world.hr.resource], "access_token_ttl": 60});
    let _ = admin.patch(&client, &limited).expect(200);
    let freed = admin.patch(&client, &json!({"resources": null, "access_token_ttl": null})).expect(200).json();
    assert_eq!((&freed["resources"], &freed["access_token_ttl"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_name_that_no_url_can_end_with_is_refused() {
    let world = World::shared();
    for name in [".", ".."] {
        let refused = world.admin().post("/clients", &json!({"client_id": name}));
        assert_eq!(refused.refusal(), (400, "invalid_client_metadata".to_owned()));
        let said = world.auth.run(&["role", "set", name, "--scope", "hr:*"]);
        assert!(said.code == 1 && said.stderr.contains("no URL can end with"), "{said:#?}");
    }
}

#[test]
fn a_malformed_authorization_header_is_answered_with_a_challenge() {
    let world = World::shared();
    for header in ["Bearer", "Bearer a b", "bearer "] {
        let url = format!("{}/admin/v1/roles", world.auth.issuer);
        let refused = http::send(world.auth.http.get(url).header("Authorization", header)).expect(400);
        assert!(refused.challenge().starts_with("Bearer error=\"invalid_request\""), "{header}: {refused:#?}");
    }
}
