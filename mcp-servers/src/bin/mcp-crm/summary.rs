//! The figures of the whole CRM file at one moment.

use bailiwick_mcp_servers::database::Database;
use bailiwick_mcp_servers::fields::Date;
use bailiwick_mcp_servers::tool::ToolError;
use schemars::JsonSchema;
use serde::Serialize;

use crate::storage;

/// How many days back an interaction is recent.
pub(crate) const RECENT_DAYS: i64 = 30;

/// How many there are of each, and what the opportunities are worth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema, sqlx::FromRow)]
pub(crate) struct Summary {
    pub(crate) total_customers: i64,
    pub(crate) active_customers: i64,
    pub(crate) prospect_customers: i64,
    pub(crate) total_opportunities: i64,
    pub(crate) total_opportunity_value: f64,
    /// Each value by its probability.
    pub(crate) weighted_opportunity_value: f64,
    pub(crate) total_interactions: i64,
    /// Those of today and the last 30 days.
    pub(crate) recent_interactions: i64,
}

/// Counts everything in one statement, so that the figures belong together.
pub(crate) async fn summarise(database: &Database, today: Date) -> Result<Summary, ToolError> {
    let mut connection = database.read().await?;
    Ok(storage::summary::count(&mut connection, today).await?)
}
