//! How the CRM tools present themselves.

use super::*;

#[tokio::test]
async fn each_tool_says_what_it_is_and_what_it_does_to_the_data() {
    let tools = Server::empty().await.tools().await;
    let expected = [
        ("add_customer_profile", false, false),
        ("create_sales_opportunity", false, false),
        ("get_crm_summary", true, false),
        ("get_customer_profiles", true, false),
        ("get_interaction_history", true, false),
        ("get_sales_opportunities", true, false),
        ("record_interaction", false, true),
        ("update_customer_status", false, true),
    ];
    assert_eq!(tool_server::effects(&tools), expected);
    tool_server::are_described(&tools);
    let required = |tool: &str| tools[tool]["inputSchema"]["required"].as_array().map_or(0, Vec::len);
    let counts = ["add_customer_profile", "record_interaction", "create_sales_opportunity"].map(required);
    assert_eq!(counts, [8, 6, 9], "all but those that tools.md marks as optional");
}

#[tokio::test]
async fn what_a_tool_gives_fits_the_schema_that_it_advertises() {
    let server = Server::with_sample_data().await;
    let calls = [
        ("add_customer_profile", bakery()),
        ("get_customer_profiles", json!({})),
        ("get_customer_profiles", json!({"customer_id": "CUST-999"})),
        ("update_customer_status", json!({"customer_id": "CUST-001", "new_status": "inactive"})),
        ("record_interaction", with(call(), "duration_minutes", 5)),
        ("get_interaction_history", json!({})),
        ("create_sales_opportunity", licence()),
        ("get_sales_opportunities", json!({})),
        ("get_crm_summary", json!({})),
    ];
    server.gives_what_it_advertises(calls).await;
}

#[tokio::test]
async fn the_server_names_itself() {
    let hello = json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}
    });
    let answer = Server::empty().await.ask("initialize", hello).await;
    let expected = json!({"name": "CRMMCP", "version": env!("CARGO_PKG_VERSION")});
    assert_eq!(answer["result"]["serverInfo"], expected);
}
