//! Customers in SQL. `SELECT *` reads them whole: beside what is for the table alone it has a column
//! for each of their members.

use bailiwick_mcp_servers::fields::{Date, Email, Line};
use sqlx::SqliteConnection;

use crate::customers::{Customer, CustomerFilter, CustomerId};

/// The number of the next customer; stays the next one while a transaction that writes lasts.
pub(crate) async fn next_number(connection: &mut SqliteConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT COALESCE(MAX(number), 0) + 1 FROM customers").fetch_one(connection).await
}

/// Stores a customer under an id whose number is `number`.
pub(crate) async fn insert(connection: &mut SqliteConnection, number: i64, customer: &Customer) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO customers (number, customer_id, company_name, contact_person, email_address, \
         caseless_email_address, phone_number, industry, company_size, annual_revenue, lead_source, status, \
         created_date, last_contact_date, notes) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    )
    .bind(number)
    .bind(&customer.customer_id)
    .bind(&customer.company_name)
    .bind(&customer.contact_person)
    .bind(customer.email_address.as_str())
    .bind(customer.email_address.caseless())
    .bind(&customer.phone_number)
    .bind(&customer.industry)
    .bind(&customer.company_size)
    .bind(f64::from(customer.annual_revenue))
    .bind(&customer.lead_source)
    .bind(customer.status)
    .bind(customer.created_date.to_string())
    .bind(customer.last_contact_date.to_string())
    .bind(&customer.notes)
    .execute(connection)
    .await
    .map(drop)
}

/// Stores what changes of a customer with its status.
pub(crate) async fn update(connection: &mut SqliteConnection, customer: &Customer) -> sqlx::Result<()> {
    sqlx::query("UPDATE customers SET status = $2, last_contact_date = $3, notes = $4 WHERE customer_id = $1")
        .bind(&customer.customer_id)
        .bind(customer.status)
        .bind(customer.last_contact_date.to_string())
        .bind(&customer.notes)
        .execute(connection)
        .await
        .map(drop)
}

/// Stores when a customer was last in contact.
pub(crate) async fn set_last_contact(
    connection: &mut SqliteConnection,
    customer_id: &CustomerId,
    date: Date,
) -> sqlx::Result<()> {
    sqlx::query("UPDATE customers SET last_contact_date = $2 WHERE customer_id = $1")
        .bind(customer_id.as_str())
        .bind(date.to_string())
        .execute(connection)
        .await
        .map(drop)
}

/// The customer with this id.
pub(crate) async fn get(connection: &mut SqliteConnection, customer_id: &CustomerId) -> sqlx::Result<Option<Customer>> {
    sqlx::query_as("SELECT * FROM customers WHERE customer_id = $1")
        .bind(customer_id.as_str())
        .fetch_optional(connection)
        .await
}

/// Whether some customer has this address, whatever its case.
pub(crate) async fn has_email(connection: &mut SqliteConnection, email: &Email) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM customers WHERE caseless_email_address = $1)")
        .bind(email.caseless())
        .fetch_one(connection)
        .await
}

/// Whether there is no customer at all.
pub(crate) async fn is_empty(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT NOT EXISTS (SELECT 1 FROM customers)").fetch_one(connection).await
}

/// The customers that fit the filter in the order of their ids, `most` at most.
pub(crate) async fn find(
    connection: &mut SqliteConnection,
    filter: &CustomerFilter,
    most: i64,
) -> sqlx::Result<Vec<Customer>> {
    sqlx::query_as(
        "SELECT * FROM customers WHERE ($1 IS NULL OR customer_id = $1) AND ($2 IS NULL OR status = $2) \
         AND ($3 IS NULL OR industry = $3) ORDER BY number LIMIT $4",
    )
    .bind(filter.customer_id.as_ref().map(Line::as_str))
    .bind(filter.status)
    .bind(filter.industry.as_ref().map(Line::as_str))
    .bind(most)
    .fetch_all(connection)
    .await
}
