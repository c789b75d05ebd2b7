//! The team: the record of a member. No tool writes or shows one yet; the sample data does. The SQL
//! is in [`crate::storage::team`].

use bailiwick_mcp_servers::fields::{Date, Email, NotNegative};
use bailiwick_mcp_servers::records::TextList;
use serde::{Deserialize, Serialize};

/// A member as stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TeamMember {
    pub(crate) member_id: String,
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) email: Email,
    pub(crate) skills: TextList,
    /// Hours a week.
    pub(crate) availability_hours: NotNegative,
    pub(crate) current_projects: TextList,
    pub(crate) join_date: Date,
}
