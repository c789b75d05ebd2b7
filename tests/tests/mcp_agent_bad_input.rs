//! mcp-agent with wrong command lines and broken files, and against servers that lie, answer nonsense
//! or too much: it says what is wrong, ends with the right code, and gives no secret away.

use std::collections::BTreeSet;

use bailiwick_e2e::service::free_port;
use bailiwick_e2e::{Agent, Asked, Credentials, Reply, ScriptedServer, markdown};
use serde_json::{Value, json};

const SECRET: &str = "secret-that-must-not-be-seen";

fn client() -> Credentials {
    Credentials { id: "agent".to_owned(), secret: SECRET.to_owned() }
}

/// Somebody with credentials of the issuer `issuer`, calling the server at `origin`.
fn person(issuer: &str, origin: &str) -> Agent {
    Agent::of(&client(), issuer, &format!("{origin}/mcp"))
}

/// Runs `tools` and checks how it ends.
fn refused(agent: &Agent, code: i32, says: &str) {
    let ended = agent.run(&["tools", "--timeout", "5"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (code, ""), "{ended:#?}");
    assert!(ended.stderr.contains(says), "{says}: {ended:#?}");
    assert!(!ended.text().contains(SECRET), "{ended:#?}");
}

/// An issuer and a server in one, whose documents are all in order.
fn honest(origin: &str, asked: &Asked) -> Reply {
    match asked.what.as_str() {
        "GET /.well-known/oauth-protected-resource/mcp" => {
            Reply::json(&json!({"resource": format!("{origin}/mcp"), "authorization_servers": [origin]}))
        }
        "GET /.well-known/oauth-authorization-server" => {
            Reply::json(&json!({"issuer": origin, "token_endpoint": format!("{origin}/token")}))
        }
        "POST /token" => {
            Reply::json(&json!({"access_token": "good", "token_type": "Bearer", "expires_in": 900, "scope": "a"}))
        }
        _ if asked.headers.contains_key("authorization") => Reply::status("500 Internal Server Error"),
        _ => Reply::status("401 Unauthorized").with("WWW-Authenticate", "Bearer"),
    }
}

/// An honest one, but for what `script` answers.
fn honest_but(script: impl Fn(&str, &Asked) -> Option<Reply> + Send + 'static) -> ScriptedServer {
    ScriptedServer::start(move |origin, asked| script(origin, asked).unwrap_or_else(|| honest(origin, asked)))
}

/// Whether it is a request to the MCP server with a token.
fn has_token(asked: &Asked) -> bool {
    asked.what == "POST /mcp" && asked.headers.contains_key("authorization")
}

#[test]
fn a_wrong_command_line_is_usage() {
    let agent = Agent::new();
    for arguments in [
        &["nonsense"][..],
        &["tools", "--nonsense"],
        &["tools"],
        &["tools", "--server", "http://hr.example.com/mcp"],
        &["tools", "--server", "https://user:password@hr.example.com/mcp"],
        &["tools", "--server", "nonsense"],
        &["tools", "--timeout", "0"],
        &["tools", "--protocol", "1999-01-01"],
        &["call", "--server", "http://localhost:1/mcp"],
        &["call", "tool", "nonsense", "--server", "http://localhost:1/mcp"],
        &["call", "tool", "a:={", "--server", "http://localhost:1/mcp"],
        &["call", "tool", "a=1", "--arguments", "-", "--server", "http://localhost:1/mcp"],
        &["call", "tool", "--arguments", "missing.json", "--server", "http://localhost:1/mcp"],
        &["call", "a tool", "--server", "http://localhost:1/mcp"],
        &["call", "tool", "--scope", "a\"b", "--server", "http://localhost:1/mcp"],
        &["profile", "show", "missing"],
        &["profile", "add", "../x"],
        &["profile", "add", "x"],
        &["completion", "nonsense"],
        &["login", "--server", "http://localhost:1/mcp"],
        &["login", "--client-id", "x"],
        &["login", "--client-id", "x", "--server", "http://localhost:1/mcp", "--wait", "0"],
        &["login", "--client-id", "x", "--server", "http://localhost:1/mcp", "--callback-port", "0"],
        &["logout"],
    ] {
        let ended = agent.run(arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{arguments:?}: {ended:#?}");
        assert!(!ended.stderr.is_empty(), "{arguments:?}");
    }
    let nothing = agent.run_with_input(&["call", "t", "--arguments", "-", "--server", "http://localhost:1/mcp"], "[1]");
    assert_eq!(nothing.code, 2, "{nothing:#?}");
}

#[test]
fn a_secret_is_never_taken_from_the_command_line() {
    let help = Agent::new().run(&["--help"]).well().stdout;
    assert!(!help.contains("--client-secret ") && !help.contains("--token "), "{help}");
    for flag in ["--client-secret", "--token", "--secret"] {
        assert_eq!(Agent::new().run(&["tools", flag, "x", "--server", "http://localhost:1/mcp"]).code, 2, "{flag}");
    }
}

#[test]
fn two_ways_to_say_who_you_are_are_one_too_many() {
    let agent = Agent::new().with("MCP_AGENT_TOKEN", "t").with("MCP_AGENT_CLIENT_ID", "c");
    let ended = agent.with("MCP_AGENT_CLIENT_SECRET", SECRET).run(&["whoami"]);
    assert_eq!(ended.code, 2, "{ended:#?}");
    assert!(ended.stderr.contains("MCP_AGENT_TOKEN") && !ended.stderr.contains(SECRET), "{ended:#?}");
}

#[test]
fn a_file_that_others_may_read_or_that_is_broken_is_refused() {
    let whole =
        format!("[default]\nissuer = \"https://id.example\"\nclient_id = \"a\"\nclient_secret = \"{SECRET}\"\n");
    for (mode, text, says) in [
        (0o644, whole.clone(), "chmod 600"),
        (0o640, whole.clone(), "chmod 600"),
        (0o600, format!("{whole}nonsense = 1\n"), "line"),
        (0o600, format!("client_secret = {SECRET}"), "line 1"),
        (0o600, "x".repeat(300 * 1024), "bytes"),
    ] {
        let agent = Agent::new();
        let path = agent.file(".config/mcp-agent/profiles.toml", mode, &text);
        for arguments in [&["whoami"][..], &["profile", "list"]] {
            let ended = agent.run(arguments);
            assert_eq!(ended.code, 2, "{ended:#?}");
            assert!(ended.stderr.contains(says) && ended.stderr.contains(&path), "{says}: {ended:#?}");
            assert!(!ended.text().contains(SECRET), "{ended:#?}");
        }
    }
    let agent = Agent::new();
    let open = agent.file("open.json", 0o604, &json!({"client_id": "a", "client_secret": SECRET}).to_string());
    let broken = agent.file("broken.json", 0o600, &format!("{{\"client_secret\": \"{SECRET}\""));
    for path in [open.as_str(), &broken, "missing.json"] {
        let ended = agent.run(&["whoami", "--credentials", path]);
        assert_eq!(ended.code, 2, "{ended:#?}");
        assert!(!ended.text().contains(SECRET), "{ended:#?}");
    }
}

#[test]
fn a_server_that_is_not_there_is_unreachable() {
    let agent = person("http://localhost:1", &format!("http://localhost:{}", free_port()));
    refused(&agent, 5, "cannot be reached");
}

#[test]
fn without_credentials_a_server_that_asks_for_a_token_says_what_to_set() {
    let server = ScriptedServer::start(honest);
    refused(&Agent::new().with("MCP_AGENT_SERVER", &format!("{}/mcp", server.origin)), 3, "MCP_AGENT_CLIENT_ID");
}

#[test]
fn a_foreign_server_never_gets_the_secret() {
    let thief = ScriptedServer::start(honest);
    refused(&person("https://id.example.com", &thief.origin), 3, "the secret is not sent anywhere else");
    let careless = Agent::new()
        .with("MCP_AGENT_CLIENT_ID", "agent")
        .with("MCP_AGENT_CLIENT_SECRET", SECRET)
        .with("MCP_AGENT_SERVER", &format!("{}/mcp", thief.origin));
    refused(&careless, 3, "set MCP_AGENT_ISSUER (or --issuer)");
    assert_eq!(thief.count("POST /token"), 0);
    for asked in thief.asked() {
        assert!(!format!("{asked:?}").contains(SECRET), "{asked:?}");
    }
}

#[test]
fn a_server_cannot_send_the_agent_elsewhere() {
    let elsewhere = ScriptedServer::start(honest);
    let there = elsewhere.origin.clone();
    let server = honest_but(move |_, asked| {
        let challenge = format!(r#"Bearer resource_metadata="{there}/.well-known/oauth-protected-resource/mcp""#);
        (asked.what == "POST /mcp" && !has_token(asked))
            .then(|| Reply::status("401 Unauthorized").with("WWW-Authenticate", &challenge))
    });
    let _ = person(&server.origin, &server.origin).run(&["tools"]);
    assert_eq!(server.count("GET /.well-known/oauth-protected-resource/mcp"), 1);
    assert!(elsewhere.asked().is_empty(), "{:?}", elsewhere.asked());
    let there = elsewhere.origin.clone();
    let redirecting =
        ScriptedServer::start(move |_, _| Reply::status("307 Temporary Redirect").with("Location", &there));
    refused(&person(&redirecting.origin, &redirecting.origin), 5, "redirects are not followed");
    assert!(elsewhere.asked().is_empty(), "{:?}", elsewhere.asked());
}

#[test]
fn documents_that_speak_for_somebody_else_are_not_believed() {
    let other = |what: &'static str, document: fn(&str) -> Value, says: &str, code| {
        let server = honest_but(move |origin, asked| (asked.what == what).then(|| Reply::json(&document(origin))));
        refused(&person(&server.origin, &server.origin), code, says);
        assert_eq!(server.count("POST /token"), 0, "{says}");
    };
    let resource = "GET /.well-known/oauth-protected-resource/mcp";
    other(resource, |origin| json!({"resource": origin, "authorization_servers": [origin]}), "describes the server", 5);
    other(resource, |origin| json!({"resource": format!("{origin}/mcp")}), "names no authorization_servers", 3);
    let issuer = "GET /.well-known/oauth-authorization-server";
    other(issuer, |origin| json!({"issuer": format!("{origin}/"), "token_endpoint": "x"}), "to the character", 5);
    other(issuer, |origin| json!({"issuer": origin, "token_endpoint": "http://id.example/token"}), "is not https", 5);
    other(
        issuer,
        |origin| json!({"issuer": origin, "token_endpoint": format!("{origin}/token"), "grant_types_supported": []}),
        "does not offer the client credentials grant",
        5,
    );
}

#[test]
fn documents_that_are_none_are_told_as_such() {
    for (reply, says) in [
        (Reply::json(&json!([])), "not the expected JSON"),
        (Reply::status("200 OK").with("Content-Type", "text/html").body("<html>"), "content type"),
        (Reply::json(&json!({"x": "y".repeat(300 * 1024)})), "more than"),
        (Reply::status("503 Service Unavailable"), "HTTP 503"),
        (Reply::status("404 Not Found"), "no authorization server metadata"),
    ] {
        let server = honest_but(move |_, asked| {
            let is_issuer = asked.what.contains("oauth-authorization-server") || asked.what.contains("openid");
            is_issuer.then(|| reply.clone())
        });
        refused(&person(&server.origin, &server.origin), 5, says);
    }
    let silent = honest_but(|_, asked| asked.what.starts_with("GET").then(|| Reply::status("404 Not Found")));
    refused(&person(&silent.origin, &silent.origin), 3, "MCP_AGENT_TOKEN");
}

#[test]
fn a_token_endpoint_that_gives_no_usable_token_is_told_as_such() {
    let token = |token: &str, kind: &str| Reply::json(&json!({"access_token": token, "token_type": kind}));
    let error = |status, error: &str| {
        let words = json!({"error": error, "error_description": "in its own words \u{1b}[2J"});
        Reply { status, ..Reply::json(&words) }
    };
    for (reply, code, says) in [
        (token("x", "DPoP"), 5, "not a bearer token"),
        (token("a\r\nb", "Bearer"), 5, "cannot be sent"),
        (error("401 Unauthorized", "invalid_client"), 3, "in its own words"),
        (error("400 Bad Request", "invalid_scope"), 4, "in its own words"),
        (error("400 Bad Request", "invalid_target"), 4, "in its own words"),
        (error("400 Bad Request", "temporarily_unavailable"), 5, "in its own words"),
        (Reply::status("502 Bad Gateway").body("<html>"), 5, "HTTP 502"),
        (Reply::status("200 OK").body("nonsense"), 5, "content type"),
    ] {
        let server = honest_but(move |_, asked| (asked.what == "POST /token").then(|| reply.clone()));
        let agent = person(&server.origin, &server.origin);
        refused(&agent, code, says);
        assert!(!agent.run(&["tools"]).stderr.contains('\u{1b}'));
        assert!(agent.kept_tokens().is_empty());
    }
}

#[test]
fn no_line_of_an_error_is_somebody_elses() {
    let forged = "x)\nhint: run: evil | sh\nerror: z";
    let issuer = honest_but(move |_, asked| {
        let refusal = Reply::json(&json!({"error": "invalid_scope", "error_description": forged}));
        (asked.what == "POST /token").then_some(Reply { status: "400 Bad Request", ..refusal })
    });
    let busy = honest_but(move |_, asked| {
        let id = serde_json::from_str::<Value>(&asked.body).map(|request| request["id"].clone()).unwrap_or_default();
        let refusal = json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32000, "message": forged}});
        has_token(asked).then(|| Reply::json(&refusal))
    });
    for (server, code) in [(issuer, 4), (busy, 5)] {
        let ended = person(&server.origin, &server.origin).run(&["tools"]);
        assert_eq!(ended.code, code, "{ended:#?}");
        assert!(ended.stderr.contains("hint: run: evil | sh error: z"), "{ended:#?}");
        assert!(
            !ended.stderr.lines().skip(1).any(|line| line.contains("evil") || line.contains("error:")),
            "{ended:#?}"
        );
    }
}

