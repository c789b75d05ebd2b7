//! The rules of the project tools, over HTTP: who may call them, what they take, what they refuse and
//! what they keep. Tests that count start a server of their own.

use bailiwick_e2e::{Caller, Era, GuardedServer, PROJECT};
use serde_json::{Value, json};

/// The arguments of a new task, all that must be given.
fn task() -> Value {
    json!({
        "project_id": "PROJ-001", "task_name": "Login page", "description": "With two factors",
        "assigned_to": "DEV-003", "assignee_name": "Emily Rodriguez", "estimated_hours": 7.5, "due_date": "2030-02-28",
    })
}

/// `arguments` with some changed.
fn with(mut arguments: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().into_iter().flatten() {
        arguments[name] = value.clone();
    }
    arguments
}

fn summary(project: &Caller<'_>) -> Value {
    project.result("get_project_summary", &json!({}))
}

fn tasks(project: &Caller<'_>, filter: &Value) -> Value {
    let found = project.result("get_project_tasks", filter);
    assert_eq!(found["count"], found["tasks"].as_array().map_or(0, Vec::len), "{found}");
    found["tasks"].clone()
}

fn ids(tasks: &Value) -> Vec<&str> {
    tasks.as_array().into_iter().flatten().filter_map(|task| task["task_id"].as_str()).collect()
}

/// The tool refuses these arguments in words that hold every one of `names`, and changes nothing.
fn refuses(project: &Caller<'_>, tool: &str, arguments: &Value, names: &[&str]) {
    let before = tasks(project, &json!({}));
    let error = project.tool_error(tool, arguments);
    for name in names {
        assert!(error.contains(name), "{tool} {arguments}: {name} is not named in: {error}");
    }
    assert_eq!(tasks(project, &json!({})), before, "{tool} {arguments} was refused and changed something");
}

#[test]
fn every_role_is_shown_exactly_what_it_may_call() {
    let server = GuardedServer::shared(&PROJECT);
    let admin = server.world.admin();
    admin.set_role("ProjectReader", "project:read");
    admin.set_role("ProjectWriter", "project:write");
    for (role, allowed) in [
        ("Manager", PROJECT.tools()),
        ("AssistantManager", PROJECT.tools()),
        ("ProjectReader", PROJECT.reading.to_vec()),
        ("ProjectWriter", PROJECT.writing.to_vec()),
    ] {
        server.shows_exactly_what_a_call_allows(&server.token(&[role], ""), &allowed);
    }
    for tool in PROJECT.tools() {
        admin.set_role(tool, &format!("project:{tool}"));
        server.shows_exactly_what_a_call_allows(&server.token(&[tool], ""), &[tool]);
        let narrowed = server.token(&["Manager"], &format!("project:{tool}"));
        server.shows_exactly_what_a_call_allows(&narrowed, &[tool]);
    }
}

