//! The rules of the HR tools, over HTTP: what they take, what they refuse and what they keep. Tests
//! that count start a world of their own.

use bailiwick_e2e::hr::leave;
use bailiwick_e2e::{Caller, Era, World};
use serde_json::{Value, json};

/// The arguments of a new employee whose e-mail nobody else has.
fn employee(email: &str) -> Value {
    json!({
        "first_name": "Ada", "last_name": "Byron", "email": email, "phone": "+44-20-0101",
        "department": "Engineering", "position": "Analyst", "hire_date": "2026-02-28", "salary": 91000.5,
        "location": "London", "emergency_contact": "Anne Byron", "emergency_phone": "+44-20-0102",
    })
}

/// `arguments` with some changed; `null` takes one away.
fn with(mut arguments: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().into_iter().flatten() {
        if value.is_null() {
            if let Some(members) = arguments.as_object_mut() {
                members.remove(name);
            }
        } else {
            arguments[name] = value.clone();
        }
    }
    arguments
}

fn officer(world: &World) -> Caller<'_> {
    world.hr.caller(&world.hr_token(&["Officer"], ""), Era::July2026)
}

fn summary(hr: &Caller<'_>) -> Value {
    hr.result("get_hr_summary", &json!({}))
}

/// The tool refuses these arguments in words that hold every one of `names`, and changes nothing.
fn refuses(hr: &Caller<'_>, tool: &str, arguments: &Value, names: &[&str]) {
    let before = summary(hr);
    let error = hr.tool_error(tool, arguments);
    for name in names {
        assert!(error.contains(name), "{tool} {arguments}: {name} is not named in: {error}");
    }
    assert_eq!(summary(hr), before, "{tool} {arguments} was refused and changed something");
}

#[test]
fn a_new_employee_is_returned_whole_and_found_again() {
    let world = World::start();
    let hr = officer(&world);
    let arguments = with(employee("ada@company.com"), &json!({"manager_id": "EMP-002", "notes": "New"}));
    let record = hr.result("add_employee_record", &arguments);
    let id = record["employee_id"].as_str().unwrap_or_default().to_owned();
    assert!(id.starts_with("EMP-") && !["EMP-001", "EMP-002", "EMP-005", "EMP-006"].contains(&id.as_str()), "{record}");
    assert_eq!(record["employment_status"], "active");
    for (name, value) in arguments.as_object().into_iter().flatten() {
        assert_eq!(&record[name], value, "{name}");
    }
    let found = hr.result("get_employee_records", &json!({"employee_id": id}));
    assert_eq!(found["employees"], json!([record]));
    assert_eq!(summary(&hr)["total_employees"], 3);
}

#[test]
fn what_is_left_out_of_an_employee_is_empty() {
    let world = World::start();
    let hr = officer(&world);
    let record = hr.result("add_employee_record", &employee("plain@company.com"));
    assert_eq!(record["notes"], "");
    assert_eq!(record["manager_id"], Value::Null);
}

#[test]
fn a_salary_is_above_zero() {
    let world = World::shared();
    let hr = officer(&world);
    for salary in [json!(0), json!(-1), json!(-0.01), json!("90000"), json!(true)] {
        refuses(&hr, "add_employee_record", &with(employee("a@b.example"), &json!({"salary": salary})), &["salary"]);
    }
}

#[test]
fn a_hire_date_is_a_real_day_in_its_one_form() {
    let world = World::shared();
    let hr = officer(&world);
    for date in [
        "2026-02-30",
        "2026-13-01",
        "28.02.2026",
        "2026-2-8",
        "2026-02-28T00:00:00Z",
        "20260228",
        "soon",
        "",
        "-2026-02-28",
        " 2026-02-28",
    ] {
        let arguments = with(employee("a@b.example"), &json!({"hire_date": date}));
        refuses(&hr, "add_employee_record", &arguments, &["hire_date"]);
    }
}

#[test]
fn a_manager_must_exist() {
    let world = World::shared();
    let hr = officer(&world);
    for manager in ["EMP-005", "EMP-999", "", "emp-001"] {
        let arguments = with(employee("a@b.example"), &json!({"manager_id": manager}));
        refuses(&hr, "add_employee_record", &arguments, &["manager_id"]);
    }
}

#[test]
fn an_email_is_taken_whatever_its_case() {
    let world = World::shared();
    let hr = officer(&world);
    for email in ["john.smith@company.com", "JOHN.SMITH@COMPANY.COM", "John.Smith@company.com"] {
        refuses(&hr, "add_employee_record", &employee(email), &["email"]);
    }
}