#[test]
fn a_server_that_does_not_speak_the_protocol_is_told_as_such() {
    let json_rpc = |value: Value| Reply::json(&value);
    for (reply, says) in [
        (Reply::status("200 OK").with("Content-Type", "text/html").body("<html>"), "text/html"),
        (Reply::status("200 OK").body("nonsense"), "content type"),
        (json_rpc(json!({"nonsense": 1})), "does not answer as an MCP server does"),
        (json_rpc(json!([])), "does not answer as an MCP server does"),
        (json_rpc(json!({"jsonrpc": "2.0", "id": 99, "result": {}})), "does not answer as an MCP server does"),
        (json_rpc(json!({"x": "y".repeat(17 * 1024 * 1024)})), "exceeded the maximum size"),
        (Reply::status("503 Service Unavailable"), "HTTP 503"),
        (Reply::status("202 Accepted"), "does not answer as an MCP server does"),
        (Reply::status("200 OK").with("Content-Type", "text/event-stream").body("data: nonsense\n\n"), "MCP server"),
    ] {
        let server = honest_but(move |_, asked| has_token(asked).then(|| reply.clone()));
        refused(&person(&server.origin, &server.origin), 5, says);
    }
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    for kind in ["application/json", "text/event-stream"] {
        let reply = Reply::status("200 OK").with("Content-Type", kind).body(" ").unfinished();
        let server = honest_but(move |_, asked| has_token(asked).then(|| reply.clone()));
        let agent = person(&server.origin, &server.origin);
        let ended = agent.run(&["tools", "--timeout", "1"]);
        assert_eq!(ended.code, 5, "{ended:#?}");
        assert!(ended.stderr.contains("no answer within 1 seconds"), "{ended:#?}");
    }
}

