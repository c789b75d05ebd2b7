//! Whatever is built in has a licence that deny.toml allows and comes from the package registry.
//! Advisories need a database from the network; `cargo deny check` looks at those.

#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use std::process::Command;

use bailiwick_e2e::{binary, markdown};
use serde_json::Value;

/// All packages that a build for this machine uses.
fn packages() -> Vec<Value> {
    let rustc = binary::run(Command::new("rustc").arg("-vV")).well().stdout;
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned();
    let mut command = Command::new(env!("CARGO"));
    command.args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", &host]);
    let metadata = binary::run(command.current_dir(binary::repository())).well().json();
    metadata["packages"].as_array().unwrap().clone()
}

/// Whether an SPDX expression can be satisfied with what `allowed` says: `AND` binds tighter than
/// `OR`, parentheses tighter than both.
fn is_satisfied(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    if let Some(open) = expression.rfind('(') {
        let close = open + expression[open..].find(')').unwrap();
        let inner = if is_satisfied(&expression[open + 1..close], allowed) { "TRUE" } else { "FALSE" };
        return is_satisfied(&format!("{}{inner}{}", &expression[..open], &expression[close + 1..]), allowed);
    }
    let holds = |licence: &str| licence == "TRUE" || allowed(licence);
    let expression = expression.replace('/', " OR ");
    expression.split(" OR ").any(|all| all.split(" AND ").all(|licence| holds(licence.trim())))
}

#[test]
fn an_expression_is_satisfied_as_it_says() {
    let allowed = |licence: &str| ["MIT", "ISC"].contains(&licence);
    for right in
        ["MIT", "MIT OR GPL-3.0", "GPL-3.0/MIT", "MIT AND ISC", "(GPL-3.0 OR MIT) AND ISC", "MIT AND (X OR (ISC))"]
    {
        assert!(is_satisfied(right, &allowed), "{right}");
    }
    for wrong in ["GPL-3.0", "", "MIT AND GPL-3.0", "(MIT OR ISC) AND GPL-3.0", "GPL-3.0 OR (MIT AND X)"] {
        assert!(!is_satisfied(wrong, &allowed), "{wrong}");
    }
}

#[test]
fn every_dependency_has_a_licence_that_is_allowed() {
    let policy: toml::Table = markdown::read("deny.toml").parse().unwrap();
    let allowed = policy["licenses"]["allow"].as_array().unwrap();
    let allowed = |licence: &str| allowed.iter().any(|one| one.as_str() == Some(licence));
    for package in packages() {
        let licence = package["license"].as_str().unwrap_or_default();
        assert!(is_satisfied(licence, &allowed), "{} {}: {licence:?}", package["name"], package["version"]);
    }
}

#[test]
fn every_dependency_comes_from_the_registry_and_none_is_banned() {
    let policy: toml::Table = markdown::read("deny.toml").parse().unwrap();
    let banned: Vec<_> =
        policy["bans"]["deny"].as_array().unwrap().iter().filter_map(|ban| ban["crate"].as_str()).collect();
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        assert!(!banned.contains(&name), "{name} is banned");
        let source = package["source"].as_str().unwrap_or("this repository");
        assert!(source == "this repository" || source.starts_with("registry+"), "{name} comes from {source}");
    }
}

#[test]
fn aws_lc_rs_is_the_only_cryptographic_backend() {
    for other in ["ring", "openssl-sys", "rsa"] {
        let mut command = Command::new(env!("CARGO"));
        command.args([
            "tree",
            "--workspace",
            "--locked",
            "--offline",
            "--edges",
            "normal,build,dev",
            "--invert",
            other,
        ]);
        let users = binary::run(command.current_dir(binary::repository()));
        assert_eq!(users.stdout, "", "{other} is built in");
        let absent = ["nothing to print", "did not match any packages"];
        assert!(absent.iter().any(|words| users.stderr.contains(words)), "{users:#?}");
    }
}
