//! The rules of `update_task_state` and `get_task_progress`.

use super::*;

async fn update(server: &Server, arguments: Value) -> Value {
    server.ok("update_task_state", arguments).await
}

async fn refused(server: &Server, arguments: Value) -> String {
    server.refused("update_task_state", arguments).await
}

async fn task(server: &Server, task_id: &str) -> Value {
    let mut found = server.ok("get_project_tasks", json!({"task_id": task_id})).await;
    found["tasks"][0].take()
}

#[tokio::test]
async fn an_update_sets_the_state_and_what_else_is_given_and_returns_the_whole_record() {
    let server = Server::with_sample_data().await;
    let mut expected = sample_data()["tasks"][1].take();
    for (member, value) in
        [("state", json!("review")), ("actual_hours", json!(21.5)), ("progress_percentage", json!(90.0))]
    {
        expected[member] = value;
    }
    expected["notes"] = json!("nearly");
    let arguments = json!({
        "task_id": "TASK-002", "new_state": "review", "actual_hours": 21.5, "progress_percentage": 90, "notes": "nearly"
    });
    assert_eq!(update(&server, arguments).await, expected);
    assert_eq!(task(&server, "TASK-002").await, expected);
    let sample = sample_data();
    assert_eq!(task(&server, "TASK-001").await, sample["tasks"][0], "no other task is touched");
    assert_eq!(task(&server, "TASK-003").await, sample["tasks"][2], "no other task is touched");
    assert_eq!(task(&server.restarted().await, "TASK-002").await, expected);
}

#[tokio::test]
async fn what_is_not_given_stays_as_it_was() {
    let server = Server::with_sample_data().await;
    update(&server, json!({"task_id": "TASK-002", "new_state": "in_progress", "notes": "keep"})).await;
    for state in ["todo", "in_progress", "review", "completed", "cancelled"] {
        let nulls = json!({
            "task_id": "TASK-002", "new_state": state, "actual_hours": null, "progress_percentage": null, "notes": null
        });
        for arguments in [json!({"task_id": "TASK-002", "new_state": state}), nulls] {
            let mut expected = sample_data()["tasks"][1].take();
            expected["state"] = json!(state);
            expected["notes"] = json!("keep");
            assert_eq!(update(&server, arguments).await, expected, "a state brings no progress of its own");
        }
    }
}

#[tokio::test]
async fn hours_and_progress_reach_from_end_to_end() {
    let server = Server::with_sample_data().await;
    for (hours, progress, notes) in [(0.0, 0.0, ""), (0.25, 100.0, "a\nb"), (1e4, 33.3, "c")] {
        let arguments = json!({
            "task_id": "TASK-003", "new_state": "in_progress", "actual_hours": hours, "progress_percentage": progress,
            "notes": notes
        });
        let updated = update(&server, arguments).await;
        let seen = (&updated["actual_hours"], &updated["progress_percentage"], &updated["notes"]);
        assert_eq!(seen, (&json!(hours), &json!(progress), &json!(notes)));
    }
}

#[tokio::test]
async fn a_refused_update_changes_nothing() {
    let server = Server::with_sample_data().await;
    let right = json!({"task_id": "TASK-002", "new_state": "completed"});
    let states = "must be one of todo, in_progress, review, completed, cancelled";
    let cases = [
        ("task_id", json!("TASK-999"), "must be the id of a task that exists"),
        ("task_id", json!("task-002"), "must be the id of a task that exists"),
        ("task_id", json!(""), "must not be empty"),
        ("new_state", json!("done"), states),
        ("new_state", json!("Completed"), states),
        ("new_state", Value::Null, "must be text, not null"),
        ("actual_hours", json!(-0.5), "must be at least 0"),
        ("actual_hours", json!("3"), "must be a number, not text"),
        ("progress_percentage", json!(100.5), "must be at most 100"),
        ("progress_percentage", json!(-1), "must be at least 0"),
        ("notes", json!(["a"]), "must be text, not a list"),
        ("state", json!("todo"), "is not known here"),
    ];
    server.refuses_each("update_task_state", &right, &cases).await;
    for hours in [json!(1), json!(5.5)] {
        let arguments = with(with(right.clone(), "actual_hours", hours), "progress_percentage", 101);
        assert_eq!(refused(&server, arguments).await, "progress_percentage: must be at most 100");
    }
}

