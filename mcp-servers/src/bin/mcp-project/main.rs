//! The project server: tasks, milestones, the team. Names itself and its parts; everything that
//! servers share is the library's.

use std::process::ExitCode;
use std::sync::Arc;

use bailiwick_core::Clock;
use bailiwick_mcp_servers::database::Database;
use bailiwick_mcp_servers::program::{self, Program, SampleData, SampleDataError};
use bailiwick_mcp_servers::tool::{InvalidTool, ToolSet};
use sqlx::migrate::Migrator;

use crate::tools::Projects;

mod milestones;
mod progress;
mod sample;
mod storage;
mod summary;
mod tasks;
mod team;
mod tools;

/// The tables of the project server.
const MIGRATIONS: Migrator = sqlx::migrate!("../migrations/project");

impl Program for Projects {
    const BINARY: &'static str = "mcp-project";
    const SERVER: &'static str = "project";
    const MCP_NAME: &'static str = "ProjectManagementMCP";
    const TITLE: &'static str = "Projects";
    const PORT: u16 = 8002;

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
    program::run::<Projects>()
}
