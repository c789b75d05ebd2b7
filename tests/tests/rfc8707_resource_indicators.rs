//! RFC 8707: `resource` chooses whom a token is for.

use bailiwick_e2e::{Answer, Credentials, World, jwt};
use serde_json::json;

/// A second server in the register; nothing runs there.
const PROJECT: &str = "http://localhost:1/mcp";

fn with_project(world: &World) {
    let tools = json!([{"name": "get_project_tasks", "kind": "read", "title": "Read tasks"}]);
    world.admin().set_resource("project", &json!({"resource": PROJECT, "title": "Project", "tools": tools}));
}

fn invalid_target(answer: &Answer) {
    assert_eq!(answer.refusal(), (400, "invalid_target".to_owned()), "{answer:#?}");
}

fn audience(world: &World, client: &Credentials, form: &[(&str, &str)]) -> String {
    let token = world.auth.token(client, form);
    jwt::claims(&token)["aud"].as_str().unwrap_or("not one string").to_owned()
}

#[test]
fn the_audience_is_exactly_the_resource_that_was_asked_for() {
    let world = World::shared();
    with_project(&world);
    let client = world.client(&["Manager"]);
    assert_eq!(audience(&world, &client, &[("resource", &world.hr.resource)]), world.hr.resource);
    assert_eq!(audience(&world, &client, &[("resource", PROJECT)]), PROJECT);
}

#[test]
fn without_a_resource_a_client_of_one_gets_that_one() {
    let world = World::shared();
    assert_eq!(audience(&world, &world.client(&["Officer"]), &[]), world.hr.resource);
}

#[test]
fn without_a_resource_a_client_of_several_is_told_its_choices() {
    let world = World::shared();
    with_project(&world);
    let answer = world.auth.request_token(&world.client(&["Manager"]), &[]);
    invalid_target(&answer);
    let description = answer.text("error_description");
    for choice in [world.hr.resource.as_str(), PROJECT] {
        assert!(description.contains(choice), "{description}");
    }
}

#[test]
fn two_resources_at_once_are_refused() {
    let world = World::shared();
    with_project(&world);
    let client = world.client(&["Manager"]);
    invalid_target(&world.auth.request_token(&client, &[("resource", &world.hr.resource), ("resource", PROJECT)]));
}

#[test]
fn a_resource_with_a_fragment_or_no_url_is_refused() {
    let world = World::shared();
    let client = world.client(&["Officer"]);
    let fragment = format!("{}#part", world.hr.resource);
    for resource in [fragment.as_str(), "hr", "/mcp", "urn:hr", "http://", "http://user:pass@localhost/mcp"] {
        invalid_target(&world.auth.request_token(&client, &[("resource", resource)]));
    }
}

#[test]
fn an_unknown_resource_and_one_out_of_reach_get_the_same_answer() {
    let world = World::shared();
    with_project(&world);
    let client = world.client(&["Officer"]);
    let unknown = world.auth.request_token(&client, &[("resource", "http://localhost:2/mcp")]);
    let out_of_reach = world.auth.request_token(&client, &[("resource", PROJECT)]);
    invalid_target(&unknown);
    invalid_target(&out_of_reach);
    let without = |answer: &Answer, uri: &str| answer.text("error_description").replace(uri, "");
    assert_eq!(without(&unknown, "http://localhost:2/mcp"), without(&out_of_reach, PROJECT));
}

#[test]
fn scheme_and_host_may_be_written_in_upper_case() {
    let world = World::shared();
    let loud = world.hr.resource.replace("http://localhost", "HTTP://LOCALHOST");
    assert_eq!(audience(&world, &world.client(&["Officer"]), &[("resource", &loud)]), world.hr.resource);
}

#[test]
fn a_client_asks_only_for_the_resources_it_was_given() {
    let world = World::shared();
    with_project(&world);
    let metadata = json!({"roles": ["Manager"], "resources": [world.hr.resource]});
    let client = world.admin().create_client(&metadata);
    assert_eq!(audience(&world, &client, &[]), world.hr.resource);
    invalid_target(&world.auth.request_token(&client, &[("resource", PROJECT)]));
}

#[test]
fn the_admin_api_is_a_resource_like_any_other() {
    let world = World::shared();
    let admin = world.auth.admin_resource();
    assert_eq!(audience(&world, &world.administrator, &[("resource", &admin)]), admin);
    invalid_target(&world.auth.request_token(&world.client(&["Manager"]), &[("resource", &admin)]));
}
