//! Performance reviews: their record. No tool writes one yet; the sample data does, and the summary
//! counts them. The SQL is in [`crate::storage::reviews`].

use bailiwick_mcp_servers::fields::Date;
use bailiwick_mcp_servers::records::TextList;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(rename_all = "snake_case")]
pub(crate) enum Rating {
    Excellent,
    Good,
    Average,
    BelowAverage,
    Poor,
}

/// A review as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the names are the contract's")]
pub(crate) struct Review {
    pub(crate) review_id: String,
    pub(crate) employee_id: String,
    pub(crate) reviewer_id: String,
    pub(crate) review_period: String,
    pub(crate) review_date: Date,
    pub(crate) overall_rating: Rating,
    pub(crate) technical_skills: i64,
    pub(crate) communication: i64,
    pub(crate) teamwork: i64,
    pub(crate) leadership: i64,
    pub(crate) goals_achieved: TextList,
    pub(crate) areas_for_improvement: TextList,
    pub(crate) next_period_goals: TextList,
    pub(crate) comments: String,
}
