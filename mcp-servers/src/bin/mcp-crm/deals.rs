//! Deals: their record. No tool writes or shows one yet; the sample data does. The SQL is in
//! [`crate::storage::deals`].

use bailiwick_mcp_servers::fields::{Date, NotNegative, Percentage, Positive};
use serde::{Deserialize, Serialize};

use crate::opportunities::Stage;

/// A deal as stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deal {
    pub(crate) deal_id: String,
    pub(crate) opportunity_id: String,
    pub(crate) deal_value: Positive,
    pub(crate) deal_stage: Stage,
    pub(crate) probability_percentage: Percentage,
    pub(crate) expected_revenue: NotNegative,
    pub(crate) close_date: Date,
    pub(crate) created_date: Date,
    pub(crate) last_updated: Date,
    pub(crate) notes: String,
}
