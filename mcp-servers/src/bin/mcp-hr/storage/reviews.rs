//! Performance reviews in SQL.

use sqlx::SqliteConnection;

use crate::reviews::Review;

/// The number of the next review; stays the next one while a transaction that writes lasts.
pub(crate) async fn next_number(connection: &mut SqliteConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT COALESCE(MAX(number), 0) + 1 FROM performance_reviews").fetch_one(connection).await
}

/// Stores a review under an id whose number is `number`.
pub(crate) async fn insert(connection: &mut SqliteConnection, number: i64, review: &Review) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO performance_reviews (number, review_id, employee_id, reviewer_id, review_period, review_date, \
         overall_rating, technical_skills, communication, teamwork, leadership, goals_achieved, \
         areas_for_improvement, next_period_goals, comments) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    )
    .bind(number)
    .bind(&review.review_id)
    .bind(&review.employee_id)
    .bind(&review.reviewer_id)
    .bind(&review.review_period)
    .bind(review.review_date.to_string())
    .bind(review.overall_rating)
    .bind(review.technical_skills)
    .bind(review.communication)
    .bind(review.teamwork)
    .bind(review.leadership)
    .bind(review.goals_achieved.to_column())
    .bind(review.areas_for_improvement.to_column())
    .bind(review.next_period_goals.to_column())
    .bind(&review.comments)
    .execute(connection)
    .await
    .map(drop)
}
