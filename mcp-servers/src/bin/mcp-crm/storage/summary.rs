//! Counting in SQL.

use bailiwick_mcp_servers::fields::Date;
use sqlx::SqliteConnection;

use crate::customers::CustomerStatus;
use crate::summary::{RECENT_DAYS, Summary};

/// Counts everything at one moment of `today`.
pub(crate) async fn count(connection: &mut SqliteConnection, today: Date) -> sqlx::Result<Summary> {
    sqlx::query_as(
        "SELECT (SELECT COUNT(*) FROM customers) AS total_customers, \
         (SELECT COUNT(*) FROM customers WHERE status = $1) AS active_customers, \
         (SELECT COUNT(*) FROM customers WHERE status = $2) AS prospect_customers, \
         (SELECT COUNT(*) FROM opportunities) AS total_opportunities, \
         (SELECT TOTAL(value) FROM opportunities) AS total_opportunity_value, \
         (SELECT TOTAL(value * probability) / 100 FROM opportunities) AS weighted_opportunity_value, \
         (SELECT COUNT(*) FROM interactions) AS total_interactions, \
         (SELECT COUNT(*) FROM interactions WHERE interaction_date >= date($3, printf('-%d days', $4))) \
         AS recent_interactions",
    )
    .bind(CustomerStatus::Active)
    .bind(CustomerStatus::Prospect)
    .bind(today.to_string())
    .bind(RECENT_DAYS)
    .fetch_one(connection)
    .await
}
