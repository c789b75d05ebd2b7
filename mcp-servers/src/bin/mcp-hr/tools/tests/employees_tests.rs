//! The rules of `add_employee_record` and `get_employee_records`.

use std::collections::BTreeSet;

use super::*;

fn ada() -> Value {
    json!({
        "first_name": "Ada", "last_name": "Lovelace", "email": "ada@company.com", "phone": "+44-20-0000",
        "department": "Engineering", "position": "Analyst", "hire_date": "2024-02-29", "salary": 91000.5,
        "location": "London", "emergency_contact": "Annabella Byron", "emergency_phone": "+44-20-0001"
    })
}

async fn add(server: &Server, arguments: Value) -> Value {
    server.ok("add_employee_record", arguments).await
}

async fn refused(server: &Server, arguments: Value) -> String {
    server.refused("add_employee_record", arguments).await
}

async fn get(server: &Server, arguments: Value) -> Value {
    server.ok("get_employee_records", arguments).await
}

#[tokio::test]
async fn an_added_employee_is_returned_whole_with_the_next_id() {
    let server = Server::with_sample_data().await;
    let arguments = with(with(ada(), "manager_id", "EMP-001"), "notes", "first\nof many");
    let mut expected = arguments.clone();
    expected["employee_id"] = json!("EMP-003");
    expected["employment_status"] = json!("active");
    assert_eq!(add(&server, arguments).await, expected);
    let found = get(&server, json!({"employee_id": "EMP-003"})).await;
    assert_eq!(found, json!({"employees": [expected], "count": 1}));
}

#[tokio::test]
async fn what_may_be_left_out_is_shown_as_none() {
    let server = Server::empty().await;
    for absent in [ada(), with(with(ada(), "manager_id", Value::Null), "email", "b@company.com")] {
        let added = add(&server, absent).await;
        assert_eq!((&added["manager_id"], &added["notes"]), (&Value::Null, &json!("")));
    }
}

#[tokio::test]
async fn an_employee_survives_a_restart() {
    let server = Server::empty().await;
    let added = add(&server, ada()).await;
    let server = server.restarted().await;
    assert_eq!(get(&server, json!({})).await["employees"], json!([added]));
    assert_eq!(add(&server, with(ada(), "email", "b@company.com")).await["employee_id"], "EMP-002");
}

#[tokio::test]
async fn every_wrong_field_is_named_in_a_sentence() {
    let server = Server::with_sample_data().await;
    let cases = [
        ("salary", json!(0), "must be greater than 0"),
        ("salary", json!(-1.5), "must be greater than 0"),
        ("salary", json!("85000"), "must be a number, not text"),
        ("hire_date", json!("2024-02-30"), "must be a date that exists, written YYYY-MM-DD"),
        ("hire_date", json!("01.02.2024"), "must be a date that exists, written YYYY-MM-DD"),
        ("hire_date", json!(20_240_201), "must be text, not a number"),
        ("email", json!("ada"), "must be an e-mail address such as name@example.com"),
        ("email", json!("John.SMITH@Company.com"), "belongs to another employee already"),
        ("manager_id", json!("EMP-999"), "must be the id of an employee who exists"),
        ("manager_id", json!("EMP-1"), "must be the id of an employee who exists"),
        ("manager_id", json!(1), "must be text, not a number"),
        ("first_name", json!(""), "must not be empty"),
        ("first_name", json!(" "), "must not be blank"),
        ("first_name", json!("A\u{0}da"), "must not contain control characters"),
        ("first_name", json!("A".repeat(101)), "must have at most 100 characters"),
        ("notes", json!("x".repeat(2001)), "must have at most 2000 characters"),
        ("department", Value::Null, "must be text, not null"),
        ("employment_status", json!("active"), "is not known here"),
        ("employee_id", json!("EMP-007"), "is not known here"),
    ];
    for (field, value, sentence) in cases {
        assert_eq!(
            refused(&server, with(ada(), field, value.clone())).await,
            format!("{field}: {sentence}"),
            "{value}"
        );
    }
}

#[tokio::test]
async fn every_field_that_is_needed_is_named_when_it_is_missing() {
    let server = Server::empty().await;
    for field in ada().as_object().unwrap().keys() {
        assert_eq!(refused(&server, without(ada(), field)).await, format!("{field}: is required"));
    }
}

#[tokio::test]
async fn all_that_is_wrong_is_named_at_once() {
    let server = Server::with_sample_data().await;
    let arguments = json!({
        "first_name": 7, "last_name": "Lovelace", "email": "john.smith@company.com", "phone": "+44",
        "department": "Engineering", "position": "Analyst", "hire_date": "2024-02-30", "salary": -1,
        "manager_id": "EMP-999", "emergency_contact": "", "emergency_phone": "+44", "nickname": "Countess"
    });
    let expected = "email: belongs to another employee already\n\
                    emergency_contact: must not be empty\n\
                    first_name: must be text, not a number\n\
                    hire_date: must be a date that exists, written YYYY-MM-DD\n\
                    location: is required\n\
                    manager_id: must be the id of an employee who exists\n\
                    nickname: is not known here\n\
                    salary: must be greater than 0";
    assert_eq!(refused(&server, arguments).await, expected);
    let both = with(with(ada(), "email", "john.smith@company.com"), "manager_id", "EMP-999");
    let expected = "email: belongs to another employee already\nmanager_id: must be the id of an employee who exists";
    assert_eq!(refused(&server, both).await, expected);
}

