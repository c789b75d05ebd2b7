//! The rules of `record_interaction` and `get_interaction_history`.

use super::*;

async fn record(server: &Server, arguments: Value) -> Value {
    server.ok("record_interaction", arguments).await
}

async fn history(server: &Server, arguments: Value) -> Value {
    server.ok("get_interaction_history", arguments).await
}

#[tokio::test]
async fn an_interaction_is_returned_whole_and_is_the_customers_last_contact() {
    let server = Server::with_sample_data().await;
    let mut arguments = with(with(call(), "created_by", "sales_rep_1"), "duration_minutes", 15);
    arguments["notes"] = json!("called back");
    let mut expected = arguments.clone();
    expected["interaction_id"] = json!("INT-004");
    expected["interaction_date"] = json!("2024-02-01");
    assert_eq!(record(&server, arguments).await, expected);
    assert_eq!(history(&server, json!({})).await["interactions"][3], expected);
    let mut contacted = sample_data()["customers"][1].take();
    contacted["last_contact_date"] = json!("2024-02-01");
    assert_eq!(customer(&server, "CUST-002").await, contacted, "and nothing else of it changes");
    assert_eq!(customer(&server, "CUST-001").await, sample_data()["customers"][0], "nobody else is touched");
    let server = server.restarted().await;
    assert_eq!(history(&server, json!({})).await["interactions"][3], expected);
    assert_eq!(record(&server, call()).await["interaction_id"], "INT-005");
}

#[tokio::test]
async fn what_is_left_out_of_an_interaction_is_by_the_system_and_empty() {
    let server = Server::with_sample_data().await;
    let nulls =
        with(with(with(call(), "created_by", Value::Null), "duration_minutes", Value::Null), "notes", Value::Null);
    for arguments in [call(), nulls] {
        let made = record(&server, arguments).await;
        assert_eq!((&made["created_by"], &made["notes"]), (&json!("system"), &json!("")));
        assert_eq!(made["duration_minutes"], Value::Null);
    }
}

#[tokio::test]
async fn every_type_and_every_outcome_can_be_recorded() {
    let server = Server::with_sample_data().await;
    for kind in ["call", "email", "meeting", "demo", "proposal"] {
        assert_eq!(record(&server, with(call(), "interaction_type", kind)).await["interaction_type"], kind);
    }
    for outcome in ["positive", "negative", "neutral", "follow_up"] {
        assert_eq!(record(&server, with(call(), "outcome", outcome)).await["outcome"], outcome);
    }
}

#[tokio::test]
async fn minutes_are_whole_however_they_are_written() {
    let server = Server::with_sample_data().await;
    for (given, kept) in [(json!(0), 0), (json!(60.0), 60), (json!(10_080), 10_080)] {
        assert_eq!(record(&server, with(call(), "duration_minutes", given)).await["duration_minutes"], kept);
    }
}

#[tokio::test]
async fn every_wrong_field_of_an_interaction_is_named_in_a_sentence() {
    let server = Server::with_sample_data().await;
    server.days_pass(1);
    let kinds = "must be one of call, email, meeting, demo, proposal";
    let outcomes = "must be one of positive, negative, neutral, follow_up";
    let cases = [
        ("customer_id", json!("CUST-999"), "must be the id of a customer who exists"),
        ("customer_id", json!("TechCorp"), "must be the id of a customer who exists"),
        ("customer_id", json!(""), "must not be empty"),
        ("interaction_type", json!("fax"), kinds),
        ("interaction_type", json!("Call"), kinds),
        ("subject", json!("a\nb"), "must not contain control characters"),
        ("subject", json!("x".repeat(201)), "must have at most 200 characters"),
        ("description", json!(" "), "must not be blank"),
        ("description", json!("x".repeat(4001)), "must have at most 4000 characters"),
        ("outcome", json!("good"), outcomes),
        ("outcome", json!(""), outcomes),
        ("next_action", json!(""), "must not be empty"),
        ("next_action", json!("x".repeat(1001)), "must have at most 1000 characters"),
        ("created_by", json!(""), "must not be empty"),
        ("duration_minutes", json!(-1), "must be at least 0"),
        ("duration_minutes", json!(1.5), "must be a whole number, not a fraction"),
        ("duration_minutes", json!("15"), "must be a whole number, not text"),
        ("duration_minutes", json!(10_081), "must be at most 10080"),
        ("notes", json!(7), "must be text, not a number"),
        ("interaction_date", json!("2024-01-01"), "is not known here"),
    ];
    server.refuses_each("record_interaction", &call(), &cases).await;
}

#[tokio::test]
async fn all_that_is_wrong_with_an_interaction_is_named_at_once() {
    let server = Server::with_sample_data().await;
    let arguments = json!({
        "customer_id": "CUST-999", "interaction_type": "fax", "subject": "", "description": "d", "outcome": "good",
        "duration_minutes": -1, "when": "now"
    });
    let expected = "customer_id: must be the id of a customer who exists\n\
                    duration_minutes: must be at least 0\n\
                    interaction_type: must be one of call, email, meeting, demo, proposal\n\
                    next_action: is required\n\
                    outcome: must be one of positive, negative, neutral, follow_up\n\
                    subject: must not be empty\n\
                    when: is not known here";
    assert_eq!(server.refused("record_interaction", arguments).await, expected);
}

#[tokio::test]
async fn filters_of_interactions_combine() {
    let server = Server::with_sample_data().await;
    let cases = [
        (json!({}), vec!["INT-001", "INT-002", "INT-003"]),
        (json!({"customer_id": "CUST-001"}), vec!["INT-001"]),
        (json!({"interaction_type": "call"}), vec!["INT-002"]),
        (json!({"outcome": "positive"}), vec!["INT-001", "INT-003"]),
        (json!({"outcome": "positive", "interaction_type": "email", "customer_id": null}), vec!["INT-003"]),
    ];
    for (filter, expected) in cases {
        let found = history(&server, filter.clone()).await;
        assert_eq!(ids(&found, "interactions", "interaction_id"), expected, "{filter}");
        assert!(found.get("message").is_none());
    }
}

#[tokio::test]
async fn what_no_interaction_fits_is_an_empty_list_with_a_message() {
    let server = Server::with_sample_data().await;
    let cases = [
        (json!({"customer_id": "CUST-999"}), "There is no interaction with customer CUST-999."),
        (json!({"outcome": "negative"}), "No interaction fits all that was asked for."),
        (json!({"customer_id": "CUST-001", "outcome": "neutral"}), "No interaction fits all that was asked for."),
    ];
    for (filter, message) in cases {
        assert_eq!(history(&server, filter).await, json!({"interactions": [], "count": 0, "message": message}));
    }
    let nothing = history(&Server::empty().await, json!({})).await;
    assert_eq!(nothing, json!({"interactions": [], "count": 0, "message": "There are no interactions yet."}));
}

#[tokio::test]
async fn a_filter_of_interactions_outside_its_enum_is_an_error() {
    let server = Server::with_sample_data().await;
    let told = server.refused("get_interaction_history", json!({"interaction_type": "fax", "outcome": "good"})).await;
    let expected = "interaction_type: must be one of call, email, meeting, demo, proposal\n\
                    outcome: must be one of positive, negative, neutral, follow_up";
    assert_eq!(told, expected);
    assert_eq!(server.refused("get_interaction_history", json!({"status": "x"})).await, "status: is not known here");
}
