//! Employees: their record, the rules of adding one, and looking them up. The SQL is in
//! [`crate::storage::employees`].

use bailiwick_mcp_servers::arguments::{Flawed, Problems};
use bailiwick_mcp_servers::database::Database;
use bailiwick_mcp_servers::fields::{Date, Email, Id, Name, Notes, PhoneNumber, Positive};
use bailiwick_mcp_servers::records::{MOST_READ, cut, written_id};
use bailiwick_mcp_servers::tool::ToolError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;

use crate::storage;

/// An employee's id as a caller writes it.
pub(crate) type EmployeeId = Id;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(rename_all = "snake_case")]
pub(crate) enum EmploymentStatus {
    Active,
    Inactive,
    Terminated,
    OnLeave,
    Probation,
}

/// An employee as stored and shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, sqlx::FromRow)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the names are the contract's")]
pub(crate) struct Employee {
    pub(crate) employee_id: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    #[sqlx(try_from = "String")]
    pub(crate) email: Email,
    pub(crate) phone: String,
    pub(crate) department: String,
    pub(crate) position: String,
    #[sqlx(try_from = "String")]
    pub(crate) hire_date: Date,
    #[sqlx(try_from = "f64")]
    pub(crate) salary: Positive,
    pub(crate) employment_status: EmploymentStatus,
    pub(crate) manager_id: Option<String>,
    pub(crate) location: String,
    pub(crate) emergency_contact: String,
    pub(crate) emergency_phone: String,
    pub(crate) notes: String,
}

/// An employee to add.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewEmployee {
    /// Given name.
    pub(crate) first_name: Name,
    /// Family name.
    pub(crate) last_name: Name,
    /// Work e-mail address; no two employees share one, whatever its case.
    pub(crate) email: Email,
    /// Work phone number.
    pub(crate) phone: PhoneNumber,
    /// Department, such as Engineering.
    pub(crate) department: Name,
    /// Job title.
    pub(crate) position: Name,
    /// First day of work, YYYY-MM-DD.
    pub(crate) hire_date: Date,
    /// Salary a year, greater than 0.
    pub(crate) salary: Positive,
    /// Employee id of the manager, who must exist.
    pub(crate) manager_id: Option<EmployeeId>,
    /// Place of work.
    pub(crate) location: Name,
    /// Whom to call in an emergency.
    pub(crate) emergency_contact: Name,
    /// Phone number of the emergency contact.
    pub(crate) emergency_phone: PhoneNumber,
    /// Anything else.
    pub(crate) notes: Option<Notes>,
}

/// Which employees to look up; what is given must all be true of them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmployeeFilter {
    /// Only the employee with this id.
    pub(crate) employee_id: Option<EmployeeId>,
    /// Only employees of this department.
    pub(crate) department: Option<Name>,
    /// Only employees with this employment status.
    pub(crate) status: Option<EmploymentStatus>,
}

/// Employees that were looked up.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EmployeeList {
    /// In the order of their ids.
    pub(crate) employees: Vec<Employee>,
    /// How many are listed here.
    pub(crate) count: usize,
    /// Why the list is empty, or that it is cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
}

impl NewEmployee {
    /// The record of the employee, active, under that id.
    fn hired_as(self, employee_id: String) -> Employee {
        Employee {
            employee_id,
            first_name: self.first_name.into(),
            last_name: self.last_name.into(),
            email: self.email,
            phone: self.phone.into(),
            department: self.department.into(),
            position: self.position.into(),
            hire_date: self.hire_date,
            salary: self.salary,
            employment_status: EmploymentStatus::Active,
            manager_id: self.manager_id.map(String::from),
            location: self.location.into(),
            emergency_contact: self.emergency_contact.into(),
            emergency_phone: self.emergency_phone.into(),
            notes: self.notes.map(String::from).unwrap_or_default(),
        }
    }
}

/// Adds an employee, who is active from now on.
pub(crate) async fn add(database: &Database, new: NewEmployee) -> Result<Employee, ToolError> {
    let mut transaction = database.write().await?;
    let problems = objections(&mut transaction, Some(&new.email), new.manager_id.as_ref()).await?;
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let number = storage::employees::next_number(&mut transaction).await?;
    let employee = new.hired_as(written_id("EMP", number));
    storage::employees::insert(&mut transaction, number, &employee).await?;
    transaction.commit().await?;
    Ok(employee)
}

/// Adds to what is wrong with a call what only the data tells.
pub(crate) async fn refuse(database: &Database, flawed: Flawed) -> ToolError {
    let (email, manager_id) = (flawed.field("email"), flawed.field("manager_id"));
    let objections = async { objections(&mut *database.read().await?, email.as_ref(), manager_id.as_ref()).await };
    ToolError::flawed(flawed, objections).await
}

/// What speaks against an employee with this address and this manager.
async fn objections(
    connection: &mut SqliteConnection,
    email: Option<&Email>,
    manager_id: Option<&EmployeeId>,
) -> sqlx::Result<Problems> {
    let mut problems = Problems::default();
    if let Some(email) = email
        && storage::employees::has_email(connection, email).await?
    {
        problems.add("email", "belongs to another employee already");
    }
    if let Some(manager_id) = manager_id
        && !storage::employees::exists(connection, manager_id).await?
    {
        problems.add("manager_id", "must be the id of an employee who exists");
    }
    Ok(problems)
}

/// Looks employees up, [`MOST_LISTED`](bailiwick_mcp_servers::records::MOST_LISTED) at most.
pub(crate) async fn find(database: &Database, filter: &EmployeeFilter) -> Result<EmployeeList, ToolError> {
    let mut connection = database.read().await?;
    let mut employees = storage::employees::find(&mut connection, filter, MOST_READ).await?;
    let message = cut(&mut employees, "employees", || nothing_found(filter));
    Ok(EmployeeList { count: employees.len(), employees, message })
}

fn nothing_found(filter: &EmployeeFilter) -> String {
    match filter {
        EmployeeFilter { employee_id: Some(id), department: None, status: None } => {
            format!("There is no employee {}.", id.as_str())
        }
        EmployeeFilter { employee_id: None, department: None, status: None } => {
            "There are no employees yet.".to_owned()
        }
        _ => "No employee fits all that was asked for.".to_owned(),
    }
}
