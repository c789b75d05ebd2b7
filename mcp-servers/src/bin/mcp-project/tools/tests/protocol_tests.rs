//! How the project tools present themselves.

use super::*;

#[tokio::test]
async fn each_tool_says_what_it_is_and_what_it_does_to_the_data() {
    let tools = Server::empty().await.tools().await;
    let expected = [
        ("create_project_task", false, false),
        ("get_overdue_tasks", true, false),
        ("get_project_summary", true, false),
        ("get_project_tasks", true, false),
        ("get_task_progress", true, false),
        ("update_task_state", false, true),
    ];
    assert_eq!(tool_server::effects(&tools), expected);
    tool_server::are_described(&tools);
    let required = tools["create_project_task"]["inputSchema"]["required"].as_array().unwrap().len();
    assert_eq!(required, 7, "all but priority, tags and notes");
}

#[tokio::test]
async fn what_a_tool_gives_fits_the_schema_that_it_advertises() {
    let server = Server::with_sample_data().await;
    let calls = [
        ("create_project_task", login_page()),
        ("get_project_tasks", json!({})),
        ("get_project_tasks", json!({"task_id": "TASK-999"})),
        ("update_task_state", json!({"task_id": "TASK-001", "new_state": "review"})),
        ("get_task_progress", json!({"task_id": "TASK-001"})),
        ("get_overdue_tasks", json!({})),
        ("get_project_summary", json!({})),
    ];
    server.gives_what_it_advertises(calls).await;
}

#[tokio::test]
async fn the_server_names_itself() {
    let hello = json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}
    });
    let answer = Server::empty().await.ask("initialize", hello).await;
    let expected = json!({"name": "ProjectManagementMCP", "version": env!("CARGO_PKG_VERSION")});
    assert_eq!(answer["result"]["serverInfo"], expected);
}