#[tokio::test]
async fn an_email_address_is_unique_whatever_its_case_in_all_of_unicode() {
    let server = Server::empty().await;
    assert_eq!(add(&server, with(ada(), "email", "Jürgen@Ärzte.example")).await["email"], "Jürgen@Ärzte.example");
    let sentence = refused(&server, with(ada(), "email", "JÜRGEN@ärzte.EXAMPLE")).await;
    assert_eq!(sentence, "email: belongs to another employee already");
}

#[tokio::test]
async fn of_two_adds_with_one_address_at_once_exactly_one_wins() {
    let server = Server::empty().await;
    let calls = [ada(), with(ada(), "email", "ADA@company.com")];
    let [one, other] = calls.map(|arguments| server.call("add_employee_record", arguments));
    let (one, other) = tokio::join!(one, other);
    let failures = [&one, &other].iter().filter(|result| result["isError"] == json!(true)).count();
    assert_eq!(failures, 1, "{one} {other}");
    assert_eq!(server.rows().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_are_unique_under_fifty_adds_at_once() {
    let server = Arc::new(Server::with_sample_data().await);
    let adds = (0..50).map(|number| {
        let server = Arc::clone(&server);
        tokio::spawn(async move { add(&server, with(ada(), "email", format!("ada{number}@company.com"))).await })
    });
    let mut ids = BTreeSet::new();
    for added in adds.collect::<Vec<_>>() {
        ids.insert(added.await.unwrap()["employee_id"].as_str().unwrap().to_owned());
    }
    let expected = (3..53).map(|number| format!("EMP-{number:03}")).collect::<BTreeSet<_>>();
    assert_eq!(ids, expected);
}

#[tokio::test]
async fn filters_combine() {
    let server = Server::with_sample_data().await;
    let cases = [
        (json!({}), vec!["EMP-001", "EMP-002"]),
        (json!({"employee_id": "EMP-002"}), vec!["EMP-002"]),
        (json!({"department": "Engineering"}), vec!["EMP-001"]),
        (json!({"status": "active"}), vec!["EMP-001", "EMP-002"]),
        (json!({"department": "Marketing", "status": "active", "employee_id": null}), vec!["EMP-002"]),
    ];
    for (filter, ids) in cases {
        let found = get(&server, filter.clone()).await;
        let listed: Vec<_> = found["employees"].as_array().unwrap().iter().map(|one| &one["employee_id"]).collect();
        assert_eq!(listed, ids, "{filter}");
        assert_eq!(found["count"], ids.len());
        assert!(found.get("message").is_none());
    }
}

#[tokio::test]
async fn what_nobody_fits_is_an_empty_list_with_a_message() {
    let server = Server::with_sample_data().await;
    let cases = [
        (json!({"employee_id": "EMP-999"}), "There is no employee EMP-999."),
        (json!({"employee_id": "nobody"}), "There is no employee nobody."),
        (json!({"department": "Engineering", "status": "terminated"}), "No employee fits all that was asked for."),
    ];
    for (filter, message) in cases {
        assert_eq!(get(&server, filter).await, json!({"employees": [], "count": 0, "message": message}));
    }
    let nobody = get(&Server::empty().await, json!({})).await;
    assert_eq!(nobody, json!({"employees": [], "count": 0, "message": "There are no employees yet."}));
}

#[tokio::test]
async fn a_filter_outside_its_enum_is_an_error() {
    let server = Server::with_sample_data().await;
    let sentence = server.refused("get_employee_records", json!({"status": "fired", "name": "John"})).await;
    let expected = "name: is not known here\nstatus: must be one of active, inactive, terminated, on_leave, probation";
    assert_eq!(sentence, expected);
}

#[tokio::test]
async fn no_more_than_a_thousand_employees_are_listed() {
    let server = Server::empty().await;
    let mut transaction = server.database.write().await.unwrap();
    sqlx::query(
        "INSERT INTO employees WITH RECURSIVE count (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < 1001) \
         SELECT n, printf('EMP-%03d', n), 'a', 'b', n || '@b.co', n || '@b.co', 'c', 'd', 'e', '2024-01-01', 1, \
         'active', NULL, 'f', 'g', 'h', '' FROM count",
    )
    .execute(&mut *transaction)
    .await
    .unwrap();
    transaction.commit().await.unwrap();
    let listed = get(&server, json!({})).await;
    assert_eq!(listed["count"], 1000);
    assert_eq!(listed["employees"][999]["employee_id"], "EMP-1000", "by number, not by letter");
    assert_eq!(listed["message"], "Only the first 1000 employees are listed: narrow the search.");
    assert_eq!(get(&server, json!({"employee_id": "EMP-1001"})).await["count"], 1);
}
