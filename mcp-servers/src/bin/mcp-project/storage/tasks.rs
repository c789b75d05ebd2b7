//! Tasks in SQL. `SELECT *` reads them whole: a task has the members that its table has columns.

use bailiwick_mcp_servers::fields::{Date, Line};
use sqlx::SqliteConnection;

use crate::tasks::{Task, TaskFilter, TaskId, TaskState};

/// The number of the next task; stays the next one while a transaction that writes lasts.
pub(crate) async fn next_number(connection: &mut SqliteConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT COALESCE(MAX(number), 0) + 1 FROM tasks").fetch_one(connection).await
}

/// Stores a task under an id whose number is `number`.
pub(crate) async fn insert(connection: &mut SqliteConnection, number: i64, task: &Task) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO tasks (number, task_id, project_id, task_name, description, assigned_to, assignee_name, \
         priority, state, estimated_hours, actual_hours, start_date, due_date, dependencies, tags, \
         progress_percentage, notes) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
    )
    .bind(number)
    .bind(&task.task_id)
    .bind(&task.project_id)
    .bind(&task.task_name)
    .bind(&task.description)
    .bind(&task.assigned_to)
    .bind(&task.assignee_name)
    .bind(task.priority)
    .bind(task.state)
    .bind(f64::from(task.estimated_hours))
    .bind(f64::from(task.actual_hours))
    .bind(task.start_date.to_string())
    .bind(task.due_date.to_string())
    .bind(task.dependencies.to_column())
    .bind(task.tags.to_column())
    .bind(f64::from(task.progress_percentage))
    .bind(&task.notes)
    .execute(connection)
    .await
    .map(drop)
}

/// Stores what changes of a task while it is worked on.
pub(crate) async fn update(connection: &mut SqliteConnection, task: &Task) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE tasks SET state = $2, actual_hours = $3, progress_percentage = $4, notes = $5 WHERE task_id = $1",
    )
    .bind(&task.task_id)
    .bind(task.state)
    .bind(f64::from(task.actual_hours))
    .bind(f64::from(task.progress_percentage))
    .bind(&task.notes)
    .execute(connection)
    .await
    .map(drop)
}

/// The task with this id.
pub(crate) async fn get(connection: &mut SqliteConnection, task_id: &TaskId) -> sqlx::Result<Option<Task>> {
    sqlx::query_as("SELECT * FROM tasks WHERE task_id = $1").bind(task_id.as_str()).fetch_optional(connection).await
}

/// Whether there is no task at all.
pub(crate) async fn is_empty(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT NOT EXISTS (SELECT 1 FROM tasks)").fetch_one(connection).await
}

/// The tasks that fit the filter in the order of their ids, `most` at most.
pub(crate) async fn find(connection: &mut SqliteConnection, filter: &TaskFilter, most: i64) -> sqlx::Result<Vec<Task>> {
    sqlx::query_as(
        "SELECT * FROM tasks WHERE ($1 IS NULL OR task_id = $1) AND ($2 IS NULL OR project_id = $2) \
         AND ($3 IS NULL OR state = $3) AND ($4 IS NULL OR assigned_to = $4) ORDER BY number LIMIT $5",
    )
    .bind(filter.task_id.as_ref().map(Line::as_str))
    .bind(filter.project_id.as_ref().map(Line::as_str))
    .bind(filter.state)
    .bind(filter.assigned_to.as_ref().map(Line::as_str))
    .bind(most)
    .fetch_all(connection)
    .await
}

/// The tasks that were due before `today` and are neither completed nor cancelled, the longest
/// overdue first, `most` at most.
pub(crate) async fn overdue(connection: &mut SqliteConnection, today: Date, most: i64) -> sqlx::Result<Vec<Task>> {
    sqlx::query_as(
        "SELECT * FROM tasks WHERE due_date < $1 AND state NOT IN ($2, $3) ORDER BY due_date, number LIMIT $4",
    )
    .bind(today.to_string())
    .bind(TaskState::Completed)
    .bind(TaskState::Cancelled)
    .bind(most)
    .fetch_all(connection)
    .await
}