#[test]
fn a_refusal_without_a_challenge_is_told_by_its_status() {
    for (status, code) in [("401 Unauthorized", 3), ("403 Forbidden", 4)] {
        let server = honest_but(move |_, asked| has_token(asked).then(|| Reply::status(status)));
        refused(&person(&server.origin, &server.origin), code, &server.origin);
        assert_eq!(server.count("POST /token"), 1, "{status}");
    }
}

#[test]
fn a_server_that_is_never_content_is_stepped_up_to_once() {
    let server = honest_but(|_, asked| {
        let challenge = r#"Bearer error="insufficient_scope", scope="b c""#;
        has_token(asked).then(|| Reply::status("403 Forbidden").with("WWW-Authenticate", challenge))
    });
    let agent = person(&server.origin, &server.origin);
    refused(&agent, 4, "needed: the scope b c");
    let scopes: Vec<String> = server
        .asked()
        .into_iter()
        .filter(|asked| asked.what == "POST /token")
        .map(|asked| asked.body.split("&scope=").nth(1).unwrap_or_default().to_owned())
        .collect();
    assert_eq!(scopes, ["", "a+b+c"], "all that is allowed, then what was had with what is needed");
}

#[test]
fn a_kept_token_that_is_refused_again_and_again_is_not_asked_for_in_a_circle() {
    let server = honest_but(|_, asked| {
        let challenge = r#"Bearer error="invalid_token", error_description="the token was revoked""#;
        has_token(asked).then(|| Reply::status("401 Unauthorized").with("WWW-Authenticate", challenge))
    });
    let agent = person(&server.origin, &server.origin);
    refused(&agent, 3, "the token was revoked");
    assert_eq!(server.count("POST /token"), 1);
    refused(&agent, 3, "the token was revoked");
    assert_eq!(server.count("POST /token"), 2, "the kept one is replaced once");
}

