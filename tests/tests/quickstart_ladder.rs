//! The quickstart server and the ways up: the seed's clients get in by each of their credentials, over HTTP with
//! SSE and over `/mcp`, and weak ways stay where nobody listens in.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bailiwick_e2e::auth::{AuthService, Credentials};
use bailiwick_e2e::service::eventually;
use bailiwick_e2e::{Quickstart, World, binary, http, python};
use serde_json::{Value, json};

/// What the Python SDK sees when it does what the seed's clients do.
fn seen(server: &Quickstart, kind: &str, client: &Credentials) -> Value {
    let arguments = [&server.url("/sse"), kind, &client.id, "TimeTool", "weather_tool"];
    let mut command = python::command("seed_client.py", &arguments);
    binary::run(command.env("SECRET", &client.secret)).well().json()
}

fn gets_in_and_is_denied(seen: &Value) {
    assert_eq!(seen["server"], "Weather and Time SSE Server", "{seen}");
    assert_eq!(seen["tools"], json!(["TimeTool"]), "{seen}");
    assert!(seen["result"]["current_time"].is_string(), "{seen}");
    assert_eq!(seen["refusal"], "insufficient_scope: the scope quickstart:weather_tool is needed", "{seen}");
    assert_eq!(seen["goes_on"], true, "{seen}");
}

#[test]
fn the_seeds_clients_get_in_by_key_by_basic_and_by_a_token_of_the_shared_secret() {
    let server = Quickstart::start("hs256,basic,api-key", |_| {});
    let client = server.new_client("test_client", "Timekeeper");
    for kind in ["api-key", "basic", "jwt"] {
        gets_in_and_is_denied(&seen(&server, kind, &client));
    }
    let log = server.process.log();
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    for mode in ["api-key", "basic", "hs256"] {
        let of_mode = lines.iter().filter(|line| line["mode"] == mode);
        let (warnings, decisions): (Vec<&Value>, Vec<&Value>) = of_mode.partition(|line| line["level"] == "WARN");
        assert_eq!((warnings.len(), warnings[0]["message"].as_str()), (1, Some("a weak way to prove who calls is on")));
        assert!(decisions.iter().all(|line| line["client_id"] == "test_client"), "{mode}: {decisions:?}");
        let calls = decisions.iter().filter(|line| line["method"] == "tools/call");
        let calls: Vec<_> =
            calls.map(|line| (line["tool"].as_str().unwrap(), line["reason"].as_str().unwrap())).collect();
        let expected = [("TimeTool", "allowed"), ("weather_tool", "insufficient_scope"), ("TimeTool", "allowed")];
        assert_eq!(calls, expected, "{mode}");
    }
    assert!(!log.contains(&client.secret), "a secret is in the log");
}

#[test]
fn the_seeds_third_client_gets_in_by_a_key_pair_that_we_made() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("mcp_auth");
    let _ = generate(folder.path(), &keys).well();
    let public = keys.join("public.pem");
    let server = Quickstart::start("public-key", |command| {
        command.arg("--public-key").arg(&public);
        command.args(["--public-key-issuer", "https://dev-issuer.com", "--public-key-audience", "my-mcp-server"]);
    });
    // The seed's Alice is a manager; here she may do what managers may, and nothing when they may nothing.
    let alice =
        Credentials { id: "alice".to_owned(), secret: std::fs::read_to_string(keys.join("private.pem")).unwrap() };
    let seen_by_manager = seen(&server, "rsa", &alice);
    assert_eq!(seen_by_manager["tools"], json!(["TimeTool", "weather_tool"]), "{seen_by_manager}");
    server.and_sees(|| std::fs::write(server.clients_file(), "[roles]\nManager = \"quickstart:TimeTool\"\n").unwrap());
    gets_in_and_is_denied(&seen(&server, "rsa", &alice));
    assert_eq!(
        http::send(server.call("TimeTool").bearer_auth("nonsense")).expect(401).challenge(),
        concat!(
            r#"Bearer error="invalid_token", error_description="the token is not a well-formed JWT", "#,
            r#"realm="quickstart", scope="quickstart:read""#
        )
    );
}

fn generate(folder: &Path, keys: &Path) -> binary::Ended {
    binary::run(AuthService::command_line(folder, &["keys", "generate", "--out"]).arg(keys))
}

#[test]
fn a_key_pair_is_written_for_its_owner_alone_and_never_over_another() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    let _ = generate(folder.path(), &keys).well();
    let mode = |name: &str| std::fs::metadata(keys.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("private.pem"), mode("public.pem")), (0o600, 0o644));
    let before = std::fs::read(keys.join("private.pem")).unwrap();
    let again = generate(folder.path(), &keys);
    assert!(again.code == 1 && again.stderr.contains("is there already"), "{again:#?}");
    assert_eq!(std::fs::read(keys.join("private.pem")).unwrap(), before);
    assert!(!folder.path().join("auth.db").exists(), "no database is needed for it");
    std::fs::remove_file(keys.join("private.pem")).unwrap();
    let half = generate(folder.path(), &keys);
    assert!(half.code == 1 && !keys.join("private.pem").exists(), "{half:#?}");
}

