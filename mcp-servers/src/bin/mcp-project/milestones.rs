//! Milestones: their record. No tool writes or shows one yet; the sample data does. The SQL is in
//! [`crate::storage::milestones`].

use bailiwick_mcp_servers::fields::Date;
use bailiwick_mcp_servers::records::TextList;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(rename_all = "snake_case")]
pub(crate) enum MilestoneStatus {
    Pending,
    Achieved,
}

/// A milestone as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Milestone {
    pub(crate) milestone_id: String,
    pub(crate) project_id: String,
    pub(crate) milestone_name: String,
    pub(crate) target_date: Date,
    pub(crate) achieved_date: Option<Date>,
    pub(crate) status: MilestoneStatus,
    pub(crate) deliverables: TextList,
}
