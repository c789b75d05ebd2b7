//! Interactions in SQL. `SELECT *` reads them whole: an interaction has the members that its table
//! has columns.

use bailiwick_mcp_servers::fields::Line;
use sqlx::SqliteConnection;

use crate::interactions::{Interaction, InteractionFilter};

/// The number of the next interaction; stays the next one while a transaction that writes lasts.
pub(crate) async fn next_number(connection: &mut SqliteConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT COALESCE(MAX(number), 0) + 1 FROM interactions").fetch_one(connection).await
}

/// Stores an interaction under an id whose number is `number`.
pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    number: i64,
    interaction: &Interaction,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO interactions (number, interaction_id, customer_id, interaction_type, subject, description, \
         outcome, next_action, interaction_date, created_by, duration_minutes, notes) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(number)
    .bind(&interaction.interaction_id)
    .bind(&interaction.customer_id)
    .bind(interaction.interaction_type)
    .bind(&interaction.subject)
    .bind(&interaction.description)
    .bind(interaction.outcome)
    .bind(&interaction.next_action)
    .bind(interaction.interaction_date.to_string())
    .bind(&interaction.created_by)
    .bind(interaction.duration_minutes)
    .bind(&interaction.notes)
    .execute(connection)
    .await
    .map(drop)
}

/// The interactions that fit the filter in the order of their ids, `most` at most.
pub(crate) async fn find(
    connection: &mut SqliteConnection,
    filter: &InteractionFilter,
    most: i64,
) -> sqlx::Result<Vec<Interaction>> {
    sqlx::query_as(
        "SELECT * FROM interactions WHERE ($1 IS NULL OR customer_id = $1) \
         AND ($2 IS NULL OR interaction_type = $2) AND ($3 IS NULL OR outcome = $3) ORDER BY number LIMIT $4",
    )
    .bind(filter.customer_id.as_ref().map(Line::as_str))
    .bind(filter.interaction_type)
    .bind(filter.outcome)
    .bind(most)
    .fetch_all(connection)
    .await
}
