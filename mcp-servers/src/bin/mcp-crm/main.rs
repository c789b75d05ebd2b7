//! The CRM server: customers, interactions, opportunities, deals. Names itself and its parts;
//! everything that servers share is the library's.

use std::process::ExitCode;
use std::sync::Arc;

use bailiwick_core::Clock;
use bailiwick_mcp_servers::database::Database;
use bailiwick_mcp_servers::program::{self, Program, SampleData, SampleDataError};
use bailiwick_mcp_servers::tool::{InvalidTool, ToolSet};
use sqlx::migrate::Migrator;

use crate::tools::Crm;

mod customers;
mod deals;
mod interactions;
mod opportunities;
mod sample;
mod storage;
mod summary;
mod tools;

/// The tables of the CRM server.
const MIGRATIONS: Migrator = sqlx::migrate!("../migrations/crm");

impl Program for Crm {
    const BINARY: &'static str = "mcp-crm";
    const SERVER: &'static str = "crm";
    const MCP_NAME: &'static str = "CRMMCP";
    const TITLE: &'static str = "CRM";
    const PORT: u16 = 8003;

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
    program::run::<Crm>()
}
