//! Counting in SQL.

use sqlx::SqliteConnection;

use crate::employees::EmploymentStatus;
use crate::leave::LeaveStatus;
use crate::reviews::Rating;
use crate::summary::Summary;

/// Counts everything at one moment.
pub(crate) async fn count(connection: &mut SqliteConnection) -> sqlx::Result<Summary> {
    sqlx::query_as(
        "SELECT (SELECT COUNT(*) FROM employees) AS total_employees, \
         (SELECT COUNT(*) FROM employees WHERE employment_status = $1) AS active_employees, \
         (SELECT COUNT(*) FROM leave_requests) AS total_leave_requests, \
         (SELECT COUNT(*) FROM leave_requests WHERE status = $2) AS pending_leave_requests, \
         (SELECT COUNT(*) FROM leave_requests WHERE status = $3) AS approved_leave_requests, \
         (SELECT COUNT(*) FROM performance_reviews) AS total_reviews, \
         (SELECT COUNT(*) FROM performance_reviews WHERE overall_rating = $4) AS excellent_reviews",
    )
    .bind(EmploymentStatus::Active)
    .bind(LeaveStatus::Pending)
    .bind(LeaveStatus::Approved)
    .bind(Rating::Excellent)
    .fetch_one(connection)
    .await
}
