//! How roles and a requested scope become the scope of a token (docs/reference/scopes.md).

use bailiwick_e2e::{World, jwt};
use serde_json::{Value, json};

/// What a client with these roles is answered when it requests `scope` at HR: the scope that it got,
/// or what the refusal says.
fn granted(world: &World, roles: &[&str], scope: &str) -> Result<String, String> {
    let client = world.client(roles);
    let answer = world.auth.request_token(&client, &[("resource", &world.hr.resource), ("scope", scope)]);
    if answer.status == 200 {
        let claims = jwt::claims(&answer.text("access_token"));
        assert_eq!(claims["scope"], Value::from(answer.text("scope")), "the answer and the token disagree");
        return Ok(answer.text("scope"));
    }
    assert_eq!(answer.refusal(), (400, "invalid_scope".to_owned()));
    Err(answer.text("error_description"))
}

fn refused_naming(world: &World, role: &str, scope: &str, named: &str) {
    let refusal = granted(world, &[role], scope);
    assert!(refusal.as_ref().is_err_and(|description| description.contains(named)), "{role} {scope}: {refusal:?}");
}

#[test]
fn without_a_request_all_that_is_allowed_at_the_resource_is_given() {
    let world = World::shared();
    for (role, scope) in [
        ("Manager", "hr:*"),
        ("Officer", "hr:*"),
        ("Reader", "hr:read"),
        ("LeaveClerk", "hr:create_leave_request"),
        ("Registrar", "hr:read hr:add_employee_record"),
    ] {
        assert_eq!(granted(&world, &[role], ""), Ok(scope.to_owned()), "{role}");
    }
}

#[test]
fn a_class_stays_where_it_is_wholly_allowed() {
    let world = World::shared();
    for (role, scope) in [
        ("Manager", "hr:*"),
        ("Manager", "hr:read"),
        ("Manager", "hr:write"),
        ("Manager", "hr:read hr:write"),
        ("Reader", "hr:read"),
        ("Writer", "hr:write"),
    ] {
        assert_eq!(granted(&world, &[role], scope), Ok(scope.to_owned()), "{role}");
    }
}

#[test]
fn a_class_else_becomes_the_allowed_tools_under_it() {
    let world = World::shared();
    for (role, requested, scope) in [
        ("Reader", "hr:*", "hr:get_employee_records hr:get_hr_summary"),
        ("Writer", "hr:*", "hr:add_employee_record hr:create_leave_request"),
        ("LeaveClerk", "hr:*", "hr:create_leave_request"),
        ("LeaveClerk", "hr:write", "hr:create_leave_request"),
        ("LookUp", "hr:read", "hr:get_employee_records hr:get_hr_summary"),
        ("Registrar", "hr:*", "hr:add_employee_record hr:get_employee_records hr:get_hr_summary"),
    ] {
        assert_eq!(granted(&world, &[role], requested), Ok(scope.to_owned()), "{role} {requested}");
    }
}

#[test]
fn a_class_of_which_nothing_is_left_is_refused_by_name() {
    let world = World::shared();
    refused_naming(&world, "Reader", "hr:write", "hr:write");
    refused_naming(&world, "LeaveClerk", "hr:read", "hr:read");
}

#[test]
fn a_tool_is_allowed_or_the_request_is_refused_naming_it() {
    let world = World::shared();
    assert_eq!(granted(&world, &["Reader"], "hr:get_hr_summary"), Ok("hr:get_hr_summary".to_owned()));
    refused_naming(&world, "Reader", "hr:add_employee_record", "hr:add_employee_record");
    refused_naming(&world, "Reader", "hr:read hr:add_employee_record", "hr:add_employee_record");
}

#[test]
fn unknown_scopes_and_scopes_of_other_servers_are_named() {
    let world = World::shared();
    for scope in ["hr:nothing", "hr", "hr:", ":read", "HR:read", "openid", "hr:read:more", "project:read", "admin:read"]
    {
        refused_naming(&world, "Manager", scope, scope);
    }
}

#[test]
fn a_scope_outside_the_character_set_is_refused() {
    let world = World::shared();
    for scope in ["hr:\"read\"", "hr:re\\ad", "hr:r\u{e9}ad", "hr:read\thr:write", "hr:read\u{0}"] {
        assert!(granted(&world, &["Manager"], scope).is_err(), "{scope:?}");
    }
}

#[test]
fn a_scope_that_is_sent_twice_counts_once() {
    let world = World::shared();
    assert_eq!(granted(&world, &["Manager"], "hr:read hr:read"), Ok("hr:read".to_owned()));
}

#[test]
fn the_roles_of_a_client_add_up() {
    let world = World::shared();
    assert_eq!(granted(&world, &["Reader", "LeaveClerk"], ""), Ok("hr:read hr:create_leave_request".to_owned()));
    assert_eq!(granted(&world, &["Reader", "Writer"], "hr:*"), Ok("hr:*".to_owned()));
}

#[test]
fn a_role_names_what_it_gives_in_the_token() {
    let world = World::shared();
    let token = world.hr_token(&["Reader", "LeaveClerk"], "");
    let mut roles: Vec<Value> = jwt::claims(&token)["roles"].as_array().cloned().unwrap_or_default();
    roles.sort_by_key(ToString::to_string);
    assert_eq!(roles, [json!("LeaveClerk"), json!("Reader")]);
}

#[test]
fn a_client_without_roles_gets_nothing() {
    let world = World::shared();
    let client = world.client(&[]);
    let answer = world.auth.request_token(&client, &[("resource", &world.hr.resource)]);
    assert_eq!(answer.status, 400, "{answer:#?}");
    assert!(["invalid_target", "invalid_scope"].contains(&answer.text("error").as_str()), "{answer:#?}");
}

#[test]
fn a_changed_role_changes_the_next_token() {
    let world = World::shared();
    let admin = world.admin();
    admin.set_role("Changing", "hr:read");
    let client = admin.client_with_roles(&["Changing"]);
    let scope = || world.auth.request_token(&client, &[("resource", &world.hr.resource)]).expect(200).text("scope");
    assert_eq!(scope(), "hr:read");
    admin.set_role("Changing", "hr:*");
    assert_eq!(scope(), "hr:*");
    admin.set_role("Changing", "hr:get_hr_summary");
    assert_eq!(scope(), "hr:get_hr_summary");
}

#[test]
fn a_role_that_another_process_changed_changes_the_next_token_too() {
    let world = World::shared();
    world.admin().set_role("ChangedElsewhere", "hr:read");
    let client = world.client(&["ChangedElsewhere"]);
    let scope = || world.auth.request_token(&client, &[("resource", &world.hr.resource)]).expect(200).text("scope");
    assert_eq!(scope(), "hr:read");
    let _ = world.auth.run(&["role", "set", "ChangedElsewhere", "--scope", "hr:write"]).well();
    assert_eq!(scope(), "hr:write");
}

#[test]
fn a_deleted_role_leaves_its_holders_with_nothing() {
    let world = World::shared();
    let admin = world.admin();
    admin.set_role("Doomed", "hr:*");
    let client = admin.client_with_roles(&["Doomed"]);
    let _ = world.auth.token(&client, &[]);
    let _ = admin.delete("/roles/Doomed").expect(204);
    let shown = admin.get(&format!("/clients/{}", client.id)).expect(200).json();
    assert_eq!(shown["roles"], json!([]));
    assert_eq!(world.auth.request_token(&client, &[("resource", &world.hr.resource)]).status, 400);
}