#[tokio::test]
async fn all_that_is_wrong_with_an_update_is_named_at_once() {
    let server = Server::with_sample_data().await;
    let arguments = json!({
        "task_id": "TASK-999", "new_state": "done", "actual_hours": -1, "progress_percentage": 101, "notes": 1, "by": "me"
    });
    let expected = "actual_hours: must be at least 0\n\
                    by: is not known here\n\
                    new_state: must be one of todo, in_progress, review, completed, cancelled\n\
                    notes: must be text, not a number\n\
                    progress_percentage: must be at most 100\n\
                    task_id: must be the id of a task that exists";
    assert_eq!(refused(&server, arguments).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_updates_at_once_one_is_the_last_and_none_is_mixed_with_another() {
    let server = Arc::new(Server::with_sample_data().await);
    let states = ["todo", "in_progress", "review", "completed", "cancelled"];
    let updates = (0..40_usize).map(|number| {
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            let arguments = json!({
                "task_id": "TASK-002", "new_state": states[number % 5], "actual_hours": number,
                "progress_percentage": number, "notes": number.to_string()
            });
            update(&server, arguments).await
        })
    });
    let mut answers = Vec::new();
    for updated in updates.collect::<Vec<_>>() {
        answers.push(updated.await.unwrap());
    }
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!((&answer["state"], &answer["notes"]), (&json!(states[number % 5]), &json!(number.to_string())));
    }
    let last = task(&server, "TASK-002").await;
    assert!(answers.contains(&last), "{last}");
}

#[tokio::test]
async fn updates_at_once_of_different_members_are_all_kept() {
    let server = Server::with_sample_data().await;
    let of = |member: &str, value: Value| {
        let arguments = with(json!({"task_id": "TASK-003", "new_state": "in_progress"}), member, value);
        server.call("update_task_state", arguments)
    };
    tokio::join!(of("actual_hours", json!(2)), of("progress_percentage", json!(10)), of("notes", json!("begun")));
    let mut expected = sample_data()["tasks"][2].take();
    expected["state"] = json!("in_progress");
    expected["actual_hours"] = json!(2.0);
    expected["progress_percentage"] = json!(10.0);
    expected["notes"] = json!("begun");
    assert_eq!(task(&server, "TASK-003").await, expected);
}

#[tokio::test]
async fn the_progress_of_a_task_is_told() {
    let server = Server::with_sample_data().await;
    let expected = json!({
        "task_id": "TASK-002", "task_name": "User Authentication API", "state": "in_progress",
        "progress_percentage": 75.0, "estimated_hours": 24.0, "actual_hours": 18.0, "assigned_to": "DEV-002",
        "assignee_name": "Mike Chen", "due_date": "2024-01-30", "priority": "critical"
    });
    assert_eq!(server.ok("get_task_progress", json!({"task_id": "TASK-002"})).await, expected);
}

#[tokio::test]
async fn the_progress_of_a_task_that_is_none_is_an_error() {
    let server = Server::with_sample_data().await;
    let cases = [
        ("task_id", json!("TASK-999"), "must be the id of a task that exists"),
        ("task_id", json!("PROJ-001"), "must be the id of a task that exists"),
        ("task_id", json!(2), "must be text, not a number"),
        ("state", json!("todo"), "is not known here"),
    ];
    server.refuses_each("get_task_progress", &json!({"task_id": "TASK-001"}), &cases).await;
    let told = server.refused("get_task_progress", json!({"task_id": "TASK-999", "more": 1})).await;
    assert_eq!(told, "more: is not known here\ntask_id: must be the id of a task that exists");
}
