//! Employees in SQL.

use bailiwick_mcp_servers::fields::{Email, Line};
use sqlx::SqliteConnection;

use crate::employees::{Employee, EmployeeFilter, EmployeeId};

/// The number of the next employee; stays the next one while a transaction that writes lasts.
pub(crate) async fn next_number(connection: &mut SqliteConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT COALESCE(MAX(number), 0) + 1 FROM employees").fetch_one(connection).await
}

/// Stores an employee under an id whose number is `number`.
pub(crate) async fn insert(connection: &mut SqliteConnection, number: i64, employee: &Employee) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO employees (number, employee_id, first_name, last_name, email, caseless_email, phone, department, \
         position, hire_date, salary, employment_status, manager_id, location, emergency_contact, emergency_phone, \
         notes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
    )
    .bind(number)
    .bind(&employee.employee_id)
    .bind(&employee.first_name)
    .bind(&employee.last_name)
    .bind(employee.email.as_str())
    .bind(employee.email.caseless())
    .bind(&employee.phone)
    .bind(&employee.department)
    .bind(&employee.position)
    .bind(employee.hire_date.to_string())
    .bind(f64::from(employee.salary))
    .bind(employee.employment_status)
    .bind(&employee.manager_id)
    .bind(&employee.location)
    .bind(&employee.emergency_contact)
    .bind(&employee.emergency_phone)
    .bind(&employee.notes)
    .execute(connection)
    .await
    .map(drop)
}

/// Whether some employee has this address, whatever its case.
pub(crate) async fn has_email(connection: &mut SqliteConnection, email: &Email) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM employees WHERE caseless_email = $1)")
        .bind(email.caseless())
        .fetch_one(connection)
        .await
}

/// Whether there is an employee with this id.
pub(crate) async fn exists(connection: &mut SqliteConnection, employee_id: &EmployeeId) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM employees WHERE employee_id = $1)")
        .bind(employee_id.as_str())
        .fetch_one(connection)
        .await
}

/// Whether there is no employee at all.
pub(crate) async fn is_empty(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT NOT EXISTS (SELECT 1 FROM employees)").fetch_one(connection).await
}

/// The employees that fit the filter in the order of their ids, `most` at most.
pub(crate) async fn find(
    connection: &mut SqliteConnection,
    filter: &EmployeeFilter,
    most: i64,
) -> sqlx::Result<Vec<Employee>> {
    sqlx::query_as(
        "SELECT employee_id, first_name, last_name, email, phone, department, position, hire_date, salary, \
         employment_status, manager_id, location, emergency_contact, emergency_phone, notes FROM employees \
         WHERE ($1 IS NULL OR employee_id = $1) AND ($2 IS NULL OR department = $2) \
         AND ($3 IS NULL OR employment_status = $3) ORDER BY number LIMIT $4",
    )
    .bind(filter.employee_id.as_ref().map(Line::as_str))
    .bind(filter.department.as_ref().map(Line::as_str))
    .bind(filter.status)
    .bind(most)
    .fetch_all(connection)
    .await
}
