//! `auth-service client import`: a fleet of clients from a file with one JSON object on each line.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::CommandError;
use super::output::Format;
use crate::administration::{Administration, AdministrationError, Imported, RegisteredClient};
use crate::clients::NewClient;

/// The clients of one transaction.
const BATCH: usize = 5000;
/// The longest line, in bytes.
const LONGEST_LINE: usize = 64 * 1024;
/// The wrong lines that are told before the rest is only counted.
const TOLD: usize = 10;

/// Register many clients at once, each with a generated secret
#[derive(Args, Debug)]
pub struct ImportClients {
    /// The clients: one JSON object on each line, with the members of a client in the admin API
    file: PathBuf,
    /// Where to write each client_id with its secret, one JSON object a line; must not exist yet
    #[arg(long, value_name = "PATH")]
    secrets: PathBuf,
    /// Pass over clients that are registered already, as after an import that was cut off
    #[arg(long)]
    skip_existing: bool,
    #[command(flatten)]
    format: Format,
}

/// Does it: every line is read and checked before the first client is registered.
pub async fn run(administration: &Administration, command: ImportClients) -> Result<(), CommandError> {
    if command.secrets.exists() {
        return Err(CommandError::Other(format!("{} exists already; choose another file", command.secrets.display())));
    }
    let total = check(administration, &command).await?;
    let mut secrets = create_privately(&command.secrets)?;
    let started = Instant::now();
    let mut sum = Imported::default();
    let mut lines = read(&command.file)?;
    loop {
        let batch: Vec<NewClient> =
            lines.by_ref().take(BATCH).collect::<Result<_, _>>().map_err(CommandError::Other)?;
        if batch.is_empty() {
            break;
        }
        let keep = |registered: &[RegisteredClient]| write(&mut secrets, registered).map_err(|error| error.to_string());
        let imported = administration.import(batch, command.skip_existing, keep).await;
        let imported = imported.map_err(|error| stopped(&error, sum, &command.secrets))?;
        sum.registered += imported.registered;
        sum.skipped += imported.skipped;
        show_progress(sum.registered + sum.skipped, total);
    }
    let figures = json!({"registered": sum.registered, "skipped": sum.skipped});
    command.format.print(&figures, |_| {
        let (seconds, path) = (started.elapsed().as_secs_f64(), command.secrets.display());
        let skipped = if sum.skipped == 0 { String::new() } else { format!(", {} skipped", sum.skipped) };
        format!("{} clients registered{skipped} in {seconds:.1} s; their secrets are in {path}\n", sum.registered)
    })
}

/// What became of an import that stopped half-way, for a cause that no check could know before.
fn stopped(error: &AdministrationError, before: Imported, secrets: &Path) -> CommandError {
    if before == Imported::default() {
        return CommandError::Other(format!("nothing was registered\n{error}"));
    }
    let (registered, path) = (before.registered, secrets.display());
    CommandError::Other(format!(
        "{error}\n{registered} clients were registered before that, and their secrets are in {path}; \
         --skip-existing goes on from there, with another file for the secrets"
    ))
}

/// Reads and checks every line once; names the first wrong ones with their numbers.
async fn check(administration: &Administration, command: &ImportClients) -> Result<usize, CommandError> {
    let mut wrong: Vec<(usize, String)> = Vec::new();
    let mut count = 0;
    let mut check = administration.import_check().await?;
    for line in read(&command.file)? {
        count += 1;
        let checked = line.and_then(|client| check.check(count, client));
        wrong.extend(checked.err().map(|cause| (count, cause)));
    }
    if !command.skip_existing {
        let registered = administration.registered_already(&check).await?;
        wrong.extend(registered.iter().map(|(line, id)| (*line, format!("the client_id {id} is taken"))));
    }
    if wrong.is_empty() {
        return Ok(count);
    }
    wrong.sort_unstable();
    let more = wrong.len().saturating_sub(TOLD);
    let file = command.file.display();
    let told: Vec<String> = wrong.iter().take(TOLD).map(|(line, cause)| format!("{file}:{line}: {cause}")).collect();
    let rest = if more == 0 { String::new() } else { format!("\nand {more} more") };
    Err(CommandError::Other(format!("nothing was registered\n{}{rest}", told.join("\n"))))
}

/// The clients of a file, line by line; of a wrong line, what is wrong.
fn read(path: &Path) -> Result<impl Iterator<Item = Result<NewClient, String>>, CommandError> {
    let file = File::open(path).map_err(|error| CommandError::Other(format!("{}: {error}", path.display())))?;
    let parse = |line: std::io::Result<String>| {
        let line = line.map_err(|error| error.to_string())?;
        if line.len() > LONGEST_LINE {
            return Err(format!("the line has more than {LONGEST_LINE} bytes"));
        }
        bailiwick_core::json::read(line.as_bytes()).map_err(|error| error.to_string())
    };
    Ok(BufReader::new(file).lines().map(parse))
}

/// The secrets are for their owner alone, and never written over something else.
fn create_privately(path: &Path) -> Result<File, CommandError> {
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    created.map_err(|error| CommandError::Other(format!("{}: {error}", path.display())))
}

/// Writes and syncs: what is committed after this has its secret on the disk.
fn write(file: &mut File, registered: &[RegisteredClient]) -> std::io::Result<()> {
    let mut text = zeroize::Zeroizing::new(Vec::with_capacity(registered.len() * 128));
    for one in registered {
        let Some(secret) = &one.secret else { continue };
        let line = json!({"client_id": one.client.client_id, "client_secret": secret.secret.expose()});
        serde_json::to_writer(&mut *text, &line)?;
        text.push(b'\n');
    }
    file.write_all(&text)?;
    file.sync_data()
}

fn show_progress(done: usize, total: usize) {
    let mut terminal = std::io::stderr();
    if terminal.is_terminal() {
        // A terminal that is gone misses nothing that matters.
        let _ = write!(terminal, "\r{done} of {total} clients");
        if done == total {
            let _ = writeln!(terminal);
        }
    }
}
