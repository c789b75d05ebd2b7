//! The sample data of the product, word for word, for demonstrations and first steps.

use bailiwick_mcp_servers::database::Database;
use bailiwick_mcp_servers::program::{SampleData, SampleDataError};
use serde::Deserialize;

use crate::milestones::Milestone;
use crate::storage::{milestones, tasks, team};
use crate::tasks::Task;
use crate::team::TeamMember;

/// The data as JSON.
const SAMPLE_DATA: &str = include_str!("sample-data.json");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    tasks: Vec<Task>,
    milestones: Vec<Milestone>,
    team_members: Vec<TeamMember>,
}

/// Loads the sample data, all of it or nothing, unless there are tasks already.
pub(crate) async fn load(database: &Database) -> Result<SampleData, SampleDataError> {
    let sample: Sample = serde_json::from_str(SAMPLE_DATA)?;
    let mut transaction = database.write().await?;
    if !tasks::is_empty(&mut transaction).await? {
        return Ok(SampleData::NotEmpty);
    }
    for task in &sample.tasks {
        let number = tasks::next_number(&mut transaction).await?;
        tasks::insert(&mut transaction, number, task).await?;
    }
    for milestone in &sample.milestones {
        let number = milestones::next_number(&mut transaction).await?;
        milestones::insert(&mut transaction, number, milestone).await?;
    }
    for member in &sample.team_members {
        let number = team::next_number(&mut transaction).await?;
        team::insert(&mut transaction, number, member).await?;
    }
    transaction.commit().await?;
    Ok(SampleData::Loaded)
}
