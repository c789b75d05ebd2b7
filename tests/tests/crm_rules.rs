//! The rules of the CRM tools, over HTTP: who may call them, what they take, what they refuse and what
//! they keep. Tests that count start a server of their own.

use bailiwick_e2e::{CRM, Caller, Era, GuardedServer};
use serde_json::{Value, json};

/// The arguments of a new customer, all that must be given.
fn customer(email: &str) -> Value {
    json!({
        "company_name": "Bakery", "contact_person": "Ada Byron", "email_address": email, "phone_number": "+44-20-0000",
        "industry": "Food", "company_size": "1-10 employees", "annual_revenue": 90000.5, "lead_source": "Referral",
    })
}

/// The arguments of an interaction, all that must be given.
fn interaction() -> Value {
    json!({
        "customer_id": "CUST-002", "interaction_type": "call", "subject": "Prices", "description": "Asked for an offer",
        "outcome": "follow_up", "next_action": "Send the offer",
    })
}

/// The arguments of an opportunity, all that must be given.
fn opportunity() -> Value {
    json!({
        "customer_id": "CUST-003", "opportunity_name": "Licence", "description": "For a year", "value": 1200.5,
        "probability": 60.0, "stage": "prospecting", "expected_close_date": "2030-02-28", "assigned_to": "sales_rep_3",
        "lead_source": "Website",
    })
}

/// `arguments` with some changed.
fn with(mut arguments: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().into_iter().flatten() {
        arguments[name] = value.clone();
    }
    arguments
}

/// The names of the members of `arguments`.
fn names(arguments: &Value) -> Vec<&str> {
    arguments.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

fn list(crm: &Caller<'_>, tool: &str, records: &str, filter: &Value) -> Value {
    let found = crm.result(tool, filter);
    assert_eq!(found["count"], found[records].as_array().map_or(0, Vec::len), "{found}");
    found[records].clone()
}

fn customers(crm: &Caller<'_>, filter: &Value) -> Value {
    list(crm, "get_customer_profiles", "customers", filter)
}

fn interactions(crm: &Caller<'_>, filter: &Value) -> Value {
    list(crm, "get_interaction_history", "interactions", filter)
}

fn opportunities(crm: &Caller<'_>, filter: &Value) -> Value {
    list(crm, "get_sales_opportunities", "opportunities", filter)
}

fn summary(crm: &Caller<'_>) -> Value {
    crm.result("get_crm_summary", &json!({}))
}

/// Today in UTC as the server's host sees it; asked for before and after, lest it be midnight.
fn today() -> String {
    let output = std::process::Command::new("date").args(["-u", "+%F"]).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

fn ids<'a>(records: &'a Value, id: &str) -> Vec<&'a str> {
    records.as_array().into_iter().flatten().filter_map(|record| record[id].as_str()).collect()
}

/// The tool refuses these arguments in words that hold every one of `names`, and changes nothing.
fn refuses(crm: &Caller<'_>, tool: &str, arguments: &Value, names: &[&str]) {
    let everything = || (customers(crm, &json!({})), interactions(crm, &json!({})), opportunities(crm, &json!({})));
    let before = everything();
    let error = crm.tool_error(tool, arguments);
    for name in names {
        assert!(error.contains(name), "{tool} {arguments}: {name} is not named in: {error}");
    }
    assert_eq!(everything(), before, "{tool} {arguments} was refused and changed something");
}

#[test]
fn every_role_is_shown_exactly_what_it_may_call() {
    let server = GuardedServer::shared(&CRM);
    let admin = server.world.admin();
    admin.set_role("CrmReader", "crm:read");
    admin.set_role("CrmWriter", "crm:write");
    for (role, allowed) in
        [("Manager", CRM.tools()), ("CrmReader", CRM.reading.to_vec()), ("CrmWriter", CRM.writing.to_vec())]
    {
        server.shows_exactly_what_a_call_allows(&server.token(&[role], ""), &allowed);
    }
    for tool in CRM.tools() {
        admin.set_role(tool, &format!("crm:{tool}"));
        server.shows_exactly_what_a_call_allows(&server.token(&[tool], ""), &[tool]);
        let narrowed = server.token(&["Manager"], &format!("crm:{tool}"));
        server.shows_exactly_what_a_call_allows(&narrowed, &[tool]);
    }
}