#[test]
fn an_officer_gets_no_token_for_projects_and_its_token_for_hr_opens_nothing_here() {
    let server = GuardedServer::shared(&PROJECT);
    assert_eq!(server.request_token(&["Officer"], "").refusal(), (400, "invalid_target".to_owned()));
    let of_hr = server.world.hr_token(&["Officer"], "");
    for era in Era::ALL {
        for tool in PROJECT.tools() {
            let answer = server.caller(&of_hr, era).call(tool, &json!({})).expect(401);
            assert!(answer.challenge().contains(r#"error="invalid_token""#), "{era} {tool}: {answer:#?}");
        }
    }
}

#[test]
fn the_server_and_its_tools_say_what_they_are() {
    let server = GuardedServer::shared(&PROJECT);
    let token = server.token(&["Manager"], "");
    for era in [Era::June2025, Era::November2025] {
        let hello = json!({
            "protocolVersion": era.version(), "capabilities": {}, "clientInfo": {"name": "e2e", "version": "0"},
        });
        let answer = server.caller(&token, era).request("initialize", hello).expect(200);
        assert_eq!(answer.json()["result"]["serverInfo"]["name"], PROJECT.mcp_name, "{era}: {answer:#?}");
    }
    for tool in server.manager().describe() {
        let name = tool["name"].as_str().unwrap_or_default();
        assert_eq!(tool["annotations"]["readOnlyHint"], PROJECT.reading.contains(&name), "{tool}");
        assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{tool}");
        assert_eq!(tool["outputSchema"]["type"], "object", "{tool}");
    }
}

#[test]
fn the_sample_data_is_the_seeds() {
    let server = GuardedServer::start(&PROJECT);
    let expected = json!({
        "task_id": "TASK-002", "project_id": "PROJ-001", "task_name": "User Authentication API",
        "description": "Token-based authentication with roles", "assigned_to": "DEV-002", "assignee_name": "Mike Chen",
        "priority": "critical", "state": "in_progress", "estimated_hours": 24.0, "actual_hours": 18.0,
        "start_date": "2024-01-15", "due_date": "2024-01-30", "dependencies": ["TASK-001"],
        "tags": ["api", "security", "backend"], "progress_percentage": 75.0, "notes": "",
    });
    assert_eq!(tasks(&server.manager(), &json!({"task_id": "TASK-002"})), json!([expected]));
    let expected = json!({
        "total_tasks": 3, "todo_tasks": 1, "in_progress_tasks": 1, "review_tasks": 0, "completed_tasks": 1,
        "cancelled_tasks": 0, "total_estimated_hours": 60.0, "total_actual_hours": 32.5,
        "completion_rate": 100.0 / 3.0,
    });
    assert_eq!(summary(&server.manager()), expected);
}

#[test]
fn a_new_task_is_returned_whole_found_again_and_kept_over_a_restart() {
    let server = GuardedServer::start(&PROJECT);
    let project = server.manager();
    let arguments = with(task(), &json!({"priority": "low", "tags": ["ui"], "notes": "Zo\u{eb} \u{1f980} '; --"}));
    let record = project.result("create_project_task", &arguments);
    for (name, value) in arguments.as_object().into_iter().flatten() {
        assert_eq!(&record[name], value, "{name}");
    }
    assert_eq!((&record["task_id"], &record["state"]), (&json!("TASK-004"), &json!("todo")));
    assert_eq!(record["progress_percentage"].as_f64(), Some(0.0));
    let plain = project.result("create_project_task", &task());
    assert_eq!((&plain["priority"], &plain["tags"], &plain["notes"]), (&json!("medium"), &json!([]), &json!("")));
    drop(project);
    let server = server.restarted();
    assert_eq!(tasks(&server.manager(), &json!({"task_id": "TASK-004"})), json!([record]));
    assert_eq!(summary(&server.manager())["total_tasks"], 5, "the sample data is not loaded twice");
}

#[test]
fn what_a_new_task_must_be_is_told_of_every_field_at_once() {
    let server = GuardedServer::shared(&PROJECT);
    let project = server.manager();
    for (name, value) in [
        ("estimated_hours", json!(0)),
        ("estimated_hours", json!(-1)),
        ("estimated_hours", json!("8")),
        ("priority", json!("urgent")),
        ("priority", json!("HIGH")),
        ("due_date", json!("2026-02-29")),
        ("due_date", json!("tomorrow")),
        ("tags", json!("ui")),
        ("project_id", json!("")),
        ("task_name", json!("x".repeat(100_000))),
        ("colour", json!("green")),
    ] {
        refuses(&project, "create_project_task", &with(task(), &json!({name: value})), &[name]);
    }
    let required = task();
    let required: Vec<_> = required.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    refuses(&project, "create_project_task", &json!({}), &required);
    let wrong = json!({"estimated_hours": 0, "due_date": "x", "priority": "x", "colour": 1, "notes": 1});
    let names = ["estimated_hours", "due_date", "priority", "colour", "notes"];
    refuses(&project, "create_project_task", &with(task(), &wrong), &names);
}

#[test]
fn tasks_are_found_by_filters_that_combine() {
    let server = GuardedServer::start(&PROJECT);
    let project = server.manager();
    for (filter, expected) in [
        (json!({}), vec!["TASK-001", "TASK-002", "TASK-003"]),
        (json!({"project_id": "PROJ-001"}), vec!["TASK-001", "TASK-002"]),
        (json!({"project_id": "PROJ-001", "state": "completed"}), vec!["TASK-001"]),
        (json!({"assigned_to": "DEV-003"}), vec!["TASK-003"]),
        (json!({"assigned_to": "DEV-003", "state": "review"}), vec![]),
        (json!({"task_id": "TASK-999"}), vec![]),
    ] {
        assert_eq!(ids(&tasks(&project, &filter)), expected, "{filter}");
    }
    refuses(&project, "get_project_tasks", &json!({"state": "done"}), &["state", "in_progress"]);
    refuses(&project, "get_project_tasks", &json!({"state": ""}), &["state"]);
    refuses(&project, "get_project_tasks", &json!({"owner": "DEV-001"}), &["owner"]);
}

#[test]
fn an_update_sets_what_is_given_and_nothing_else() {
    let server = GuardedServer::start(&PROJECT);
    let project = server.manager();
    let before = tasks(&project, &json!({"task_id": "TASK-003"}))[0].clone();
    for state in ["in_progress", "review", "completed", "cancelled", "todo"] {
        let updated = project.result("update_task_state", &json!({"task_id": "TASK-003", "new_state": state}));
        assert_eq!(updated, with(before.clone(), &json!({"state": state})), "no progress comes with a state");
    }
    let changes = json!({"actual_hours": 3.5, "progress_percentage": 20.0, "notes": "begun"});
    let arguments = with(json!({"task_id": "TASK-003", "new_state": "in_progress"}), &changes);
    let expected = with(with(before, &changes), &json!({"state": "in_progress"}));
    assert_eq!(project.result("update_task_state", &arguments), expected);
    assert_eq!(tasks(&project, &json!({"state": "in_progress", "task_id": "TASK-003"})), json!([expected]));
}

#[test]
fn a_refused_update_changes_nothing() {
    let server = GuardedServer::shared(&PROJECT);
    let project = server.manager();
    for (changes, names) in [
        (json!({"progress_percentage": 101}), vec!["progress_percentage"]),
        (json!({"progress_percentage": -1}), vec!["progress_percentage"]),
        (json!({"actual_hours": -0.5}), vec!["actual_hours"]),
        (json!({"new_state": "done"}), vec!["new_state"]),
        (json!({"task_id": "TASK-999"}), vec!["task_id"]),
        (
            json!({"task_id": "TASK-999", "new_state": "x", "progress_percentage": 101, "by": 1}),
            vec!["task_id", "new_state", "progress_percentage", "by"],
        ),
    ] {
        let arguments = with(json!({"task_id": "TASK-002", "new_state": "completed"}), &changes);
        refuses(&project, "update_task_state", &arguments, &names);
    }
    refuses(&project, "update_task_state", &json!({}), &["task_id", "new_state"]);
}

#[test]
fn of_updates_of_one_task_at_once_each_is_whole() {
    let server = GuardedServer::start(&PROJECT);
    let token = server.token(&["Manager"], "");
    let update = |number: usize| {
        let state = ["todo", "in_progress", "review", "completed"][number % 4];
        let arguments = json!({
            "task_id": "TASK-002", "new_state": state, "actual_hours": number, "progress_percentage": number,
            "notes": format!("{state} {number}"),
        });
        server.caller(&token, Era::July2026).result("update_task_state", &arguments)
    };
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..8).map(|number| scope.spawn(move || update(number))).collect();
        racers.into_iter().filter_map(|racer| racer.join().ok()).collect()
    });
    assert_eq!(answers.len(), 8);
    let last = tasks(&server.manager(), &json!({"task_id": "TASK-002"}))[0].clone();
    assert!(answers.contains(&last), "{last} is none of {answers:#?}");
}

