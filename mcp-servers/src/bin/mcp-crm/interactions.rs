//! Interactions with customers: their record, writing one down, and looking them up. The SQL is in
//! [`crate::storage::interactions`].

use std::borrow::Cow;

use bailiwick_mcp_servers::database::Database;
use bailiwick_mcp_servers::fields::{Date, Line, Name, Notes, Prose};
use bailiwick_mcp_servers::records::{MOST_READ, cut, written_id};
use bailiwick_mcp_servers::tool::ToolError;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::customers::{self, CustomerId};
use crate::storage;

/// Who wrote an interaction down where nobody says so.
const BY_DEFAULT: &str = "system";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(rename_all = "snake_case")]
pub(crate) enum InteractionType {
    Call,
    Email,
    Meeting,
    Demo,
    Proposal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Positive,
    Negative,
    Neutral,
    FollowUp,
}

/// How long something took, in whole minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "u32")]
pub(crate) struct Minutes(u32);

/// An interaction as stored and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::FromRow)]
#[serde(deny_unknown_fields)]
pub(crate) struct Interaction {
    pub(crate) interaction_id: String,
    pub(crate) customer_id: String,
    pub(crate) interaction_type: InteractionType,
    pub(crate) subject: String,
    pub(crate) description: String,
    pub(crate) outcome: Outcome,
    pub(crate) next_action: String,
    #[sqlx(try_from = "String")]
    pub(crate) interaction_date: Date,
    pub(crate) created_by: String,
    pub(crate) duration_minutes: Option<u32>,
    pub(crate) notes: String,
}

/// An interaction to write down.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewInteraction {
    /// Id of the customer, such as CUST-001, who must exist.
    pub(crate) customer_id: CustomerId,
    /// Kind of interaction.
    pub(crate) interaction_type: InteractionType,
    /// What it was about, in a line.
    pub(crate) subject: Line<200>,
    /// What was said.
    pub(crate) description: Prose<1, 4000>,
    /// How it went.
    pub(crate) outcome: Outcome,
    /// What is to be done next.
    pub(crate) next_action: Prose<1, 1000>,
    /// Who writes it down; system where nothing is said.
    pub(crate) created_by: Option<Name>,
    /// How long it took, in whole minutes.
    pub(crate) duration_minutes: Option<Minutes>,
    /// Anything else.
    pub(crate) notes: Option<Notes>,
}

/// Which interactions to look up; what is given must all be true of them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InteractionFilter {
    /// Only interactions with this customer.
    pub(crate) customer_id: Option<CustomerId>,
    /// Only interactions of this kind.
    pub(crate) interaction_type: Option<InteractionType>,
    /// Only interactions that went so.
    pub(crate) outcome: Option<Outcome>,
}

/// Interactions that were looked up.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct InteractionList {
    /// In the order of their ids.
    pub(crate) interactions: Vec<Interaction>,
    /// How many are listed here.
    pub(crate) count: usize,
    /// Why the list is empty, or that it is cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
}

impl Minutes {
    /// The most, a week: whoever talks longer has talked twice.
    const MOST: u32 = 7 * 24 * 60;
}

impl TryFrom<f64> for Minutes {
    type Error = &'static str;

    /// From a number as JSON has it, where 60 and 60.0 are one.
    fn try_from(number: f64) -> Result<Self, Self::Error> {
        let is_whole = number.fract() == 0.0 && (0.0..=f64::from(Self::MOST)).contains(&number);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number in range")]
        if is_whole { Ok(Self(number as u32)) } else { Err("must be whole minutes of a week at most") }
    }
}

impl From<Minutes> for u32 {
    fn from(minutes: Minutes) -> Self {
        minutes.0
    }
}

impl JsonSchema for Minutes {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Minutes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": 0, "maximum": Self::MOST})
    }
}

impl NewInteraction {
    /// The record of the interaction under that id, which took place today.
    fn recorded_as(self, interaction_id: String, today: Date) -> Interaction {
        Interaction {
            interaction_id,
            customer_id: self.customer_id.into(),
            interaction_type: self.interaction_type,
            subject: self.subject.into(),
            description: self.description.into(),
            outcome: self.outcome,
            next_action: self.next_action.into(),
            interaction_date: today,
            created_by: self.created_by.map_or_else(|| BY_DEFAULT.to_owned(), String::from),
            duration_minutes: self.duration_minutes.map(u32::from),
            notes: self.notes.map(String::from).unwrap_or_default(),
        }
    }
}

/// Writes down an interaction of `today`, which is also when its customer was last in contact.
pub(crate) async fn record(database: &Database, new: NewInteraction, today: Date) -> Result<Interaction, ToolError> {
    let mut transaction = database.write().await?;
    let problems = customers::objections(&mut transaction, &new.customer_id).await?;
    if !problems.is_empty() {
        return Err(problems.into());
    }
    storage::customers::set_last_contact(&mut transaction, &new.customer_id, today).await?;
    let number = storage::interactions::next_number(&mut transaction).await?;
    let interaction = new.recorded_as(written_id("INT", number), today);
    storage::interactions::insert(&mut transaction, number, &interaction).await?;
    transaction.commit().await?;
    Ok(interaction)
}

/// Looks interactions up.
pub(crate) async fn find(database: &Database, filter: &InteractionFilter) -> Result<InteractionList, ToolError> {
    let mut connection = database.read().await?;
    let mut interactions = storage::interactions::find(&mut connection, filter, MOST_READ).await?;
    let message = cut(&mut interactions, "interactions", || nothing_found(filter));
    Ok(InteractionList { count: interactions.len(), interactions, message })
}

fn nothing_found(filter: &InteractionFilter) -> String {
    match filter {
        InteractionFilter { customer_id: Some(id), interaction_type: None, outcome: None } => {
            format!("There is no interaction with customer {}.", id.as_str())
        }
        InteractionFilter { customer_id: None, interaction_type: None, outcome: None } => {
            "There are no interactions yet.".to_owned()
        }
        _ => "No interaction fits all that was asked for.".to_owned(),
    }
}