#[test]
fn only_a_manager_of_the_seeds_three_gets_a_token_for_crm() {
    let server = GuardedServer::shared(&CRM);
    for role in ["AssistantManager", "Officer"] {
        assert_eq!(server.request_token(&[role], "").refusal(), (400, "invalid_target".to_owned()), "{role}");
        let of_hr = server.world.hr_token(&[role], "");
        for era in Era::ALL {
            for tool in CRM.tools() {
                let answer = server.caller(&of_hr, era).call(tool, &json!({})).expect(401);
                assert!(answer.challenge().contains(r#"error="invalid_token""#), "{era} {tool}: {answer:#?}");
            }
        }
    }
}

#[test]
fn the_server_and_its_tools_say_what_they_are() {
    let server = GuardedServer::shared(&CRM);
    let token = server.token(&["Manager"], "");
    for era in [Era::June2025, Era::November2025] {
        let hello = json!({
            "protocolVersion": era.version(), "capabilities": {}, "clientInfo": {"name": "e2e", "version": "0"},
        });
        let answer = server.caller(&token, era).request("initialize", hello).expect(200);
        assert_eq!(answer.json()["result"]["serverInfo"]["name"], CRM.mcp_name, "{era}: {answer:#?}");
    }
    for tool in server.manager().describe() {
        let name = tool["name"].as_str().unwrap_or_default();
        assert_eq!(tool["annotations"]["readOnlyHint"], CRM.reading.contains(&name), "{tool}");
        assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{tool}");
        assert_eq!(tool["outputSchema"]["type"], "object", "{tool}");
    }
}

#[test]
fn the_sample_data_is_the_seeds() {
    let server = GuardedServer::start(&CRM);
    let crm = server.manager();
    let expected = json!({
        "customer_id": "CUST-002", "company_name": "Global Manufacturing Inc", "contact_person": "Sarah Johnson",
        "email_address": "sarah.johnson@gmi.com", "phone_number": "+1-555-0456", "industry": "Manufacturing",
        "company_size": "500-1000 employees", "annual_revenue": 25_000_000.0, "lead_source": "Trade Show",
        "status": "prospect", "created_date": "2024-01-10", "last_contact_date": "2024-01-25", "notes": "",
    });
    assert_eq!(customers(&crm, &json!({"status": "prospect"})), json!([expected]));
    let expected = json!({
        "interaction_id": "INT-003", "customer_id": "CUST-003", "interaction_type": "email",
        "subject": "Pricing Inquiry", "description": "Pricing questions answered", "outcome": "positive",
        "next_action": "Schedule technical review", "interaction_date": "2024-01-28", "created_by": "sales_rep_1",
        "duration_minutes": null, "notes": "",
    });
    assert_eq!(interactions(&crm, &json!({"customer_id": "CUST-003"})), json!([expected]));
    let expected = json!({
        "opportunity_id": "OPP-001", "customer_id": "CUST-001", "opportunity_name": "Enterprise Software License",
        "description": "Multi-year license for 500 users", "value": 250_000.0, "probability": 75.0,
        "stage": "negotiation", "expected_close_date": "2024-03-15", "created_date": "2023-12-01",
        "assigned_to": "sales_rep_1", "lead_source": "Website", "notes": "",
    });
    assert_eq!(opportunities(&crm, &json!({"opportunity_id": "OPP-001"})), json!([expected]));
    let expected = json!({
        "total_customers": 3, "active_customers": 2, "prospect_customers": 1, "total_opportunities": 3,
        "total_opportunity_value": 480_000.0, "weighted_opportunity_value": 304_500.0, "total_interactions": 3,
        "recent_interactions": 0,
    });
    assert_eq!(summary(&crm), expected);
}

#[test]
fn a_new_customer_is_a_prospect_from_today_and_kept_over_a_restart() {
    let server = GuardedServer::start(&CRM);
    let crm = server.manager();
    let arguments = with(customer("ada@bakery.example"), &json!({"notes": "Zo\u{eb} \u{1f980} '; --"}));
    let before = today();
    let record = crm.result("add_customer_profile", &arguments);
    let days = [json!(before), json!(today())];
    for (name, value) in arguments.as_object().into_iter().flatten() {
        assert_eq!(&record[name], value, "{name}");
    }
    assert_eq!((&record["customer_id"], &record["status"]), (&json!("CUST-004"), &json!("prospect")));
    assert!(days.contains(&record["created_date"]) && days.contains(&record["last_contact_date"]), "{record}");
    drop(crm);
    let server = server.restarted();
    assert_eq!(customers(&server.manager(), &json!({"customer_id": "CUST-004"})), json!([record]));
    assert_eq!(summary(&server.manager())["total_customers"], 4, "the sample data is not loaded twice");
}

#[test]
fn what_a_new_customer_must_be_is_told_of_every_field_at_once() {
    let server = GuardedServer::shared(&CRM);
    let crm = server.manager();
    let right = customer("x@y.example");
    for (name, value) in [
        ("annual_revenue", json!(-1)),
        ("annual_revenue", json!("1")),
        ("email_address", json!("nobody")),
        ("email_address", json!("JOHN.SMITH@techcorp.COM")),
        ("company_name", json!("")),
        ("notes", json!("x".repeat(100_000))),
        ("status", json!("active")),
    ] {
        refuses(&crm, "add_customer_profile", &with(right.clone(), &json!({name: value})), &[name]);
    }
    refuses(&crm, "add_customer_profile", &json!({}), &names(&right));
    let wrong = json!({"annual_revenue": -1, "email_address": "john.smith@techcorp.com", "industry": 1, "colour": 1});
    refuses(&crm, "add_customer_profile", &with(right, &wrong), &names(&wrong));
}

#[test]
fn of_new_customers_with_one_address_at_once_one_is_added() {
    let server = GuardedServer::start(&CRM);
    let token = server.token(&["Manager"], "");
    let add = || {
        let answer =
            server.caller(&token, Era::July2026).call("add_customer_profile", &customer("race@bakery.example"));
        answer.expect(200).json()["result"]["isError"] != true
    };
    let added = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..8).map(|_| scope.spawn(add)).collect();
        racers.into_iter().filter_map(|racer| racer.join().ok()).filter(|added| *added).count()
    });
    assert_eq!(added, 1);
    assert_eq!(summary(&server.manager())["total_customers"], 4);
}

