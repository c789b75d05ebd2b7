//! The rules of `add_customer_profile`, `get_customer_profiles` and `update_customer_status`.

use std::collections::BTreeSet;

use super::*;

async fn add(server: &Server, arguments: Value) -> Value {
    server.ok("add_customer_profile", arguments).await
}

async fn get(server: &Server, arguments: Value) -> Value {
    server.ok("get_customer_profiles", arguments).await
}

async fn update(server: &Server, arguments: Value) -> Value {
    server.ok("update_customer_status", arguments).await
}

#[tokio::test]
async fn a_new_customer_is_returned_whole_a_prospect_from_today() {
    let server = Server::with_sample_data().await;
    let arguments = with(bakery(), "notes", "first\nof many");
    let mut expected = arguments.clone();
    for (member, value) in [
        ("customer_id", "CUST-004"),
        ("status", "prospect"),
        ("created_date", "2024-02-01"),
        ("last_contact_date", "2024-02-01"),
    ] {
        expected[member] = json!(value);
    }
    assert_eq!(add(&server, arguments).await, expected);
    let found = get(&server, json!({"customer_id": "CUST-004"})).await;
    assert_eq!(found, json!({"customers": [expected], "count": 1}));
}

#[tokio::test]
async fn a_customer_may_have_no_revenue_and_no_notes() {
    let server = Server::empty().await;
    let added = add(&server, with(with(bakery(), "annual_revenue", 0), "notes", Value::Null)).await;
    assert_eq!((&added["annual_revenue"], &added["notes"]), (&json!(0.0), &json!("")));
    let server = server.restarted().await;
    assert_eq!(get(&server, json!({})).await["customers"], json!([added]));
    let next = add(&server, with(bakery(), "email_address", "b@bakery.example")).await;
    assert_eq!((&next["customer_id"], &next["notes"]), (&json!("CUST-002"), &json!("")));
}

#[tokio::test]
async fn every_wrong_field_of_a_new_customer_is_named_in_a_sentence() {
    let server = Server::with_sample_data().await;
    let address = "must be an e-mail address such as name@example.com";
    let cases = [
        ("company_name", json!(""), "must not be empty"),
        ("company_name", json!("x".repeat(201)), "must have at most 200 characters"),
        ("contact_person", json!("x".repeat(101)), "must have at most 100 characters"),
        ("email_address", json!("nobody"), address),
        ("email_address", json!(""), address),
        ("email_address", json!("john.smith@techcorp.com"), "belongs to another customer already"),
        ("email_address", json!("JOHN.Smith@TechCorp.COM"), "belongs to another customer already"),
        ("phone_number", json!(5), "must be text, not a number"),
        ("phone_number", json!("5".repeat(41)), "must have at most 40 characters"),
        ("industry", json!("a\u{0}"), "must not contain control characters"),
        ("company_size", json!(10), "must be text, not a number"),
        ("annual_revenue", json!(-0.01), "must be at least 0"),
        ("annual_revenue", json!("1"), "must be a number, not text"),
        ("annual_revenue", json!(1e14), "must be at most 10000000000000"),
        ("lead_source", Value::Null, "must be text, not null"),
        ("notes", json!("x".repeat(2001)), "must have at most 2000 characters"),
        ("status", json!("active"), "is not known here"),
    ];
    server.refuses_each("add_customer_profile", &bakery(), &cases).await;
}

#[tokio::test]
async fn all_that_is_wrong_with_a_new_customer_is_named_at_once() {
    let server = Server::with_sample_data().await;
    let arguments = json!({
        "company_name": "", "contact_person": 1, "email_address": "john.smith@techcorp.com", "phone_number": "+44",
        "industry": "Food", "annual_revenue": -1, "lead_source": "Website", "status": "x"
    });
    let expected = "annual_revenue: must be at least 0\n\
                    company_name: must not be empty\n\
                    company_size: is required\n\
                    contact_person: must be text, not a number\n\
                    email_address: belongs to another customer already\n\
                    status: is not known here";
    assert_eq!(server.refused("add_customer_profile", arguments).await, expected);
}

