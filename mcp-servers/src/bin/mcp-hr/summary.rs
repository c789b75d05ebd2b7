//! The figures of the whole HR file at one moment.

use bailiwick_mcp_servers::database::Database;
use bailiwick_mcp_servers::tool::ToolError;
use schemars::JsonSchema;
use serde::Serialize;

use crate::storage;

/// How many there are of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema, sqlx::FromRow)]
pub(crate) struct Summary {
    pub(crate) total_employees: i64,
    pub(crate) active_employees: i64,
    pub(crate) total_leave_requests: i64,
    pub(crate) pending_leave_requests: i64,
    pub(crate) approved_leave_requests: i64,
    pub(crate) total_reviews: i64,
    pub(crate) excellent_reviews: i64,
}

/// Counts everything in one statement, so that the figures belong together.
pub(crate) async fn summarise(database: &Database) -> Result<Summary, ToolError> {
    let mut connection = database.read().await?;
    Ok(storage::summary::count(&mut connection).await?)
}
