//! `auth-service migrate`.

use std::io::Write;

use super::CommandError;
use crate::settings::Settings;
use crate::storage::Storage;

/// Brings the database up to date and says so.
pub async fn run(settings: &Settings) -> Result<(), CommandError> {
    Storage::open(&settings.database_url).await?.close().await;
    writeln!(std::io::stdout(), "{} is up to date", settings.database_url).map_err(CommandError::other)
}
