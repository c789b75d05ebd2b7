//! The sample data of the product, word for word, for demonstrations and first steps.

use bailiwick_mcp_servers::database::Database;
use bailiwick_mcp_servers::program::{SampleData, SampleDataError};
use serde::Deserialize;

use crate::customers::Customer;
use crate::deals::Deal;
use crate::interactions::Interaction;
use crate::opportunities::Opportunity;
use crate::storage::{customers, deals, interactions, opportunities};

/// The data as JSON.
const SAMPLE_DATA: &str = include_str!("sample-data.json");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    customers: Vec<Customer>,
    interactions: Vec<Interaction>,
    opportunities: Vec<Opportunity>,
    deals: Vec<Deal>,
}

/// Loads the sample data, all of it or nothing, unless there are customers already.
pub(crate) async fn load(database: &Database) -> Result<SampleData, SampleDataError> {
    let sample: Sample = serde_json::from_str(SAMPLE_DATA)?;
    let mut transaction = database.write().await?;
    if !customers::is_empty(&mut transaction).await? {
        return Ok(SampleData::NotEmpty);
    }
    for customer in &sample.customers {
        let number = customers::next_number(&mut transaction).await?;
        customers::insert(&mut transaction, number, customer).await?;
    }
    for interaction in &sample.interactions {
        let number = interactions::next_number(&mut transaction).await?;
        interactions::insert(&mut transaction, number, interaction).await?;
    }
    for opportunity in &sample.opportunities {
        let number = opportunities::next_number(&mut transaction).await?;
        opportunities::insert(&mut transaction, number, opportunity).await?;
    }
    for deal in &sample.deals {
        let number = deals::next_number(&mut transaction).await?;
        deals::insert(&mut transaction, number, deal).await?;
    }
    transaction.commit().await?;
    Ok(SampleData::Loaded)
}
