//! What is to be known of mcp-crm.

use crate::guarded_server::Kind;

/// mcp-crm as the seed names it and its tools.
pub const CRM: Kind = Kind {
    binary: "mcp-crm",
    server: "crm",
    mcp_name: "CRMMCP",
    reading: &["get_crm_summary", "get_customer_profiles", "get_interaction_history", "get_sales_opportunities"],
    writing: &["add_customer_profile", "create_sales_opportunity", "record_interaction", "update_customer_status"],
};
