//! Sales opportunities in SQL. `SELECT *` reads them whole: an opportunity has the members that its
//! table has columns.

use bailiwick_mcp_servers::fields::Line;
use sqlx::SqliteConnection;

use crate::opportunities::{Opportunity, OpportunityFilter};

/// The number of the next opportunity; stays the next one while a transaction that writes lasts.
pub(crate) async fn next_number(connection: &mut SqliteConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT COALESCE(MAX(number), 0) + 1 FROM opportunities").fetch_one(connection).await
}

/// Stores an opportunity under an id whose number is `number`.
pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    number: i64,
    opportunity: &Opportunity,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO opportunities (number, opportunity_id, customer_id, opportunity_name, description, value, \
         probability, stage, expected_close_date, created_date, assigned_to, lead_source, notes) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(number)
    .bind(&opportunity.opportunity_id)
    .bind(&opportunity.customer_id)
    .bind(&opportunity.opportunity_name)
    .bind(&opportunity.description)
    .bind(f64::from(opportunity.value))
    .bind(f64::from(opportunity.probability))
    .bind(opportunity.stage)
    .bind(opportunity.expected_close_date.to_string())
    .bind(opportunity.created_date.to_string())
    .bind(&opportunity.assigned_to)
    .bind(&opportunity.lead_source)
    .bind(&opportunity.notes)
    .execute(connection)
    .await
    .map(drop)
}

/// The opportunities that fit the filter in the order of their ids, `most` at most.
pub(crate) async fn find(
    connection: &mut SqliteConnection,
    filter: &OpportunityFilter,
    most: i64,
) -> sqlx::Result<Vec<Opportunity>> {
    sqlx::query_as(
        "SELECT * FROM opportunities WHERE ($1 IS NULL OR opportunity_id = $1) AND ($2 IS NULL OR stage = $2) \
         AND ($3 IS NULL OR customer_id = $3) ORDER BY number LIMIT $4",
    )
    .bind(filter.opportunity_id.as_ref().map(Line::as_str))
    .bind(filter.stage)
    .bind(filter.customer_id.as_ref().map(Line::as_str))
    .bind(most)
    .fetch_all(connection)
    .await
}