#[tokio::test]
async fn a_customers_address_is_unique_whatever_its_case_in_all_of_unicode() {
    let server = Server::empty().await;
    add(&server, with(bakery(), "email_address", "J\u{fc}rgen@\u{c4}rzte.example")).await;
    let told =
        server.refused("add_customer_profile", with(bakery(), "email_address", "J\u{dc}RGEN@\u{e4}rzte.EXAMPLE")).await;
    assert_eq!(told, "email_address: belongs to another customer already");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_customers_with_one_address_at_once_exactly_one_is_added() {
    let server = Arc::new(Server::empty().await);
    let calls = (0..16).map(|number| {
        let server = Arc::clone(&server);
        let address = if number % 2 == 0 { "ada@bakery.example" } else { "ADA@Bakery.example" };
        tokio::spawn(async move { server.call("add_customer_profile", with(bakery(), "email_address", address)).await })
    });
    let mut added = 0;
    for result in calls.collect::<Vec<_>>() {
        added += usize::from(result.await.unwrap()["isError"] == json!(false));
    }
    assert_eq!(added, 1);
    assert_eq!(get(&server, json!({})).await["count"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_are_unique_under_fifty_new_customers_at_once() {
    let server = Arc::new(Server::with_sample_data().await);
    let new = (0..50).map(|number| {
        let server = Arc::clone(&server);
        let arguments = with(bakery(), "email_address", format!("ada{number}@bakery.example"));
        tokio::spawn(async move { add(&server, arguments).await })
    });
    let mut ids = BTreeSet::new();
    for added in new.collect::<Vec<_>>() {
        ids.insert(added.await.unwrap()["customer_id"].as_str().unwrap().to_owned());
    }
    assert_eq!(ids, (4..54).map(|number| format!("CUST-{number:03}")).collect::<BTreeSet<_>>());
}

#[tokio::test]
async fn filters_of_customers_combine() {
    let server = Server::with_sample_data().await;
    let cases = [
        (json!({}), vec!["CUST-001", "CUST-002", "CUST-003"]),
        (json!({"customer_id": "CUST-002"}), vec!["CUST-002"]),
        (json!({"status": "active"}), vec!["CUST-001", "CUST-003"]),
        (json!({"industry": "Manufacturing"}), vec!["CUST-002"]),
        (json!({"status": "active", "industry": "SaaS", "customer_id": null}), vec!["CUST-003"]),
    ];
    for (filter, expected) in cases {
        let found = get(&server, filter.clone()).await;
        assert_eq!(ids(&found, "customers", "customer_id"), expected, "{filter}");
        assert!(found.get("message").is_none());
    }
}

#[tokio::test]
async fn what_no_customer_fits_is_an_empty_list_with_a_message() {
    let server = Server::with_sample_data().await;
    let cases = [
        (json!({"customer_id": "CUST-999"}), "There is no customer CUST-999."),
        (json!({"status": "churned"}), "No customer fits all that was asked for."),
        (json!({"customer_id": "CUST-001", "industry": "SaaS"}), "No customer fits all that was asked for."),
    ];
    for (filter, message) in cases {
        assert_eq!(get(&server, filter).await, json!({"customers": [], "count": 0, "message": message}));
    }
    let nobody = get(&Server::empty().await, json!({})).await;
    assert_eq!(nobody, json!({"customers": [], "count": 0, "message": "There are no customers yet."}));
}

#[tokio::test]
async fn a_filter_of_customers_outside_its_enum_is_an_error() {
    let server = Server::with_sample_data().await;
    for status in [json!("lost"), json!("Active"), json!("")] {
        let told = server.refused("get_customer_profiles", json!({"status": status})).await;
        assert_eq!(told, "status: must be one of prospect, active, inactive, churned");
    }
}

#[tokio::test]
async fn no_more_than_a_thousand_customers_are_listed() {
    let server = Server::empty().await;
    let mut transaction = server.database().write().await.unwrap();
    sqlx::query(
        "INSERT INTO customers WITH RECURSIVE count (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < 1001) \
         SELECT n, printf('CUST-%03d', n), 'a', 'b', n || '@b.co', n || '@b.co', 'c', 'd', 'e', 0, 'f', 'active', \
         '2024-01-01', '2024-01-01', '' FROM count",
    )
    .execute(&mut *transaction)
    .await
    .unwrap();
    transaction.commit().await.unwrap();
    let listed = get(&server, json!({})).await;
    assert_eq!((&listed["count"], &listed["customers"][999]["customer_id"]), (&json!(1000), &json!("CUST-1000")));
    assert_eq!(listed["message"], "Only the first 1000 customers are listed: narrow the search.");
}

#[tokio::test]
async fn a_new_status_is_also_the_last_contact() {
    let server = Server::with_sample_data().await;
    server.days_pass(28);
    for status in ["prospect", "active", "inactive", "churned"] {
        let mut expected = sample_data()["customers"][1].take();
        expected["status"] = json!(status);
        expected["last_contact_date"] = json!("2024-02-29");
        let arguments = json!({"customer_id": "CUST-002", "new_status": status, "notes": null});
        assert_eq!(update(&server, arguments).await, expected);
        assert_eq!(customer(&server, "CUST-002").await, expected);
    }
    let arguments = json!({"customer_id": "CUST-002", "new_status": "active", "notes": "signed"});
    assert_eq!(update(&server, arguments).await["notes"], "signed");
    let arguments = json!({"customer_id": "CUST-002", "new_status": "inactive"});
    assert_eq!(update(&server, arguments).await["notes"], "signed", "what is not given stays as it was");
    assert_eq!(customer(&server, "CUST-001").await, sample_data()["customers"][0], "nobody else is touched");
}

#[tokio::test]
async fn a_refused_change_of_status_changes_nothing() {
    let server = Server::with_sample_data().await;
    let statuses = "must be one of prospect, active, inactive, churned";
    let cases = [
        ("customer_id", json!("CUST-999"), "must be the id of a customer who exists"),
        ("customer_id", json!("cust-001"), "must be the id of a customer who exists"),
        ("new_status", json!("lost"), statuses),
        ("new_status", json!("Active"), statuses),
        ("new_status", Value::Null, "must be text, not null"),
        ("notes", json!(7), "must be text, not a number"),
        ("status", json!("active"), "is not known here"),
    ];
    let right = json!({"customer_id": "CUST-001", "new_status": "churned"});
    server.refuses_each("update_customer_status", &right, &cases).await;
    let told = server.refused("update_customer_status", json!({"customer_id": "CUST-999", "new_status": "x"})).await;
    assert_eq!(told, format!("customer_id: must be the id of a customer who exists\nnew_status: {statuses}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_changes_of_status_at_once_one_is_the_last_and_none_is_mixed_with_another() {
    let server = Arc::new(Server::with_sample_data().await);
    let statuses = ["prospect", "active", "inactive", "churned"];
    let updates = (0..32_usize).map(|number| {
        let server = Arc::clone(&server);
        let status = statuses[number % 4];
        let arguments = json!({"customer_id": "CUST-001", "new_status": status, "notes": format!("{status} {number}")});
        tokio::spawn(async move { update(&server, arguments).await })
    });
    let mut answers = Vec::new();
    for updated in updates.collect::<Vec<_>>() {
        answers.push(updated.await.unwrap());
    }
    for answer in &answers {
        assert!(answer["notes"].as_str().unwrap().starts_with(answer["status"].as_str().unwrap()), "{answer}");
    }
    assert!(answers.contains(&customer(&server, "CUST-001").await));
}
