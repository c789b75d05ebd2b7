//! mcp-agent against the real token service and mcp-hr: what each role sees and may call, where its
//! tokens come from, how often, and what it says when it is refused.

#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use bailiwick_e2e::binary::Ended;
use bailiwick_e2e::service::eventually;
use bailiwick_e2e::{Agent, Credentials, World};
use serde_json::{Value, json};

/// The revisions that can be asked for, and what is spoken then.
const REVISIONS: [(&str, &str); 4] =
    [("auto", "2026-07-28"), ("2026-07-28", "2026-07-28"), ("2025-11-25", "2025-11-25"), ("2025-06-18", "2025-06-18")];

/// Arguments of a new employee that HR takes; the e-mail address must be a new one.
fn employee(email: &str) -> Vec<String> {
    let written = [
        "first_name=Ada",
        "last_name=King",
        "phone=+1-555-0199",
        "department=Engineering",
        "position=Engineer",
        "hire_date=2026-01-05",
        "salary=91000",
        "location=London",
        "emergency_contact=Ann",
        "emergency_phone=+1-555-0198",
    ];
    written.iter().map(|argument| (*argument).to_owned()).chain([format!("email={email}")]).collect()
}

fn call_with(arguments: &[String], more: &[&str]) -> Vec<String> {
    let all = ["call", "add_employee_record"].iter().chain(more).map(|word| (*word).to_owned());
    all.chain(arguments.iter().cloned()).collect()
}

