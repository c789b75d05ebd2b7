//! What is to be known of mcp-project.

use crate::guarded_server::Kind;

/// mcp-project as the seed names it and its tools.
pub const PROJECT: Kind = Kind {
    binary: "mcp-project",
    server: "project",
    mcp_name: "ProjectManagementMCP",
    reading: &["get_overdue_tasks", "get_project_summary", "get_project_tasks", "get_task_progress"],
    writing: &["create_project_task", "update_task_state"],
};
