//! The rules of `create_leave_request`.

use super::*;

fn holiday() -> Value {
    json!({
        "employee_id": "EMP-001", "leave_type": "annual", "start_date": "2024-02-28", "end_date": "2024-03-01",
        "reason": "Family"
    })
}

async fn ask(server: &Server, arguments: Value) -> Value {
    server.ok("create_leave_request", arguments).await
}

async fn refused(server: &Server, arguments: Value) -> String {
    server.refused("create_leave_request", arguments).await
}

#[tokio::test]
async fn a_request_is_returned_whole_pending_from_today() {
    let server = Server::with_sample_data().await;
    server.days_pass(7);
    let expected = json!({
        "leave_id": "LEAVE-002", "employee_id": "EMP-001", "leave_type": "annual", "start_date": "2024-02-28",
        "end_date": "2024-03-01", "total_days": 3.0, "reason": "Family", "status": "pending", "approved_by": null,
        "approval_date": null, "notes": "call me", "created_date": "2024-02-08"
    });
    assert_eq!(ask(&server, with(holiday(), "notes", "call me")).await, expected);
}

#[tokio::test]
async fn both_ends_of_the_leave_count() {
    let server = Server::with_sample_data().await;
    for (start, end, days) in [("2024-05-06", "2024-05-06", 1.0), ("2024-12-31", "2025-01-01", 2.0)] {
        let asked = ask(&server, with(with(holiday(), "start_date", start), "end_date", end)).await;
        assert_eq!(asked["total_days"], days, "{start} {end}");
    }
}

#[tokio::test]
async fn leave_may_overlap_other_leave() {
    let server = Server::with_sample_data().await;
    assert_eq!(ask(&server, holiday()).await["leave_id"], "LEAVE-002");
    assert_eq!(ask(&server, holiday()).await["leave_id"], "LEAVE-003");
}

#[tokio::test]
async fn every_kind_of_leave_can_be_asked_for() {
    let server = Server::with_sample_data().await;
    for kind in ["annual", "sick", "personal", "maternity", "paternity", "unpaid"] {
        assert_eq!(ask(&server, with(holiday(), "leave_type", kind)).await["leave_type"], kind);
    }
}

#[tokio::test]
async fn every_wrong_field_is_named_in_a_sentence() {
    let server = Server::with_sample_data().await;
    let cases = [
        ("employee_id", json!("EMP-999"), "must be the id of an employee who exists"),
        ("leave_type", json!("holiday"), "must be one of annual, sick, personal, maternity, paternity, unpaid"),
        ("leave_type", json!("Annual"), "must be one of annual, sick, personal, maternity, paternity, unpaid"),
        ("start_date", json!("2024-02-30"), "must be a date that exists, written YYYY-MM-DD"),
        ("end_date", json!("2024-02-27"), "must not be before start_date, 2024-02-28"),
        ("reason", json!(""), "must not be empty"),
        ("reason", json!(null), "must be text, not null"),
        ("status", json!("approved"), "is not known here"),
    ];
    server.refuses_each("create_leave_request", &holiday(), &cases).await;
}

#[tokio::test]
async fn all_that_is_wrong_is_named_at_once() {
    let server = Server::with_sample_data().await;
    let arguments = json!({
        "employee_id": "EMP-999", "leave_type": "x", "start_date": "2024-03-02", "end_date": "2024-03-01", "more": 1
    });
    let expected = "employee_id: must be the id of an employee who exists\n\
                    end_date: must not be before start_date, 2024-03-02\n\
                    leave_type: must be one of annual, sick, personal, maternity, paternity, unpaid\n\
                    more: is not known here\n\
                    reason: is required";
    assert_eq!(refused(&server, arguments).await, expected);
}
