//! The rules of `create_project_task`, `get_project_tasks` and `get_overdue_tasks`.

use std::collections::BTreeSet;

use super::*;

async fn create(server: &Server, arguments: Value) -> Value {
    server.ok("create_project_task", arguments).await
}

async fn get(server: &Server, arguments: Value) -> Value {
    server.ok("get_project_tasks", arguments).await
}

async fn overdue(server: &Server) -> Value {
    server.ok("get_overdue_tasks", json!({})).await
}

#[tokio::test]
async fn a_new_task_is_returned_whole_yet_to_be_done() {
    let server = Server::with_sample_data().await;
    let mut arguments = with(with(login_page(), "priority", "critical"), "tags", json!(["ui", "ui", "\u{e4} \"b\""]));
    arguments["notes"] = json!("first\nof many");
    let mut expected = arguments.clone();
    for (member, value) in [
        ("task_id", json!("TASK-004")),
        ("state", json!("todo")),
        ("progress_percentage", json!(0.0)),
        ("actual_hours", json!(0.0)),
        ("start_date", json!("2024-02-01")),
        ("dependencies", json!([])),
    ] {
        expected[member] = value;
    }
    assert_eq!(create(&server, arguments).await, expected);
    assert_eq!(get(&server, json!({"task_id": "TASK-004"})).await, json!({"tasks": [expected], "count": 1}));
}

#[tokio::test]
async fn what_is_left_out_of_a_task_is_medium_and_empty() {
    let server = Server::empty().await;
    let nulls = with(with(with(login_page(), "priority", Value::Null), "tags", Value::Null), "notes", Value::Null);
    for arguments in [login_page(), nulls] {
        let made = create(&server, arguments).await;
        assert_eq!((&made["priority"], &made["tags"], &made["notes"]), (&json!("medium"), &json!([]), &json!("")));
    }
}

#[tokio::test]
async fn every_priority_can_be_given() {
    let server = Server::empty().await;
    for priority in ["low", "medium", "high", "critical"] {
        assert_eq!(create(&server, with(login_page(), "priority", priority)).await["priority"], priority);
    }
}

#[tokio::test]
async fn a_task_may_be_for_a_project_and_a_person_that_nobody_here_knows() {
    let server = Server::with_sample_data().await;
    let made = create(&server, with(with(login_page(), "project_id", "PROJ-999"), "assigned_to", "EMP-005")).await;
    assert_eq!((&made["project_id"], &made["assigned_to"]), (&json!("PROJ-999"), &json!("EMP-005")));
}

#[tokio::test]
async fn a_task_survives_a_restart() {
    let server = Server::empty().await;
    let made = create(&server, login_page()).await;
    let server = server.restarted().await;
    assert_eq!(get(&server, json!({})).await["tasks"], json!([made]));
    assert_eq!(create(&server, login_page()).await["task_id"], "TASK-002");
}

#[tokio::test]
async fn every_wrong_field_of_a_new_task_is_named_in_a_sentence() {
    let server = Server::with_sample_data().await;
    let priorities = "must be one of low, medium, high, critical";
    let cases = [
        ("project_id", json!(""), "must not be empty"),
        ("project_id", json!("x".repeat(33)), "must have at most 32 characters"),
        ("task_name", json!("  "), "must not be blank"),
        ("task_name", json!("x".repeat(201)), "must have at most 200 characters"),
        ("description", json!(""), "must not be empty"),
        ("description", json!("x".repeat(4001)), "must have at most 4000 characters"),
        ("assigned_to", json!(3), "must be text, not a number"),
        ("assignee_name", Value::Null, "must be text, not null"),
        ("priority", json!("urgent"), priorities),
        ("priority", json!("High"), priorities),
        ("priority", json!(""), priorities),
        ("estimated_hours", json!(0), "must be greater than 0"),
        ("estimated_hours", json!(-0.5), "must be greater than 0"),
        ("estimated_hours", json!("8"), "must be a number, not text"),
        ("estimated_hours", json!(1e14), "must be at most 10000000000000"),
        ("due_date", json!("2024-02-30"), "must be a date that exists, written YYYY-MM-DD"),
        ("due_date", json!("29-02-2024"), "must be a date that exists, written YYYY-MM-DD"),
        ("tags", json!("ui"), "must be a list, not text"),
        ("tags", json!(vec!["a"; 21]), "must have at most 20 entries"),
        ("notes", json!("x".repeat(2001)), "must have at most 2000 characters"),
        ("state", json!("completed"), "is not known here"),
    ];
    server.refuses_each("create_project_task", &login_page(), &cases).await;
    let told = server.refused("create_project_task", with(login_page(), "tags", json!(["ui", "", "a\nb"]))).await;
    assert_eq!(told, "tags.1: must not be empty\ntags.2: must not contain control characters");
}

