//! The ladder as it is written: all its steps are taken in an empty folder, every server that is started there is
//! started here, and the seed's client of that rung gets in, with what the commands have shown.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic; that is how it fails")]

use std::path::PathBuf;
use std::process::Command;

use bailiwick_e2e::binary::{self, Ended};
use bailiwick_e2e::service::eventually;
use bailiwick_e2e::{Http, Service, http, markdown, python};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What stands in for the start of a server, which stays: it is noted with all that it was told, and what it would
/// start with is checked.
const START: &str = r#"
started=0
start() {
  started=$((started + 1))
  printf '%s\n' "$@" > "server-$started"
  "$1" check-config "${@:2}"
}
"#;

/// The resource of the quickstart server, unless it is told another.
const RESOURCE: &str = "http://localhost:8100/mcp";

/// The key that the seed's first client has in its source.
const KEY_OF_THE_SEED: &str = "secretkey";

/// A person who has taken all steps, with clients of the seed.
struct Climbed {
    folder: TempDir,
    ended: Ended,
}

impl Climbed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let blocks = markdown::blocks(&markdown::read("docs/ladder.md"));
        let steps: String = blocks.into_iter().filter(|block| block.language == "sh").map(|block| block.text).collect();
        let is_start = |line: &str| line.starts_with("mcp-") && line.contains("--authentication");
        let lines = steps.lines().map(|line| format!("{}{line}\n", if is_start(line) { "start " } else { "" }));
        let path = format!("{}:{}", binary::folder().display(), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", &format!("{START}{}", lines.collect::<String>())]);
        command.current_dir(folder.path()).env_clear().env("PATH", path).env("API_KEY", KEY_OF_THE_SEED);
        let ended = binary::run(&mut command).well();
        Self { folder, ended }
    }

    /// The servers that were started, each as a command that does it on another port.
    fn servers(&self) -> Vec<Vec<String>> {
        let noted = (1..).map_while(|number| std::fs::read_to_string(self.path(&format!("server-{number}"))).ok());
        noted.map(|words| words.lines().map(str::to_owned).collect()).collect()
    }

    /// Starts one of them, which trusts that token service.
    fn start(&self, words: &[String], issuer: &str) -> Service {
        let [binary, arguments @ ..] = words else { panic!("no command: {words:?}") };
        let name = if binary == "mcp-hr" { "mcp-hr" } else { "mcp-quickstart" };
        assert_eq!(binary, name);
        let server = Service::start(name, |port| {
            let mut command = binary::command(name);
            command.args(arguments).current_dir(self.folder.path()).env("MCP_ISSUER", issuer);
            command.env("MCP_LISTEN", format!("127.0.0.1:{port}"));
            command.env("MCP_ALLOWED_HOSTS", format!("localhost:{port}"));
            command
        });
        let (http, url) = (Http::new(), format!("http://localhost:{}/health/ready", server.port));
        eventually("the server is ready", || http::send(http.get(&url)).status == 200);
        server
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The key that `new-client` has shown.
    fn first_key(&self) -> &str {
        let (_, rest) = self.ended.stderr.split_once("shown this once: ").unwrap();
        rest.lines().next().unwrap()
    }

    /// The secrets that the token service has shown, in their order.
    fn secrets(&self) -> Vec<&str> {
        let lines = self.ended.stderr.lines().filter_map(|line| line.strip_prefix("client_secret"));
        lines.map(str::trim).collect()
    }
}

/// What the seed's client sees there that shows `secret` in this way, and calls these tools.
fn seen(server: &Service, kind: &str, secret: &str, tools: [&str; 2], more: &[(&str, &str)]) -> Value {
    let url = format!("http://localhost:{}/sse", server.port);
    let arguments = [&[url.as_str(), kind, "test_client"], &tools[..]].concat();
    let mut command = python::command("seed_client.py", &arguments);
    binary::run(command.env("SECRET", secret).envs(more.iter().copied())).well().json()
}

#[test]
fn the_seeds_clients_get_in_on_every_rung_by_the_commands_of_the_ladder() {
    const TOOLS: [&str; 2] = ["TimeTool", "weather_tool"];
    let climbed = Climbed::new();
    let auth = Service::start("auth-service", |port| {
        let mut command = binary::command("auth-service");
        command.arg("serve").current_dir(climbed.folder.path());
        command.args(["--listen", &format!("127.0.0.1:{port}"), "--issuer", &format!("http://localhost:{port}")]);
        command
    });
    let issuer = format!("http://localhost:{}", auth.port);
    let token_url = format!("{issuer}/oauth2/token");
    let private_key = std::fs::read_to_string(climbed.path("mcp_auth/private.pem")).unwrap();
    let [of_token_service, changed] = climbed.secrets()[..] else { panic!("not two secrets: {:#?}", climbed.ended) };
    // For each server, as often as there is a way to get in: how, and with which secret.
    let ways = [
        vec![("api-key", climbed.first_key()), ("api-key", KEY_OF_THE_SEED)],
        vec![("basic", climbed.first_key()), ("api-key", climbed.first_key())],
        vec![("jwt", climbed.first_key()), ("api-key", climbed.first_key())],
        vec![("rsa", &private_key), ("jwt", climbed.first_key())],
        vec![("rsa", &private_key)],
        vec![
            ("api-key", climbed.first_key()),
            ("api-key", of_token_service),
            ("oauth", of_token_service),
            ("api-key", changed),
            ("oauth", changed),
        ],
    ];
    let servers = climbed.servers();
    assert_eq!(servers.len(), ways.len(), "{servers:?}");
    for (words, ways) in servers.iter().zip(ways) {
        let server = climbed.start(words, &issuer);
        let is_hr = words[0] == "mcp-hr";
        let tools = if is_hr { ["get_hr_summary", "get_employee_records"] } else { TOOLS };
        for (kind, secret) in ways {
            let seen = seen(&server, kind, secret, tools, &[("TOKEN_URL", &token_url), ("RESOURCE", RESOURCE)]);
            assert!(seen["result"].is_object() && seen["goes_on"] == true, "{words:?} {kind}: {seen}");
            let expected = if is_hr { json!("HRManagementMCP") } else { json!("Weather and Time SSE Server") };
            assert_eq!(seen["server"], expected, "{words:?} {kind}");
            assert!(is_hr || seen["tools"] == json!(TOOLS), "{words:?} {kind}: {seen}");
        }
        takes_keys_where_it_is_told_to(&server, words, climbed.first_key());
    }
}

fn takes_keys_where_it_is_told_to(server: &Service, words: &[String], key: &str) {
    let http = Http::new();
    let asked = http.get(format!("http://localhost:{}/sse", server.port)).header("x-api-key", key);
    // Where it is taken, a stream begins that has no end: its head is all that is waited for.
    let status = asked.send().unwrap().status();
    let is_told = words.iter().any(|word| word.split(',').any(|mode| mode == "api-key"));
    assert_eq!(status, if is_told { 200 } else { 401 }, "{words:?}");
}
