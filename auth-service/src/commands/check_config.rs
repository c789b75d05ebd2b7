//! `auth-service check-config`: what the settings come to, without starting.

use std::io::Write;
use std::time::SystemTime;

use bailiwick_process::Secret;

use super::CommandError;
use super::output::lines;
use crate::crypto::master_key::MasterKey;
use crate::settings::{InvalidSettings, Settings};

/// Checks the settings and prints what is in force; never a secret.
pub fn run(settings: &Settings, master_key: Option<&Secret>) -> Result<(), CommandError> {
    settings.check()?;
    let tls = settings.tls(SystemTime::now()).map_err(InvalidSettings::from)?;
    let tls = tls
        .map_or_else(|| "off".to_owned(), |tls| format!("on; certificate valid until {}", tls.renewal.valid_until()));
    let master_key = checked_master_key(settings, master_key)?;
    let text = lines([
        ("issuer", settings.issuer.to_string()),
        ("listen", settings.listen.to_string()),
        ("database-url", settings.database_url.clone()),
        ("master key", master_key),
        ("hash-threads", settings.hash_threads().to_string()),
        ("signing-algorithm", settings.signing_algorithm.to_string()),
        ("key-rotation-days", settings.key_rotation_days.to_string()),
        ("tls", tls),
        ("tls-terminated", settings.tls_terminated.to_string()),
        ("trusted-proxies", some_or(&settings.trusted_proxies.to_string(), "none")),
        (
            "unregistered-client-scope",
            settings.unregistered_client_scope.as_ref().map_or_else(
                || "all, but administration and the feed".to_owned(),
                |scope| some_or(&scope.to_string(), "nothing"),
            ),
        ),
        ("metrics-listen", settings.metrics_listen.map_or_else(|| "off".to_owned(), |at| at.to_string())),
    ]);
    writeln!(std::io::stdout(), "{text}settings are good").map_err(CommandError::other)
}

/// Where the master key comes from; one that is there is read as a start would read it.
fn checked_master_key(settings: &Settings, given: Option<&Secret>) -> Result<String, CommandError> {
    if let Some(text) = given {
        MasterKey::from_base64(text).map_err(CommandError::other)?;
        return Ok("given".to_owned());
    }
    let path = settings.master_key_path()?;
    let made = MasterKey::load_if_made(&path).map_err(CommandError::other)?;
    let note = if made.is_some() { "" } else { ", to be made with the first signing key" };
    Ok(format!("{}{note}", path.display()))
}

fn some_or(text: &str, otherwise: &str) -> String {
    if text.is_empty() { otherwise } else { text }.to_owned()
}