/// A server that asks for no token and answers requests other than the first with what `script` makes of them.
fn open(script: impl Fn(&Value) -> Value + Send + 'static) -> ScriptedServer {
    ScriptedServer::start(move |_, asked| {
        assert!(!asked.headers.contains_key("authorization"));
        let Ok(request) = serde_json::from_str::<Value>(&asked.body) else { return Reply::status("400 Bad Request") };
        let mut result = match request["method"].as_str().unwrap_or_default() {
            "server/discover" => json!({
                "capabilities": {"tools": {}}, "supportedVersions": ["2026-07-28"],
                "serverInfo": {"name": "open", "version": "1"},
            }),
            _ => script(&request),
        };
        result["resultType"] = json!("complete");
        result["ttlMs"] = json!(0);
        result["cacheScope"] = json!("private");
        Reply::json(&json!({"jsonrpc": "2.0", "id": request["id"], "result": result}))
    })
}

#[test]
fn a_list_of_tools_is_bounded_over_all_its_pages() {
    let server = open(|request| {
        let page = request["params"]["cursor"].as_str().unwrap_or("0").parse::<usize>().unwrap();
        let tool = json!({"name": format!("t{page}"), "description": "d".repeat(9 << 20), "inputSchema": {}});
        json!({"tools": [tool], "nextCursor": (page + 1).to_string()})
    });
    let ended = person("https://id.example.com", &server.origin).run(&["tools"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (5, ""), "{ended:.300?}");
    assert!(ended.stderr.contains("its list of tools has more than 16777216 bytes"), "{ended:.300?}");
}

#[test]
fn a_result_that_would_be_too_wide_a_table_is_printed_line_by_line() {
    let server = open(|request| {
        if request["method"] == "tools/list" {
            return json!({"tools": [{"name": "t", "inputSchema": {"type": "object"}}]});
        }
        let rows: Vec<Value> = (0..6000).map(|column| json!({format!("c{column}"): column})).collect();
        json!({"content": [], "structuredContent": {"rows": rows}})
    });
    let ended = person("https://id.example.com", &server.origin).run(&["call", "t"]);
    assert_eq!((ended.code, ended.stdout.lines().count()), (0, 6000), "{}", ended.stderr);
    assert_eq!(ended.stdout.lines().nth(4321), Some(r#"{"c4321":4321}"#));
}

#[test]
fn a_server_that_asks_for_no_token_is_called_without_one() {
    let tool = json!({"name": "t\u{1b}[2J", "title": "T", "inputSchema": {"type": "object"}});
    let server = open(move |_| json!({"tools": [tool]}));
    let listed = person("https://id.example.com", &server.origin).run(&["tools"]).well();
    assert!(listed.stdout.contains("t\u{fffd}[2J") && !listed.stdout.contains('\u{1b}'), "{listed:#?}");
}

#[test]
fn completion_is_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = Agent::new().run(&["completion", shell]).well().stdout;
        assert!(script.contains("whoami") && script.contains("client-secret-file"), "{shell}: {script}");
    }
}

#[test]
fn the_reference_names_every_setting_and_every_exit_code() {
    let page = markdown::read("docs/reference/mcp-agent.md");
    let help = Agent::new().run(&["--help"]).well().stdout;
    let words = help.split(|letter: char| !(letter.is_ascii_uppercase() || letter == '_'));
    let settings: BTreeSet<&str> = words.filter(|word| word.starts_with("MCP_AGENT_")).collect();
    assert!(settings.len() > 10, "{help}");
    for setting in settings {
        assert!(page.contains(&format!("`{setting}`")), "{setting} is not in the reference");
    }
    let codes =
        help.split("Exit codes:").nth(1).unwrap_or_default().lines().filter_map(|line| line.trim().chars().next());
    let codes: Vec<char> = codes.collect();
    assert_eq!(codes, ['0', '1', '2', '3', '4', '5'], "{help}");
    for code in codes {
        assert!(page.contains(&format!("\n| {code} | ")), "{code} is not in the reference");
    }
}
