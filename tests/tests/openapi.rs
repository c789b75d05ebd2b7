//! The API's own description: it names every route, and every route that it names answers.

use std::collections::BTreeSet;

use bailiwick_e2e::{World, http, markdown};
use serde_json::Value;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// `(METHOD, /path/{parameter})` of every operation in the document.
fn operations(document: &Value) -> BTreeSet<(String, String)> {
    let mut operations = BTreeSet::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for method in item.as_object().into_iter().flatten().map(|(method, _)| method) {
            if METHODS.contains(&method.as_str()) {
                operations.insert((method.to_uppercase(), path.clone()));
            }
        }
    }
    operations
}

fn document(world: &World) -> Value {
    world.auth.get("/openapi.json").expect(200).json()
}

/// A path with every `{parameter}` filled in.
fn filled(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "nobody" } else { part }).collect::<Vec<_>>().join("/")
}

#[test]
fn the_document_says_which_version_it_is_of() {
    let world = World::shared();
    let document = document(&world);
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.")), "{}", document["openapi"]);
    assert!(document["info"]["title"].is_string() && document["info"]["version"].is_string());
}

#[test]
fn every_route_of_the_document_answers() {
    let world = World::shared();
    let admin = world.auth.token(&world.administrator, &[("resource", &world.auth.admin_resource())]);
    for (method, path) in operations(&document(&world)) {
        let url = format!("{}{}", world.auth.issuer, filled(&path));
        let request = world.auth.http.request(method.parse().unwrap_or_default(), url);
        let answer = http::send(request.bearer_auth(&admin).header("Content-Type", "application/json").body("{"));
        assert_ne!(answer.status, 405, "{method} {path}: {answer:#?}");
        assert!(answer.status < 500, "{method} {path}: {answer:#?}");
        let no_such_route = answer.status == 404 && !path.contains('{');
        assert!(!no_such_route, "{method} {path}: {answer:#?}");
    }
}

#[test]
fn the_document_and_the_reference_name_the_same_routes() {
    let world = World::shared();
    let reference = markdown::read("docs/reference/endpoints.md");
    let auth_service = reference.split("\n## ").find(|section| section.starts_with("auth-service")).unwrap_or_default();
    let mut described = BTreeSet::new();
    for row in auth_service.lines().filter(|line| line.starts_with("| `")) {
        let words: Vec<&str> = row.split('`').nth(1).unwrap_or_default().split(' ').collect();
        if let [methods, path] = words[..] {
            described.extend(methods.split('|').map(|method| (method.to_owned(), path.to_owned())));
        }
    }
    assert_eq!(operations(&document(&world)), described, "left: /openapi.json; right: docs/reference/endpoints.md");
}

#[test]
fn every_operation_says_what_it_answers() {
    let world = World::shared();
    let document = document(&world);
    for (method, path) in operations(&document) {
        let operation = &document["paths"][&path][method.to_lowercase()];
        let responses = operation["responses"].as_object().map(serde_json::Map::len).unwrap_or_default();
        assert!(responses > 0, "{method} {path} names no response");
        assert!(
            operation["summary"].is_string() || operation["description"].is_string(),
            "{method} {path} says nothing"
        );
    }
}

#[test]
fn every_reference_inside_the_document_leads_somewhere() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let world = World::shared();
    let document = document(&world);
    let mut found = Vec::new();
    references(&document, &mut found);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap_or("?");
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}