#[test]
fn of_two_new_employees_with_one_email_at_the_same_time_one_is_taken() {
    let world = World::start();
    let token = world.hr_token(&["Officer"], "");
    let add = || world.hr.caller(&token, Era::July2026).call("add_employee_record", &employee("race@company.com"));
    let added = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..8).map(|_| scope.spawn(add)).collect();
        let answers = racers.into_iter().filter_map(|racer| racer.join().ok());
        answers.filter(|answer| answer.status == 200 && answer.json()["result"]["isError"] != true).count()
    });
    assert_eq!(added, 1);
    assert_eq!(summary(&officer(&world))["total_employees"], 3);
}

#[test]
fn every_bad_field_is_named_at_once() {
    let world = World::shared();
    let hr = officer(&world);
    let changes = json!({"salary": -1, "hire_date": "never", "email": null, "phone": 7, "colour": "green"});
    let names = ["salary", "hire_date", "email", "phone", "colour"];
    refuses(&hr, "add_employee_record", &with(employee("x@y.example"), &changes), &names);
    refuses(&hr, "add_employee_record", &json!({}), &["first_name", "last_name", "hire_date", "salary", "location"]);
    let changes = json!({"leave_type": "holiday", "start_date": "x", "reason": null, "colour": 1});
    refuses(&hr, "create_leave_request", &with(leave(), &changes), &["leave_type", "start_date", "reason", "colour"]);
}

#[test]
fn a_required_text_is_not_empty_and_no_text_is_endless() {
    let world = World::shared();
    let hr = officer(&world);
    for name in ["first_name", "last_name", "email", "department", "position", "location"] {
        let arguments = with(employee("x@y.example"), &json!({name: ""}));
        refuses(&hr, "add_employee_record", &arguments, &[name]);
    }
    let arguments = with(employee("x@y.example"), &json!({"notes": "x".repeat(100_000)}));
    refuses(&hr, "add_employee_record", &arguments, &["notes"]);
}

#[test]
fn text_of_any_script_is_kept_as_it_is() {
    let world = World::start();
    let hr = officer(&world);
    let name = "Zo\u{eb} \u{5f20}\u{4f1f} \u{1f980} \"'; DROP TABLE employees; --";
    let record = hr.result("add_employee_record", &with(employee("zoe@company.com"), &json!({"first_name": name})));
    let found = hr.result("get_employee_records", &json!({"employee_id": record["employee_id"]}));
    assert_eq!(found["employees"][0]["first_name"], name);
}

