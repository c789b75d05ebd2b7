//! What time it is, and where.

use super::*;

#[tokio::test]
async fn the_time_of_a_zone_has_its_offset() {
    let server = Server::empty().await;
    for (zone, time) in [
        ("Europe/Berlin", "2024-02-01T13:00:00+01:00"),
        ("America/St_Johns", "2024-02-01T08:30:00-03:30"),
        ("UTC", "2024-02-01T12:00:00+00:00"),
    ] {
        let reading = server.ok("TimeTool", json!({"input_timezone": zone})).await;
        assert_eq!(reading, json!({"timezone": zone, "current_time": time}));
    }
    // 182 days later it is summer.
    server.days_pass(182);
    let reading = server.ok("TimeTool", json!({"input_timezone": "Europe/Berlin"})).await;
    assert_eq!(reading["current_time"], "2024-08-01T14:00:00+02:00");
}

#[tokio::test]
async fn without_a_zone_it_is_the_servers_own_time() {
    let server = Server::empty().await;
    let reading = server.ok("TimeTool", json!({})).await;
    let told: jiff::Timestamp = reading["current_time"].as_str().unwrap().parse().unwrap();
    assert_eq!(told.as_second(), 1_706_788_800);
    server.gives_what_it_advertises([("TimeTool", json!({}))]).await;
}

#[tokio::test]
async fn a_zone_that_does_not_exist_is_told_by_name() {
    let server = Server::empty().await;
    let unknown = "input_timezone: is no zone of the IANA database: write one such as Europe/Berlin or UTC";
    for zone in [
        "Europe/Atlantis",
        "../../etc/passwd",
        "/etc/localtime",
        "Berlin",
        "+01:00",
        "Etc/Unknown",
        "etc/unknown",
        "Factory",
        "posixrules",
        "localtime",
        "leapseconds",
        "posix/Europe/Berlin",
        "right/UTC",
    ] {
        assert_eq!(server.refused("TimeTool", json!({"input_timezone": zone})).await, unknown, "{zone}");
    }
    assert_eq!(server.refused("TimeTool", json!({"input_timezone": ""})).await, "input_timezone: must not be empty");
    assert_eq!(
        server.refused("TimeTool", json!({"input_timezone": 1, "zone": "UTC"})).await,
        "input_timezone: must be text, not a number\nzone: is not known here"
    );
}
