//! `auth-service keys …`.

use std::path::{Path, PathBuf};

use bailiwick_core::{Algorithm, KeyId};
use bailiwick_process::Secret;
use clap::Subcommand;
use serde::Serialize;

use super::output::{Format, moment, table};
use super::{CommandError, administration_of, custody, key_pair};
use crate::crypto::entropy::SystemEntropy;
use crate::crypto::master_key::MasterKey;
use crate::custody::{KeyInMaking, NewMasterKey, Takeover, rewrap, rewrap_under};
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
    /// Make an RSA key pair for use elsewhere: DIR/private.pem (0600) and DIR/public.pem
    Generate {
        /// The folder; it is made where there is none, and no file in it is written over
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Make the next signing key: published now, signing 300 seconds later
    Rotate {
        /// Sign with it at once
        #[arg(long)]
        now: bool,
        /// What it signs: RS256, ES256 or EdDSA [default: as --signing-algorithm]
        #[arg(long, value_name = "NAME", conflicts_with = "key_file")]
        algorithm: Option<Algorithm>,
        /// An RSA key of your own instead of a new one: its private half in PEM, readable by its owner alone
        #[arg(long, value_name = "PATH")]
        key_file: Option<PathBuf>,
        #[command(flatten)]
        format: Format,
    },
    /// Withdraw a key that others may have: its tokens end at once
    Withdraw {
        /// Its name, as `keys list` shows it
        #[arg(allow_hyphen_values = true)]
        kid: KeyId,
        #[command(flatten)]
        format: Format,
    },
    /// Change the master key: seal every private key anew
    Rewrap {
        /// The file with the new master key [default: one is made, in the place of the present one]
        #[arg(long, value_name = "PATH")]
        new_master_key_file: Option<PathBuf>,
        #[command(flatten)]
        format: Format,
    },
}

/// A key that was withdrawn, for scripts.
#[derive(Serialize)]
struct Withdrawn {
    withdrawn: KeyId,
    /// The key that signs from now on, where the withdrawn one did.
    signing: Option<KeyId>,
}

/// Private keys that were sealed anew, for scripts.
#[derive(Serialize)]
struct Rewrapped {
    keys: usize,
}

/// Does it.
pub async fn run(settings: &Settings, master_key: Option<Secret>, command: KeyCommand) -> Result<(), CommandError> {
    // It needs no database, and makes none.
    if let KeyCommand::Generate { out } = &command {
        return key_pair::generate(out);
    }
    let storage = Storage::open(&settings.database_url).await?;
    let administration = administration_of(settings, storage.clone());
    match command {
        KeyCommand::Generate { out } => key_pair::generate(&out),
        KeyCommand::List { format } => format.print(&administration.keys().await?, |keys| listed(keys)),
        KeyCommand::Rotate { now, algorithm, key_file, format } => {
            let takeover = if now { Takeover::Now } else { Takeover::AfterPublication };
            let next = match key_file {
                Some(path) => KeyInMaking::brought(key_pair::read(&path)?),
                None => KeyInMaking::begin(algorithm.unwrap_or(settings.signing_algorithm)),
            };
            let custody = custody(settings, &storage, master_key).await?;
            let key = administration.rotate_key(&custody, next, takeover).await?;
            format.print(&key, |key| listed(std::slice::from_ref(key)))
        }
        KeyCommand::Withdraw { kid, format } => {
            let custody = custody(settings, &storage, master_key).await?;
            let signing = administration.withdraw_key(&custody, &kid, settings.signing_algorithm).await?;
            format.print(&Withdrawn { withdrawn: kid, signing }, told)
        }
        KeyCommand::Rewrap { new_master_key_file, format } => {
            let (keys, sentence) = change_master_key(settings, &storage, master_key, new_master_key_file).await?;
            format.print(&Rewrapped { keys }, |_| sentence)
        }
    }
}

/// Changes the master key where it stands: in the file beside the database, or where the operator
/// keeps it. Gives the number of keys that were sealed anew, and what to say.
async fn change_master_key(
    settings: &Settings,
    storage: &Storage,
    present: Option<Secret>,
    new: Option<PathBuf>,
) -> Result<(usize, String), CommandError> {
    let given = |path: &Path| MasterKey::load(path).map_err(CommandError::other);
    let Some(present) = present else {
        let file = settings.master_key_path()?;
        let new = match new {
            Some(path) => NewMasterKey::Given(given(&path)?),
            None => NewMasterKey::Generated(&SystemEntropy),
        };
        let keys = rewrap(storage, &file, new).await.map_err(CommandError::other)?;
        return Ok((keys, format!("signing keys sealed anew: {keys}; the new master key is in {}\n", file.display())));
    };
    let path = new.ok_or_else(|| {
        CommandError::Other(
            "AUTH_MASTER_KEY or its file gives the present master key: put the new one into a file (0600) and \
             name it with --new-master-key-file"
                .to_owned(),
        )
    })?;
    let present = MasterKey::from_base64(&present).map_err(CommandError::other)?;
    let keys = rewrap_under(storage, &present, &given(&path)?).await.map_err(CommandError::other)?;
    let sentence = format!(
        "signing keys sealed anew: {keys}; start every process with the new master key from now on: \
         AUTH_MASTER_KEY_FILE={}\n",
        path.display()
    );
    Ok((keys, sentence))
}

fn told(withdrawn: &Withdrawn) -> String {
    let Withdrawn { withdrawn, signing } = withdrawn;
    match signing {
        Some(signing) => format!("key {withdrawn} withdrawn, and its tokens with it; {signing} signs from now on\n"),
        None => format!("key {withdrawn} withdrawn, and its tokens with it\n"),
    }
}

fn listed(keys: &[KeyView]) -> String {
    let row = |key: &KeyView| {
        let status = match key.status {
            KeyStatus::Published => "published",
            KeyStatus::Signing => "signing",
            KeyStatus::Retiring => "retiring",
        };
        [
            key.kid.to_string(),
            key.alg.to_string(),
            status.to_owned(),
            moment(key.signs_from),
            key.published_until.map_or_else(|| "-".to_owned(), moment),
        ]
    };
    table(["KID", "ALG", "STATUS", "SIGNS FROM", "PUBLISHED UNTIL"], keys.iter().map(row))
}