#[tokio::test]
async fn all_that_is_wrong_with_a_new_task_is_named_at_once() {
    let server = Server::empty().await;
    let arguments = json!({
        "project_id": "PROJ-001", "task_name": "", "description": 1, "assigned_to": "DEV-001", "priority": "x",
        "estimated_hours": -1, "due_date": "soon", "progress_percentage": 50
    });
    let expected = "assignee_name: is required\n\
                    description: must be text, not a number\n\
                    due_date: must be a date that exists, written YYYY-MM-DD\n\
                    estimated_hours: must be greater than 0\n\
                    priority: must be one of low, medium, high, critical\n\
                    progress_percentage: is not known here\n\
                    task_name: must not be empty";
    assert_eq!(server.refused("create_project_task", arguments).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_are_unique_under_fifty_new_tasks_at_once() {
    let server = Arc::new(Server::with_sample_data().await);
    let new = (0..50).map(|_| {
        let server = Arc::clone(&server);
        tokio::spawn(async move { create(&server, login_page()).await })
    });
    let mut ids = BTreeSet::new();
    for made in new.collect::<Vec<_>>() {
        ids.insert(made.await.unwrap()["task_id"].as_str().unwrap().to_owned());
    }
    assert_eq!(ids, (4..54).map(|number| format!("TASK-{number:03}")).collect::<BTreeSet<_>>());
}

#[tokio::test]
async fn filters_of_tasks_combine() {
    let server = Server::with_sample_data().await;
    let cases = [
        (json!({}), vec!["TASK-001", "TASK-002", "TASK-003"]),
        (json!({"task_id": "TASK-002"}), vec!["TASK-002"]),
        (json!({"project_id": "PROJ-001"}), vec!["TASK-001", "TASK-002"]),
        (json!({"state": "todo"}), vec!["TASK-003"]),
        (json!({"assigned_to": "DEV-001"}), vec!["TASK-001"]),
        (json!({"project_id": "PROJ-001", "state": "in_progress", "task_id": null}), vec!["TASK-002"]),
        (json!({"project_id": "PROJ-001", "assigned_to": "DEV-002"}), vec!["TASK-002"]),
    ];
    for (filter, expected) in cases {
        let found = get(&server, filter.clone()).await;
        assert_eq!(ids(&found), expected, "{filter}");
        assert!(found.get("message").is_none());
    }
}

#[tokio::test]
async fn what_no_task_fits_is_an_empty_list_with_a_message() {
    let server = Server::with_sample_data().await;
    let cases = [
        (json!({"task_id": "TASK-999"}), "There is no task TASK-999."),
        (json!({"project_id": "PROJ-999"}), "No task fits all that was asked for."),
        (json!({"state": "cancelled"}), "No task fits all that was asked for."),
        (json!({"task_id": "TASK-001", "state": "todo"}), "No task fits all that was asked for."),
    ];
    for (filter, message) in cases {
        assert_eq!(get(&server, filter).await, json!({"tasks": [], "count": 0, "message": message}));
    }
    let nothing = get(&Server::empty().await, json!({})).await;
    assert_eq!(nothing, json!({"tasks": [], "count": 0, "message": "There are no tasks yet."}));
}

#[tokio::test]
async fn a_filter_of_tasks_outside_its_enum_is_an_error() {
    let server = Server::with_sample_data().await;
    for state in [json!("done"), json!("Todo"), json!("")] {
        let told = server.refused("get_project_tasks", json!({"state": state, "name": "x"})).await;
        let states = "must be one of todo, in_progress, review, completed, cancelled";
        assert_eq!(told, format!("name: is not known here\nstate: {states}"));
    }
}

#[tokio::test]
async fn no_more_than_a_thousand_tasks_are_listed() {
    let server = Server::empty().await;
    let mut transaction = server.database().write().await.unwrap();
    sqlx::query(
        "INSERT INTO tasks WITH RECURSIVE count (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < 1001) \
         SELECT n, printf('TASK-%03d', n), 'a', 'b', 'c', 'd', 'e', 'low', 'todo', 1, 0, '2024-01-01', '2024-01-02', \
         '[]', '[]', 0, '' FROM count",
    )
    .execute(&mut *transaction)
    .await
    .unwrap();
    transaction.commit().await.unwrap();
    for listed in [get(&server, json!({})).await, overdue(&server).await] {
        assert_eq!(listed["count"], 1000);
        assert_eq!(listed["tasks"][999]["task_id"], "TASK-1000", "by number, not by letter");
        assert_eq!(listed["message"], "Only the first 1000 tasks are listed: narrow the search.");
    }
}

#[tokio::test]
async fn a_task_is_overdue_from_the_day_after_it_was_due() {
    let server = Server::with_sample_data().await;
    create(&server, with(login_page(), "due_date", "2024-02-01")).await;
    create(&server, with(login_page(), "due_date", "2023-12-31")).await;
    assert_eq!(ids(&overdue(&server).await), ["TASK-005", "TASK-002"], "the longest overdue first");
    server.days_pass(1);
    assert_eq!(ids(&overdue(&server).await), ["TASK-005", "TASK-002", "TASK-004"]);
    server.days_pass(13);
    assert_eq!(ids(&overdue(&server).await), ["TASK-005", "TASK-002", "TASK-004"], "TASK-003 is due today");
    server.days_pass(1);
    assert_eq!(ids(&overdue(&server).await), ["TASK-005", "TASK-002", "TASK-004", "TASK-003"]);
}

#[tokio::test]
async fn a_task_that_is_completed_or_cancelled_is_never_overdue() {
    let server = Server::with_sample_data().await;
    server.days_pass(365);
    for (state, expected) in [
        ("review", vec!["TASK-002", "TASK-003"]),
        ("todo", vec!["TASK-002", "TASK-003"]),
        ("completed", vec!["TASK-003"]),
        ("cancelled", vec!["TASK-003"]),
    ] {
        server.ok("update_task_state", json!({"task_id": "TASK-002", "new_state": state})).await;
        assert_eq!(ids(&overdue(&server).await), expected, "{state}");
    }
    server.ok("update_task_state", json!({"task_id": "TASK-003", "new_state": "completed"})).await;
    let nothing = json!({"tasks": [], "count": 0, "message": "No task is overdue."});
    assert_eq!(overdue(&server).await, nothing);
    assert_eq!(server.refused("get_overdue_tasks", json!({"project_id": "x"})).await, "project_id: is not known here");
}
