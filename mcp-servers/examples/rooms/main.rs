//! A server for booking rooms: what it is called, and its tools.

use std::process::ExitCode;
use std::sync::Arc;

use bailiwick_core::Clock;
use bailiwick_mcp_servers::arguments::Flawed;
use bailiwick_mcp_servers::database::Database;
use bailiwick_mcp_servers::program::{self, Program, SampleData, SampleDataError};
use bailiwick_mcp_servers::tool::{Effect, InvalidTool, Presentation, ToolError, ToolSet};
use sqlx::migrate::Migrator;

use crate::bookings::{Booking, BookingFilter, BookingList, NewBooking};

mod bookings;

/// What the tools work on.
#[derive(Clone)]
struct Rooms {
    database: Database,
}

impl Program for Rooms {
    const BINARY: &'static str = "mcp-rooms";
    const SERVER: &'static str = "rooms";
    const MCP_NAME: &'static str = "RoomsMCP";
    const TITLE: &'static str = "Rooms";
    const PORT: u16 = 8005;

    fn migrations() -> Migrator {
        sqlx::migrate!("./examples/rooms/migrations")
    }

    fn tools() -> Result<ToolSet<Self>, InvalidTool> {
        ToolSet::default()
            .with(
                Presentation {
                    name: "get_bookings",
                    effect: Effect::Reads,
                    title: "Look up bookings",
                    description: "Lists the bookings of all rooms, or of one.",
                },
                get_bookings,
            )?
            .with(
                Presentation {
                    name: "book_room",
                    effect: Effect::Adds,
                    title: "Book a room",
                    description: "Books a room for a day on which it is free; returns the booking with its new id.",
                },
                book_room,
            )
    }

    fn new(database: Database, _: Arc<dyn Clock>) -> Self {
        Self { database }
    }

    async fn load_sample_data(_: &Database) -> Result<SampleData, SampleDataError> {
        Ok(SampleData::NotEmpty)
    }
}

fn main() -> ExitCode {
    program::run::<Rooms>()
}

async fn get_bookings(rooms: Rooms, given: Result<BookingFilter, Flawed>) -> Result<BookingList, ToolError> {
    bookings::find(&rooms.database, given?).await
}

async fn book_room(rooms: Rooms, given: Result<NewBooking, Flawed>) -> Result<Booking, ToolError> {
    bookings::book(&rooms.database, given?).await
}
