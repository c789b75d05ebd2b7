//! `auth-service export`: clients, roles and resources as a file for `apply`. No secrets.

use std::io::Write;

use clap::Args;

use super::{CommandError, administration};
use crate::configuration::FileForm;
use crate::settings::Settings;

/// Write clients, roles and resources as a file for `apply`
#[derive(Args, Debug)]
pub struct ExportCommand {
    /// How the file is written
    #[arg(long, value_name = "FORM", default_value = "toml")]
    form: FileForm,
}

/// Does it.
pub async fn run(settings: &Settings, command: ExportCommand) -> Result<(), CommandError> {
    let configuration = administration(settings).await?.export().await?;
    let text = configuration.write(command.form).map_err(CommandError::Other)?;
    std::io::stdout().write_all(text.as_bytes()).map_err(CommandError::other)
}
