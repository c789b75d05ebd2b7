//! The quickstart tools as MCP shows them, by the names of the seed.

use std::sync::Arc;

use bailiwick_core::Clock;
use bailiwick_mcp_servers::arguments::Flawed;
use bailiwick_mcp_servers::tool::{Effect, InvalidTool, Presentation, ToolError, ToolSet};

use crate::time::{self, TimeQuestion, TimeReading};
use crate::weather::{NO_KEY, Weather, WeatherQuestion, WeatherReading};

/// What the quickstart tools work on.
#[derive(Clone)]
pub(crate) struct Quickstart {
    pub(crate) clock: Arc<dyn Clock>,
    /// None without a key.
    pub(crate) weather: Option<Arc<Weather>>,
}

/// All tools of this server.
pub(crate) fn tools() -> Result<ToolSet<Quickstart>, InvalidTool> {
    ToolSet::default()
        .with(
            Presentation {
                name: "TimeTool",
                effect: Effect::Reads,
                title: "Tell the time",
                description: "Tells the date and the time in a time zone, or the server's own without one.",
            },
            tell_time,
        )?
        .with(
            Presentation {
                name: "weather_tool",
                effect: Effect::Reads,
                title: "Look up the weather",
                description: "Tells the current weather at a place, as OpenWeatherMap reports it.",
            },
            look_up_weather,
        )
}

async fn tell_time(quickstart: Quickstart, given: Result<TimeQuestion, Flawed>) -> Result<TimeReading, ToolError> {
    time::read(given?, quickstart.clock.now())
}

async fn look_up_weather(
    quickstart: Quickstart,
    given: Result<WeatherQuestion, Flawed>,
) -> Result<WeatherReading, ToolError> {
    let question = given?;
    let weather = quickstart.weather.ok_or(ToolError::Unavailable(NO_KEY))?;
    weather.read(question).await
}

#[cfg(test)]
mod tests;
