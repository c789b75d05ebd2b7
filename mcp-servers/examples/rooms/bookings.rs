//! Bookings: what one is, and the rule of making one.

use bailiwick_mcp_servers::arguments::Problems;
use bailiwick_mcp_servers::database::Database;
use bailiwick_mcp_servers::fields::{Date, Name};
use bailiwick_mcp_servers::records::{MOST_READ, cut, written_id};
use bailiwick_mcp_servers::tool::ToolError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A booking as stored and shown.
#[derive(Serialize, JsonSchema, sqlx::FromRow)]
pub struct Booking {
    pub booking_id: String,
    pub room: String,
    #[sqlx(try_from = "String")]
    pub day: Date,
    pub booked_by: String,
}

/// A booking to make. These comments are what an agent is told of each argument.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBooking {
    /// Name of the room.
    pub room: Name,
    /// Day to have it, YYYY-MM-DD.
    pub day: Date,
    /// Whom it is for.
    pub booked_by: Name,
}

/// Which bookings to look up.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BookingFilter {
    /// Only bookings of this room.
    pub room: Option<Name>,
}

/// Bookings that were looked up.
#[derive(Serialize, JsonSchema)]
pub struct BookingList {
    pub bookings: Vec<Booking>,
    pub count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Books a room for a day on which it is free. The transaction holds the file's only writer, so what
/// it reads stays true until it ends.
pub async fn book(database: &Database, new: NewBooking) -> Result<Booking, ToolError> {
    let mut transaction = database.write().await?;
    let is_taken: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM bookings WHERE room = $1 AND day = $2)")
        .bind(new.room.as_str())
        .bind(new.day.to_string())
        .fetch_one(&mut *transaction)
        .await?;
    if is_taken {
        let mut problems = Problems::default();
        problems.add("day", "is taken: choose another day or another room");
        return Err(problems.into());
    }
    let number: i64 =
        sqlx::query_scalar("SELECT COALESCE(MAX(number), 0) + 1 FROM bookings").fetch_one(&mut *transaction).await?;
    let booking = Booking {
        booking_id: written_id("BOOK", number),
        room: new.room.into(),
        day: new.day,
        booked_by: new.booked_by.into(),
    };
    sqlx::query("INSERT INTO bookings (number, booking_id, room, day, booked_by) VALUES ($1, $2, $3, $4, $5)")
        .bind(number)
        .bind(&booking.booking_id)
        .bind(&booking.room)
        .bind(booking.day.to_string())
        .bind(&booking.booked_by)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(booking)
}

/// Looks bookings up, in the order in which they were made.
pub async fn find(database: &Database, filter: BookingFilter) -> Result<BookingList, ToolError> {
    let mut connection = database.read().await?;
    let mut bookings: Vec<Booking> =
        sqlx::query_as("SELECT * FROM bookings WHERE $1 IS NULL OR room = $1 ORDER BY number LIMIT $2")
            .bind(filter.room.map(String::from))
            .bind(MOST_READ)
            .fetch_all(&mut *connection)
            .await?;
    let message = cut(&mut bookings, "bookings", || "No room is booked.".to_owned());
    Ok(BookingList { count: bookings.len(), bookings, message })
}
