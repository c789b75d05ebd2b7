//! Requests for leave in SQL.

use sqlx::SqliteConnection;

use crate::leave::LeaveRequest;

/// The number of the next request; stays the next one while a transaction that writes lasts.
pub(crate) async fn next_number(connection: &mut SqliteConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT COALESCE(MAX(number), 0) + 1 FROM leave_requests").fetch_one(connection).await
}

/// Stores a request under an id whose number is `number`.
pub(crate) async fn insert(connection: &mut SqliteConnection, number: i64, request: &LeaveRequest) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO leave_requests (number, leave_id, employee_id, leave_type, start_date, end_date, total_days, \
         reason, status, approved_by, approval_date, notes, created_date) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(number)
    .bind(&request.leave_id)
    .bind(&request.employee_id)
    .bind(request.leave_type)
    .bind(request.start_date.to_string())
    .bind(request.end_date.to_string())
    .bind(f64::from(request.total_days))
    .bind(&request.reason)
    .bind(request.status)
    .bind(&request.approved_by)
    .bind(request.approval_date.map(String::from))
    .bind(&request.notes)
    .bind(request.created_date.to_string())
    .execute(connection)
    .await
    .map(drop)
}
