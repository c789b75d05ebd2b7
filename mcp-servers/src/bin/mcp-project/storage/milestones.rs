//! Milestones in SQL.

use sqlx::SqliteConnection;

use crate::milestones::Milestone;

/// The number of the next milestone; stays the next one while a transaction that writes lasts.
pub(crate) async fn next_number(connection: &mut SqliteConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT COALESCE(MAX(number), 0) + 1 FROM milestones").fetch_one(connection).await
}

/// Stores a milestone under an id whose number is `number`.
pub(crate) async fn insert(connection: &mut SqliteConnection, number: i64, milestone: &Milestone) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO milestones (number, milestone_id, project_id, milestone_name, target_date, achieved_date, \
         status, deliverables) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(number)
    .bind(&milestone.milestone_id)
    .bind(&milestone.project_id)
    .bind(&milestone.milestone_name)
    .bind(milestone.target_date.to_string())
    .bind(milestone.achieved_date.map(String::from))
    .bind(milestone.status)
    .bind(milestone.deliverables.to_column())
    .execute(connection)
    .await
    .map(drop)
}