#[test]
fn a_deployment_signs_with_the_key_that_it_brings() {
    let world = World::start();
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    let _ = generate(folder.path(), &keys).well();
    let private = keys.join("private.pem").display().to_string();
    let rotate = |path: &str| world.auth.run(&["keys", "rotate", "--now", "--key-file", path, "--json"]);
    let kid = rotate(&private).well().json()["kid"].as_str().unwrap().to_owned();
    let token = world.hr_token(&["Reader"], "");
    let header = bailiwick_e2e::jwt::header(&token);
    assert_eq!((&header["kid"], &header["alg"]), (&json!(kid), &json!("RS256")));
    assert!(world.auth.jwks()["keys"].as_array().unwrap().iter().any(|key| key["kid"] == kid.as_str()));
    assert_eq!(world.hr.caller(&token, bailiwick_e2e::Era::July2026).list().len(), 2);
    // Once is enough, others may not read it, and it has to be a key.
    let again = rotate(&private);
    assert!(again.code == 1 && again.stderr.contains("is there already"), "{again:#?}");
    std::fs::set_permissions(&private, std::fs::Permissions::from_mode(0o640)).unwrap();
    let exposed = rotate(&private);
    assert!(exposed.code == 1 && exposed.stderr.contains("chmod 600"), "{exposed:#?}");
    let public = keys.join("public.pem");
    std::fs::set_permissions(&public, std::fs::Permissions::from_mode(0o600)).unwrap();
    let no_key = rotate(&public.display().to_string());
    assert!(no_key.code == 1 && no_key.stderr.contains("no private RSA key"), "{no_key:#?}");
}

#[test]
fn weak_ways_are_refused_where_somebody_may_listen_in_unless_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let checked = |more: &[&str]| {
        let mut command = Quickstart::command(folder.path(), 0);
        std::fs::write(folder.path().join("clients.toml"), "").unwrap();
        command.args(["check-config", "--resource", "https://quickstart.example/mcp", "--tls-terminated"]);
        binary::run(command.args(more))
    };
    for mode in ["api-key", "basic", "hs256"] {
        let everywhere = ["--listen", "0.0.0.0:8100", "--authentication", mode];
        let refused = checked(&everywhere);
        assert_eq!(refused.code, 2, "{refused:#?}");
        let words = [mode, "0.0.0.0:8100 without TLS", "MCP_ALLOW_WEAK_AUTHENTICATION=true"];
        assert!(words.iter().all(|word| refused.stderr.contains(word)), "{refused:#?}");
        let _ = checked(&[&everywhere[..], &["--allow-weak-authentication"]].concat()).well();
        let _ = checked(&["--listen", "127.0.0.1:8100", "--authentication", mode]).well();
    }
    let _ = checked(&["--listen", "0.0.0.0:8100", "--authentication", "oauth"]).well();
}

#[test]
fn what_a_mode_lacks_is_told_before_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let problem = |arguments: &[&str], secret: &str| {
        let mut command = binary::command("mcp-quickstart");
        command.current_dir(folder.path()).arg("check-config").args(arguments);
        if !secret.is_empty() {
            command.env("MCP_SHARED_SECRET", secret);
        }
        let ended = binary::run(&mut command);
        assert!(ended.code == 2 && !ended.stderr.contains("hush"), "{ended:#?}");
        ended.stderr
    };
    let written = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    let clients = written("clients.toml", "");
    let no_key = written("public.pem", "no key");
    assert!(problem(&["--authentication", "api-key"], "").contains("the mode api-key needs clients"));
    assert!(problem(&["--authentication", "hs256", "--clients-file", &clients], "").contains("needs a shared secret"));
    assert!(problem(&["--authentication", "hs256", "--clients-file", &clients], "hush").contains("at least 32 bytes"));
    assert!(problem(&["--authentication", "digest"], "").contains("a mode is one of oauth, public-key"));
    assert!(problem(&["--public-key", &no_key], "").contains("no RSA public key"));
    assert!(problem(&["--clients-file", "/nowhere"], "").contains("/nowhere: cannot be read"));
    let wrong = written("wrong.toml", "[clients.ci]\nsecret = \"hush\"\n");
    assert!(problem(&["--clients-file", &wrong], "").contains("line 2: unknown field `secret`"));
}

#[test]
fn a_caller_that_calls_too_often_is_told_when_to_go_on() {
    let server = Quickstart::start("api-key", |command| {
        command.args(["--calls-per-second", "2"]);
    });
    let client = server.new_client("eager", "Timekeeper");
    let call = || http::send(server.call("TimeTool").header("x-api-key", &client.secret));
    let limited = (0..100).map(|_| call()).find(|answer| answer.status != 200).unwrap().expect(429);
    assert_eq!((limited.header("retry-after"), limited.text("error").as_str()), ("1", "temporarily_unavailable"));
    eventually("after a while it goes on", || call().status == 200);
    let health = http::send(server.http.get(server.url("/health"))).expect(200);
    assert_eq!(health.text("status"), "ok");
}
