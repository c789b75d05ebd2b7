//! The HR server: employees, their leave, their reviews. Names itself and its parts; everything that
//! servers share is the library's.

use std::process::ExitCode;
use std::sync::Arc;

use bailiwick_core::Clock;
use bailiwick_mcp_servers::database::Database;
use bailiwick_mcp_servers::program::{self, Program, SampleData, SampleDataError};
use bailiwick_mcp_servers::tool::{InvalidTool, ToolSet};
use sqlx::migrate::Migrator;

use crate::tools::Hr;

mod employees;
mod leave;
mod reviews;
mod sample;
mod storage;
mod summary;
mod tools;

/// The tables of the HR server.
const MIGRATIONS: Migrator = sqlx::migrate!("../migrations/hr");

impl Program for Hr {
    const BINARY: &'static str = "mcp-hr";
    const SERVER: &'static str = "hr";
    const MCP_NAME: &'static str = "HRManagementMCP";
    const TITLE: &'static str = "HR";
    const PORT: u16 = 8001;

    fn migrations() -> Migrator {
        MIGRATIONS
    }

    fn tools() -> Result<ToolSet<Self>, InvalidTool> {
        tools::tools()
    }

    fn new(database: Database, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }

    async fn load_sample_data(database: &Database) -> Result<SampleData, SampleDataError> {
        sample::load(database).await
    }
}

fn main() -> ExitCode {
    program::run::<Hr>()
}
