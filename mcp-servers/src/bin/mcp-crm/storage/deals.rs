//! Deals in SQL.

use sqlx::SqliteConnection;

use crate::deals::Deal;

/// The number of the next deal; stays the next one while a transaction that writes lasts.
pub(crate) async fn next_number(connection: &mut SqliteConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT COALESCE(MAX(number), 0) + 1 FROM deals").fetch_one(connection).await
}

/// Stores a deal under an id whose number is `number`.
pub(crate) async fn insert(connection: &mut SqliteConnection, number: i64, deal: &Deal) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO deals (number, deal_id, opportunity_id, deal_value, deal_stage, probability_percentage, \
         expected_revenue, close_date, created_date, last_updated, notes) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(number)
    .bind(&deal.deal_id)
    .bind(&deal.opportunity_id)
    .bind(f64::from(deal.deal_value))
    .bind(deal.deal_stage)
    .bind(f64::from(deal.probability_percentage))
    .bind(f64::from(deal.expected_revenue))
    .bind(deal.close_date.to_string())
    .bind(deal.created_date.to_string())
    .bind(deal.last_updated.to_string())
    .bind(&deal.notes)
    .execute(connection)
    .await
    .map(drop)
}