#[test]
fn the_progress_of_a_task_is_told_and_of_no_other() {
    let server = GuardedServer::start(&PROJECT);
    let project = server.manager();
    let expected = json!({
        "task_id": "TASK-001", "task_name": "Database Schema Design", "state": "completed",
        "progress_percentage": 100.0, "estimated_hours": 16.0, "actual_hours": 14.5, "assigned_to": "DEV-001",
        "assignee_name": "Sarah Johnson", "due_date": "2024-01-20", "priority": "high",
    });
    assert_eq!(project.result("get_task_progress", &json!({"task_id": "TASK-001"})), expected);
    for arguments in [json!({"task_id": "TASK-999"}), json!({"task_id": ""}), json!({"task_id": 1}), json!({})] {
        refuses(&project, "get_task_progress", &arguments, &["task_id"]);
    }
}

#[test]
fn overdue_is_what_was_due_and_is_neither_completed_nor_cancelled() {
    let server = GuardedServer::start(&PROJECT);
    let project = server.manager();
    let overdue = || {
        let found = project.result("get_overdue_tasks", &json!({}));
        assert_eq!(found["count"], found["tasks"].as_array().map_or(0, Vec::len), "{found}");
        found["tasks"].clone()
    };
    let later = project.result("create_project_task", &task());
    assert_eq!(later["due_date"], "2030-02-28");
    assert_eq!(ids(&overdue()), ["TASK-002", "TASK-003"], "neither the completed one nor the one that is due later");
    for (task_id, state, left) in [("TASK-002", "cancelled", vec!["TASK-003"]), ("TASK-003", "completed", vec![])] {
        let updated = project.result("update_task_state", &json!({"task_id": task_id, "new_state": state}));
        assert_eq!(updated["state"], state);
        assert_eq!(ids(&overdue()), left);
    }
    refuses(&project, "get_overdue_tasks", &json!({"project_id": "PROJ-001"}), &["project_id"]);
}
