//! `get_crm_summary`, and the sample data that it counts.

use bailiwick_mcp_servers::program::SampleData;

use super::*;
use crate::sample;

async fn summary(server: &Server) -> Value {
    server.ok("get_crm_summary", json!({})).await
}

fn figures(customers: [i64; 3], opportunities: i64, worth: [f64; 2], interactions: [i64; 2]) -> Value {
    json!({
        "total_customers": customers[0], "active_customers": customers[1], "prospect_customers": customers[2],
        "total_opportunities": opportunities, "total_opportunity_value": worth[0],
        "weighted_opportunity_value": worth[1], "total_interactions": interactions[0],
        "recent_interactions": interactions[1]
    })
}

#[tokio::test]
async fn the_summary_counts_what_there_is() {
    let server = Server::empty().await;
    assert_eq!(summary(&server).await, figures([0; 3], 0, [0.0, 0.0], [0, 0]));
    sample::load(server.database()).await.unwrap();
    assert_eq!(summary(&server).await, figures([3, 2, 1], 3, [480_000.0, 304_500.0], [3, 3]));
    server.ok("add_customer_profile", bakery()).await;
    server.ok("update_customer_status", json!({"customer_id": "CUST-001", "new_status": "churned"})).await;
    server.ok("create_sales_opportunity", with(with(licence(), "value", 1000), "probability", 25)).await;
    server.ok("record_interaction", call()).await;
    assert_eq!(summary(&server).await, figures([4, 1, 2], 4, [481_000.0, 304_750.0], [4, 4]));
}

#[tokio::test]
async fn an_interaction_is_recent_for_thirty_days() {
    let server = Server::empty().await;
    server.ok("add_customer_profile", bakery()).await;
    server.ok("record_interaction", with(call(), "customer_id", "CUST-001")).await;
    for (days, recent) in [(0, 1), (30, 1), (1, 0)] {
        server.days_pass(days);
        assert_eq!(summary(&server).await["recent_interactions"], recent, "{days} days later");
    }
    assert_eq!(summary(&server).await["total_interactions"], 1);
}

#[tokio::test]
async fn the_summary_takes_no_arguments() {
    let server = Server::empty().await;
    assert_eq!(server.refused("get_crm_summary", json!({"year": 2024})).await, "year: is not known here");
    assert_eq!(server.ok("get_crm_summary", Value::Null).await["total_customers"], 0);
}

#[tokio::test]
async fn the_sample_data_is_stored_word_for_word() {
    let server = Server::with_sample_data().await;
    let sample = sample_data();
    for (tool, records) in [
        ("get_customer_profiles", "customers"),
        ("get_interaction_history", "interactions"),
        ("get_sales_opportunities", "opportunities"),
    ] {
        assert_eq!(server.ok(tool, json!({})).await[records], sample[records]);
    }
    for table in ["customers", "interactions", "opportunities", "deals"] {
        server.has_stored(table, &sample[table]).await;
    }
}

#[tokio::test]
async fn the_sample_data_goes_into_an_empty_database_only() {
    let server = Server::empty().await;
    assert_eq!(sample::load(server.database()).await.unwrap(), SampleData::Loaded);
    let before = server.everything().await;
    assert_eq!(sample::load(server.database()).await.unwrap(), SampleData::NotEmpty);
    assert_eq!(server.everything().await, before);
}