#[test]
fn employees_are_found_by_filters_that_combine() {
    let world = World::start();
    let hr = officer(&world);
    let ids = |filter: &Value| {
        let found = hr.result("get_employee_records", filter);
        let employees = found["employees"].as_array().cloned().unwrap_or_default();
        assert_eq!(found["count"], employees.len(), "{found}");
        employees.iter().map(|one| one["employee_id"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&json!({})), ["EMP-001", "EMP-002"]);
    assert_eq!(ids(&json!({"department": "Engineering"})), ["EMP-001"]);
    assert_eq!(ids(&json!({"status": "active"})), ["EMP-001", "EMP-002"]);
    assert_eq!(ids(&json!({"status": "terminated"})), [""; 0]);
    assert_eq!(ids(&json!({"department": "Marketing", "status": "active"})), ["EMP-002"]);
    assert_eq!(ids(&json!({"employee_id": "EMP-001", "department": "Marketing"})), [""; 0]);
}

#[test]
fn an_unknown_employee_is_an_empty_list_with_a_message() {
    let world = World::shared();
    let found = officer(&world).result("get_employee_records", &json!({"employee_id": "EMP-999"}));
    assert_eq!((&found["employees"], &found["count"]), (&json!([]), &json!(0)));
    assert!(found["message"].as_str().is_some_and(|message| message.contains("EMP-999")), "{found}");
}

#[test]
fn a_filter_outside_its_enum_is_an_error() {
    let world = World::shared();
    let hr = officer(&world);
    for status in [json!("retired"), json!("ACTIVE"), json!(""), json!(1)] {
        refuses(&hr, "get_employee_records", &json!({"status": status}), &["status"]);
    }
    refuses(&hr, "get_employee_records", &json!({"name": "John"}), &["name"]);
    refuses(&hr, "get_hr_summary", &json!({"year": 2026}), &["year"]);
}

#[test]
fn the_sample_data_is_the_seeds() {
    let world = World::start();
    let found = officer(&world).result("get_employee_records", &json!({"employee_id": "EMP-001"}));
    let john = json!({
        "employee_id": "EMP-001", "first_name": "John", "last_name": "Smith", "email": "john.smith@company.com",
        "phone": "+1-555-0101", "department": "Engineering", "position": "Senior Software Engineer",
        "hire_date": "2022-03-15", "salary": 85000.0, "employment_status": "active", "manager_id": "EMP-005",
        "location": "San Francisco", "emergency_contact": "Jane Smith", "emergency_phone": "+1-555-0102", "notes": "",
    });
    assert_eq!(found["employees"], json!([john]));
}

#[test]
fn a_leave_request_is_returned_whole_and_counts_both_ends() {
    let world = World::start();
    let hr = officer(&world);
    let record = hr.result("create_leave_request", &with(leave(), &json!({"notes": "By train"})));
    assert!(record["leave_id"].as_str().is_some_and(|id| id.starts_with("LEAVE-") && id != "LEAVE-001"), "{record}");
    assert_eq!((&record["status"], &record["notes"]), (&json!("pending"), &json!("By train")));
    assert_eq!(record["total_days"].as_f64(), Some(6.0));
    for name in ["employee_id", "leave_type", "start_date", "end_date", "reason"] {
        assert_eq!(record[name], leave()[name], "{name}");
    }
    for name in ["approved_by", "approval_date", "created_date"] {
        assert!(record.get(name).is_some(), "{name} is missing: {record}");
    }
    let counted = summary(&hr);
    assert_eq!((&counted["total_leave_requests"], &counted["pending_leave_requests"]), (&json!(2), &json!(1)));
}

#[test]
fn a_leave_of_one_day_is_a_day_and_one_that_ends_before_it_starts_is_refused() {
    let world = World::start();
    let hr = officer(&world);
    let day = with(leave(), &json!({"start_date": "2028-02-29", "end_date": "2028-02-29"}));
    assert_eq!(hr.result("create_leave_request", &day)["total_days"].as_f64(), Some(1.0));
    let year_end = with(leave(), &json!({"start_date": "2026-12-31", "end_date": "2027-01-01"}));
    assert_eq!(hr.result("create_leave_request", &year_end)["total_days"].as_f64(), Some(2.0));
    let backwards = with(leave(), &json!({"start_date": "2026-03-02", "end_date": "2026-03-01"}));
    refuses(&hr, "create_leave_request", &backwards, &["end_date"]);
}

#[test]
fn every_kind_of_leave_is_taken_and_no_other() {
    let world = World::start();
    let hr = officer(&world);
    for kind in ["annual", "sick", "personal", "maternity", "paternity", "unpaid"] {
        let record = hr.result("create_leave_request", &with(leave(), &json!({"leave_type": kind})));
        assert_eq!(record["leave_type"], kind);
    }
    for kind in ["holiday", "Annual", "", " sick"] {
        refuses(&hr, "create_leave_request", &with(leave(), &json!({"leave_type": kind})), &["leave_type"]);
    }
}

#[test]
fn leave_is_for_an_employee_that_exists() {
    let world = World::shared();
    let hr = officer(&world);
    for id in ["EMP-999", "EMP-005", "", "John"] {
        refuses(&hr, "create_leave_request", &with(leave(), &json!({"employee_id": id})), &["employee_id"]);
    }
}

#[test]
fn the_summary_counts_the_sample_data() {
    let world = World::start();
    let expected = json!({
        "total_employees": 2, "active_employees": 2, "total_leave_requests": 1, "pending_leave_requests": 0,
        "approved_leave_requests": 1, "total_reviews": 1, "excellent_reviews": 1,
    });
    assert_eq!(summary(&officer(&world)), expected);
}

#[test]
fn arguments_that_are_no_object_are_refused() {
    let world = World::shared();
    let hr = officer(&world);
    for arguments in [json!([]), json!("text"), json!(7)] {
        let answer = hr.call("get_hr_summary", &arguments);
        let body = answer.json();
        assert!(body["error"].is_object() || body["result"]["isError"] == true, "{arguments}: {answer:#?}");
    }
}

#[test]
fn results_are_structured_and_said_in_text_too() {
    let world = World::shared();
    let token = world.hr_token(&["Officer"], "");
    for era in Era::ALL {
        let answer = world.hr.caller(&token, era).call("get_employee_records", &json!({})).expect(200);
        let result = &answer.json()["result"];
        let text = result["content"][0]["text"].as_str().unwrap_or_default();
        assert_eq!(serde_json::from_str::<Value>(text).ok().as_ref(), Some(&result["structuredContent"]), "{era}");
    }
}
