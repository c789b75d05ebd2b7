//! `get_hr_summary`, and the sample data that it counts.

use bailiwick_mcp_servers::program::SampleData;

use super::*;

fn figures(figures: [i64; 7]) -> Value {
    let [employees, active, leave, pending, approved, reviews, excellent] = figures;
    json!({
        "total_employees": employees, "active_employees": active, "total_leave_requests": leave,
        "pending_leave_requests": pending, "approved_leave_requests": approved, "total_reviews": reviews,
        "excellent_reviews": excellent
    })
}

#[tokio::test]
async fn the_summary_counts_what_there_is() {
    let server = Server::empty().await;
    assert_eq!(server.ok("get_hr_summary", json!({})).await, figures([0; 7]));
    sample::load(server.database()).await.unwrap();
    assert_eq!(server.ok("get_hr_summary", json!({})).await, figures([2, 2, 1, 0, 1, 1, 1]));
    let leave = json!({
        "employee_id": "EMP-002", "leave_type": "sick", "start_date": "2024-02-01", "end_date": "2024-02-01",
        "reason": "Flu"
    });
    server.ok("create_leave_request", leave).await;
    assert_eq!(server.ok("get_hr_summary", Value::Null).await, figures([2, 2, 2, 1, 1, 1, 1]));
}

#[tokio::test]
async fn the_summary_takes_no_arguments() {
    let server = Server::empty().await;
    assert_eq!(server.refused("get_hr_summary", json!({"year": 2024})).await, "year: is not known here");
}

#[tokio::test]
async fn the_sample_data_is_stored_word_for_word() {
    let server = Server::with_sample_data().await;
    let sample = sample_data();
    assert_eq!(server.ok("get_employee_records", json!({})).await["employees"], sample["employees"]);
    for table in ["employees", "leave_requests", "performance_reviews"] {
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
