//! The project tools as a client meets them. Today is 2024-02-01 where a test says nothing else.

use serde_json::{Value, json};

use super::*;

#[path = "../../../../tests/tool_server/mod.rs"]
mod tool_server;

mod progress_tests;
mod protocol_tests;
mod summary_tests;
mod tasks_tests;

use tool_server::with;

type Server = tool_server::Server<Projects>;

/// The sample data of the product.
fn sample_data() -> Value {
    serde_json::from_str(include_str!("../sample-data.json")).unwrap()
}

/// The arguments of a new task, all that must be given.
fn login_page() -> Value {
    json!({
        "project_id": "PROJ-001", "task_name": "Login page", "description": "With two factors",
        "assigned_to": "DEV-003", "assignee_name": "Emily Rodriguez", "estimated_hours": 7.5, "due_date": "2024-02-29"
    })
}

/// The ids that a list of tasks names, in its order.
fn ids(list: &Value) -> Vec<&str> {
    let ids: Vec<_> = list["tasks"].as_array().unwrap().iter().map(|task| task["task_id"].as_str().unwrap()).collect();
    assert_eq!(list["count"], ids.len(), "{list}");
    ids
}
