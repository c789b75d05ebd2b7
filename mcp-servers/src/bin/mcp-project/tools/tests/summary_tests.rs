//! `get_project_summary`, and the sample data that it counts.

use bailiwick_mcp_servers::program::SampleData;

use super::*;
use crate::sample;

async fn summary(server: &Server) -> Value {
    server.ok("get_project_summary", json!({})).await
}

fn figures(by_state: [i64; 5], hours: [f64; 2], completion_rate: f64) -> Value {
    let [todo, in_progress, review, completed, cancelled] = by_state;
    json!({
        "total_tasks": by_state.iter().sum::<i64>(), "todo_tasks": todo, "in_progress_tasks": in_progress,
        "review_tasks": review, "completed_tasks": completed, "cancelled_tasks": cancelled,
        "total_estimated_hours": hours[0], "total_actual_hours": hours[1], "completion_rate": completion_rate
    })
}

#[tokio::test]
async fn the_summary_counts_what_there_is() {
    let server = Server::empty().await;
    assert_eq!(summary(&server).await, figures([0; 5], [0.0, 0.0], 0.0), "no task, no division by none");
    sample::load(server.database()).await.unwrap();
    assert_eq!(summary(&server).await, figures([1, 1, 0, 1, 0], [60.0, 32.5], 100.0 / 3.0));
    server.ok("create_project_task", login_page()).await;
    assert_eq!(summary(&server).await, figures([2, 1, 0, 1, 0], [67.5, 32.5], 25.0));
    for (task_id, state) in [("TASK-002", "review"), ("TASK-003", "cancelled"), ("TASK-004", "completed")] {
        let arguments = json!({"task_id": task_id, "new_state": state, "actual_hours": 10});
        server.ok("update_task_state", arguments).await;
    }
    assert_eq!(summary(&server).await, figures([0, 0, 1, 2, 1], [67.5, 44.5], 50.0));
}

#[tokio::test]
async fn the_summary_takes_no_arguments() {
    let server = Server::empty().await;
    assert_eq!(server.refused("get_project_summary", json!({"year": 2024})).await, "year: is not known here");
    assert_eq!(server.ok("get_project_summary", Value::Null).await["total_tasks"], 0);
}

#[tokio::test]
async fn the_sample_data_is_stored_word_for_word() {
    let server = Server::with_sample_data().await;
    let sample = sample_data();
    assert_eq!(server.ok("get_project_tasks", json!({})).await["tasks"], sample["tasks"]);
    for table in ["tasks", "milestones", "team_members"] {
        server.has_stored(table, &sample[table]).await;
    }
}

#[tokio::test]
async fn the_sample_data_goes_into_an_empty_database_only() {
    let server = Server::empty().await;
    assert_eq!(sample::load(server.database()).await.unwrap(), SampleData::Loaded);
    let before = server.everything().await;
    assert_eq!(sample::load(server.database()).await.unwrap(), SampleData::NotEmpty);
    assert_eq!(server.everything().await, before);
}
