//! The figures of all tasks at one moment.

use bailiwick_mcp_servers::database::Database;
use bailiwick_mcp_servers::tool::ToolError;
use schemars::JsonSchema;
use serde::Serialize;

use crate::storage;

/// How many tasks there are in each state, and what they take.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema, sqlx::FromRow)]
pub(crate) struct Summary {
    pub(crate) total_tasks: i64,
    pub(crate) todo_tasks: i64,
    pub(crate) in_progress_tasks: i64,
    pub(crate) review_tasks: i64,
    pub(crate) completed_tasks: i64,
    pub(crate) cancelled_tasks: i64,
    pub(crate) total_estimated_hours: f64,
    pub(crate) total_actual_hours: f64,
    /// How many of a hundred tasks are completed; 0 where there is no task.
    pub(crate) completion_rate: f64,
}

/// Counts everything in one statement, so that the figures belong together.
pub(crate) async fn summarise(database: &Database) -> Result<Summary, ToolError> {
    let mut connection = database.read().await?;
    Ok(storage::summary::count(&mut connection).await?)
}