#[test]
fn a_status_is_changed_on_the_day_of_the_last_contact() {
    let server = GuardedServer::start(&CRM);
    let crm = server.manager();
    let record = customers(&crm, &json!({"customer_id": "CUST-001"}))[0].clone();
    for status in ["prospect", "inactive", "churned", "active"] {
        let before = today();
        let updated = crm.result("update_customer_status", &json!({"customer_id": "CUST-001", "new_status": status}));
        assert!([json!(before), json!(today())].contains(&updated["last_contact_date"]), "{updated}");
        let changes = json!({"status": status, "last_contact_date": updated["last_contact_date"]});
        assert_eq!(updated, with(record.clone(), &changes));
        assert_eq!(customers(&crm, &json!({"customer_id": "CUST-001"})), json!([updated]));
    }
    let arguments = json!({"customer_id": "CUST-001", "new_status": "active", "notes": "signed"});
    assert_eq!(crm.result("update_customer_status", &arguments)["notes"], "signed");
    for wrong in [
        json!({"customer_id": "CUST-999", "new_status": "lost"}),
        json!({"customer_id": "", "new_status": "Active"}),
        json!({}),
    ] {
        refuses(&crm, "update_customer_status", &wrong, &["customer_id", "new_status"]);
    }
}

#[test]
fn an_interaction_is_recorded_today_and_is_the_last_contact() {
    let server = GuardedServer::start(&CRM);
    let crm = server.manager();
    let before = today();
    let plain = crm.result("record_interaction", &interaction());
    assert!([json!(before), json!(today())].contains(&plain["interaction_date"]), "{plain}");
    assert_eq!((&plain["created_by"], &plain["notes"]), (&json!("system"), &json!("")));
    assert_eq!((&plain["interaction_id"], &plain["duration_minutes"]), (&json!("INT-004"), &Value::Null));
    let contacted = customers(&crm, &json!({"customer_id": "CUST-002"}))[0]["last_contact_date"].clone();
    assert_eq!(contacted, plain["interaction_date"]);
    let more = json!({"created_by": "sales_rep_2", "duration_minutes": 25, "notes": "By train"});
    let record = crm.result("record_interaction", &with(interaction(), &more));
    for (name, value) in with(interaction(), &more).as_object().into_iter().flatten() {
        assert_eq!(&record[name], value, "{name}");
    }
    let recorded = interactions(&crm, &json!({"customer_id": "CUST-002", "outcome": "follow_up"}));
    assert_eq!(recorded, json!([plain, record]));
    let counted = summary(&crm);
    assert_eq!((&counted["total_interactions"], &counted["recent_interactions"]), (&json!(5), &json!(2)));
}

#[test]
fn what_an_interaction_must_be_is_told_of_every_field_at_once() {
    let server = GuardedServer::shared(&CRM);
    let crm = server.manager();
    for (name, value) in [
        ("customer_id", json!("CUST-999")),
        ("interaction_type", json!("fax")),
        ("outcome", json!("Positive")),
        ("duration_minutes", json!(-1)),
        ("duration_minutes", json!(1.5)),
        ("subject", json!("")),
        ("interaction_date", json!("2026-01-01")),
    ] {
        refuses(&crm, "record_interaction", &with(interaction(), &json!({name: value})), &[name]);
    }
    refuses(&crm, "record_interaction", &json!({}), &names(&interaction()));
    let wrong = json!({"customer_id": "CUST-999", "outcome": "x", "next_action": null, "colour": 1});
    refuses(&crm, "record_interaction", &with(interaction(), &wrong), &names(&wrong));
}

