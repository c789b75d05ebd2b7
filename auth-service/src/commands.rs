//! The command line, one file per command. Owns what can be said; what is done is
//! [`crate::administration`]'s, the same as through the API.

pub mod apply;
pub mod check_config;
pub mod client;
pub mod client_import;
pub mod export;
pub mod input;
pub mod key;
mod key_pair;
pub mod migrate;
pub mod output;
pub mod resource;
pub mod revocation;
pub mod role;
pub mod serve;
pub mod user;

use std::sync::Arc;
use std::time::SystemTime;

use bailiwick_core::{Clock, UnixSeconds};
use bailiwick_process::Secret;
use clap::{Parser, Subcommand};

use crate::administration::{Administration, AdministrationError};
use crate::crypto::entropy::SystemEntropy;
use crate::crypto::master_key::MasterKey;
use crate::custody::{Custody, CustodyError, finish_rewrap};
use crate::settings::{InvalidSettings, Settings};
use crate::storage::{Storage, StorageError};

/// The Bailiwick token service: it decides which tools an agent may call
#[derive(Parser, Debug)]
#[command(name = "auth-service", version, about, propagate_version = true, arg_required_else_help = true)]
pub struct CommandLine {
    #[command(flatten)]
    pub settings: Settings,
    #[command(subcommand)]
    pub command: Command,
}

/// What is to be done.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Serve, after pending migrations
    Serve,
    /// Check the settings and say what they come to, without starting
    CheckConfig,
    /// Bring the database up to date
    Migrate,
    /// Clients: the agents and programs that get tokens
    #[command(subcommand)]
    Client(client::ClientCommand),
    /// Roles: named sets of scopes
    #[command(subcommand)]
    Role(role::RoleCommand),
    /// Users: the people who let clients act for them
    #[command(subcommand)]
    User(user::UserCommand),
    /// Resources: the servers that tokens are for
    #[command(subcommand)]
    Resource(resource::ResourceCommand),
    /// Bring clients, roles and resources to what a file says
    Apply(apply::ApplyCommand),
    /// Write clients, roles and resources as a file for `apply`
    Export(export::ExportCommand),
    /// Signing keys
    #[command(subcommand)]
    Keys(key::KeyCommand),
    /// Revocations: tokens taken back before they expire
    #[command(subcommand)]
    Revocation(revocation::RevocationCommand),
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The settings cannot be worked with.
    #[error(transparent)]
    Settings(#[from] InvalidSettings),
    /// The deed was refused.
    #[error(transparent)]
    Refused(#[from] AdministrationError),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The keys cannot be had.
    #[error(transparent)]
    Custody(#[from] CustodyError),
    /// Anything else, in a sentence.
    #[error("{0}")]
    Other(String),
}

impl CommandError {
    /// Anything else, in its own words.
    pub fn other(cause: impl std::fmt::Display) -> Self {
        Self::Other(cause.to_string())
    }
}

/// The present, as the process passes it to everything.
pub fn system_clock() -> Arc<dyn Clock> {
    Arc::new(|| UnixSeconds::from(SystemTime::now()))
}

/// Opens the database that the settings name, for a command on the host.
pub async fn administration(settings: &Settings) -> Result<Administration, CommandError> {
    Ok(administration_of(settings, Storage::open(&settings.database_url).await?))
}

/// Administration of a database that is open.
pub fn administration_of(settings: &Settings, storage: Storage) -> Administration {
    Administration::new(storage, settings.issuer.clone(), Arc::new(SystemEntropy), system_clock())
}

/// The keeper of the private keys, under the master key that was given or lies beside the database.
/// One is made for a database without keys only: where keys are sealed already, a new one would
/// open none of them, and hide that the right one is lost. A change of it that was interrupted is
/// finished first.
pub async fn custody(
    settings: &Settings,
    storage: &Storage,
    master_key: Option<Secret>,
) -> Result<Custody, CommandError> {
    let path = settings.master_key_path()?;
    if let Some(text) = master_key {
        return Ok(Custody::new(MasterKey::from_base64(&text).map_err(CommandError::other)?, None));
    }
    finish_rewrap(storage, &path).await.map_err(CommandError::other)?;
    let master_key = if storage.policy().await?.keys.is_empty() {
        MasterKey::load_or_create(&path, &SystemEntropy)
    } else {
        MasterKey::load(&path)
    };
    Ok(Custody::new(master_key.map_err(CommandError::other)?, Some(path)))
}
