//! Requests for leave: their record and the rules of asking for one. The SQL is in
//! [`crate::storage::leave`].

use bailiwick_mcp_servers::arguments::{Flawed, Problems};
use bailiwick_mcp_servers::database::Database;
use bailiwick_mcp_servers::fields::{Date, Notes, Positive, Prose};
use bailiwick_mcp_servers::records::written_id;
use bailiwick_mcp_servers::tool::ToolError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;

use crate::employees::EmployeeId;
use crate::storage;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(rename_all = "snake_case")]
pub(crate) enum LeaveType {
    Annual,
    Sick,
    Personal,
    Maternity,
    Paternity,
    Unpaid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(rename_all = "snake_case")]
pub(crate) enum LeaveStatus {
    Pending,
    Approved,
    Rejected,
    Cancelled,
}

/// A request for leave as stored and shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeaveRequest {
    pub(crate) leave_id: String,
    pub(crate) employee_id: String,
    pub(crate) leave_type: LeaveType,
    pub(crate) start_date: Date,
    pub(crate) end_date: Date,
    pub(crate) total_days: Positive,
    pub(crate) reason: String,
    pub(crate) status: LeaveStatus,
    pub(crate) approved_by: Option<String>,
    pub(crate) approval_date: Option<Date>,
    pub(crate) notes: String,
    pub(crate) created_date: Date,
}

/// Why somebody wants leave.
pub(crate) type Reason = Prose<1, 1000>;

/// Leave to ask for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewLeaveRequest {
    /// Id of the employee who asks, such as EMP-001.
    pub(crate) employee_id: EmployeeId,
    /// Kind of leave.
    pub(crate) leave_type: LeaveType,
    /// First day of leave, YYYY-MM-DD.
    pub(crate) start_date: Date,
    /// Last day of leave, YYYY-MM-DD; not before the first.
    pub(crate) end_date: Date,
    /// Why.
    pub(crate) reason: Reason,
    /// Anything else.
    pub(crate) notes: Option<Notes>,
}

impl NewLeaveRequest {
    /// The record of the request, pending, under that id.
    fn filed_as(self, leave_id: String, total_days: Positive, today: Date) -> LeaveRequest {
        LeaveRequest {
            leave_id,
            employee_id: self.employee_id.into(),
            leave_type: self.leave_type,
            start_date: self.start_date,
            end_date: self.end_date,
            total_days,
            reason: self.reason.into(),
            status: LeaveStatus::Pending,
            approved_by: None,
            approval_date: None,
            notes: self.notes.map(String::from).unwrap_or_default(),
            created_date: today,
        }
    }
}

/// Files a request for leave, pending from `today`.
pub(crate) async fn request(database: &Database, new: NewLeaveRequest, today: Date) -> Result<LeaveRequest, ToolError> {
    let mut transaction = database.write().await?;
    let dates = (Some(new.start_date), Some(new.end_date));
    let problems = objections(&mut transaction, Some(&new.employee_id), dates).await?;
    let Some(total_days) = total_days(new.start_date, new.end_date).filter(|_| problems.is_empty()) else {
        return Err(problems.into());
    };
    let number = storage::leave::next_number(&mut transaction).await?;
    let request = new.filed_as(written_id("LEAVE", number), total_days, today);
    storage::leave::insert(&mut transaction, number, &request).await?;
    transaction.commit().await?;
    Ok(request)
}

/// Adds to what is wrong with a call what the data tells, and what the two dates tell together.
pub(crate) async fn refuse(database: &Database, flawed: Flawed) -> ToolError {
    let employee_id = flawed.field("employee_id");
    let dates = (flawed.field("start_date"), flawed.field("end_date"));
    let objections = async { objections(&mut *database.read().await?, employee_id.as_ref(), dates).await };
    ToolError::flawed(flawed, objections).await
}

/// What speaks against leave of this employee from the first of `dates` to the second.
async fn objections(
    connection: &mut SqliteConnection,
    employee_id: Option<&EmployeeId>,
    dates: (Option<Date>, Option<Date>),
) -> sqlx::Result<Problems> {
    let mut problems = Problems::default();
    if let Some(employee_id) = employee_id
        && !storage::employees::exists(connection, employee_id).await?
    {
        problems.add("employee_id", "must be the id of an employee who exists");
    }
    if let (Some(start), Some(end)) = dates
        && total_days(start, end).is_none()
    {
        problems.add("end_date", format!("must not be before start_date, {start}"));
    }
    Ok(problems)
}

/// The days of leave, first and last counted; `None` where the last is before the first.
fn total_days(start: Date, end: Date) -> Option<Positive> {
    Positive::try_from(f64::from(start.days_through(end)?)).ok()
}
