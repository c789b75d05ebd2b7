//! Sales opportunities: their record, writing one down, and looking them up. The SQL is in
//! [`crate::storage::opportunities`].

use bailiwick_mcp_servers::database::Database;
use bailiwick_mcp_servers::fields::{Date, Id, Line, Name, Notes, Percentage, Positive, Prose};
use bailiwick_mcp_servers::records::{MOST_READ, cut, written_id};
use bailiwick_mcp_servers::tool::ToolError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::customers::{self, CustomerId};
use crate::storage;

/// An opportunity's id as a caller writes it.
pub(crate) type OpportunityId = Id;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(rename_all = "snake_case")]
pub(crate) enum Stage {
    Prospecting,
    Qualification,
    Proposal,
    Negotiation,
    ClosedWon,
    ClosedLost,
}

/// An opportunity as stored and shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, sqlx::FromRow)]
#[serde(deny_unknown_fields)]
pub(crate) struct Opportunity {
    pub(crate) opportunity_id: String,
    pub(crate) customer_id: String,
    pub(crate) opportunity_name: String,
    pub(crate) description: String,
    #[sqlx(try_from = "f64")]
    pub(crate) value: Positive,
    #[sqlx(try_from = "f64")]
    pub(crate) probability: Percentage,
    pub(crate) stage: Stage,
    #[sqlx(try_from = "String")]
    pub(crate) expected_close_date: Date,
    #[sqlx(try_from = "String")]
    pub(crate) created_date: Date,
    pub(crate) assigned_to: String,
    pub(crate) lead_source: String,
    pub(crate) notes: String,
}

/// An opportunity to write down.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewOpportunity {
    /// Id of the customer, such as CUST-001, who must exist.
    pub(crate) customer_id: CustomerId,
    /// What it is called.
    pub(crate) opportunity_name: Line<200>,
    /// What there is to sell.
    pub(crate) description: Prose<1, 4000>,
    /// What it is worth, greater than 0.
    pub(crate) value: Positive,
    /// How likely it is to be won, 0 to 100.
    pub(crate) probability: Percentage,
    /// How far it has come.
    pub(crate) stage: Stage,
    /// Day on which it should be closed, YYYY-MM-DD.
    pub(crate) expected_close_date: Date,
    /// Who sees to it, such as sales_rep_1.
    pub(crate) assigned_to: Name,
    /// How it was found, such as Referral.
    pub(crate) lead_source: Name,
    /// Anything else.
    pub(crate) notes: Option<Notes>,
}

/// Which opportunities to look up; what is given must all be true of them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpportunityFilter {
    /// Only the opportunity with this id.
    pub(crate) opportunity_id: Option<OpportunityId>,
    /// Only opportunities that have come so far.
    pub(crate) stage: Option<Stage>,
    /// Only opportunities with this customer.
    pub(crate) customer_id: Option<CustomerId>,
}

/// Opportunities that were looked up.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OpportunityList {
    /// In the order of their ids.
    pub(crate) opportunities: Vec<Opportunity>,
    /// How many are listed here.
    pub(crate) count: usize,
    /// Why the list is empty, or that it is cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
}

impl NewOpportunity {
    /// The record of the opportunity under that id, from the day that it is written down.
    fn opened_as(self, opportunity_id: String, today: Date) -> Opportunity {
        Opportunity {
            opportunity_id,
            customer_id: self.customer_id.into(),
            opportunity_name: self.opportunity_name.into(),
            description: self.description.into(),
            value: self.value,
            probability: self.probability,
            stage: self.stage,
            expected_close_date: self.expected_close_date,
            created_date: today,
            assigned_to: self.assigned_to.into(),
            lead_source: self.lead_source.into(),
            notes: self.notes.map(String::from).unwrap_or_default(),
        }
    }
}

/// Writes down an opportunity with a customer.
pub(crate) async fn create(database: &Database, new: NewOpportunity, today: Date) -> Result<Opportunity, ToolError> {
    let mut transaction = database.write().await?;
    let problems = customers::objections(&mut transaction, &new.customer_id).await?;
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let number = storage::opportunities::next_number(&mut transaction).await?;
    let opportunity = new.opened_as(written_id("OPP", number), today);
    storage::opportunities::insert(&mut transaction, number, &opportunity).await?;
    transaction.commit().await?;
    Ok(opportunity)
}

/// Looks opportunities up.
pub(crate) async fn find(database: &Database, filter: &OpportunityFilter) -> Result<OpportunityList, ToolError> {
    let mut connection = database.read().await?;
    let mut opportunities = storage::opportunities::find(&mut connection, filter, MOST_READ).await?;
    let message = cut(&mut opportunities, "opportunities", || nothing_found(filter));
    Ok(OpportunityList { count: opportunities.len(), opportunities, message })
}

fn nothing_found(filter: &OpportunityFilter) -> String {
    match filter {
        OpportunityFilter { opportunity_id: Some(id), stage: None, customer_id: None } => {
            format!("There is no opportunity {}.", id.as_str())
        }
        OpportunityFilter { opportunity_id: None, stage: None, customer_id: None } => {
            "There are no opportunities yet.".to_owned()
        }
        _ => "No opportunity fits all that was asked for.".to_owned(),
    }
}
