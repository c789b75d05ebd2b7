//! The quickstart server: the time and the weather, on which the ways to guard a server can be compared.
//! Names itself and its parts; everything that servers share is the library's.

use std::process::ExitCode;
use std::sync::Arc;

use bailiwick_core::Clock;
use bailiwick_mcp_servers::database::Database;
use bailiwick_mcp_servers::program::{
    self, Configure, OwnSettings, Program, SHARED_SECRETS, SampleData, SampleDataError,
};
use bailiwick_mcp_servers::tool::{InvalidTool, ToolSet};
use clap::{Args, Command, FromArgMatches};
use sqlx::migrate::Migrator;

use crate::tools::Quickstart;
use crate::weather::{ReportUrl, Weather};

mod time;
mod tools;
mod weather;

/// The key that OpenWeatherMap gives to its customers.
const WEATHER_KEY: &str = "OPENWEATHERMAP_API_KEY";

/// The settings that this server has beyond those of all.
#[derive(Args)]
struct WeatherSettings {
    /// Where current weather is asked for, in the manner of OpenWeatherMap: https, or http on a loopback host.
    #[arg(long, env = "MCP_WEATHER_URL", global = true, value_name = "URL", default_value = ReportUrl::DEFAULT)]
    weather_url: ReportUrl,
}

impl Program for Quickstart {
    const BINARY: &'static str = "mcp-quickstart";
    const SERVER: &'static str = "quickstart";
    const MCP_NAME: &'static str = "Weather and Time SSE Server";
    const TITLE: &'static str = "Weather and time";
    const PORT: u16 = 8100;
    const HTTP_SSE: bool = true;
    const SECRETS: &'static [&'static str] = &{
        let [client_secret, shared_secret] = SHARED_SECRETS;
        [client_secret, shared_secret, WEATHER_KEY]
    };

    fn migrations() -> Migrator {
        // Nothing is kept but what all servers keep.
        Migrator::with_migrations(Vec::new())
    }

    fn tools() -> Result<ToolSet<Self>, InvalidTool> {
        tools::tools()
    }

    fn new(_: Database, clock: Arc<dyn Clock>) -> Self {
        Self { clock, weather: None }
    }

    fn declare_settings(command: Command) -> Command {
        WeatherSettings::augment_args(command)
    }

    fn configure(own: OwnSettings<'_>) -> Result<Configure<Self>, String> {
        let WeatherSettings { weather_url } =
            WeatherSettings::from_arg_matches(own.matches).map_err(|error| error.to_string())?;
        let weather = match own.secrets.take(WEATHER_KEY) {
            Some(key) => Some(Arc::new(Weather::new(weather_url, key).map_err(|error| error.to_string())?)),
            None => None,
        };
        Ok(Box::new(|program| Self { weather, ..program }))
    }

    async fn load_sample_data(_: &Database) -> Result<SampleData, SampleDataError> {
        Ok(SampleData::None)
    }
}

fn main() -> ExitCode {
    program::run::<Quickstart>()
}