#[test]
fn an_opportunity_is_returned_whole_and_counted_by_its_probability() {
    let server = GuardedServer::start(&CRM);
    let crm = server.manager();
    let before = today();
    let record = crm.result("create_sales_opportunity", &opportunity());
    assert!([json!(before), json!(today())].contains(&record["created_date"]), "{record}");
    for (name, value) in opportunity().as_object().into_iter().flatten() {
        assert_eq!(&record[name], value, "{name}");
    }
    assert_eq!((&record["opportunity_id"], &record["notes"]), (&json!("OPP-004"), &json!("")));
    assert_eq!(opportunities(&crm, &json!({"stage": "prospecting"})), json!([record]));
    for (stage, probability) in [("closed_won", 100), ("closed_lost", 0)] {
        let changes = json!({"stage": stage, "probability": probability, "value": 100});
        assert_eq!(crm.result("create_sales_opportunity", &with(opportunity(), &changes))["stage"], stage);
    }
    let counted = summary(&crm);
    assert_eq!(counted["total_opportunities"], 6);
    assert_eq!(counted["total_opportunity_value"].as_f64(), Some(481_400.5));
    assert_eq!(counted["weighted_opportunity_value"].as_f64(), Some(305_320.3));
}

#[test]
fn what_an_opportunity_must_be_is_told_of_every_field_at_once() {
    let server = GuardedServer::shared(&CRM);
    let crm = server.manager();
    for (name, value) in [
        ("customer_id", json!("CUST-999")),
        ("value", json!(0)),
        ("value", json!(-5)),
        ("probability", json!(100.5)),
        ("probability", json!(-1)),
        ("stage", json!("won")),
        ("expected_close_date", json!("2026-02-29")),
        ("assigned_to", json!("")),
    ] {
        refuses(&crm, "create_sales_opportunity", &with(opportunity(), &json!({name: value})), &[name]);
    }
    refuses(&crm, "create_sales_opportunity", &json!({}), &names(&opportunity()));
    let wrong = json!({"customer_id": "CUST-999", "value": 0, "probability": 101, "stage": "x", "colour": 1});
    refuses(&crm, "create_sales_opportunity", &with(opportunity(), &wrong), &names(&wrong));
}

#[test]
fn filters_combine_and_what_fits_nothing_is_an_empty_list() {
    let server = GuardedServer::start(&CRM);
    let crm = server.manager();
    for (filter, expected) in [
        (json!({}), vec!["CUST-001", "CUST-002", "CUST-003"]),
        (json!({"status": "active"}), vec!["CUST-001", "CUST-003"]),
        (json!({"status": "active", "industry": "SaaS"}), vec!["CUST-003"]),
        (json!({"customer_id": "CUST-999"}), vec![]),
    ] {
        assert_eq!(ids(&customers(&crm, &filter), "customer_id"), expected, "{filter}");
    }
    for (filter, expected) in [
        (json!({"outcome": "positive"}), vec!["INT-001", "INT-003"]),
        (json!({"outcome": "positive", "interaction_type": "email"}), vec!["INT-003"]),
        (json!({"customer_id": "CUST-999"}), vec![]),
    ] {
        assert_eq!(ids(&interactions(&crm, &filter), "interaction_id"), expected, "{filter}");
    }
    for (filter, expected) in [
        (json!({"customer_id": "CUST-002"}), vec!["OPP-002"]),
        (json!({"customer_id": "CUST-002", "stage": "proposal"}), vec![]),
        (json!({"opportunity_id": "OPP-999"}), vec![]),
    ] {
        assert_eq!(ids(&opportunities(&crm, &filter), "opportunity_id"), expected, "{filter}");
    }
}

#[test]
fn a_filter_outside_its_enum_is_an_error() {
    let server = GuardedServer::shared(&CRM);
    let crm = server.manager();
    for (tool, filter) in [
        ("get_customer_profiles", json!({"status": "lost"})),
        ("get_customer_profiles", json!({"status": ""})),
        ("get_interaction_history", json!({"interaction_type": "fax"})),
        ("get_interaction_history", json!({"outcome": "good"})),
        ("get_sales_opportunities", json!({"stage": "won"})),
        ("get_sales_opportunities", json!({"status": "active"})),
        ("get_crm_summary", json!({"year": 2026})),
    ] {
        refuses(&crm, tool, &filter, &names(&filter));
    }
}
