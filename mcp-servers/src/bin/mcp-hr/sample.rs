//! The sample data of the product, word for word, for demonstrations and first steps.

use bailiwick_mcp_servers::database::Database;
use bailiwick_mcp_servers::program::{SampleData, SampleDataError};
use serde::Deserialize;

use crate::employees::Employee;
use crate::leave::LeaveRequest;
use crate::reviews::Review;
use crate::storage::{employees, leave, reviews};

/// The data as JSON.
const SAMPLE_DATA: &str = include_str!("sample-data.json");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    employees: Vec<Employee>,
    leave_requests: Vec<LeaveRequest>,
    performance_reviews: Vec<Review>,
}

/// Loads the sample data, all of it or nothing, unless there are employees already.
pub(crate) async fn load(database: &Database) -> Result<SampleData, SampleDataError> {
    let sample: Sample = serde_json::from_str(SAMPLE_DATA)?;
    let mut transaction = database.write().await?;
    if !employees::is_empty(&mut transaction).await? {
        return Ok(SampleData::NotEmpty);
    }
    for employee in &sample.employees {
        let number = employees::next_number(&mut transaction).await?;
        employees::insert(&mut transaction, number, employee).await?;
    }
    for request in &sample.leave_requests {
        let number = leave::next_number(&mut transaction).await?;
        leave::insert(&mut transaction, number, request).await?;
    }
    for review in &sample.performance_reviews {
        let number = reviews::next_number(&mut transaction).await?;
        reviews::insert(&mut transaction, number, review).await?;
    }
    transaction.commit().await?;
    Ok(SampleData::Loaded)
}
