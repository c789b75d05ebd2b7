//! The rules of `create_sales_opportunity` and `get_sales_opportunities`.

use super::*;

async fn create(server: &Server, arguments: Value) -> Value {
    server.ok("create_sales_opportunity", arguments).await
}

async fn get(server: &Server, arguments: Value) -> Value {
    server.ok("get_sales_opportunities", arguments).await
}

#[tokio::test]
async fn an_opportunity_is_returned_whole_from_today() {
    let server = Server::with_sample_data().await;
    let mut expected = with(licence(), "notes", "by train");
    expected["opportunity_id"] = json!("OPP-004");
    expected["created_date"] = json!("2024-02-01");
    expected["probability"] = json!(60.0);
    assert_eq!(create(&server, with(licence(), "notes", "by train")).await, expected);
    let found = get(&server, json!({"opportunity_id": "OPP-004"})).await;
    assert_eq!(found, json!({"opportunities": [expected], "count": 1}));
    assert_eq!(customer(&server, "CUST-003").await, sample_data()["customers"][2], "the customer stays as it was");
    let server = server.restarted().await;
    assert_eq!(get(&server, json!({})).await["opportunities"][3], expected);
    let next = create(&server, with(licence(), "notes", Value::Null)).await;
    assert_eq!((&next["opportunity_id"], &next["notes"]), (&json!("OPP-005"), &json!("")));
}

#[tokio::test]
async fn every_stage_and_every_probability_can_be_given() {
    let server = Server::with_sample_data().await;
    for stage in ["prospecting", "qualification", "proposal", "negotiation", "closed_won", "closed_lost"] {
        assert_eq!(create(&server, with(licence(), "stage", stage)).await["stage"], stage);
    }
    for probability in [0.0, 0.5, 99.9, 100.0] {
        assert_eq!(create(&server, with(licence(), "probability", probability)).await["probability"], probability);
    }
}

#[tokio::test]
async fn every_wrong_field_of_an_opportunity_is_named_in_a_sentence() {
    let server = Server::with_sample_data().await;
    let stages = "must be one of prospecting, qualification, proposal, negotiation, closed_won, closed_lost";
    let cases = [
        ("customer_id", json!("CUST-999"), "must be the id of a customer who exists"),
        ("customer_id", json!(3), "must be text, not a number"),
        ("opportunity_name", json!(""), "must not be empty"),
        ("description", json!(""), "must not be empty"),
        ("value", json!(0), "must be greater than 0"),
        ("value", json!(-1), "must be greater than 0"),
        ("value", json!("1200"), "must be a number, not text"),
        ("value", json!(1e14), "must be at most 10000000000000"),
        ("probability", json!(-0.1), "must be at least 0"),
        ("probability", json!(100.1), "must be at most 100"),
        ("probability", json!("60%"), "must be a number, not text"),
        ("stage", json!("won"), stages),
        ("stage", json!("Proposal"), stages),
        ("expected_close_date", json!("2024-02-30"), "must be a date that exists, written YYYY-MM-DD"),
        ("expected_close_date", json!("soon"), "must be a date that exists, written YYYY-MM-DD"),
        ("assigned_to", json!(" "), "must not be blank"),
        ("lead_source", Value::Null, "must be text, not null"),
        ("notes", json!({}), "must be text, not an object"),
        ("created_date", json!("2024-01-01"), "is not known here"),
    ];
    server.refuses_each("create_sales_opportunity", &licence(), &cases).await;
}

#[tokio::test]
async fn all_that_is_wrong_with_an_opportunity_is_named_at_once() {
    let server = Server::with_sample_data().await;
    let arguments = json!({
        "customer_id": "CUST-999", "opportunity_name": "a", "description": "b", "value": 0, "probability": 101,
        "stage": "won", "expected_close_date": "x", "assigned_to": "c", "colour": 1
    });
    let expected = "colour: is not known here\n\
                    customer_id: must be the id of a customer who exists\n\
                    expected_close_date: must be a date that exists, written YYYY-MM-DD\n\
                    lead_source: is required\n\
                    probability: must be at most 100\n\
                    stage: must be one of prospecting, qualification, proposal, negotiation, closed_won, closed_lost\n\
                    value: must be greater than 0";
    assert_eq!(server.refused("create_sales_opportunity", arguments).await, expected);
}

#[tokio::test]
async fn filters_of_opportunities_combine() {
    let server = Server::with_sample_data().await;
    let cases = [
        (json!({}), vec!["OPP-001", "OPP-002", "OPP-003"]),
        (json!({"opportunity_id": "OPP-002"}), vec!["OPP-002"]),
        (json!({"stage": "proposal"}), vec!["OPP-003"]),
        (json!({"customer_id": "CUST-001"}), vec!["OPP-001"]),
        (json!({"customer_id": "CUST-001", "stage": "negotiation", "opportunity_id": null}), vec!["OPP-001"]),
    ];
    for (filter, expected) in cases {
        let found = get(&server, filter.clone()).await;
        assert_eq!(ids(&found, "opportunities", "opportunity_id"), expected, "{filter}");
        assert!(found.get("message").is_none());
    }
}

#[tokio::test]
async fn what_no_opportunity_fits_is_an_empty_list_with_a_message() {
    let server = Server::with_sample_data().await;
    let cases = [
        (json!({"opportunity_id": "OPP-999"}), "There is no opportunity OPP-999."),
        (json!({"customer_id": "CUST-999"}), "No opportunity fits all that was asked for."),
        (json!({"stage": "closed_won"}), "No opportunity fits all that was asked for."),
    ];
    for (filter, message) in cases {
        assert_eq!(get(&server, filter).await, json!({"opportunities": [], "count": 0, "message": message}));
    }
    let nothing = get(&Server::empty().await, json!({})).await;
    assert_eq!(nothing, json!({"opportunities": [], "count": 0, "message": "There are no opportunities yet."}));
}

#[tokio::test]
async fn a_filter_of_opportunities_outside_its_enum_is_an_error() {
    let server = Server::with_sample_data().await;
    let stages = "must be one of prospecting, qualification, proposal, negotiation, closed_won, closed_lost";
    for stage in ["won", "Proposal", ""] {
        let told = server.refused("get_sales_opportunities", json!({"stage": stage})).await;
        assert_eq!(told, format!("stage: {stages}"));
    }
}
