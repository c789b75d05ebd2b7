//! The time, here or in a zone of the IANA database. Owns reading the zone's name; the present is passed in.

use bailiwick_core::UnixSeconds;
use bailiwick_mcp_servers::arguments::Problems;
use bailiwick_mcp_servers::fields::Name;
use bailiwick_mcp_servers::tool::ToolError;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whose time is asked for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimeQuestion {
    /// Zone of the IANA database, such as Europe/Berlin; the server's own without one.
    input_timezone: Option<Name>,
}

/// What time it is somewhere.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TimeReading {
    /// The zone, as the IANA database writes it.
    timezone: String,
    /// Date and time there with their offset from UTC, RFC 3339.
    current_time: String,
}

/// The time at `now`, where the question says.
pub(crate) fn read(question: TimeQuestion, now: UnixSeconds) -> Result<TimeReading, ToolError> {
    let zone = match question.input_timezone {
        Some(name) => named(&name)?,
        None => TimeZone::try_system().unwrap_or(TimeZone::UTC),
    };
    // Beyond the calendar only where a clock is broken; then the first day is as good as any.
    let there = Timestamp::from_second(now.0).unwrap_or_default().to_zoned(zone);
    let timezone = there.time_zone().iana_name().unwrap_or("local").to_owned();
    Ok(TimeReading { timezone, current_time: there.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string() })
}

/// Files of the database that are no zones, and what it calls a place whose time is not known: a reading of these
/// would be made up.
const NO_ZONES: [&str; 5] = ["Etc/Unknown", "Factory", "localtime", "posixrules", "leapseconds"];

/// Folders of the database with the same zones once more, in other countings of seconds.
const COPIES: [&str; 2] = ["posix/", "right/"];

fn named(name: &Name) -> Result<TimeZone, ToolError> {
    let is_zone = |zone: &TimeZone| {
        let name = zone.iana_name().unwrap_or_default();
        let is_copy = COPIES.iter().any(|folder| name.starts_with(folder));
        !zone.is_unknown() && !is_copy && !NO_ZONES.iter().any(|other| other.eq_ignore_ascii_case(name))
    };
    TimeZone::get(name.as_str()).ok().filter(is_zone).ok_or_else(|| {
        let mut problems = Problems::default();
        problems.add("input_timezone", "is no zone of the IANA database: write one such as Europe/Berlin or UTC");
        problems.into()
    })
}
