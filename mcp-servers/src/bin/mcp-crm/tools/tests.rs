//! The CRM tools as a client meets them. Today is 2024-02-01 where a test says nothing else.

use serde_json::{Value, json};

use super::*;

#[path = "../../../../tests/tool_server/mod.rs"]
mod tool_server;

mod customers_tests;
mod interactions_tests;
mod opportunities_tests;
mod protocol_tests;
mod summary_tests;

use tool_server::with;

type Server = tool_server::Server<Crm>;

/// The sample data of the product.
fn sample_data() -> Value {
    serde_json::from_str(include_str!("../sample-data.json")).unwrap()
}

/// The arguments of a new customer, all that must be given.
fn bakery() -> Value {
    json!({
        "company_name": "Bakery", "contact_person": "Ada Byron", "email_address": "ada@bakery.example",
        "phone_number": "+44-20-0000", "industry": "Food", "company_size": "1-10 employees", "annual_revenue": 90000.5,
        "lead_source": "Referral"
    })
}

/// The arguments of an interaction, all that must be given.
fn call() -> Value {
    json!({
        "customer_id": "CUST-002", "interaction_type": "call", "subject": "Prices", "description": "Asked for an offer",
        "outcome": "follow_up", "next_action": "Send the offer"
    })
}

/// The arguments of an opportunity, all that must be given.
fn licence() -> Value {
    json!({
        "customer_id": "CUST-003", "opportunity_name": "Licence", "description": "For a year", "value": 1200.5,
        "probability": 60, "stage": "prospecting", "expected_close_date": "2024-02-29", "assigned_to": "sales_rep_3",
        "lead_source": "Website"
    })
}

/// The customer with this id.
async fn customer(server: &Server, customer_id: &str) -> Value {
    let mut found = server.ok("get_customer_profiles", json!({"customer_id": customer_id})).await;
    found["customers"][0].take()
}

/// The ids that a list names, in its order.
fn ids<'a>(list: &'a Value, records: &str, id: &str) -> Vec<&'a str> {
    let ids: Vec<_> = list[records].as_array().unwrap().iter().map(|record| record[id].as_str().unwrap()).collect();
    assert_eq!(list["count"], ids.len(), "{list}");
    ids
}