fn run(agent: &Agent, arguments: &[String]) -> Ended {
    agent.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Somebody with a new client that has these roles, calling HR.
fn person(world: &World, roles: &[&str]) -> (Agent, Credentials) {
    let client = world.client(roles);
    (Agent::of(&client, &world.auth.issuer, &world.hr.resource), client)
}

/// How many tokens the service has issued to this client. The log is read up to a later token of
/// somebody else, so that nothing of this client is still on its way.
fn tokens_issued(world: &World, client: &Credentials) -> usize {
    let count = |client: &Credentials| {
        let of_client = format!(r#""client_id":"{}""#, client.id);
        let log = world.auth.process.log();
        log.lines().filter(|line| line.contains(r#""message":"token issued""#) && line.contains(&of_client)).count()
    };
    let later = world.client(&["Reader"]);
    let _ = world.auth.token(&later, &[]);
    eventually("the later token is in the log", || count(&later) == 1);
    count(client)
}

fn names(list: &Value) -> Vec<&str> {
    list["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

#[test]
fn each_role_sees_its_tools_in_every_revision() {
    let world = World::shared();
    for (role, expected) in [
        ("Officer", &["add_employee_record", "create_leave_request", "get_employee_records", "get_hr_summary"][..]),
        ("Reader", &["get_employee_records", "get_hr_summary"]),
        ("LeaveClerk", &["create_leave_request"]),
    ] {
        let (agent, client) = person(&world, &[role]);
        for (asked, spoken) in REVISIONS {
            let listed = agent.run(&["tools", "--json", "--protocol", asked]).well().json();
            assert_eq!((names(&listed).as_slice(), &listed["protocol_version"]), (expected, &json!(spoken)), "{role}");
        }
        assert_eq!(tokens_issued(&world, &client), 1, "{role}: the token is kept between runs");
    }
}

#[test]
fn the_list_is_a_table_that_says_what_only_reads() {
    let world = World::shared();
    let (agent, _) = person(&world, &["Registrar"]);
    let table = agent.run(&["tools"]).well().stdout;
    let rows: Vec<Vec<&str>> =
        table.lines().map(|line| line.split("  ").filter(|cell| !cell.is_empty()).collect()).collect();
    let [heading, add, look, ..] = rows.as_slice() else { panic!("{table}") };
    assert_eq!(heading.iter().map(|cell| cell.trim()).collect::<Vec<_>>(), ["NAME", "KIND", "TITLE"]);
    assert_eq!((add[0], add[1].trim()), ("add_employee_record", "write"));
    assert_eq!((look[0], look[1].trim()), ("get_employee_records", "read"));
    let described = agent.run(&["tools", "add_employee_record"]).well().stdout;
    assert!(described.lines().any(|line| line.starts_with("salary") && line.contains("number")), "{described}");
}

#[test]
fn output_fits_a_narrow_terminal_and_has_no_colour_where_none_is_wanted() {
    let world = World::shared();
    let (agent, _) = person(&world, &["Officer"]);
    let agent = agent.with("COLUMNS", "40").with("NO_COLOR", "1").with("CLICOLOR_FORCE", "1");
    for arguments in [&["tools"][..], &["call", "get_employee_records"], &["call", "get_hr_summary"]] {
        let text = agent.run(arguments).well().stdout;
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
    let refused = agent.run(&["tools", "--server", "nonsense"]);
    assert!(!refused.text().contains('\u{1b}'), "{refused:#?}");
}

#[test]
fn arguments_are_read_by_the_schema_and_the_result_is_the_record() {
    let world = World::shared();
    let (agent, client) = person(&world, &["Writer"]);
    for (asked, _) in REVISIONS {
        let arguments = call_with(&employee(&format!("ada.{asked}@company.com")), &["--json", "--protocol", asked]);
        let result = run(&agent, &arguments).well().json();
        assert_eq!(result["structuredContent"]["salary"], 91000.0, "{result}");
    }
    assert_eq!(tokens_issued(&world, &client), 1);
    let found = world.hr_token(&["Reader"], "");
    let all = world.hr.caller(&found, bailiwick_e2e::Era::July2026).result("get_employee_records", &json!({}));
    assert!(all.to_string().contains("ada.auto@company.com"), "{all}");
}

#[test]
fn arguments_may_come_as_one_json_object() {
    let world = World::shared();
    let (agent, _) = person(&world, &["Reader"]);
    let path = agent.file("arguments.json", 0o644, r#"{"employee_id": "EMP-001"}"#);
    let from_file = agent.run(&["call", "get_employee_records", "--arguments", &path]).well();
    assert!(from_file.stdout.contains("john.smith@company.com"), "{from_file:#?}");
    assert!(!from_file.stdout.contains("sarah.johnson@company.com"), "{from_file:#?}");
    let from_input =
        agent.run_with_input(&["call", "get_employee_records", "--arguments", "-"], r#"{"employee_id": "EMP-002"}"#);
    assert!(from_input.well().stdout.contains("sarah.johnson@company.com"));
}

#[test]
fn what_the_tool_refuses_is_told_on_the_standard_error() {
    let world = World::shared();
    let (agent, _) = person(&world, &["Officer"]);
    let refused = agent.run(&["call", "add_employee_record", "first_name=Ada"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""), "{refused:#?}");
    assert!(refused.stderr.contains("last_name"), "{refused:#?}");
    let for_scripts = agent.run(&["call", "add_employee_record", "first_name=Ada", "--json"]);
    assert_eq!((for_scripts.code, &for_scripts.json()["isError"]), (1, &json!(true)));
}

#[test]
fn a_denied_call_names_the_scope_that_is_missing_and_runs_nothing() {
    let world = World::shared();
    let (agent, _) = person(&world, &["Reader"]);
    let denied = run(&agent, &call_with(&employee("denied@company.com"), &[]));
    assert_eq!((denied.code, denied.stdout.as_str()), (4, ""), "{denied:#?}");
    for said in
        ["needed: the scope hr:add_employee_record", "held:   hr:read (roles: Reader)", "ask your administrator"]
    {
        assert!(denied.stderr.contains(said), "{said}: {denied:#?}");
    }
    let told = run(&agent, &call_with(&employee("denied@company.com"), &["--json"]));
    let told: Value = serde_json::from_str(&told.stderr).unwrap();
    assert_eq!((&told["error"], &told["scope"]), (&json!("not_allowed"), &json!("hr:add_employee_record")), "{told}");
    assert_eq!((&told["held_roles"], &told["roles"]), (&json!(["Reader"]), &json!([])), "{told}");
    let log = world.auth.process.log();
    assert!(
        !log.lines().any(|line| line.contains("admin:read") && line.contains("Reader")),
        "nobody reached for admin"
    );
    let (all, _) = person(&world, &["Reader"]);
    let all = all.run(&["call", "get_employee_records", "--json"]).well().stdout;
    assert!(!all.contains("denied@company.com"), "{all}");
}

#[test]
fn an_administrator_is_told_the_roles_that_hold_it() {
    let world = World::shared();
    let (agent, _) = person(&world, &["Reader", "admin"]);
    let denied = run(&agent, &call_with(&employee("denied@company.com"), &["--json"]));
    assert_eq!(denied.code, 4, "{denied:#?}");
    let told: Value = serde_json::from_str(&denied.stderr).unwrap();
    let holders = json!(["AssistantManager", "Manager", "Officer", "Registrar", "Writer"]);
    assert_eq!(told["roles"], holders, "{told}");
}

#[test]
fn a_token_with_too_little_scope_is_stepped_up_once() {
    let world = World::shared();
    let (agent, client) = person(&world, &["Officer"]);
    let arguments = call_with(&employee("stepped.up@company.com"), &["--scope", "hr:get_hr_summary", "--json"]);
    let result = run(&agent, &arguments).well().json();
    assert_eq!(result["structuredContent"]["salary"], 91000.0, "{result}");
    assert_eq!(tokens_issued(&world, &client), 2, "one that was too narrow, one with both scopes");
    let log = world.auth.process.log();
    assert!(log.contains(r#""scope":"hr:add_employee_record hr:get_hr_summary""#), "the union is asked for");
}

#[test]
fn a_step_up_that_is_not_granted_ends_with_the_scope_that_is_missing() {
    let world = World::shared();
    let (agent, client) = person(&world, &["Reader"]);
    let denied = run(&agent, &call_with(&employee("denied@company.com"), &["--scope", "hr:get_hr_summary"]));
    assert_eq!(denied.code, 4, "{denied:#?}");
    assert!(denied.stderr.contains("needed: the scope hr:add_employee_record\n"), "{denied:#?}");
    assert_eq!(tokens_issued(&world, &client), 2, "the narrow one, and the one that says what is held");
}

#[test]
fn a_kept_token_is_used_until_it_ends_or_a_fresh_one_is_asked_for() {
    let world = World::shared();
    let (agent, client) = person(&world, &["Reader"]);
    let list = |more: &[&str]| {
        let _ = agent.run(&[&["tools"], more].concat()).well();
        tokens_issued(&world, &client)
    };
    assert_eq!((list(&[]), list(&[]), list(&["--fresh"]), list(&[])), (1, 1, 2, 2));
    agent.change_kept_token(|kept| kept["use_until"] = json!(1));
    assert_eq!((list(&[]), list(&[])), (3, 3));
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&agent.kept_tokens()[0]).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_kept_token_that_is_refused_is_replaced_once() {
    let world = World::shared();
    let (agent, client) = person(&world, &["Reader"]);
    let _ = agent.run(&["tools"]).well();
    agent.change_kept_token(|kept| kept["access_token"] = json!("e30.e30.broken"));
    let _ = agent.run(&["tools"]).well();
    let _ = agent.run(&["tools"]).well();
    assert_eq!(tokens_issued(&world, &client), 2);
}

#[test]
fn whoami_shows_what_the_token_says_and_never_the_token() {
    let world = World::shared();
    let (agent, client) = person(&world, &["Reader"]);
    let shown = agent.run(&["whoami", "--json"]).well();
    let told = shown.json();
    for (member, expected) in [
        ("issuer", json!(world.auth.issuer)),
        ("client_id", json!(client.id)),
        ("token_subject", json!(client.id)),
        ("token_roles", json!(["Reader"])),
        ("token_scope", json!("hr:read")),
        ("token_audience", json!([world.hr.resource])),
    ] {
        assert_eq!(told[member], expected, "{member}: {told}");
    }
    let kept = std::fs::read_to_string(&agent.kept_tokens()[0]).unwrap();
    let kept: Value = serde_json::from_str(&kept).unwrap();
    let people = agent.run(&["whoami"]).well();
    for secret in [kept["access_token"].as_str().unwrap(), &client.secret] {
        assert!(!shown.text().contains(secret) && !people.text().contains(secret));
    }
    let nobody = Agent::new().run(&["whoami", "--json"]).well().json();
    assert_eq!(nobody, json!({"credentials": "none"}));
}

#[test]
fn a_profile_keeps_credentials_and_server_under_a_name() {
    let world = World::shared();
    let (giver, client) = person(&world, &["Reader"]);
    let agent = Agent::new();
    let file = agent.credentials_file(&client, &world.auth.issuer);
    let added = agent.run(&["profile", "add", "hr", "--credentials", &file, "--server", &world.hr.resource]).well();
    std::fs::remove_file(file).unwrap();
    let listed = agent.run(&["profile", "list", "--json"]).well();
    let shown = agent.run(&["profile", "show", "hr"]).well();
    assert_eq!(listed.json()["profiles"][0]["client_id"], json!(client.id));
    for ended in [&added, &listed, &shown] {
        assert!(!ended.text().contains(&client.secret), "{ended:#?}");
    }
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(agent.profiles()).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(names(&agent.run(&["tools", "--profile", "hr", "--json"]).well().json()).len(), 2);
    assert_eq!(agent.run(&["tools"]).code, 2, "no profile is used unless it is named or is the default");
    assert_eq!(agent.run(&["profile", "add", "hr", "--credentials", "x"]).code, 2);
    let _ = agent.run(&["profile", "remove", "hr"]).well();
    assert_eq!(agent.run(&["tools", "--profile", "hr"]).code, 2);
    let added = giver.run(&["profile", "add", "default"]).well();
    assert!(added.stdout.contains(&world.auth.issuer), "{added:#?}");
}

#[test]
fn the_default_profile_is_used_where_nothing_else_says_who_you_are() {
    let world = World::shared();
    let client = world.client(&["Reader"]);
    let agent = Agent::new();
    let file = agent.credentials_file(&client, &world.auth.issuer);
    let _ = agent.run(&["profile", "add", "default", "--credentials", &file, "--server", &world.hr.resource]).well();
    let told = agent.run(&["whoami", "--json"]).well().json();
    assert_eq!((&told["profile"], &told["token_subject"]), (&json!("default"), &json!(client.id)), "{told}");
}

#[test]
fn a_token_from_elsewhere_is_sent_as_it_is() {
    let world = World::shared();
    let token = world.hr_token(&["Reader"], "");
    let agent = Agent::new().with("MCP_AGENT_TOKEN", &token).with("MCP_AGENT_SERVER", &world.hr.resource);
    assert_eq!(names(&agent.run(&["tools", "--json"]).well().json()).len(), 2);
    assert_eq!(agent.run(&["call", "get_hr_summary"]).well().code, 0);
    let denied = agent.run(&["call", "create_leave_request"]);
    assert_eq!(denied.code, 4, "{denied:#?}");
    assert!(denied.stderr.contains("needed: the scope hr:create_leave_request"), "{denied:#?}");
    let shown = agent.run(&["whoami"]).well();
    assert!(shown.stdout.contains("hr:read") && !shown.text().contains(&token), "{shown:#?}");
    assert!(agent.kept_tokens().is_empty());
}

#[test]
fn a_token_that_the_server_refuses_is_not_authentication() {
    let world = World::shared();
    let client = world.client(&["admin"]);
    let foreign = world.auth.token(&client, &[("resource", &world.auth.admin_resource())]);
    for token in [foreign.as_str(), "opaque"] {
        let agent = Agent::new().with("MCP_AGENT_TOKEN", token).with("MCP_AGENT_SERVER", &world.hr.resource);
        for arguments in [&["tools"][..], &["tools", "--protocol", "2025-11-25"], &["call", "get_hr_summary"]] {
            let refused = agent.run(arguments);
            assert_eq!((refused.code, refused.stdout.as_str()), (3, ""), "{refused:#?}");
            assert!(refused.stderr.contains("does not accept the token"), "{refused:#?}");
            assert!(!refused.text().contains(token) || token == "opaque", "{refused:#?}");
        }
    }
}

#[test]
fn a_wrong_secret_and_an_unknown_client_are_told_alike() {
    let world = World::shared();
    let client = world.client(&["Reader"]);
    let wrong = Credentials { secret: "wrong".to_owned(), ..client.clone() };
    let unknown = Credentials { id: "nobody".to_owned(), ..client };
    let mut said = Vec::new();
    for credentials in [wrong, unknown] {
        let agent = Agent::of(&credentials, &world.auth.issuer, &world.hr.resource);
        let refused = agent.run(&["tools"]);
        assert_eq!(refused.code, 3, "{refused:#?}");
        assert!(!refused.text().contains(&credentials.secret), "{refused:#?}");
        said.push(refused.stderr.replace(&credentials.id, "CLIENT"));
    }
    assert_eq!(said[0], said[1]);
}

#[test]
fn a_client_that_may_do_nothing_at_a_server_is_told_so() {
    let world = World::shared();
    let (agent, _) = person(&world, &["Outsider"]);
    let denied = agent.run(&["tools"]);
    assert_eq!(denied.code, 4, "{denied:#?}");
    assert!(denied.stderr.contains("a role that opens this server"), "{denied:#?}");
}
