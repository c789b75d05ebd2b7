//! Counting in SQL.

use sqlx::SqliteConnection;

use crate::summary::Summary;
use crate::tasks::TaskState;

/// Counts everything at one moment.
pub(crate) async fn count(connection: &mut SqliteConnection) -> sqlx::Result<Summary> {
    sqlx::query_as(
        "SELECT COUNT(*) AS total_tasks, COUNT(*) FILTER (WHERE state = $1) AS todo_tasks, \
         COUNT(*) FILTER (WHERE state = $2) AS in_progress_tasks, COUNT(*) FILTER (WHERE state = $3) AS review_tasks, \
         COUNT(*) FILTER (WHERE state = $4) AS completed_tasks, \
         COUNT(*) FILTER (WHERE state = $5) AS cancelled_tasks, TOTAL(estimated_hours) AS total_estimated_hours, \
         TOTAL(actual_hours) AS total_actual_hours, \
         COALESCE(100.0 * COUNT(*) FILTER (WHERE state = $4) / NULLIF(COUNT(*), 0), 0.0) AS completion_rate FROM tasks",
    )
    .bind(TaskState::Todo)
    .bind(TaskState::InProgress)
    .bind(TaskState::Review)
    .bind(TaskState::Completed)
    .bind(TaskState::Cancelled)
    .fetch_one(connection)
    .await
}
