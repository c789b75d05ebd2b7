//! `auth-service keys …`.

use bailiwick_process::Secret;
use clap::Subcommand;

use super::output::{Format, moment, table};
use super::{CommandError, administration_of, custody};
use crate::custody::Takeover;
use crate::keys::{KeyStatus, KeyView};
use crate::settings::Settings;
use crate::storage::Storage;

/// What is done with keys.
#[derive(Subcommand, Debug)]
pub enum KeyCommand {
    /// List the signing keys, newest first
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Make the next signing key: published now, signing 300 seconds later
    Rotate {
        /// Sign with it at once
        #[arg(long)]
        now: bool,
        #[command(flatten)]
        format: Format,
    },
}

/// Does it.
pub async fn run(settings: &Settings, master_key: Option<Secret>, command: KeyCommand) -> Result<(), CommandError> {
    let storage = Storage::open(&settings.database_url).await?;
    let administration = administration_of(settings, storage.clone());
    match command {
        KeyCommand::List { format } => format.print(&administration.keys().await?, |keys| listed(keys)),
        KeyCommand::Rotate { now, format } => {
            let takeover = if now { Takeover::Now } else { Takeover::AfterPublication };
            let custody = custody(settings, &storage, master_key).await?;
            let key = administration.rotate_key(&custody, settings.signing_algorithm, takeover).await?;
            format.print(&key, |key| listed(std::slice::from_ref(key)))
        }
    }
}

fn listed(keys: &[KeyView]) -> String {
    let row = |key: &KeyView| {
        let status = match key.status {
            KeyStatus::Published => "published",
            KeyStatus::Signing => "signing",
            KeyStatus::Retiring => "retiring",
            KeyStatus::Retired => "retired",
        };
        [key.kid.to_string(), key.alg.to_string(), status.to_owned(), moment(key.signs_from)]
    };
    table(["KID", "ALG", "STATUS", "SIGNS FROM"], keys.iter().map(row))
}
